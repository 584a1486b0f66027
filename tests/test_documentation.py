"""What the pages promise of themselves: words are explained, and what is there is found."""

import inspect
import re
import runpy
from pathlib import Path
from types import ModuleType

import pytest

import skdc
from skdc import (
    condensers,
    discrepancies,
    evaluation,
    generators,
    kernels,
    learners,
    networks,
    parameterizations,
    plotting,
    privacy,
    solvers,
    spaces,
)
from skdc.condensers import NamedCondenser
from skdc.parameterizations import storage

DOCS = Path(skdc.__file__).parents[1] / "docs"
MODULES = [
    skdc,
    condensers,
    discrepancies,
    evaluation,
    generators,
    kernels,
    learners,
    networks,
    parameterizations,
    plotting,
]
MODULES += [privacy, solvers, spaces, storage]
GLOSSARY = (DOCS / "glossary.rst").read_text()
# Words that are not of this field, and need no glossary.
EVERYDAY = {"CPU", "CSV", "CUDA", "GPU", "HTML", "JSON", "ReLU", "SVC"}


def entries() -> dict[str, str]:
    """Return what the glossary says, by term."""
    found, terms, read = {}, [], ""
    for line in GLOSSARY.splitlines():
        if re.match(r"   [^ :.]", line):
            terms, read = ([line.strip()], "") if read else ([*terms, line.strip()], "")
        elif line.startswith("      "):
            read += line
            found |= dict.fromkeys(terms, read)
    return found


def acronyms(module: ModuleType) -> set[str]:
    """Return the acronyms in the summaries of the public classes of a module."""
    classes = [cls for name in module.__all__ if inspect.isclass(cls := getattr(module, name))]
    summaries = " ".join(inspect.getdoc(cls).split("\n\n")[0] for cls in classes)
    return set(re.findall(r"(?<![\w`.])[A-Z][A-Za-z0-9]*[A-Z][A-Za-z0-9]*\b(?!`)", summaries))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_acronyms_are_in_the_glossary(module):
    public = {name for module in MODULES for name in module.__all__}
    terms = {word for term in entries() for word in re.split(r"[ -]", term)} | set(entries())
    assert acronyms(module) - terms - public <= EVERYDAY


def test_the_field_s_words_for_sizes_and_sets_are_in_the_glossary():
    assert {"IPC", "images per class", "coreset", "dataset distillation", "KIP", "DSA", "MTT"} <= set(entries())
    assert "n_per_class" in entries()["IPC"]


def test_every_named_condenser_is_found_by_a_term():
    named = [cls for name in skdc.__all__ if inspect.isclass(cls := getattr(skdc, name))]
    missing = {cls.__name__ for cls in named if issubclass(cls, NamedCondenser)}
    missing -= {name for text in entries().values() for name in re.findall(r"`~skdc\.(\w+)`", text)}
    assert missing <= {"GeneralCondenser"}, "it has no name in the literature"


def test_terms_lead_to_what_is_there():
    for reference in re.findall(r"`~(skdc[\w.]*)`", GLOSSARY):
        module, _, name = reference.rpartition(".")
        home = next(
            found
            for found in MODULES + [skdc.augmentation, skdc.preprocessing, skdc.weighting]
            if found.__name__ == module
        )
        assert hasattr(home, name), reference


def test_every_discrepancy_is_explained():
    text = (DOCS / "discrepancies.rst").read_text()
    public = [getattr(discrepancies, name) for name in discrepancies.__all__]
    parts = [part for part in public if inspect.isclass(part) and issubclass(part, discrepancies.Discrepancy)]
    names = [part.__name__ for part in parts if not inspect.isabstract(part)]
    assert not [name for name in names if f"`~skdc.discrepancies.{name}`" not in text]


PAGES = sorted((DOCS / "benchmarks").glob("*.md"))
LONG_TABLES = {"images_tables", "selection_tables"}


@pytest.fixture(scope="module")
def pictures():
    return {picture.name: picture for picture in runpy.run_path(str(DOCS / "pictures.py"))["PICTURES"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_of_benchmarks_are_short_and_open_with_a_picture_of_their_tables(page, pictures):
    text = page.read_text()
    assert page.stem in (DOCS / "benchmarks.md").read_text()
    if page.stem not in LONG_TABLES:
        assert len([word for word in text.split() if word != "|"]) < 2000
        picture = pictures[page.stem]
        assert text.splitlines()[2] == f"![{picture.title}]({page.stem}.svg)"
        assert page.with_suffix(".svg").read_text() == picture.svg(), "run python docs/pictures.py"


def test_pictures_show_the_figures_of_the_tables(pictures):
    rows = dict(pictures["images"].rows())
    assert rows["KMeansCondenser"] == [86.9, 92.3, 87.0, 33.0]
    assert len(rows) == 9 and all(len(values) == 4 for values in rows.values())
