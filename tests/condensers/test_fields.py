"""Parameters are fields: all that looks at an estimator's parameters sees them, in their order, with their types."""

import ast
import inspect
import pickle
from dataclasses import fields
from typing import ClassVar, get_type_hints

import pytest
from sklearn.base import clone

import skdc
from skdc.condensers import BaseCondenser, NamedCondenser, Recipe
from skdc.discrepancies import EnergyDistance
from skdc.parameterizations import Points
from skdc.solvers import Descent

ALL = [cls for name in skdc.__all__ if inspect.isclass(cls := getattr(skdc, name)) and issubclass(cls, BaseCondenser)]
NAMED = [cls for cls in ALL if issubclass(cls, NamedCondenser)]
TAIL = [
    "n_samples",
    "n_bytes",
    "task",
    "encoder",
    "device",
    "random_state",
    "n_jobs",
    "verbose",
    "warm_start",
    "checkpoint",
]

every = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
every_named = pytest.mark.parametrize("cls", NAMED, ids=lambda cls: cls.__name__)


class EnergyCondenser(NamedCondenser):
    """Points of least energy distance to the data."""

    n_steps: int = 5
    word: ClassVar[str] = "energy"

    def recipe(self):
        return Recipe(EnergyDistance(), Points(), Descent(n_steps=self.n_steps))


class HastyCondenser(EnergyCondenser):
    """The same, in few steps; and one more parameter."""

    step_size: float = 0.1
    n_steps: int = 2


@every
def test_no_condenser_writes_a_constructor(cls):
    (tree,) = ast.parse(inspect.getsource(cls)).body
    assert "__init__" not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(inspect.signature(cls).parameters) == {field.name for field in fields(cls)}
    assert not [name for name in inspect.signature(cls).parameters if hasattr(cls, name)], "no attributes of the class"


@every_named
def test_the_size_comes_first_then_what_is_its_own_then_what_all_have(cls):
    first, *others = inspect.signature(cls).parameters.values()
    assert first.name == "n_per_class" and first.kind is first.POSITIONAL_OR_KEYWORD
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in others)
    assert [parameter.name for parameter in others][-len(TAIL) :] == TAIL
    assert cls(7).n_per_class == 7


@every
def test_the_docstring_names_the_parameters_in_their_order(cls):
    docscrape = pytest.importorskip("numpydoc.docscrape", reason="numpydoc comes with the tools of the documentation")
    documented = docscrape.FunctionDoc(None, doc=inspect.getdoc(cls))["Parameters"]
    names = [name for parameter in documented for name in parameter.name.split(", ")]
    assert names == list(inspect.signature(cls).parameters)


@every
def test_parameters_have_types_and_plain_defaults(cls):
    types = get_type_hints(cls.__init__)
    for parameter in inspect.signature(cls).parameters.values():
        assert parameter.annotation is not parameter.empty and parameter.name in types
        assert isinstance(parameter.default, bool | int | float | str | None), "an object would be shared by all"
        assert not parameter.name.startswith("_") and not parameter.name.endswith("_")


@every
def test_scikit_learn_sees_the_parameters(cls):
    condenser = cls()
    values = {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}
    assert condenser.get_params() == values == vars(condenser), "and the constructor sets nothing else"
    assert repr(condenser) == f"{cls.__name__}()"
    for name in values:
        value = object()
        changed = cls(**{name: value})
        assert getattr(changed, name) is value and cls().set_params(**{name: value}).get_params()[name] is value
        assert vars(changed) == values | {name: value}
    changed = clone(cls(n_per_class=7, verbose=2))
    assert repr(changed) == repr(pickle.loads(pickle.dumps(changed))) == f"{cls.__name__}(n_per_class=7, verbose=2)"
    assert changed != cls(n_per_class=7, verbose=2) and hash(changed), "estimators are equal to themselves only"


@every
def test_a_parameter_that_is_not_there_is_named(cls):
    refusal = rf"{cls.__name__}\.__init__\(\) got an unexpected keyword argument 'n_perclass'"
    with pytest.raises(TypeError, match=refusal):
        cls(n_perclass=3)


@every_named
def test_only_the_size_goes_without_its_name(cls):
    with pytest.raises(TypeError, match=rf"{cls.__name__}\.__init__\(\) takes from 1 to 2 positional arguments but 3"):
        cls(3, 5)


def test_the_nouns_come_first_in_the_general_condenser():
    parameters = inspect.signature(skdc.Condenser).parameters.values()
    positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert positional == ["discrepancy", "parameterization", "solver", "privacy"]
    assert [parameter.name for parameter in parameters][4:] == ["nested", "n_per_class", *TAIL]


def test_what_is_no_parameter_is_no_field():
    assert not set(EnergyCondenser().get_params()) & {"word", "X_syn_", "y_syn_", "indices_", "learner_"}
    assert not hasattr(EnergyCondenser(), "X_syn_")


def test_a_condenser_may_derive_from_a_named_one():
    assert list(inspect.signature(HastyCondenser).parameters) == ["n_per_class", "step_size", "n_steps", *TAIL]
    assert HastyCondenser(3).get_params().items() >= {"n_per_class": 3, "n_steps": 2, "step_size": 0.1}.items()
    assert EnergyCondenser().n_steps == 5
