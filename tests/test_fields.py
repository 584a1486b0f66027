"""Parameters of parts are their annotated fields: no part writes a constructor that only stores them."""

import inspect
import math
import pickle
from dataclasses import fields
from importlib import import_module
from pkgutil import walk_packages
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone

import skdc
from skdc import (
    augmentation,
    discrepancies,
    generators,
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

PARTS = [
    augmentation,
    discrepancies,
    generators,
    kernels,
    learners,
    networks,
    parameterizations,
    preprocessing,
    privacy,
]
PARTS += [solvers, spaces, stein, storage]
CLASSES = {cls for module in PARTS for cls in vars(module).values() if inspect.isclass(cls)}
NAMED = {cls for cls in CLASSES if issubclass(cls, Fields)} - {Fields}
TAIL = ["space", "by", "reduce", "weight"]

every = pytest.mark.parametrize("cls", sorted(NAMED, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)


def is_made(cls):
    return "__dataclass_fields__" in vars(cls)


def test_no_estimator_writes_a_constructor():
    modules = [import_module(found.name) for found in walk_packages(skdc.__path__, "skdc.")]
    estimators = {cls for module in modules for cls in vars(module).values() if inspect.isclass(cls)}
    estimators = {cls for cls in estimators if cls.__module__.startswith("skdc.") and issubclass(cls, BaseEstimator)}
    written = {cls.__name__ for cls in estimators if "__init__" in vars(cls) and not is_made(cls)}
    foreign = {"CondensingPipeline", "NetworkClassifier", "StandardConvNet"}
    assert written <= foreign, "whose constructors call those of other libraries"
    assert len(estimators) > 200


@every
def test_parameters_are_fields(cls):
    given = {field.name for field in fields(cls) if field.init}
    assert set(inspect.signature(cls).parameters) == given
    assert not [name for name in given if name in vars(cls)]
    assert not [name for name in given if name.startswith("_") or name.endswith("_")], "what is learned is no parameter"


@every
def test_the_docstring_names_the_parameters_in_their_order_with_their_defaults(cls):
    docscrape = pytest.importorskip("numpydoc.docscrape", reason="numpydoc comes with the tools of the documentation")
    documented = docscrape.FunctionDoc(None, doc=inspect.getdoc(cls))["Parameters"]
    types = {name: parameter.type for parameter in documented for name in parameter.name.split(", ")}
    parameters = inspect.signature(cls).parameters
    assert list(types) == list(parameters)
    for name, default in [(name, kind.split("default=")[1]) for name, kind in types.items() if "default=" in kind]:
        assert parameters[name].default == eval(default, {"sqrt": math.sqrt, "torch": torch, "inf": math.inf})


@pytest.mark.parametrize("cls", sorted((c for c in NAMED if issubclass(c, Discrepancy)), key=lambda c: c.__name__))
def test_what_discrepancies_share_comes_last_and_by_name(cls):
    parameters = list(inspect.signature(cls).parameters.values())
    shared = [parameter.name for parameter in parameters if parameter.name in TAIL]
    assert shared == [name for name in TAIL if name in shared]
    assert [parameter.name for parameter in parameters][-len(shared) :] == shared
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[-len(shared) :])


@pytest.mark.parametrize("cls", sorted((c for c in NAMED if issubclass(c, Penalty)), key=lambda c: c.__name__))
def test_penalties_do_not_split(cls):
    assert not {"by", "reduce"} & set(inspect.signature(cls).parameters)
    assert L2Norm().space is None and L2Norm().by is None


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
    assert [(name, repr(term)) for name, term in (part + MMD()).terms] == [("shifted", repr(part)), ("mmd", "MMD()")]
    assert part != clone(part) and hash(part)
    assert np.isclose((2 * part).weight, 6.0) and part.set_params(shift=2.0).shift == 2.0


def test_a_default_without_its_type_is_refused():
    with pytest.raises(
        TypeError, match=r"Overall: by = None is no parameter without its type, .*; write by: .* = None"
    ):

        class Overall(MMD):
            by = None

    class Slow(solvers.Descent):
        n_steps: int = 5
        note = "no parameter of a base"

    assert Slow().n_steps == 5 and Slow(0.1, 7).n_steps == 7 and Slow.note


def test_parameters_below_a_constructor_that_is_written_are_refused():
    class Own(Discrepancy):
        compares = "clouds"
        known: ClassVar[int] = 3

        def __init__(self, scale=1.0):
            super().__init__(by=None)
            self.scale = scale

        def between(self, p, q, generator):
            return self.scale * (p.mean() - q.mean()).abs().sum()

    assert Own(3.0).weight == 1.0 and clone(Own(3.0)).scale == 3.0
    with pytest.raises(TypeError, match="Child: extra is no parameter, since Own writes its constructor"):

        class Child(Own):
            extra: float = 1.0

    class Fine(Own):
        learned_: float
