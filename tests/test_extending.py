"""What docs/extending.rst shows is all that a discrepancy and a named condenser need, in a package of their own."""

import importlib
import re
import sys
from doctest import DocTestParser
from inspect import signature
from pathlib import Path

import pytest
from sklearn.base import clone

import skdc
from skdc.utils.estimator_checks import check_condenser, check_discrepancy

PAGE = (Path(skdc.__file__).parents[1] / "docs" / "extending.rst").read_text()


def shown(heading):
    """Return the class of a section of the page, with the imports that stand above it."""
    section = PAGE.split(f"\n{heading}\n{'=' * len(heading)}\n")[1]
    code = "".join(example.source for example in DocTestParser().get_examples(section))
    return re.match(r"(from .*\n)+class .*\n(\n|    .*\n)+", code)[0]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package with a module for each; whoever wrote it has touched nothing else."""
    root = tmp_path_factory.mktemp("extending") / "extending"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "distances.py").write_text(shown("A discrepancy"))
    (root / "methods.py").write_text("from .distances import PairwiseDistance\n" + shown("A named condenser"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root.parent)
        yield importlib.import_module("extending")
    for name in ("extending", "extending.distances", "extending.methods"):
        sys.modules.pop(name, None)


def test_both_together_are_short():
    code = shown("A discrepancy") + shown("A named condenser")
    assert code.count("class ") == 2 and len(code.splitlines()) < 30


def test_a_new_discrepancy_passes_the_published_checks(package):
    check_discrepancy(importlib.import_module(".distances", package.__name__).PairwiseDistance())


def test_a_new_method_passes_the_published_checks(package):
    method = importlib.import_module(".methods", package.__name__).EnergyCondenser
    assert [*signature(method).parameters][:2] == ["n_per_class", "n_steps"]
    check_condenser(clone(method(n_steps=3, random_state=0)))
