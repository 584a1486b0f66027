"""Units: results do not depend on them, and what has none is refused."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from skdc import (
    Condenser,
    DistributionMatching,
    FacilityLocation,
    GradientMatching,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    SoftLabelRandom,
    SteinThinning,
    WassersteinCoreset,
)
from skdc.discrepancies import (
    MMD,
    Adversarial,
    EnergyDistance,
    FDivergence,
    GaussianWasserstein,
    GromovWasserstein,
    KernelStein,
    LearnedCharacteristicFunction,
    MaxSlicedWasserstein,
    MeanDistance,
    QuantizationError,
    Sinkhorn,
    SlicedWasserstein,
    Wasserstein,
)
from skdc.discrepancies.stein import GaussianScore, MixtureScore
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import Joint

from .sources import row_source, seeded

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 4)), np.arange(60) % 2
TARGETS = X @ [1.0, 2, 3, 4] + 0.1 * rng.normal(size=60)


def test_tiny_weights_do_not_vanish():
    weight = np.where(y == 0, 1e-60, 1.0)
    fitted = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y, sample_weight=weight)
    alone = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y)
    np.testing.assert_allclose(fitted.X_syn_, alone.X_syn_, rtol=1e-5, atol=1e-6)


UNITS = [1e-150, 1e-80, 1e-20, 2.0**90, 1e20, 1e80, 1e150]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "condenser",
    [
        KernelHerding(),
        KernelThinning(),
        KCenter(),
        FacilityLocation(),
        KMedoids(),
        GreedyKernelPoints(),
        SteinThinning(),
        SteinThinning(density=GaussianScore()),
        SteinThinning(density=MixtureScore()),
    ],
)
def test_choices_do_not_depend_on_the_unit(condenser, unit):
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(X, y).indices_
    np.testing.assert_array_equal(condenser.fit(unit * X, y).indices_, expected)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("offset", [0.0, -7.3])
@pytest.mark.parametrize("condenser", [RandomSubset(), SoftLabelRandom(teacher=DummyClassifier())])
def test_draws_depend_neither_on_the_unit_nor_on_the_origin(condenser, offset, unit):
    rows = np.random.default_rng(2).integers(0, 4, size=(1001, 5)) / 2  # round numbers, many rows twice
    labels = np.arange(1001) % 11
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(rows, labels).X_syn_
    np.testing.assert_allclose(
        condenser.fit(unit * (rows + offset), labels).X_syn_ / unit - offset, expected, atol=1e-9
    )


@pytest.mark.parametrize("unit", UNITS)
def test_drawn_rows_of_values_do_not_depend_on_the_unit_of_these(unit):
    condenser = RandomSubset(n_samples=9, random_state=0)
    expected = clone(condenser).fit(X, TARGETS).indices_
    np.testing.assert_array_equal(condenser.fit(X, unit * TARGETS + 3 * unit).indices_, expected)


def test_sparse_rows_are_drawn_as_dense_ones():
    rows = rng.normal(size=(1001, 6)) * (rng.uniform(size=(1001, 6)) < 0.4)
    condenser, labels = RandomSubset(n_per_class=4, random_state=0), np.arange(1001) % 3
    expected = clone(condenser).fit(rows, labels).indices_
    np.testing.assert_array_equal(condenser.fit(csr_array(rows), labels).indices_, expected)


def test_rows_beside_a_far_one_are_drawn_as_the_distinct_rows_they_are():
    rows = np.r_[rng.normal(size=(1000, 2)), [[1e14, 0.0]]]
    start, _ = row_source(rows, np.zeros(1001, int), dtype=None).starting_rows(np.array([500]), seeded())
    assert len(start.unique(dim=0)) == 500


@pytest.mark.parametrize("unit", [1e-150, 1e-20, 3.7, 1e20, 1e149])
@pytest.mark.parametrize("build", [DistributionMatching, GradientMatching, KernelInducingPoints])
def test_descents_from_drawn_rows_do_not_depend_on_the_unit(build, unit):
    # Skewed columns: their mean, which networks see at zero, is not their middle.
    rows, labels = np.random.default_rng(1).lognormal(size=(1001, 4)), np.arange(1001) % 3
    condenser = build(n_per_class=3, n_steps=3, random_state=0)
    expected = clone(condenser).fit(rows, labels).X_syn_
    np.testing.assert_allclose(condenser.fit(unit * rows, labels).X_syn_ / unit, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("condenser", [KMeansCondenser(), WassersteinCoreset()])
def test_means_do_not_depend_on_the_unit(condenser, unit):
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(X, y).X_syn_
    np.testing.assert_allclose(condenser.fit(unit * X, y).X_syn_ / unit, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "discrepancy",
    [
        MMD(),
        EnergyDistance(),
        Sinkhorn(),
        SlicedWasserstein(),
        Wasserstein(),
        Wasserstein(order=1),
        GaussianWasserstein(),
        GromovWasserstein(),
        MeanDistance(),
        QuantizationError(),
        KernelStein(),
    ],
)
def test_descents_do_not_depend_on_the_unit(discrepancy, unit):
    given = {"solver": Descent(n_steps=5), "n_per_class": 3, "random_state": 0}
    expected = Condenser(discrepancy, Points(start="spread"), **given).fit(X, y).X_syn_
    found = Condenser(discrepancy, Points(start="spread"), **given).fit(unit * X, y).X_syn_
    np.testing.assert_allclose(found / unit, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-140, 1e20])
@pytest.mark.parametrize(
    ("discrepancy", "start"),
    [
        (Adversarial(), "rows"),
        (LearnedCharacteristicFunction(), "rows"),
        (MaxSlicedWasserstein(), "rows"),
        (FDivergence(), "noise"),
        (MeanDistance(), "noise"),
    ],
)
def test_what_is_drawn_does_not_depend_on_the_unit(discrepancy, start, unit):
    given = {"solver": Descent(n_steps=3), "n_per_class": 3, "random_state": 0}
    expected = Condenser(discrepancy, Points(start=start), **given).fit(X, y).X_syn_
    found = Condenser(discrepancy, Points(start=start), **given).fit(unit * X, y).X_syn_
    np.testing.assert_allclose(found / unit, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", UNITS)
def test_joint_targets_do_not_depend_on_the_unit(unit):
    given = {"solver": Descent(n_steps=5), "n_samples": 5, "random_state": 0}
    plain = Condenser(Sinkhorn(space=Joint()), Points(start="spread"), **given).fit(X, TARGETS)
    found = Condenser(Sinkhorn(space=Joint()), Points(start="spread"), **given).fit(X, unit * TARGETS)
    np.testing.assert_allclose(found.y_syn_ / unit, plain.y_syn_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.X_syn_, plain.X_syn_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [2.0**-30, 2.0**30])
@pytest.mark.parametrize("condenser", [KMeansCondenser(), WassersteinCoreset()])
def test_powers_of_two_change_no_bit(condenser, unit):
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(X, y).X_syn_
    np.testing.assert_array_equal(condenser.fit(unit * X, y).X_syn_ / unit, expected)


@pytest.mark.parametrize("unit", [1e-150, 1e-20, 1e20, 1e150])
@pytest.mark.parametrize("condenser", [KMeansCondenser(), KMedoids(), WassersteinCoreset()])
def test_the_unit_of_weights_does_not_matter(condenser, unit):
    weight = np.random.default_rng(6).uniform(0.5, 2, 60)
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(X, y, sample_weight=weight)
    found = condenser.fit(X, y, sample_weight=unit * weight)
    np.testing.assert_allclose(found.X_syn_, expected.X_syn_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sample_weight_, expected.sample_weight_, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-20, 1e20, 1e150])
def test_values_between_arrays_scale_with_the_unit(unit):
    value = EnergyDistance()(X[:30], X[30:])
    np.testing.assert_allclose(EnergyDistance()(unit * X[:30], unit * X[30:]) / unit, value, rtol=1e-9)


def with_value(value):
    rows = X.copy()
    rows[7, 2] = value
    return rows


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((with_value(1e200), y), r"X holds 1e\+200 in row 7, column 2: .*above 1e150, or leave the row out"),
        ((with_value(-1e160), y), r"X holds -1e\+160 in row 7, column 2"),
        ((1e-200 * X, y), r"no number in X is larger than .*e-200: give it in a smaller unit"),
        ((X, 1e200 * TARGETS), r"y holds .*e\+20\d in row \d+"),
        ((X, y, np.full(60, 1e308)), r"sample_weight holds 1e\+308 in row 0: .*larger unit"),
        ((X, y, np.full(60, 1e-320)), r"no number in sample_weight is larger than"),
    ],
)
@pytest.mark.parametrize(
    "condenser",
    [
        KMeansCondenser(),
        KMedoids(),
        SteinThinning(),
        KernelInducingPoints(n_steps=2),
        Condenser(MMD(bandwidth=1.0), n_samples=5),
    ],
)
def test_numbers_without_squares_are_refused_in_a_sentence(condenser, given, words):
    rows, targets, *weight = given
    condenser = clone(condenser).set_params(random_state=0)
    with pytest.raises(ValueError, match=words):
        condenser.fit(rows, targets, sample_weight=weight[0] if weight else None)
