"""Sets of which the first points of each class are a good set."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from skdc import (
    Condenser,
    FacilityLocation,
    GradMatch,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelThinning,
    KMedoids,
    RandomSubset,
    SteinThinning,
    UncertaintySubset,
)
from skdc.discrepancies import MMD, EnergyDistance, NystromError, Prefixes, SquaredL2
from skdc.exceptions import PartsError
from skdc.parameterizations import Points, Subset
from skdc.solvers import Descent, Draw, Greedy, Lloyd, Pivots
from skdc.spaces import KernelRidgePredictions

named = {"ids": lambda condenser: type(condenser).__name__}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.mark.parametrize(
    "condenser",
    [
        RandomSubset(),
        KernelHerding(n_passes=0),
        SteinThinning(n_passes=0),
        KCenter(),
        FacilityLocation(),
        GradMatch(),
        UncertaintySubset(),
    ],
    **named,
)
def test_the_first_rows_of_greedy_choices_are_the_choice_of_fewer(condenser, digits):
    fitted = {n: clone(condenser).set_params(n_per_class=n, random_state=0).fit(*digits) for n in (3, 10)}
    short = fitted[10].condensed_.shrink(3)
    np.testing.assert_array_equal(short.X, fitted[3].X_syn_)
    np.testing.assert_array_equal(short.y, fitted[3].y_syn_)


@pytest.mark.parametrize("condenser", [KernelHerding(), KMedoids(), KernelThinning(), GreedyKernelPoints()], **named)
def test_the_first_rows_of_choices_with_exchanges_are_not(condenser, digits):
    few, many = (clone(condenser).set_params(n_per_class=n, random_state=0).fit(*digits).X_syn_ for n in (3, 10))
    assert (few != many.reshape(10, 10, -1)[:, :3].reshape(few.shape)).any()


def test_the_first_points_are_a_better_set_where_it_is_nested(digits):
    X, y = load_digits(return_X_y=True)
    scores = {}
    for nested in (False, True):
        solver = Descent(n_steps=60, batch_size=200)
        condenser = Condenser(MMD(), Points(), solver, n_per_class=8, nested=nested, random_state=0)
        short = condenser.fit(*digits).condensed_.shrink(1)
        scores[nested] = KNeighborsClassifier(1).fit(short.X, short.y).score(X[600:], y[600:])
    assert scores[True] > scores[False] + 0.05


@pytest.mark.parametrize("labels", ["hard", "learned"])
def test_it_is_the_discrepancy_of_prefixes(labels, digits):
    ridge = SquaredL2(space=KernelRidgePredictions(), by=None)
    parts = Points(labels=labels), Descent(n_steps=3, batch_size=50)
    one = Condenser(ridge, *parts, nested=True, n_per_class=3, random_state=0).fit(*digits)
    other = Condenser(Prefixes(ridge), *parts, n_per_class=3, random_state=0).fit(*digits)
    plain = Condenser(ridge, *parts, n_per_class=3, random_state=0).fit(*digits)
    np.testing.assert_array_equal(one.X_syn_, other.X_syn_)
    assert repr(one.recipe_.discrepancy) == repr(Prefixes(ridge)) and (one.X_syn_ != plain.X_syn_).any()
    assert isinstance(one.discrepancy_, Prefixes)


@pytest.mark.slow
def test_the_parts_that_are_chosen_for_the_data_are_nested_too(rng):
    images, y = rng.normal(size=(60, 8, 8)), np.repeat([0, 1], 30)
    condenser = Condenser(nested=True, n_per_class=2, random_state=0)
    assert isinstance(condenser.recipe().discrepancy, Prefixes)
    assert len(condenser.fit(images, y).recipe_.discrepancy.leaves()) == 5
    assert isinstance(condenser.recipe_.discrepancy, Prefixes)


@pytest.mark.parametrize(
    "condenser",
    [
        Condenser(EnergyDistance(), Subset(), Greedy()),
        Condenser(NystromError(), Subset(), Pivots()),
        Condenser(parameterization=Subset()),
    ],
)
def test_rows_that_are_chosen_one_by_one_stay_as_they_are(condenser, digits):
    condenser.set_params(n_per_class=3, random_state=0)
    plain, nested = (clone(condenser).set_params(nested=nested).fit(*digits) for nested in (False, True))
    np.testing.assert_array_equal(plain.indices_, nested.indices_)


@pytest.mark.parametrize(
    ("condenser", "message"),
    [
        (Condenser(solver=Lloyd()), r"nested=True: Lloyd\(\) does not choose the rows of a class one after the other"),
        (Condenser(MMD(), Subset(), Greedy(n_passes=2)), r"nested=True: Greedy\(n_passes=2\) does not choose"),
        (Condenser(parameterization=Subset(), solver=Draw()), r"nested=True: Draw\(\) minimises no discrepancy"),
        (Condenser(MMD(by=None), Subset()), r"nested=True: rows of all classes are chosen together for MMD\(by=None\)"),
        (
            Condenser(SquaredL2(space=KernelRidgePredictions()), Subset()),
            "nested=True: rows of all classes are chosen together for SquaredL2",
        ),
        (Condenser(Prefixes(MMD())), "prefixes of prefixes are prefixes"),
        (Condenser(), r"(?s)nested=True: BestOf\(.* does not choose"),  # the recipe for tables
    ],
)
def test_what_is_not_nested_is_refused(condenser, message, digits):
    with pytest.raises(PartsError, match=message):
        condenser.set_params(nested=True).fit(*digits)
