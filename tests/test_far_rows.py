"""Rows that lie far from all others: they neither blur these nor go unsaid."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.cluster import KMeans

from skdc import (
    Condenser,
    FacilityLocation,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, QuantizationError
from skdc.parameterizations import Points
from skdc.scales import RowMoments, exceeds_float32_precision, weighted_median
from skdc.solvers import Descent, Lloyd

from .sources import row_source

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
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


CENTERS = np.array([[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]])


def beside(value, n_far):
    """Return three groups of twenty rows, and rows far from them."""
    near = CENTERS.repeat(20, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(60, 2))
    return near, np.concatenate([near, np.tile([value, 1.0], (n_far, 1))])


@far
@pytest.mark.parametrize("value", [1e8, -1e8, 1e10])
@pytest.mark.parametrize(
    "condenser",
    [KMedoids(), KCenter(), FacilityLocation(), KernelHerding(), KernelThinning(), RandomlyPivotedCholesky()],
)
def test_rows_are_chosen_beside_a_far_value_that_occurs_often(condenser, value):
    rows = beside(value, 20)[1]
    chosen = clone(condenser).set_params(n_samples=4, random_state=0).fit(rows).X_syn_
    assert set(map(tuple, np.rint(chosen[np.abs(chosen[:, 0]) < 10]))) == set(map(tuple, CENTERS))


@far
def test_medoids_beside_a_far_value_that_half_of_the_rows_have():
    chosen = KMedoids(n_samples=4, random_state=0).fit(beside(1e8, 60)[1]).X_syn_
    assert set(map(tuple, np.rint(chosen[chosen[:, 0] < 10]))) == set(map(tuple, CENTERS))


@far
@pytest.mark.parametrize("value", [1e8, -1e8, 1e10])
def test_transport_beside_a_far_value_that_occurs_often_is_that_without_it(value):
    near, rows = beside(value, 20)
    found = WassersteinCoreset(n_samples=4, random_state=0).fit(rows).X_syn_
    found = found[np.abs(found[:, 0]) < 10]
    means = near.reshape(3, 20, 2).mean(axis=1)
    np.testing.assert_allclose(found[found[:, 0].argsort()], means, atol=1e-6 * abs(value) / 1e8)


@pytest.mark.parametrize("at", [0, 12_345, 99_999])
def test_one_far_value_of_many_is_found(at):
    rows = np.random.default_rng(1).normal(size=(100_000, 2))
    assert row_source(rows, dtype=None).dtype == torch.float32
    rows[at, 1] = 1e7
    source = row_source(rows, dtype=None)
    assert source.dtype == torch.float64
    assert source.moments.far.farthest == (at, 1) and source.moments.far.share > 0.99


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
    assert not exceeds_float32_precision(csr_array(rows), np.zeros(30), 0.2)
    rows[7, 3] = 1e8
    moments = RowMoments.of(csr_array(rows), np.ones(200))
    assert moments.far.farthest == (7, 3) and moments.far.share > 0.99
    assert exceeds_float32_precision(csr_array(rows), moments.mean, moments.deviation)


def test_the_middle_is_the_weighted_median():
    rows, weight = np.array([[0.0, 5.0], [1.0, 4.0], [100.0, 3.0]]), np.array([1.0, 1.0, 3.0])
    np.testing.assert_array_equal(weighted_median(rows, weight), [100.0, 3.0])
    np.testing.assert_array_equal(weighted_median(rows, np.ones(3)), [1.0, 4.0])


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
    with pytest.warns(UserWarning, match=r"row 17 of X .* column 2, 1e\+05.*skdc.weighting.trimmed_weights"):
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
    far = RowMoments.of(csr_array(rows) if sparse else rows, np.ones(300)).far
    assert far.n_rows == n_far and far.farthest[1] == 2 and rows[far.farthest] == value and far.share > 0.9


def test_few_rows_are_counted_by_their_weight():
    rows, weight = np.random.default_rng(5).normal(size=(300, 4)), np.r_[np.full(100, 0.01), np.ones(200)]
    rows[:100, 1] = 1e3
    assert RowMoments.of(rows, weight).far.n_rows == 100
    assert RowMoments.of(rows, np.ones(300)).far is None


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
        assert RowMoments.of(unit * rows, np.ones(len(rows))).far is None
        assert RowMoments.of(csr_array(unit * rows), np.ones(len(rows))).far is None
    KMedoids(n_samples=1, random_state=0).fit(rows)


def test_skewed_columns_are_not_warned_of():
    for seed in range(50):
        for shape in [(300, 4), (3000, 2)]:
            rows = np.random.default_rng(seed).lognormal(sigma=1.5, size=shape)
            assert RowMoments.of(rows, np.ones(len(rows))).far is None
