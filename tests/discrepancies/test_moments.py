"""Moments against their definitions in numpy, and from a sketch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdc import Condenser
from skdc.discrepancies.moments import Moments, StatisticsDistance
from skdc.parameterizations import Subset
from skdc.sets import Block
from skdc.solvers import Descent, Greedy
from skdc.sources import Units

from ..sources import block, finite_differences, row_source, seeded

few = settings(deadline=None, max_examples=10, derandomize=True)


@pytest.fixture
def clouds(rng):
    """Return two weighted clouds as arrays (x, p, y, q), the masses normalised."""
    x, y = rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)
    return x, p / p.sum(), y, q / q.sum()


def between(discrepancy, p, q):
    lifted = [Block(b.weight, b.key, discrepancy.features(b.values)) for b in (p, q)]
    return discrepancy.between(*lifted, None)


def value(discrepancy, x, p, y, q):
    # Weights that are no masses: the discrepancy has to normalise them.
    return float(between(discrepancy, block(x, 5 * p), block(y, 3 * q)))


def test_each_order_counts_by_the_mean_over_coordinates(clouds):
    x, p, y, q = clouds
    center, scale = np.array([0.3, -0.2, 1.0]), 1.7
    powers = [((x - center) / scale) ** k for k in (1, 2, 3)], [((y - center) / scale) ** k for k in (1, 2, 3)]
    expected = sum(np.mean((p @ a - q @ b) ** 2) for a, b in zip(*powers, strict=True))
    found = value(Moments(3, center=center, scale=scale).fit(shown(x), seeded()), *clouds)
    assert found == pytest.approx(expected, rel=1e-12)


def shown(x, weight=None):
    """Return a source whose origin is that of the rows."""
    source = row_source(x, weight=weight)
    source.units = Units(np.zeros(x.shape[1]), 1.0)
    return source


def test_covariances_count_by_the_squared_frobenius_norm(clouds):
    x, p, y, q = clouds
    found = [
        value(Moments(order=2, covariance=both, center=0.0, scale=2.0).fit(shown(x), seeded()), *clouds)
        for both in (True, False)
    ]
    second = (x.T * p) @ x / 4, (y.T * q) @ y / 4
    means = np.mean((p @ x - q @ y) ** 2) / 4
    assert found[0] == pytest.approx(means + np.linalg.norm(second[0] - second[1]) ** 2 / 9, rel=1e-12)
    diagonals = second[0].diagonal() - second[1].diagonal()
    assert found[1] == pytest.approx(means + np.mean(diagonals**2), rel=1e-12)


def test_center_and_scale_are_those_of_the_weighted_rows(rng):
    x, weight = 5 + 3 * rng.normal(size=(20, 3)), rng.uniform(0.5, 2, 20)
    mass = weight / weight.sum()
    mean = mass @ x
    fitted = Moments().fit(shown(x, weight), seeded())
    np.testing.assert_allclose(fitted.center_, mean)
    assert fitted.scale_ == pytest.approx(np.sqrt(mass @ np.mean((x - mean) ** 2, axis=1)))
    assert Moments(center=1.0).fit(shown(x, weight), seeded()).scale_ == pytest.approx(
        np.sqrt(mass @ np.mean((x - 1) ** 2, axis=1))
    )


def test_equal_means_and_variances_are_not_told_apart_but_covariances_are():
    square = np.array([[-1.0, -1.0], [1.0, 1.0]])
    crossed = square * [1, -1]
    assert Moments()(square, crossed) == pytest.approx(0, abs=1e-15)
    # E z z^T differs by 2 in two of four entries.
    assert Moments(covariance=True)(square, crossed) == pytest.approx(2.0)
    assert Moments(order=3)([[-1.0], [-1.0], [2.0]], [[1.0], [1.0], [-2.0]]) > 1


def test_value_does_not_grow_with_the_number_of_coordinates(rng):
    x, y = rng.normal(size=(9, 2)), rng.normal(size=(4, 2))
    for discrepancy in (Moments(), Moments(covariance=True)):
        assert discrepancy(np.tile(x, 8), np.tile(y, 8)) == pytest.approx(discrepancy(x, y), rel=1e-10)


@pytest.mark.parametrize("discrepancy", [Moments(order=3), Moments(covariance=True)], ids=repr)
@given(seed=st.integers(0, 10**6))
@few
def test_order_units_and_origin_do_not_matter_and_weight_is_multiplicity(discrepancy, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    expected = discrepancy(x, y, sample_weight=p, sample_weight_y=q)
    assert discrepancy(np.repeat(x, p, axis=0), np.repeat(y, q, axis=0)) == pytest.approx(expected, rel=1e-9)
    flipped = discrepancy(x[::-1], y[::-1], sample_weight=p[::-1], sample_weight_y=q[::-1])
    assert flipped == pytest.approx(expected, rel=1e-9)
    moved = discrepancy(7 - 30 * x, 7 - 30 * y, sample_weight=p, sample_weight_y=q)
    assert moved == pytest.approx(expected, rel=1e-9)


def gradient(discrepancy, p, q):
    moving = q.values.clone().requires_grad_()
    between(discrepancy, p, Block(q.weight, q.key, moving)).backward()
    return moving.grad


def test_gradient_is_that_of_the_value(clouds):
    x, p, y, q = clouds
    fitted = Moments(order=3, covariance=True).fit(row_source(x), seeded())
    expected = finite_differences(lambda values: value(fitted, x, p, values, q), y)
    np.testing.assert_allclose(gradient(fitted, block(x, p), block(y, q)), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, 1e6 / 3])
def test_rows_without_variance_have_a_scale_and_a_gradient(constant):
    rows = np.full((7, 2), constant)
    fitted = Moments(order=3).fit(shown(rows), seeded())
    assert fitted.scale_ == 1.0
    assert between(fitted, block(rows), block(rows[:3])) == pytest.approx(0)
    assert gradient(fitted, block(rows), block(rows[:3])).isfinite().all()


def test_greedy_selection_follows_the_features():
    # The mean is 0.2; of all pairs, -1 and 1.4 have that mean, and the variance that is nearest.
    x = np.array([[-1.0], [1.4], [0.2], [0.3], [0.1]])
    fitted = [
        Condenser(Moments(order), parameterization=Subset(), solver=Greedy(), n_samples=1, random_state=0).fit(x)
        for order in (1, 2)
    ]
    assert fitted[0].X_syn_[0, 0] == 0.2
    # One row has no variance but its deviation: features nearest to (0, 1) in units of the spread are not those of 0.2.
    assert fitted[1].X_syn_[0, 0] != 0.2


@pytest.mark.parametrize("covariance", [False, True])
def test_chunks_give_the_set_of_one_fit(covariance, rng):
    y = np.repeat([0, 1], [40, 50])
    X = rng.normal(size=(90, 3)) + y[:, None]

    def condenser():
        discrepancy = Moments(covariance=covariance, center=0.5, scale=2.0)
        return Condenser(discrepancy, solver=Descent(n_steps=20), n_per_class=3, random_state=0)

    fitted, streamed = condenser().fit(X, y), condenser()
    order = rng.permutation(90)
    for rows in (order[:20], order[20:]):
        streamed.partial_fit(X[rows], y[rows], classes=[0, 1])
    np.testing.assert_allclose(streamed.X_syn_, fitted.X_syn_, rtol=0, atol=1e-6)
    assert fitted.history_["loss"][-1] < 0.5 * fitted.history_["loss"][0]


@pytest.mark.parametrize(
    "discrepancy, unknown", [(Moments(), "center"), (Moments(scale=1.0), "center"), (Moments(center=0.0), "scale")]
)
def test_a_stream_needs_numbers(discrepancy, unknown, iris):
    with pytest.raises(ValueError, match=f"Moments cannot learn {unknown} from a stream.*give it as a number"):
        Condenser(discrepancy).partial_fit(*iris, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (Moments(order=0), r"order=0\): the order must be a whole number"),
        (Moments(order=1.5), r"order=1.5\): the order must be a whole number"),
        (Moments(order=1, covariance=True), "covariances are moments of order 2"),
        (Moments(center="median"), r"center='median'\): the center must be 'mean'"),
        (Moments(center=[0.0, 1.0]), "rows have 4 columns in the space; give a number, or 4 of them"),
        (Moments(center=np.nan), "rows have 4 columns in the space; give a number"),
        (Moments(scale=0.0), r"scale=0.0\): the scale must be 'rms' or a positive number"),
        (Moments(scale="max"), r"scale='max'\): the scale must be 'rms' or a positive number"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)


def test_statistics_are_distances_of_means_and_of_variances(clouds):
    x, p, y, q = clouds
    (mean, variance), (other, other_variance) = ((w @ rows, w @ (rows - w @ rows) ** 2) for rows, w in ((x, p), (y, q)))
    expected = np.sqrt(np.mean((mean - other) ** 2)) + np.sqrt(np.mean((variance - other_variance) ** 2))
    assert value(StatisticsDistance(), *clouds) == pytest.approx(expected, rel=1e-12)
