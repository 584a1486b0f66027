"""Parameters of parts are their annotated fields: no part writes a constructor that only stores them."""

import ast
import inspect
import pickle
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import clone

import skdc
from skdc import (
    augmentation,
    discrepancies,
    kernels,
    learners,
    networks,
    parameterizations,
    preprocessing,
    privacy,
    solvers,
    spaces,
)
from skdc.discrepancies import MMD, Discrepancy, L2Norm, Penalty, stein
from skdc.fields import Fields
from skdc.parameterizations import storage
from skdc.spaces import Identity, PointwiseSpace

ROOT = Path(skdc.__file__).parent
PARTS = [augmentation, discrepancies, kernels, learners, networks, parameterizations, preprocessing, privacy]
PARTS += [solvers, spaces, stein, storage]
NAMED = {cls for module in PARTS for cls in vars(module).values() if inspect.isclass(cls) and issubclass(cls, Fields)}
TAIL = ["space", "by", "reduce", "weight"]

every = pytest.mark.parametrize("cls", sorted(NAMED, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)


def only_stores(constructor: ast.FunctionDef) -> bool:
    given = {argument.arg for argument in constructor.args.args + constructor.args.kwonlyargs}
    for node in ast.walk(constructor):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) != "super().__init__"
            and ast.unparse(node) != "super()"
        ):
            return False
    stored = [node for node in constructor.body if isinstance(node, ast.Assign)]
    names = [name.id for node in stored for name in ast.walk(node.value) if isinstance(name, ast.Name)]
    targets = [target.attr for node in stored for target in ast.walk(node) if isinstance(target, ast.Attribute)]
    return targets == names and set(names) <= given


def test_no_class_writes_a_constructor_that_only_stores():
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        for cls in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]:
            elsewhere = any(
                base in {"nn.Module", "Codec", "BaseException", "Pipeline"} for base in map(ast.unparse, cls.bases)
            )
            own = [node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
            found += [f"{path.name}:{cls.name}" for node in own if only_stores(node) and not elsewhere]
    assert not found


@every
def test_parameters_are_fields(cls):
    given = {field.name for field in fields(cls) if field.init}
    assert set(inspect.signature(cls).parameters) == given
    assert not [name for name in given if isinstance(vars(cls).get(name), bool | int | float | str)]
    assert not [name for name in given if name.startswith("_") or name.endswith("_")], "what is learned is no parameter"


@every
def test_the_docstring_names_the_parameters_in_their_order(cls):
    docscrape = pytest.importorskip("numpydoc.docscrape", reason="numpydoc comes with the tools of the documentation")
    documented = docscrape.FunctionDoc(None, doc=inspect.getdoc(cls))["Parameters"]
    names = [name for parameter in documented for name in parameter.name.split(", ")]
    assert names == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", sorted((c for c in NAMED if issubclass(c, Discrepancy)), key=lambda c: c.__name__))
def test_what_discrepancies_share_comes_last_and_by_name(cls):
    parameters = list(inspect.signature(cls).parameters.values())
    shared = [parameter.name for parameter in parameters if parameter.name in TAIL]
    assert shared == [name for name in TAIL if name in shared]
    assert [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY][
        -len(shared) :
    ] == shared
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[-len(shared) :])


@pytest.mark.parametrize("cls", sorted((c for c in NAMED if issubclass(c, Penalty)), key=lambda c: c.__name__))
def test_penalties_do_not_split(cls):
    assert not {"by", "reduce"} & set(inspect.signature(cls).parameters)
    assert L2Norm.space is None and L2Norm.by is None


class Projection(PointwiseSpace):
    """A part of a user, with a constructor of its own."""

    def __init__(self, n_directions=2, *, seed=0):
        self.n_directions, self.seed = n_directions, seed

    def embed(self, rows):
        return rows.X.flatten(1)[:, : self.n_directions]


class Inherits(Projection):
    """A part that inherits a constructor."""


class Shifted(MMD):
    """A part with a field more, and one that is none."""

    shift: float = 0.0
    word: ClassVar[str] = "shifted"


def test_a_part_may_write_its_constructor_and_another_inherits_it():
    for cls in (Projection, Inherits):
        assert cls(3, seed=1).get_params() == {"n_directions": 3, "seed": 1} == clone(cls(3, seed=1)).get_params()
        with pytest.raises(TypeError, match="unexpected keyword argument 'n_direction'"):
            cls(n_direction=3)


def test_a_part_may_add_a_field_to_another():
    part = Shifted(None, 2.0, shift=1.0, space=Identity(), weight=3.0)
    assert list(inspect.signature(Shifted).parameters) == ["kernel", "bandwidth", "unbiased", "shift", *TAIL]
    assert repr(part) == repr(clone(part)) == "Shifted(bandwidth=2.0, shift=1.0, space=Identity(), weight=3.0)"
    assert repr(pickle.loads(pickle.dumps(part))) == repr(part)
    assert repr(part + MMD()) == f"Hybrid(terms=[('shifted', {part!r}), ('mmd', MMD())])"
    assert part != clone(part) and hash(part)
    assert np.isclose((2 * part).weight, 6.0) and part.set_params(shift=2.0).shift == 2.0
