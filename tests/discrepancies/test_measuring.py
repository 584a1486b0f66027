"""Discrepancies of two arrays, `d(X, Y)`: against SciPy, closed forms and definitions."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from sklearn.metrics.pairwise import rbf_kernel

from skdc import Condenser
from skdc.discrepancies import mmd as mmd_module
from skdc.discrepancies.aligned import SquaredL2
from skdc.discrepancies.characteristic import RandomFeatureMMD
from skdc.discrepancies.mmd import MMD, EnergyDistance
from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.objective import Hybrid
from skdc.discrepancies.transport import QuantizationError, SlicedWasserstein
from skdc.kernels import Gaussian, InverseMultiquadric, Laplace, Linear, Polynomial
from skdc.preprocessing import TabularEncoder
from skdc.sets import Block
from skdc.sources import Batch
from skdc.spaces import Joint
from skdc.step import Step

from ..sources import block, row_source, seeded, squares, synthetic

ALL = [MMD(), EnergyDistance(), MeanDistance(), RandomFeatureMMD(), SlicedWasserstein(), QuantizationError()]


@pytest.fixture
def rows(rng):
    return rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3)), rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)


# Values


def test_energy_distance_is_that_of_scipy(rng):
    x, y, p, q = rng.normal(size=30), 1 + rng.normal(size=20), rng.uniform(size=30), rng.uniform(size=20)
    found = EnergyDistance()(x[:, None], y[:, None], sample_weight=p, sample_weight_y=q)
    assert found == pytest.approx(stats.energy_distance(x, y, p, q) ** 2, rel=1e-9)


@pytest.mark.parametrize("exponent", [0.5, 1.5])
def test_energy_distance_of_any_exponent_is_its_definition(exponent, rows):
    x, y, *_ = rows

    def mean(a, b):
        return (squares(a, b) ** (exponent / 2)).mean()

    expected = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert EnergyDistance(exponent)(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "kernel, at_zero, at_two",
    [
        (Gaussian(1.0), 1.0, np.exp(-2)),
        (Laplace(1.0), 1.0, np.exp(-2)),
        (InverseMultiquadric(1.0), 1.0, 5**-0.5),
    ],
    ids=repr,
)
def test_mmd_of_two_points(kernel, at_zero, at_two):
    assert MMD(kernel=kernel)([[0.0]], [[2.0]]) == pytest.approx(2 * (at_zero - at_two), rel=1e-10)


def test_mmd_of_the_linear_kernel_is_the_distance_of_the_means(rows):
    x, y, p, q = rows
    expected = ((np.average(x, axis=0, weights=p) - np.average(y, axis=0, weights=q)) ** 2).sum()
    for discrepancy in (MMD(kernel=Linear()), MeanDistance()):
        assert discrepancy(x, y, sample_weight=p, sample_weight_y=q) == pytest.approx(expected, rel=1e-9)


def test_mmd_of_a_polynomial_kernel_sees_moments_up_to_its_degree():
    # The same mean and variance, other fourth moments.
    x, y = np.array([[-1.0], [1.0]]), np.array([[-(2**0.5)], [0.0], [0.0], [2**0.5]])
    second, fourth = (MMD(kernel=Polynomial(degree, scale=1.0))(x, y) for degree in (2, 4))
    assert second == pytest.approx(0, abs=1e-12)
    # Of (xy + 1)^4 only x^4 y^4 tells them apart: (1 - 2)^2.
    assert fourth == pytest.approx(1.0, rel=1e-9)


def test_mmd_of_two_gaussians_is_its_closed_form():
    # Quantiles of the laws in place of rows: a quadrature of the three integrals.
    levels = (np.arange(1000) + 0.5) / 1000
    x, y = stats.norm.ppf(levels, 0, 1)[:, None], stats.norm.ppf(levels, 1.5, 2)[:, None]
    b = 0.8

    def mean_kernel(shift, variance):
        return b / np.sqrt(b**2 + variance) * np.exp(-(shift**2) / 2 / (b**2 + variance))

    expected = mean_kernel(0, 2) + mean_kernel(0, 8) - 2 * mean_kernel(1.5, 5)
    assert MMD(bandwidth=b)(x, y) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_weights_are_repetitions(discrepancy, rng):
    x, y, p, q = rng.normal(size=(8, 2)), rng.normal(size=(5, 2)), rng.integers(0, 4, 8), rng.integers(1, 4, 5)
    weighted = discrepancy(x, y, sample_weight=p, sample_weight_y=q)
    assert weighted == pytest.approx(discrepancy(np.repeat(x, p, axis=0), np.repeat(y, q, axis=0)), rel=1e-6)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_a_set_has_no_distance_from_itself(discrepancy, rows):
    x, y, p, _ = rows
    itself = discrepancy(x, x, sample_weight=p, sample_weight_y=p)
    assert abs(itself) < 1e-9 * discrepancy(x, y)


def test_a_sum_is_the_sum_of_its_values(rows):
    x, y, *_ = rows
    hybrid = 0.5 * MMD() + 3 * EnergyDistance() + QuantizationError()
    expected = 0.5 * MMD()(x, y) + 3 * EnergyDistance()(x, y) + QuantizationError()(x, y)
    assert hybrid(x, y) == pytest.approx(expected, rel=1e-10)
    # A value is in its own unit, whatever a solver divides by.
    assert clone(hybrid).set_params(normalize=True)(x, y) == pytest.approx(expected, rel=1e-10)


def test_the_scale_is_that_of_the_first(rows):
    x, y, *_ = rows
    median = np.sqrt(np.sort(squares(x, x).ravel())[71])
    assert MMD()(x, 9 * y) == pytest.approx(MMD(bandwidth=median)(x, 9 * y), rel=1e-6)


# What can be measured


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_containers_do_not_matter(discrepancy, rows):
    x, y, *_ = rows
    expected = discrepancy(x, y)
    for wrap in (torch.as_tensor, np.ndarray.tolist, np.asfortranarray):
        assert discrepancy(wrap(x), wrap(y)) == pytest.approx(expected, rel=1e-12)
    frames = pd.DataFrame(x), pd.DataFrame(y)
    codes = map(TabularEncoder().fit(frames[0]).transform, frames)
    assert discrepancy(*frames) == pytest.approx(discrepancy(*codes), rel=1e-12)


def test_images_are_measured_as_flat_rows(rng):
    x, y = rng.normal(size=(9, 2, 4, 4)), rng.normal(size=(6, 2, 4, 4))
    assert MMD()(x, y) == pytest.approx(MMD()(x.reshape(9, -1), y.reshape(6, -1)), rel=1e-10)


# Directions that are drawn in single precision are others.
@pytest.mark.parametrize("discrepancy", [d for d in ALL if not isinstance(d, SlicedWasserstein)], ids=repr)
def test_single_precision_is_measured_too(discrepancy, rows):
    x, y = (values.astype(np.float32) for values in rows[:2])
    found = discrepancy(x, y)
    assert isinstance(found, float)
    assert found == pytest.approx(discrepancy(x.astype(float), y.astype(float)), rel=1e-3)


def test_offsets_do_not_matter(rows):
    x, y, *_ = rows
    for discrepancy in (MMD(), EnergyDistance(), MeanDistance(), QuantizationError()):
        assert discrepancy(x + 1e6, y + 1e6) == pytest.approx(discrepancy(x, y), rel=1e-6)


def test_one_point_is_enough(rows):
    x, y, *_ = rows
    assert QuantizationError()(x, y[:1]) == pytest.approx(squares(x, y[:1]).mean())
    assert MMD(bandwidth=1.0)(y[:1], y[:1]) == 0


def test_rows_that_correspond_are_compared_one_by_one(rows):
    x, y, p, _ = rows
    y = np.resize(y, x.shape)
    expected = np.average(((x - y) ** 2).sum(axis=1), weights=p)
    assert (2 * SquaredL2())(x, y, sample_weight=p) == pytest.approx(2 * expected, rel=1e-9)


@pytest.mark.parametrize("discrepancy", [*ALL, MMD() + EnergyDistance()], ids=repr)
def test_nothing_passed_is_changed(discrepancy, rows):
    kept = [values.copy() for values in rows]
    for values in rows:
        values.flags.writeable = False
    before = repr(discrepancy), set(vars(discrepancy))
    x, y, p, q = rows
    discrepancy(x, y, sample_weight=p, sample_weight_y=q)
    for old, new in zip(kept, rows, strict=True):
        np.testing.assert_array_equal(old, new)
    assert (repr(discrepancy), set(vars(discrepancy))) == before


@pytest.mark.parametrize("discrepancy", [SlicedWasserstein(), RandomFeatureMMD(n_features=20)], ids=repr)
def test_the_seed_decides(discrepancy, rows):
    x, y, *_ = rows
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    first = discrepancy(x, y, random_state=1)
    assert first == discrepancy(x, y, random_state=1) != discrepancy(x, y, random_state=2)
    assert torch.equal(torch.random.get_rng_state(), state)


X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "measure, message",
    [
        (lambda: MMD()(X[0], X), "Expected 2D array, got 1D array"),
        (lambda: MMD()(X, X[:, 0]), "Expected 2D array, got 1D array"),
        (lambda: MMD()(X * np.nan, X), "Input X contains NaN"),
        (lambda: MMD()(X, np.full((3, 2), np.inf)), "Input Y contains infinity"),
        (lambda: MMD()(X[:0], X), "Found array with 0 sample"),
        (lambda: MMD()(X, X[:, :1]), r"the rows of X have shape \(2,\), those of Y \(1,\); give rows of one kind"),
        (lambda: MMD()(X, X, sample_weight=[-1, 1, 1]), "Negative values"),
        (lambda: MMD()(X, X, sample_weight_y=[1, 1]), r"sample_weight.shape == \(2,\), expected \(3,\)"),
        (lambda: MMD()(X, X, sample_weight_y=np.zeros(3)), "non-zero number|zero for every row"),
        (lambda: MMD()([["a"], ["b"]], X), "could not convert string"),
        (lambda: SquaredL2()(X, X[:2]), "X has 3 rows, Y has 2: rows that correspond must be as many"),
        (lambda: SquaredL2()(X, X, sample_weight_y=np.ones(3)), "sample_weight_y has no meaning"),
        (lambda: MMD(space=Joint())(X, X), r"Joint\(\) joins features with targets, but y is None"),
        (lambda: MMD(weight=-1.0)(X, X), "the weight must be positive"),
        (
            lambda: MMD(kernel=Laplace(), bandwidth=2.0)(X, X),
            "the bandwidth is that of the Gaussian kernel; give it to",
        ),
        (lambda: MMD(unbiased=True)(X, X[:1]), r"MMD\(unbiased=True\) compares pairs of different rows, but a side"),
        (lambda: MMD(unbiased=True)(X[:1], X), "use more rows, or unbiased=False"),
        (lambda: EnergyDistance(exponent=2.0)(X, X), "it must lie between 0 and 2, both excluded"),
        (lambda: Hybrid([])(X, X), "has nothing to minimise"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure, message):
    with pytest.raises(ValueError, match=message):
        measure()


# The unbiased estimate


def test_unbiased_mmd_is_the_u_statistic(rows):
    x, y, *_ = rows
    kernels = [rbf_kernel(a, b, gamma=0.5) for a, b in ((x, x), (y, y), (x, y))]
    n, m = len(x), len(y)
    within = [sum(k[i, j] for i in range(s) for j in range(s) if i != j) for k, s in zip(kernels, (n, m), strict=False)]
    expected = within[0] / (n * (n - 1)) + within[1] / (m * (m - 1)) - 2 * kernels[2].mean()
    assert MMD(bandwidth=1.0, unbiased=True)(x, y) == pytest.approx(expected, rel=1e-9)


def test_unbiased_mmd_has_mean_zero_under_equality():
    rng = np.random.default_rng(0)
    draws = {False: [], True: []}
    for _ in range(300):
        x, y = rng.normal(size=(15, 2)), rng.normal(size=(10, 2))
        for unbiased, values in draws.items():
            values.append(MMD(bandwidth=1.0, unbiased=unbiased)(x, y))
    error = np.std(draws[True]) / 300**0.5
    assert abs(np.mean(draws[True])) < 4 * error
    assert np.mean(draws[False]) > 20 * error
    assert min(draws[True]) < 0 < min(draws[False])


def test_unbiased_mmd_takes_weights_for_numbers_of_rows(rng):
    x, y, q = rng.normal(size=(9, 2)), rng.normal(size=(4, 2)), np.array([1, 2, 3, 1])
    discrepancy = MMD(bandwidth=1.0, unbiased=True)
    weighted = discrepancy(x, y, sample_weight_y=q)
    assert weighted == pytest.approx(discrepancy(x, np.repeat(y, q, axis=0)), rel=1e-9)


# Memory


@pytest.mark.parametrize("kernel", [None, Laplace(), Polynomial()], ids=repr)
@pytest.mark.parametrize("entries", [1, 30, 7 * 12 - 1])
def test_kernels_in_pieces_have_the_same_value_and_gradient(kernel, entries, rows, monkeypatch):
    x, y, p, q = rows
    discrepancy = MMD(kernel=kernel).fit(row_source(x), seeded())
    found, sizes = [], []
    kernel_ = discrepancy.kernel_

    def spied(left, right):
        sizes.append(len(left) * len(right))
        return kernel_(left, right)

    discrepancy.kernel_ = spied
    for limit in (1 << 24, entries):
        monkeypatch.setattr(mmd_module, "MATRIX_ENTRIES", limit)
        sizes.clear()
        values, weight = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
        across = discrepancy.across(block(x, p), Block(weight, torch.zeros(7, dtype=torch.int64), values))
        found.append((across, *torch.autograd.grad(across, (values, weight))))
    assert max(sizes) <= max(entries, 7)
    for whole, pieces in zip(*found, strict=True):
        torch.testing.assert_close(pieces, whole)


# Terms in units of their start


def start(factor=20.0):
    rng = np.random.default_rng(0)
    X, y = factor * rng.normal(size=(40, 2)), np.repeat([0, 1], 20)
    source = row_source(X, y)
    return source, synthetic(source, X[::10] + factor / 4, y[::10])


def test_normalised_terms_are_in_units_of_their_start():
    source, points = start()
    hybrid = Hybrid([("mmd", MMD(weight=2.0)), ("energy", EnergyDistance(weight=0.5))], normalize=True)
    hybrid.fit(source, seeded())
    values = [leaf.value(Batch(source.rows), points, seeded()) / leaf.weight for leaf in hybrid.leaves()]
    moved = synthetic(source, source.decode(points.X) + 3, points.key)
    first, second = (float(hybrid.loss(Batch(source.rows), rows, Step(seeded()))) for rows in (points, moved))
    for rows, found in ((points, first), (moved, second)):
        losses = [leaf.loss(Batch(source.rows), rows, Step(seeded())) for leaf in hybrid.leaves()]
        assert found == pytest.approx(sum(float(loss / value) for loss, value in zip(losses, values, strict=True)))


@pytest.mark.parametrize("normalize", [False, True])
def test_units_cancel_where_terms_are_normalised(normalize):
    gradients = []
    for factor in (1.0, 1e3):
        source, points = start(factor)
        points.X.requires_grad_()
        hybrid = Hybrid([("energy", EnergyDistance()), ("quantization", QuantizationError())], normalize)
        loss = hybrid.fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded()))
        # Working units are those of the data, so that the points are the same in both.
        (gradient,) = torch.autograd.grad(loss, points.X)
        gradients.append(gradient / gradient.norm())
    # One term is in the unit of X, one in its square: alone, either outweighs the other in some unit.
    assert torch.allclose(*gradients, rtol=1e-6) == normalize


def test_the_history_of_a_normalised_fit_starts_at_the_weights(rng):
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], 30)
    hybrid = Hybrid([("quantization", QuantizationError(weight=0.25)), ("means", MeanDistance(weight=2.0))], True)
    history = Condenser(hybrid, n_per_class=3, random_state=0).fit(X, y).history_["loss"]
    assert history[0] == pytest.approx(2.25, rel=1e-6)
    assert history[-1] < history[0]


def test_normalize_is_kept_by_sums_factors_and_clones():
    hybrid = Hybrid([("mmd", MMD())], normalize=True)
    for variant in (hybrid + MMD(), MMD() + hybrid, 2 * hybrid, clone(hybrid), sum([hybrid, EnergyDistance()])):
        assert variant.normalize is True
    assert (MMD() + EnergyDistance()).normalize is False
    condenser = Condenser(MMD() + EnergyDistance()).set_params(discrepancy__normalize=True)
    assert condenser.discrepancy.normalize is True


def test_a_clone_forgets_where_terms_started():
    source, points = start()
    hybrid = Hybrid([("mmd", MMD())], normalize=True).fit(source, seeded())
    hybrid.loss(Batch(source.rows), points, Step(seeded()))
    assert not hasattr(clone(hybrid), "starts_")


def test_a_kernel_is_an_object(rng):
    with pytest.raises(
        TypeError, match=r"MMD\(kernel='gaussian'\): give an object of skdc.kernels, such as Laplace\(\)"
    ):
        MMD("gaussian")(rng.normal(size=(5, 2)), rng.normal(size=(5, 2)))
