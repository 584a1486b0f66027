"""What users read runs: the README, the pages, the examples; and the pages say what is there."""

import doctest
import re
import runpy
import sys
import tomllib
from inspect import signature
from itertools import product
from pathlib import Path
from types import ModuleType

import matplotlib
import pytest

import skdc
from skdc import discrepancies, evaluation, learners, parameterizations, plotting, privacy, solvers, spaces
from skdc.parameterizations import storage
from skdc.structures import SecondOrder

ROOT = Path(skdc.__file__).parents[1]
README = (ROOT / "README.md").read_text()
NOISE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    before = matplotlib.get_backend()
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")
    plt.switch_backend(before)


def named_blocks():
    blocks = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [pytest.param(block, id=block.splitlines()[0]) for block in blocks]


@pytest.mark.parametrize("block", named_blocks())
def test_readme_runs_verbatim(block, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})


def test_readme_opens_with_the_two_commands():
    first = re.search(r"^```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make demo", "make test"]
    assert first.start() < README.index("```python")


MADE = {"api.rst", "combinations.rst", "sg_execution_times.rst"}
PAGES = [path for folder in (ROOT / "docs", ROOT / "docs" / "recipes") for path in sorted(folder.glob("*.rst"))]


# These take seconds.
SLOW_PAGES = ["audits", "evaluation", "privacy", *(f"recipes/{name}" for name in ("csv", "embeddings", "many_rows"))]
SLOW_PAGES += ["recipes/mnist", "recipes/private", "recipes/search", "recipes/small_machine"]
NAMED_PAGES = [str(path.relative_to(ROOT / "docs")) for path in PAGES if path.name not in MADE]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.removesuffix(".rst") in SLOW_PAGES else [])
        for page in NAMED_PAGES
    ],
)
def test_pages_show_what_happens(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where recipes write their files
    module = ModuleType("page")  # where the classes that a page defines can be pickled
    monkeypatch.setitem(sys.modules, "page", module)
    shown = doctest.DocTestParser().get_doctest((ROOT / "docs" / page).read_text(), {}, page, page, 0)
    shown.globs = vars(module)
    assert not doctest.DocTestRunner(optionflags=NOISE).run(shown, clear_globs=False).failed


EXAMPLES = [
    "bytes",
    "cluster",
    "decoupled",
    "discrepancies",
    "embeddings",
    "fair_front",
    "folder",
    "generators",
    "kernel_inducing_points",
    "neighbors",
    "networks",
    "pipeline_grid_search",
    "private",
    "pruning",
    "query",
    "robust_teacher",
    "row_values",
    "search",
    "selection",
    "slow_learners",
    "splits",
    "streaming",
    "tables",
    "training",
    "transfer",
]
QUICK_EXAMPLES = ["kernel_inducing_points", "streaming"]


@pytest.mark.parametrize(
    "example",
    [pytest.param(name, marks=[] if name in QUICK_EXAMPLES else [pytest.mark.slow]) for name in EXAMPLES],
)
def test_examples_run_and_draw(example, monkeypatch):
    run_example(example, monkeypatch)
    assert matplotlib.pyplot.get_fignums(), "the gallery shows a picture of each example"


@pytest.mark.slow
def test_demo_writes_table_and_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKDC_DEMO_SEEDS", "1")
    picture = tmp_path / "demo.png"
    run_example("digits", monkeypatch, str(picture))
    table = capsys.readouterr().out
    for name in ("all rows", "random rows", "k-means", "KIP"):
        assert name in table
    assert matplotlib.image.imread(picture).std() > 0.1


def test_every_example_is_run():
    tried = {"digits", *EXAMPLES}
    assert tried == {path.stem.removeprefix("plot_") for path in (ROOT / "examples").glob("*.py")}


def run_example(name, monkeypatch, *arguments):
    path = str(ROOT / "examples" / f"plot_{name}.py")
    monkeypatch.setattr(sys, "argv", [path, *arguments])
    runpy.run_path(path, run_name="__main__")


GRADIENTS = {
    spaces.ClippedGradients,
    spaces.LastLayerVariances,
    spaces.NetworkGradients,
    spaces.TrainingTrajectories,
}
CHANGING = {spaces.Augmented, spaces.Perturbed}
# What does not go together, though both are about clouds, or both about aligned rows.
NOT_TOGETHER = {
    discrepancies.KernelStein: {spaces.LearnedMetric, spaces.NetworkFeatures, spaces.RandomNetwork, *CHANGING},
    discrepancies.ConditionalMMD: {getattr(spaces, name) for name in spaces.__all__} - {spaces.Joint},
    discrepancies.CrossEntropy: {*GRADIENTS, spaces.FeatureRidgePredictions},
    discrepancies.KLDivergence: {*GRADIENTS, spaces.FeatureRidgePredictions},
    discrepancies.Cosine: {spaces.FeatureRidgePredictions},
    discrepancies.L1: {spaces.FeatureRidgePredictions},
    discrepancies.ZeroOne: {spaces.FeatureRidgePredictions},
    discrepancies.Dispersion: CHANGING,
    discrepancies.LogDeterminant: CHANGING,
    discrepancies.QueryMMD: {spaces.Joint, spaces.LastLayerGradients},
}


@pytest.mark.slow  # hundreds of fits
def test_what_goes_together_follows_from_what_parts_declare():
    made = runpy.run_path(str(ROOT / "docs" / "combinations.py"))
    found = made["found"]()
    tried = made["concrete"](discrepancies, discrepancies.Discrepancy), made["concrete"](spaces, spaces.Space)
    for discrepancy, space in product(*tried):
        if "space" in signature(discrepancy).parameters and space is not spaces.AttentionMaps:  # which needs images
            clouds = discrepancy.compares != "aligned"
            # What knows the data by means and variances goes with what sees no more of them.
            alike = issubclass(discrepancy, SecondOrder) if space.yields == "moments" else clouds == shows_clouds(space)
            refused = space in NOT_TOGETHER.get(discrepancy, ())
            assert ((discrepancy, space) in found) == (alike and not refused), (discrepancy, space)
    for (discrepancy, space), (descent, _, lloyd, chosen, streamed) in found.items():
        assert descent or chosen, (discrepancy, space)
        assert not lloyd or discrepancy is discrepancies.QuantizationError
        assert not streamed or discrepancy.compares == "means"


def shows_clouds(space):
    """Tell whether a space shows rows one by one; one around another does, around `Identity()`."""
    return issubclass(space, spaces.PointwiseSpace) or "space" in signature(space).parameters


MODULES = [skdc, discrepancies, evaluation, learners, parameterizations, plotting, privacy, solvers, spaces, storage]


@pytest.fixture(scope="module")
def reference():
    return runpy.run_path(str(ROOT / "docs" / "reference.py"))["page"]()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_reference_lists_all_public_names(module, reference):
    prefix = module.__name__.removeprefix("skdc").removeprefix(".")
    pattern = rf"^   {prefix}\.(\w+)$" if prefix else r"^   (\w+)$"
    listed = re.findall(pattern, reference, flags=re.MULTILINE)
    assert sorted(listed) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("acronym", ["DM", "DC", "MTT", "KIP", "k-means"])
def test_reference_has_the_acronyms(acronym, reference):
    assert re.search(rf"\b{acronym}\b", reference)


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    pins = re.findall(r"^([\w.-]+)==[\w.]+$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert {canonical(name) for name in wanted} - {"skdc"} <= {canonical(name) for name in pins}


def canonical(requirement):
    """Return the normalised name of a project, without versions and extras."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()
