"""Pursuit against brute force, SciPy's least squares and known answers."""

import re

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from scipy.sparse import csr_array
from sklearn.base import clone

from skdc import Condenser
from skdc.discrepancies import (
    MMD,
    EnergyDistance,
    KernelStein,
    MeanDistance,
    QuantizationError,
    RandomFeatureMMD,
    Sinkhorn,
)
from skdc.parameterizations import Subset
from skdc.solvers import Greedy
from skdc.solvers.selection import pursuit
from skdc.solvers.selection.pursuit import Pursuit, nonnegative_quadrature
from skdc.spaces.base import PointwiseSpace

from ...sources import row_source, seeded, squares


class Table(PointwiseSpace):
    """Row number i embeds as row i of a table; the number is the only feature."""

    def __init__(self, table):
        self.table = table

    def fit(self, source, generator):
        self.decode_ = lambda X: np.rint(source.decode(X)[:, 0]).astype(int)
        return self

    def embed(self, rows):
        return torch.as_tensor(self.table[self.decode_(rows.X)])


def pursue(solver, discrepancy, source, sizes):
    """Return the chosen rows, their weights and what was recorded."""
    generator = seeded()
    objective = discrepancy.fit(source, generator)
    live = Subset().build(source, np.asarray(sizes), generator)
    solution = solver.solve(objective, live, source, generator, lambda step, n_steps, loss: None)
    return live.indices, live().weight.numpy(), solution.history["loss"]


def pursue_table(solver, table, size, **settings):
    source = row_source(np.arange(len(table))[:, None], **settings)
    return pursue(solver, MeanDistance(space=Table(np.asarray(table, dtype=np.float64))), source, [size])


def brute_force(features, weight, codes, quotas, regularization):
    """Return rows, weights and distances of a pursuit in feature space, with SciPy's least squares."""
    mass, left = weight / weight.sum(), np.array(quotas)
    mean, ridge = mass @ features, regularization * mass @ (features**2).sum(1)
    chosen, w, distances = [], np.empty(0), []
    for _ in range(sum(quotas)):
        score = features @ (mean - w @ features[chosen])
        score[[i in chosen or not left[codes[i]] for i in range(len(features))]] = -np.inf
        chosen.append(int(score.argmax()))
        left[codes[chosen[-1]]] -= 1
        design = np.vstack([features[chosen].T, np.sqrt(ridge) * np.eye(len(chosen))])
        w, _ = nnls(design, np.append(mean, np.zeros(len(chosen))))
        distances.append(((mean - w @ features[chosen]) ** 2).sum() - mean @ mean)
    return np.array(chosen), w, distances


def rooted(gram):
    """Return features of which a matrix holds the inner products."""
    values, vectors = np.linalg.eigh(gram)
    return vectors * np.sqrt(values.clip(0))


KERNELS = {
    "linear": (MeanDistance(), lambda X: X),
    "Gaussian": (MMD(bandwidth=1.0), lambda X: rooted(np.exp(-squares(X, X) / 2))),
    "sum": (
        0.5 * MMD(bandwidth=1.0) + 0.1 * MeanDistance(),
        lambda X: np.hstack([np.sqrt(0.5) * rooted(np.exp(-squares(X, X) / 2)), np.sqrt(0.1) * X]),
    ),
}


def data(seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [18, 12])
    return 5 + rng.normal(size=(30, 6)) + y[:, None], y, rng.uniform(0.5, 2, 30)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("regularization", [1e-6, 0.05, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_pursuit_is_that_of_features(name, regularization, seed):
    X, y, weight = data(seed)
    discrepancy, features = KERNELS[name]
    features = features(X - np.average(X, axis=0, weights=weight))
    found, mass, _ = pursue(Pursuit(regularization), discrepancy, row_source(X, y, weight=weight), [7, 4])
    for c, rows in ((0, slice(0, 7)), (1, slice(7, 11))):
        members = np.flatnonzero(y == c)
        chosen, w, _ = brute_force(features[members], weight[members], 0 * members, [mass[rows].size], regularization)
        np.testing.assert_array_equal(found[rows], members[chosen])
        np.testing.assert_allclose(mass[rows] / mass[rows].sum(), w / w.sum(), rtol=1e-6, atol=1e-9)
    # The weights of a class add up to its mass.
    shares = np.array([mass[:7].sum(), mass[7:].sum()]) / mass.sum()
    np.testing.assert_allclose(shares, np.bincount(y, weight) / weight.sum())


@pytest.mark.parametrize("seed", range(3))
def test_all_rows_together_keep_to_the_quotas(seed):
    X, y, weight = data(seed)
    discrepancy = MMD(bandwidth=1.0, by=None)
    found, mass, loss = pursue(Pursuit(), discrepancy, row_source(X, y, weight=weight), [5, 3])
    chosen, w, distances = brute_force(KERNELS["Gaussian"][1](X), weight, y, [5, 3], 0.01)
    order = np.argsort(y[chosen], kind="stable")
    np.testing.assert_array_equal(found, chosen[order])
    np.testing.assert_allclose(mass / mass.sum(), (w / w.sum())[order], rtol=1e-6)
    np.testing.assert_allclose(loss, distances, rtol=1e-6)


def test_orthonormal_rows_are_taken_by_their_mass():
    weight = np.array([3.0, 7.0, 1.0, 5.0, 4.0])
    found, mass, loss = pursue_table(Pursuit(1e-12), np.eye(5), 3, weight=weight)
    np.testing.assert_array_equal(found, [1, 3, 4])
    np.testing.assert_allclose(mass, 3 * np.array([7, 5, 4]) / 16)
    np.testing.assert_allclose(loss, -np.cumsum([49, 25, 16]) / 400)


def test_a_ridge_makes_weights_even():
    table = np.eye(3) * [1.0, 2.0, 3.0]
    # The ridge is 1e6 of the mean squared norm: the weights go with the inner products alone, 1/3 of 1, 4 and 9.
    _, mass, _ = pursue_table(Pursuit(1e6), table, 3)
    np.testing.assert_allclose(mass, 3 * np.array([9, 4, 1]) / 14, rtol=1e-4)
    _, mass, _ = pursue_table(Pursuit(0), table, 3)
    np.testing.assert_allclose(mass, 1)


def test_rows_that_are_needless_in_the_end_have_no_weight():
    # The first row has the largest product with the mean, (7, 7, -0.5) / 18.5, but the next two do without it.
    table = [[2, 2, 1], [1, 0, 0], [0, 1, 0], [-2, -2, -1]]
    found, mass, _ = pursue_table(Pursuit(0), table, 3, weight=np.array([1, 8, 8, 1.5]))
    np.testing.assert_array_equal(found, [0, 1, 2])
    assert mass[0] == 0 and (mass[1:] > 0).all()


@pytest.mark.parametrize("discrepancy", [MMD(bandwidth=1.0), MeanDistance(), RandomFeatureMMD(bandwidth=1.0)], ids=repr)
def test_a_row_of_weight_two_is_the_row_twice(discrepancy):
    X, y, _ = data(0)
    weight = np.random.default_rng(1).integers(1, 4, 30)
    # As good as no ridge, which would tell one row from two of half the weight.
    weighted = pursue(Pursuit(1e-9), discrepancy, row_source(X, y, weight=weight), [4, 3])
    repeated = np.repeat(np.arange(30), weight)
    twice = pursue(Pursuit(1e-9), discrepancy, row_source(X[repeated], y[repeated]), [4, 3])
    np.testing.assert_array_equal(repeated[twice[0]], weighted[0])
    np.testing.assert_allclose(twice[1], weighted[1], rtol=1e-5)


def test_columns_that_are_not_kept_are_computed_anew(monkeypatch):
    X, y, weight = data(0)
    source = row_source(X, y, weight=weight)
    kept = pursue(Pursuit(), MMD(), source, [9, 6])
    monkeypatch.setattr(pursuit, "MATRIX_ENTRIES", 40)  # two columns of 18 rows
    anew = pursue(Pursuit(), MMD(), source, [9, 6])
    np.testing.assert_array_equal(kept[0], anew[0])
    np.testing.assert_allclose(kept[1], anew[1], rtol=1e-9)


def test_single_precision_without_a_ridge_is_no_matter():
    # Two coordinates can carry no more than two weights: the others are rounding errors, and must stay small.
    X = np.random.default_rng(0).normal(size=(200, 2)) + 3
    y = np.arange(200) % 2
    source = row_source(X + 5 * y[:, None], y, dtype=torch.float32)
    found, mass, loss = pursue(Pursuit(0), MeanDistance(), source, [20, 20])
    assert len(set(found.tolist())) == 40 and (mass >= 0).all() and np.isfinite(mass).all()
    exact = [pursue(Pursuit(1e-6), MeanDistance(), row_source(X + 5 * y[:, None], y), [20, 20])[2][i] for i in (19, 39)]
    np.testing.assert_allclose(loss[[19, 39]], exact, rtol=1e-4)


def test_rows_without_features_weigh_the_same():
    table = np.vstack([np.zeros((5, 2)), np.eye(2), [[2.0, 2.0]]])
    source = row_source(np.arange(8)[:, None], np.repeat([0, 1], [5, 3]))
    found, mass, _ = pursue(Pursuit(), MeanDistance(space=Table(table)), source, [3, 2])
    assert len(set(found.tolist())) == 5
    np.testing.assert_allclose(mass[:3], 5 / 8 * 5 / 3)
    np.testing.assert_allclose(mass[3:].sum(), 3 / 8 * 5)


def test_sparse_rows_give_the_set_of_dense_ones(rng):
    X, y = rng.normal(size=(60, 8)) * (rng.random((60, 8)) < 0.3), np.arange(60) % 3
    condenser = Condenser(MMD(), Subset(), Pursuit(), n_per_class=4, random_state=0)
    dense, sparse = (clone(condenser).fit(rows, y) for rows in (X, csr_array(X)))
    np.testing.assert_array_equal(dense.indices_, sparse.indices_)
    np.testing.assert_allclose(dense.sample_weight_, sparse.sample_weight_, rtol=1e-3)


def test_reweighting_takes_the_place_of_the_weights():
    X, y, weight = data(0)
    source = row_source(X, y, weight=weight)
    found, mass, _ = pursue(Pursuit(), MMD(bandwidth=1.0), source, [5, 4])
    again, other, _ = pursue(Pursuit(reweight=MMD(bandwidth=3.0)), MMD(bandwidth=1.0), source, [5, 4])
    np.testing.assert_array_equal(found, again)
    gram = np.exp(-squares(X, X) / 18)

    def distance(rows, mass, members):
        p, q = weight[members] / weight[members].sum(), mass / mass.sum()
        return q @ gram[np.ix_(rows, rows)] @ q - 2 * q @ gram[np.ix_(rows, members)] @ p

    for c, rows in ((0, slice(0, 5)), (1, slice(5, 9))):
        members = np.flatnonzero(y == c)
        assert distance(found[rows], other[rows], members) < distance(found[rows], mass[rows], members) - 1e-4


def test_pursuit_nears_the_mean_more_than_equal_weights_can():
    X, y, weight = data(0)
    source = row_source(X, y, weight=weight)
    discrepancy = MMD(bandwidth=2.0, by=None)
    pursued = pursue(Pursuit(1e-6), discrepancy, source, [6, 6])[2]
    herded = pursue(Greedy(), discrepancy, source, [6, 6])[2]
    assert pursued[-1] < herded[-1]
    assert (np.diff(pursued) < 0).all()


# Least squares


@pytest.mark.parametrize("n_features", [3, 12, 40])
@pytest.mark.parametrize("seed", range(5))
def test_nonnegative_weights_are_those_of_scipy(n_features, seed):
    rng = np.random.default_rng(seed)
    design, target = rng.normal(size=(n_features, 12)) + 0.3, rng.normal(size=n_features) + 0.3
    ridge = 0.1 if n_features < 12 else 0.0
    gram, potential = torch.as_tensor(design.T @ design + ridge * np.eye(12)), torch.as_tensor(design.T @ target)
    expected, _ = nnls(np.vstack([design, np.sqrt(ridge) * np.eye(12)]), np.append(target, np.zeros(12)))
    found = nonnegative_quadrature(gram, potential, torch.zeros(12, dtype=torch.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert 0 < (expected == 0).sum() < 12
    # From the best weights of the first rows, as rows are added.
    start = torch.zeros(12, dtype=torch.float64)
    for m in range(1, 13):
        start[:m] = nonnegative_quadrature(gram[:m, :m], potential[:m], start[:m])
    np.testing.assert_allclose(start, expected, rtol=1e-9, atol=1e-12)


def test_nothing_is_best_where_all_slopes_are_negative():
    weights = nonnegative_quadrature(torch.eye(3).double(), -torch.ones(3).double(), torch.zeros(3).double())
    assert not weights.any()


# Refusals


@pytest.mark.parametrize(
    "discrepancy, solver, message",
    [
        (QuantizationError(), Pursuit(), "QuantizationError() has none; use MMD()"),
        (MMD() + Sinkhorn(), Pursuit(), "has none; use MMD()"),
        (EnergyDistance(), Pursuit(), "nowhere positive for EnergyDistance()"),
        (MMD() + EnergyDistance(), Pursuit(), "nowhere positive for EnergyDistance()"),
        (KernelStein(), Pursuit(), "nowhere positive for KernelStein()"),
        (MeanDistance(by=None), Pursuit(), "nowhere positive for MeanDistance(by=None)"),
        (MMD() + MMD(by=None), Pursuit(), "has several; use one `by`"),
        (MMD(by="group", reduce="worst"), Pursuit(), "has several; use one `by`"),
        (MMD(), Pursuit(-0.1), "Pursuit(regularization=-0.1): the ridge must not be negative"),
        (MMD(), Pursuit(np.nan), "the ridge must not be negative"),
    ],
    ids=["no embedding", "term", "energy", "energy in a sum", "Stein", "mean", "by", "worst", "negative", "nan"],
)
def test_what_cannot_be_pursued_is_refused(discrepancy, solver, message):
    X, y, weight = data(0)
    with pytest.raises(ValueError, match=re.escape(message)):
        pursue(solver, discrepancy, row_source(X, y, weight=weight), [3, 3])
