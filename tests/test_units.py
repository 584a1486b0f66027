"""Units: what is far or near, large or small, does not blur what lies beside it, and is not lost in silence."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.cluster import KMeans

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
    RandomlyPivotedCholesky,
    RandomSubset,
    SoftLabelRandom,
    SteinThinning,
    WassersteinCoreset,
)
from skdc.discrepancies import (
    MMD,
    EnergyDistance,
    GaussianWasserstein,
    GromovWasserstein,
    MeanDistance,
    QuantizationError,
    Sinkhorn,
    SlicedWasserstein,
    Wasserstein,
)
from skdc.parameterizations import Points
from skdc.solvers import Descent, Lloyd
from skdc.spaces import Joint
from skdc.units import Moments, asks_for_digits, middle

from .sources import row_source, seeded

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 4)), np.arange(60) % 2
TARGETS = X @ [1.0, 2, 3, 4] + 0.1 * rng.normal(size=60)
GROUPS = np.repeat([1.0, 2.0, 3.0], 30)[:, None] + 1e-3 * rng.normal(size=(90, 1))

far = pytest.mark.filterwarnings("ignore:.*of the variance:UserWarning")


# Rows that lie far from all others


def with_far(*values, columns=1, dtype=np.float64):
    """Return three tight groups and some far values, in the first of so many columns."""
    rows = np.concatenate([GROUPS, np.array(values)[:, None]])
    return np.concatenate([rows, np.ones((len(rows), columns - 1))], axis=1).astype(dtype)


@far
@pytest.mark.parametrize("columns", [1, 20])
@pytest.mark.parametrize("values", [(1e6,), (1e8,), (-1e8, 1e5), (1e4, 1e6, 1e6 + 1)])
def test_k_means_beside_far_values_is_that_of_scikit_learn(values, columns):
    rows = with_far(*values, columns=columns)
    n_points = 3 + len(values)
    condenser = Condenser(QuantizationError(), Points(start="spread"), Lloyd(), n_samples=n_points, random_state=0)
    found = np.sort(condenser.fit(rows).X_syn_[:, 0])
    best = KMeans(n_points, n_init=10, random_state=0).fit(rows).cluster_centers_[:, 0]
    np.testing.assert_allclose(found, np.sort(best), rtol=1e-6)


@far
@pytest.mark.parametrize("weight", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_weight_of_a_far_value_and_the_dtype_do_not_matter(weight, dtype):
    rows = with_far(1e6, dtype=dtype)
    weights = np.r_[np.ones(90), weight]
    found = KMeansCondenser(n_samples=4, random_state=0).fit(rows, sample_weight=weights).X_syn_
    expected = [GROUPS[:30].mean(), GROUPS[30:60].mean(), GROUPS[60:].mean(), 1e6]
    np.testing.assert_allclose(np.sort(found[:, 0]), expected, rtol=1e-5)


@far
@pytest.mark.parametrize(
    "condenser",
    [KMedoids(), KCenter(), FacilityLocation(), KernelHerding(), KernelThinning(), RandomlyPivotedCholesky()],
)
def test_rows_are_chosen_beside_a_far_value_as_they_are_without(condenser):
    rows = with_far(1e6)
    chosen = clone(condenser).set_params(n_samples=6, random_state=0).fit(rows).X_syn_[:, 0]
    assert set(np.rint(chosen[chosen < 10])) == {1, 2, 3}


@far
def test_transport_beside_a_far_value_is_exact():
    rows = with_far(1e6)
    fitted = WassersteinCoreset(n_samples=91, random_state=0).fit(rows)
    np.testing.assert_allclose(np.sort(fitted.X_syn_[:, 0]), np.sort(rows[:, 0]), rtol=1e-9)


@pytest.mark.parametrize("at", [0, 12_345, 99_999])
def test_one_far_value_of_many_is_found(at):
    rows = np.random.default_rng(1).normal(size=(100_000, 2))
    assert row_source(rows, dtype=None).dtype == torch.float32
    rows[at, 1] = 1e7
    source = row_source(rows, dtype=None)
    assert source.dtype == torch.float64
    assert source.moments.far.foremost == (at, 1) and source.moments.far.share > 0.99


def test_clusters_far_apart_are_seen_in_float64():
    rows = np.concatenate([GROUPS, GROUPS + 1e6])
    assert row_source(rows, dtype=None).dtype == torch.float64


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("rows", ["normal", "line", "lognormal", "pixels", "indicators", "integers", "offset", "units"])
def test_ordinary_rows_are_seen_in_float32(rows, unit):
    draw = np.random.default_rng(2)
    made = {
        "normal": draw.normal(size=(2000, 5)),
        "line": draw.uniform(size=(2000, 1)),
        "lognormal": draw.lognormal(sigma=1.5, size=(2000, 4)),
        "pixels": 255.0 * (draw.uniform(size=(500, 64)) > 0.9),
        "indicators": np.eye(8)[draw.integers(8, size=500)],
        "integers": draw.integers(20, size=(2000, 3)).astype(float),
        "offset": 1e5 + draw.normal(size=(2000, 3)),
        "units": draw.normal(size=(2000, 2)) * [1.0, 1e4],
    }
    assert row_source(unit * made[rows], dtype=None).dtype == torch.float32


def test_a_far_value_of_sparse_rows_is_found():
    rows = np.random.default_rng(3).uniform(size=(200, 30)) * (np.random.default_rng(4).uniform(size=(200, 30)) < 0.2)
    assert not asks_for_digits(csr_array(rows), np.zeros(30), 0.2)
    rows[7, 3] = 1e8
    moments = Moments.of(csr_array(rows), np.ones(200))
    assert moments.far.foremost == (7, 3) and moments.far.share > 0.99
    assert asks_for_digits(csr_array(rows), moments.mean, moments.deviation)


def test_the_middle_is_the_weighted_median():
    rows, weight = np.array([[0.0, 5.0], [1.0, 4.0], [100.0, 3.0]]), np.array([1.0, 1.0, 3.0])
    np.testing.assert_array_equal(middle(rows, weight), [100.0, 3.0])
    np.testing.assert_array_equal(middle(rows, np.ones(3)), [1.0, 4.0])


def test_tiny_weights_do_not_vanish():
    weight = np.where(y == 0, 1e-60, 1.0)
    fitted = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y, sample_weight=weight)
    alone = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y)
    np.testing.assert_allclose(fitted.X_syn_, alone.X_syn_, rtol=1e-5, atol=1e-6)


# Few rows that hold nearly all of the variance


def one_value(value):
    rows = np.random.default_rng(5).normal(size=(300, 4))
    rows[17, 2] = value
    return rows


@pytest.mark.parametrize(
    "condenser", [KernelInducingPoints(n_steps=2), KMeansCondenser(), Condenser(MMD(), solver=Descent(n_steps=2))]
)
def test_one_row_with_nearly_all_variance_is_named(condenser):
    labels = np.arange(300) % 3
    with pytest.warns(UserWarning, match=r"row 17 of X .* column 2, 1e\+05.*skdc.robustness.trimmed_weights"):
        clone(condenser).fit(one_value(1e5), labels)
    frame = pd.DataFrame(one_value(1e5), columns=list("abcd"))
    with pytest.warns(UserWarning, match="row 17 of X"):
        clone(condenser).set_params(encoder=None).fit(frame, labels)


def test_rows_of_no_weight_are_counted_but_not_looked_at():
    rows, weight = one_value(1e5), np.r_[np.zeros(10), np.ones(290)]
    with pytest.warns(UserWarning, match="row 17 of X"):
        KMeansCondenser(n_samples=5, random_state=0).fit(rows, sample_weight=weight)
    weight[17] = 0
    KMeansCondenser(n_samples=5, random_state=0).fit(rows, sample_weight=weight)


@pytest.mark.parametrize(
    ("n_far", "value"), [(1, 1e3), (2, 1e5), (20, -1e5), (30, 999), (75, 1e8), (120, -1e8), (2, 1e149)]
)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_far_value_that_occurs_often_is_counted(n_far, value, sparse):
    rows = np.random.default_rng(5).normal(size=(300, 4))
    rows[40 : 40 + n_far, 2] = value
    far = Moments.of(csr_array(rows) if sparse else rows, np.ones(300)).far
    assert far.n_rows == n_far and far.foremost[1] == 2 and rows[far.foremost] == value and far.share > 0.9


def test_few_rows_are_counted_by_their_weight():
    rows, weight = np.random.default_rng(5).normal(size=(300, 4)), np.r_[np.full(100, 0.01), np.ones(200)]
    rows[:100, 1] = 1e3
    assert Moments.of(rows, weight).far.n_rows == 100
    assert Moments.of(rows, np.ones(300)).far is None


def test_a_sentinel_that_occurs_twice_is_warned_of():
    rows, labels = np.random.default_rng(0).normal(size=(300, 4)), np.arange(300) % 2
    rows[:2, 2] = 1e5
    with pytest.warns(
        UserWarning, match=r"2 rows of X, of 300, such as row 1, hold 100.00% .* column 2, 1e\+05.*trimmed"
    ):
        KMeansCondenser(2, random_state=0).fit(rows, labels)


draw = np.random.default_rng(7)
ORDINARY = {
    "normal": X,
    "far, but one of many": one_value(5.0),
    "an indicator": np.r_[np.zeros((5, 1)), [[1.0]]],
    "a rare indicator": np.r_[np.zeros((299, 1)), [[1.0]]],
    "rare indicators": 1.0 * (draw.uniform(size=(500, 30)) < 0.02),
    "equal rows": np.ones((30, 2)),
    "few rows": np.array([[0.0], [1.0], [20.0]]),
    "counts": draw.zipf(2.5, size=(300, 3)) * 1.0,
    "zeros and more": draw.lognormal(sigma=1.5, size=(400, 3)) * (draw.uniform(size=(400, 3)) < 0.08),
    "pixels": 255.0 * (draw.uniform(size=(200, 64)) > 0.95),
    "tight groups": np.concatenate([GROUPS, GROUPS + 100]),
    "two columns": np.c_[draw.normal(size=300), 1e6 * draw.normal(size=300)],
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_rows_are_not_warned_of(name):
    rows = ORDINARY[name]
    for unit in (1e-100, 1.0, 1e120):
        assert Moments.of(unit * rows, np.ones(len(rows))).far is None
        assert Moments.of(csr_array(unit * rows), np.ones(len(rows))).far is None
    KMedoids(n_samples=1, random_state=0).fit(rows)


def test_skewed_columns_are_not_warned_of():
    for seed in range(50):
        for shape in [(300, 4), (3000, 2)]:
            rows = np.random.default_rng(seed).lognormal(sigma=1.5, size=shape)
            assert Moments.of(rows, np.ones(len(rows))).far is None


# Units


UNITS = [1e-150, 1e-80, 1e-20, 2.0**90, 1e20, 1e80, 1e150]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "condenser",
    [KernelHerding(), KernelThinning(), KCenter(), FacilityLocation(), KMedoids(), GreedyKernelPoints()],
)
def test_choices_do_not_depend_on_the_unit(condenser, unit):
    condenser = clone(condenser).set_params(n_per_class=3, random_state=0)
    expected = clone(condenser).fit(X, y).indices_
    np.testing.assert_array_equal(condenser.fit(unit * X, y).indices_, expected)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("offset", [0.0, -7.3])
@pytest.mark.parametrize("condenser", [RandomSubset(), SoftLabelRandom()])
def test_draws_depend_neither_on_the_unit_nor_on_the_origin(condenser, offset, unit):
    rows = np.random.default_rng(2).integers(0, 4, size=(1001, 5)) / 2  # round numbers, many rows twice
    labels = np.arange(1001) % 97
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
    ],
)
def test_descents_do_not_depend_on_the_unit(discrepancy, unit):
    given = {"solver": Descent(n_steps=5), "n_per_class": 3, "random_state": 0}
    expected = Condenser(discrepancy, Points(start="spread"), **given).fit(X, y).X_syn_
    found = Condenser(discrepancy, Points(start="spread"), **given).fit(unit * X, y).X_syn_
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
    [KMeansCondenser(), KMedoids(), SteinThinning(), KernelInducingPoints(n_steps=2), Condenser(MMD(1.0), n_samples=5)],
)
def test_numbers_without_squares_are_refused_in_a_sentence(condenser, given, words):
    rows, targets, *weight = given
    condenser = clone(condenser).set_params(random_state=0)
    with pytest.raises(ValueError, match=words):
        condenser.fit(rows, targets, sample_weight=weight[0] if weight else None)
    with pytest.raises(ValueError) as refused:
        SteinThinning(random_state=0).fit(1e-150 * X)
    assert re.search("KernelStein .* leaves no room; give X", str(refused.value))
