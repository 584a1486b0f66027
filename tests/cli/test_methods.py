"""Methods by the names that people may type for them, and values of their parameters."""

import inspect
import re

import pytest

import skdc as library
from skdc import AutoCondenser
from skdc.cli.errors import UsageError
from skdc.cli.methods import families, method, method_names
from skdc.cli.parts import value_of
from skdc.condensers import BaseCondenser, KMedoids, NamedCondenser
from skdc.discrepancies import MMD, EnergyDistance, Hybrid
from skdc.kernels import Laplace

from ..test_documentation import entries


def test_every_condenser_has_a_name_of_its_own_and_a_family():
    public = {getattr(library, name) for name in library.__all__}
    condensers = {cls for cls in public if inspect.isclass(cls) and issubclass(cls, BaseCondenser)} | {AutoCondenser}
    assert set(method_names().values()) == condensers and len(method_names()) == len(condensers)
    assert {cls for _, members in families() for cls in members} == condensers
    assert all(
        re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) and method(name) is cls for name, cls in method_names().items()
    )


@pytest.mark.parametrize("name", ["k-medoids", "kmedoids", "k_medoids", "KMedoids", "K-MEDOIDS", "k medoids", "pam"])
def test_spellings_of_a_name(name):
    assert method(name) is KMedoids


def test_acronyms_of_the_glossary_that_are_methods():
    tried = 0
    for term, text in entries().items():
        found = [getattr(library, name) for name in set(re.findall(r"`~skdc\.(\w+)`", text))]
        named = [cls for cls in found if inspect.isclass(cls) and issubclass(cls, NamedCondenser)]
        # What a method is called with a parameter is no name of the class.
        if re.fullmatch(r"[A-Z][A-Za-z0-9-]*[A-Z0-9]", term) and len(named) == 1 and "``" not in text:
            assert method(term) is named[0], term
            tried += 1
    assert tried > 15


def test_values_are_literals_words_or_parts():
    assert value_of("0.5") == 0.5 and value_of("None") is None and value_of("[1, 2]") == [1, 2]
    assert value_of("{'a': 3}") == {"a": 3} and value_of("-1") == -1 and value_of("64 kB") == "64 kB"
    assert value_of("teacher") == "teacher" and value_of("a-b") == "a-b"
    kernel = value_of("MMD(kernel=Laplace(factor=0.5))").kernel
    assert isinstance(kernel, Laplace) and kernel.factor == 0.5
    total = value_of("0.5 * MMD() + EnergyDistance()")
    assert isinstance(total, Hybrid) and [type(part) for _, part in total.terms] == [MMD, EnergyDistance]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "MMD(kernel=open('x'))",
        "MMD().__class__()",
        "[MMD() for x in (1, 2)]",
        "MMD(**{'space': 1})",
        "print('x')",
    ],
)
def test_nothing_but_parts_is_called(text):
    with pytest.raises(UsageError):
        value_of(text)
