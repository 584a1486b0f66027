"""Guards of the design: layers, lengths, names, and recipes that are recipes."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports
from sklearn.base import BaseEstimator

import skdc
from skdc import solvers, spaces
from skdc.condensers import BaseCondenser, NamedCondenser
from skdc.discrepancies.objective import Objective
from skdc.fitting.recipe import Recipe
from skdc.kernels import Kernel
from skdc.learners import NetworkPool
from skdc.parameterizations import LiveSet, Parameterization
from skdc.parameterizations.labels import Targets
from skdc.parameterizations.storage import Codec, Storage
from skdc.solvers import Solver
from skdc.spaces import Space

ROOT = Path(skdc.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = [skdc.__name__, *(module.name for module in pkgutil.walk_packages(skdc.__path__, "skdc."))]
NAMED = [
    cls for name in skdc.__all__ if inspect.isclass(cls := getattr(skdc, name)) and issubclass(cls, NamedCondenser)
]


def test_imports_go_down_the_layers(monkeypatch):
    monkeypatch.chdir(ROOT.parent)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


def test_files_and_functions_are_short():
    for path in FILES:
        assert len(path.read_text().splitlines()) <= 400, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                length = node.end_lineno - node.body[0].lineno + 1 - docstring
                assert length < 50, f"{path}: {node.name} has {length} lines"


def test_modules_say_what_is_there_in_one_sentence():
    for path in FILES:
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring and "\n" not in docstring and docstring.endswith("."), path


def test_public_names_resolve():
    for name in MODULES:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", [])
        assert len(names) == len(set(names)), name
        for public in names:
            assert getattr(module, public) is not None, f"{name}.{public}"


def test_named_condensers_are_recipes_only():
    for cls in NAMED:
        (tree,) = ast.parse(inspect.getsource(cls)).body
        methods = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        # A word such as "auto" may be resolved for the data.
        assert methods - {"recipe_for"} == {"recipe"}, cls


def whole(recipe: Recipe) -> list[str]:
    """Return what each noun of a recipe was built with, nested parameters included."""
    return [part.__repr__(N_CHAR_MAX=10**6) if isinstance(part, BaseEstimator) else repr(part) for part in recipe]


def parameters(cls):
    """Return the parameters of a named condenser beside the tail that all share."""
    tail = inspect.signature(BaseCondenser).parameters
    return [name for name in inspect.signature(cls).parameters if name not in tail]


@pytest.mark.parametrize("cls", NAMED, ids=lambda cls: cls.__name__)
def test_no_parameter_is_dead(cls):
    number = 0.83717  # no default, and no word
    for name in parameters(cls):
        try:
            recipe = cls(**{name: number}).recipe()
        except ValueError as refusal:  # a choice between words lets nothing else in
            assert f"{name}={number}" in str(refusal)
        else:
            assert whole(recipe) != whole(cls().recipe()), f"{name} is not in the recipe"


def test_all_condensers_share_one_tail():
    tail = inspect.signature(BaseCondenser).parameters
    for cls in [*NAMED, skdc.Condenser]:
        mine = inspect.signature(cls).parameters
        assert [name for name in mine if name in tail] == list(tail), cls
        assert all(mine[name].default == tail[name].default for name in tail), cls


@pytest.mark.parametrize("cls", NAMED, ids=lambda cls: cls.__name__)
def test_the_size_is_the_one_positional_parameter_of_a_named_condenser(cls):
    first, *others = inspect.signature(cls).parameters.values()
    assert first.name == "n_per_class" and first.kind is first.POSITIONAL_OR_KEYWORD
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)
    assert cls(7).n_per_class == 7


def test_networks_of_spaces_come_from_pools():
    made = {name for name in spaces.__all__ if "network" in inspect.signature(getattr(spaces, name)).parameters}
    assert made == {"RandomNetwork"}, "a pool by another name"


def test_condensing_never_sees_test_data():
    for path in FILES:
        if path.relative_to(ROOT).parts[0] in ("condensers", "solvers", "discrepancies", "spaces", "parameterizations"):
            imported = [
                alias.name if isinstance(node, ast.Import) else node.module
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            ]
            assert not [name for name in imported if name and ("evaluation" in name or "model_selection" in name)]


def test_no_part_looks_at_what_a_source_or_a_batch_is():
    # What a source can do is an ability, which is required; what a batch shows is in its fields.
    kinds = {"Source", "RowSource", "SketchSource", "SparseSource", "PrivateRows", "PrivateSource", "PublicSource"}
    kinds |= {"Draws", "Passes", "Lists", "Holds", "Asks", "Batch", "LabeledSet", "Block", "SparseRows"}
    for folder in ("kernels", "spaces", "discrepancies", "solvers", "parameterizations", "learners", "generators"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                    names = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
                    assert not names & kinds, f"{path}:{node.lineno}"


def test_the_loop_around_solves_is_written_once():
    for cls in [getattr(solvers, name) for name in solvers.__all__]:
        if inspect.isclass(cls) and issubclass(cls, Solver) and cls is not Solver:
            assert not {"solve", "go_on"} & set(vars(cls)), cls


def test_the_live_set_says_what_is_shown():
    # Whether rows were made or chosen is its own affair.
    assert "indices_" not in (ROOT / "fitting" / "base.py").read_text()


def test_no_folder_imports_what_another_hides():
    for path in FILES:
        folder = path.parent.relative_to(ROOT.parent).as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skdc."):
                home, _, name = node.module.rpartition(".")
                assert not name.startswith("_") or home == folder, f"{path}: {node.module}"


def declared_attributes():
    """Return what classes of parts declare beside methods, parameters and what is fitted: (part, attribute)."""
    kinds = {
        "discrepancy": Objective,
        "space": Space,
        "parameterization": Parameterization,
        "storage": Storage,
        "live set": (LiveSet, Codec, Targets),
        "solver": Solver,
        "kernel": Kernel,
        "pool": NetworkPool,
    }
    modules = [importlib.import_module(name) for name in MODULES]
    classes = {cls for module in modules for cls in vars(module).values() if inspect.isclass(cls)}
    found = set()
    for kind, base in kinds.items():
        parts = [cls for cls in classes if issubclass(cls, base)]
        parameters = {name for cls in parts for name in inspect.signature(cls).parameters}
        for name, value in (item for cls in parts for item in vars(cls).items()):
            if not (name in parameters or name.startswith("_") or name.endswith("_") or hasattr(value, "__get__")):
                found.add((kind, name))
    return found


def test_parts_declare_what_is_listed_and_nothing_else():
    page = (ROOT.parent / "docs" / "extending.rst").read_text()
    listed = re.findall(r"^   \* - (\w+)\n     - ``(\w+)``$", page, re.MULTILINE)
    assert len(listed) == len(set(listed)) <= 12
    assert declared_attributes() == set(listed)
