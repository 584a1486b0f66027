"""Exact, labelled, Gromov and Gaussian transport against POT, SciPy and closed forms."""

import numpy as np
import ot
import pytest
import torch
from scipy import linalg, stats
from scipy.spatial.distance import cdist

from skdc.discrepancies.transport.exact import LabeledTransport, Wasserstein
from skdc.discrepancies.transport.gaussian import GaussianWasserstein
from skdc.discrepancies.transport.gromov import GromovWasserstein
from skdc.sets import Block
from skdc.sources import Batch
from skdc.step import Step

from ..sources import block, finite_differences, row_source, seeded, squares, synthetic
from .clouds import assert_weight_is_multiplicity, fitted, value

ALL = [Wasserstein(), Wasserstein(order=1), Wasserstein(order=3), GromovWasserstein(), GaussianWasserstein()]


def gradients(discrepancy, x, p, y, q):
    """Return the gradients in the synthetic points and in their weights."""
    values, weight = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
    points = Block(weight, torch.zeros(len(y), dtype=torch.int64), values)
    return torch.autograd.grad(discrepancy.between(block(x, p), points, seeded()), (values, weight))


# Values


@pytest.mark.parametrize("order", [1, 1.5, 2, 3])
def test_wasserstein_is_that_of_pot(order, clouds):
    x, p, y, q = clouds
    expected = ot.emd2(p, q, cdist(x, y) ** order)
    assert value(fitted(Wasserstein(order=order), x), *clouds) == pytest.approx(expected, rel=1e-10)


def test_wasserstein_of_order_one_on_the_line_is_that_of_scipy(clouds):
    x, p, y, q = clouds
    expected = stats.wasserstein_distance(x[:, 0], y[:, 0], p, q)
    assert value(fitted(Wasserstein(order=1), x[:, :1]), x[:, :1], p, y[:, :1], q) == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_wasserstein_of_points_is_their_distance(order):
    assert Wasserstein(order=order)([[0.0, 0.0]], [[3.0, 4.0]]) == pytest.approx(5.0**order)


@pytest.mark.parametrize("discrepancy", [Wasserstein(), GaussianWasserstein()], ids=repr)
def test_a_translation_costs_its_squared_length(discrepancy, clouds):
    x, p, *_ = clouds
    moved = x + [1.0, 2.0, 3.0]
    assert value(fitted(discrepancy, x), x, p, moved, p) == pytest.approx(14.0)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_large_problems_are_solved_to_the_end(rng):
    # POT stops at 100 000 pivots, with a warning, unless it is told otherwise.
    x, y = rng.normal(size=(2200, 32)), 0.3 + rng.normal(size=(2200, 32))
    plan, of_p, of_q = (values.numpy() for values in fitted(Wasserstein(), x).solve(block(x), block(y)))
    cost = cdist(x, y, "sqeuclidean")
    # Dual potentials under the cost, of the value of the plan, prove that it is optimal.
    assert (of_p[:, None] + of_q - cost).max() < 1e-8
    assert of_p.mean() + of_q.mean() == pytest.approx((plan * cost).sum(), rel=1e-10)


def test_gromov_wasserstein_is_that_of_pot(clouds):
    x, p, y, q = clouds
    expected = ot.gromov.gromov_wasserstein2(cdist(x, x), cdist(y, y), p, q, "square_loss")
    assert value(fitted(GromovWasserstein(), x), *clouds) == pytest.approx(expected, rel=1e-8)


def test_gromov_wasserstein_does_not_see_motions(clouds, rng):
    x, p, y, q = clouds
    turned = y @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + [5.0, -2.0, 1.0]
    discrepancy = fitted(GromovWasserstein(), x)
    assert value(discrepancy, *clouds) > 1e-2
    assert value(discrepancy, x, p, turned, q) == pytest.approx(value(discrepancy, *clouds), rel=1e-8)


def test_gromov_wasserstein_to_a_point_is_the_mean_squared_distance_inside(clouds):
    x, p, *_ = clouds
    expected = p @ squares(x, x) @ p
    assert value(fitted(GromovWasserstein(), x), x, p, np.ones((1, 3)), np.ones(1)) == pytest.approx(expected)


def moments(x, p):
    mean = p @ x
    return mean, (p[:, None] * (x - mean)).T @ (x - mean)


def gaussian_wasserstein(x, p, y, q):
    """Return the squared distance by matrix roots."""
    (m, c), (n, d) = moments(x, p), moments(y, q)
    root = linalg.sqrtm(c)
    return ((m - n) ** 2).sum() + np.trace(c + d - 2 * linalg.sqrtm(root @ d @ root).real)


def test_gaussian_wasserstein_is_its_definition_and_that_of_pot(clouds):
    x, p, y, q = clouds
    found = value(fitted(GaussianWasserstein(), x), *clouds)
    assert found == pytest.approx(gaussian_wasserstein(*clouds), rel=1e-8)
    (m, c), (n, d) = moments(x, p), moments(y, q)
    assert found == pytest.approx(ot.gaussian.bures_wasserstein_distance(m, n, c, d) ** 2, rel=1e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 30, 2), (40, 2, 5), (3, 4, 20), (1, 6, 4), (6, 1, 4)])
def test_gaussian_wasserstein_takes_any_number_of_rows_and_dimensions(n, m, d, rng):
    x, y, p, q = rng.normal(size=(n, d)), rng.normal(size=(m, d)), np.ones(n) / n, np.ones(m) / m
    # The nuclear norm of the product of two factors is that of any other two.
    (mean, c), (other, e) = moments(x, p), moments(y, q)
    roots = [np.linalg.eigh(matrix) for matrix in (c, e)]
    left, right = (vectors * np.sqrt(np.clip(values, 0, None)) for values, vectors in roots)
    expected = ((mean - other) ** 2).sum() + np.trace(c + e) - 2 * np.linalg.norm(left.T @ right, "nuc")
    assert value(fitted(GaussianWasserstein(), x), x, p, y, q) == pytest.approx(expected, rel=1e-6)


def test_gaussian_wasserstein_on_the_line_compares_means_and_deviations():
    x, y = np.array([[-2.0], [2.0]]), np.array([[1.0], [7.0]])
    half = np.ones(2) / 2
    assert value(fitted(GaussianWasserstein(), x), x, half, y, half) == pytest.approx(4.0**2 + (3.0 - 2.0) ** 2)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_weight_is_multiplicity(discrepancy, rng):
    assert_weight_is_multiplicity(discrepancy, rng)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_row_order_does_not_matter(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    turned = value(discrepancy, x[::-1].copy(), p[::-1].copy(), y[::-1].copy(), q[::-1].copy())
    assert value(discrepancy, *clouds) == pytest.approx(turned, rel=1e-8)


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_float32_is_close_to_float64(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    single = [Block(b.weight.float(), b.key, b.values.float()) for b in (block(x, p), block(y, q))]
    found = discrepancy.between(*single, seeded())
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(value(discrepancy, *clouds), rel=1e-4)


# Gradients


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_gradients_are_those_of_the_value(discrepancy, clouds):
    x, p, y, q = clouds
    discrepancy = fitted(discrepancy, x)
    of_values, of_weight = gradients(discrepancy, *clouds)
    expected = finite_differences(lambda points: value(discrepancy, x, p, points, q), y)
    np.testing.assert_allclose(of_values, expected, rtol=1e-4, atol=1e-6)
    expected = finite_differences(lambda weight: value(discrepancy, x, p, y, weight), q)
    np.testing.assert_allclose(of_weight, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_gradients_are_finite_where_points_coincide(discrepancy, dtype, clouds):
    x = clouds[0]
    discrepancy = fitted(discrepancy, x)
    for rows in (x[:5], x[[0, 0, 1, 1, 2]], x[[3] * 5], x[:1], np.zeros((5, 3)), 100 + np.zeros((2, 3))):
        for real in (x, rows):
            values, p = torch.as_tensor(rows, dtype=dtype).requires_grad_(), torch.as_tensor(real, dtype=dtype)
            weight = torch.ones(len(rows), dtype=dtype, requires_grad=True)
            points = Block(weight, torch.zeros(len(rows), dtype=torch.int64), values)
            real_block = Block(torch.ones(len(p), dtype=dtype), torch.zeros(len(p), dtype=torch.int64), p)
            found = discrepancy.between(real_block, points, seeded())
            found.backward()
            assert found.isfinite() and values.grad.isfinite().all() and weight.grad.isfinite().all()


def test_coincident_points_of_a_gaussian_are_drawn_apart(clouds):
    # They have no covariance, which the data have: the slope of the nuclear norm at zero is not zero.
    x, p, *_ = clouds
    of_values, _ = gradients(fitted(GaussianWasserstein(), x), x, p, np.zeros((4, 3)) + p @ x, np.ones(4) / 4)
    assert of_values.abs().max() > 1e-2


def test_descent_on_wasserstein_finds_the_mean_of_the_data(clouds):
    x, p, *_ = clouds
    of_values, _ = gradients(fitted(Wasserstein(), x), x, p, (p @ x)[None], np.ones(1))
    np.testing.assert_allclose(of_values, 0, atol=1e-12)


# Witness


@pytest.mark.parametrize("discrepancy", ALL, ids=repr)
def test_witness_is_the_first_variation(discrepancy, clouds, rng):
    x, p, y, q = clouds
    at, discrepancy = x[:3] + 0.1 * rng.normal(size=(3, 3)), fitted(discrepancy, x)
    witness = discrepancy.witness(block(x, p), block(y, q), torch.as_tensor(at)).numpy()
    step = 1e-7
    before = value(discrepancy, *clouds)

    def slope(point):
        mass = np.append((1 - step) * p, step)
        return (value(discrepancy, np.vstack([x, point]), mass, y, q) - before) / step

    slopes = np.array([slope(point) for point in at])
    np.testing.assert_allclose(witness - witness[0], slopes - slopes[0], rtol=1e-3, atol=1e-4)


# Labels


def labelled(rng, groups=None):
    """Return a source of three classes with three synthetic rows each, of which some are nearer to another class."""
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 8.0]])
    y = np.repeat([0, 1, 2], 20)
    X = centres[y] + rng.normal(size=(60, 2)) * np.array([[1.0, 0.5], [0.3, 1.0], [2.0, 1.0]])[y]
    source = row_source(X, y, groups=groups)
    codes = np.repeat([0, 1, 2], 3)
    return source, synthetic(source, 0.3 * centres[codes] + 2 * rng.normal(size=(9, 2)), codes)


def otdd(source, points, label_weight):
    """Return the distance by its definition, rows and classes in the units of the user."""
    X, classes = source.X, source.schema.class_of_key[source.key]
    shown, codes = source.decode(points.X), points.key.numpy()
    law = [moments(X[classes == c], np.ones((classes == c).sum()) / (classes == c).sum()) for c in range(3)]
    between = [[ot.gaussian.bures_wasserstein_distance(m, n, c, d) ** 2 for n, d in law] for m, c in law]
    cost = squares(X, shown) + label_weight * np.array(between)[classes][:, codes]
    return ot.emd2(np.ones(60) / 60, np.ones(9) / 9, cost)


@pytest.mark.parametrize("label_weight", [0.1, 1.0, 30.0])
def test_labeled_transport_is_its_definition(label_weight, rng):
    source, points = labelled(rng)
    discrepancy = LabeledTransport(label_weight).fit(source, seeded())
    found = float(discrepancy.loss(Batch(source.rows), points, Step(seeded())))
    assert found == pytest.approx(otdd(source, points, label_weight), rel=1e-5)


def test_sensitive_groups_keep_their_class(rng):
    source, points = labelled(rng, groups=np.tile([0, 1], 30))
    assert len(source.schema.class_of_key) == 6
    found = float(LabeledTransport().fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded())))
    assert found == pytest.approx(otdd(source, points, 1.0), rel=1e-5)


def test_labels_cost_what_they_weigh(rng):
    source, points = labelled(rng)
    plain = float(Wasserstein(by=None).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded())))
    light = float(LabeledTransport(1e-6).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded())))
    assert light == pytest.approx(plain, rel=1e-4)
    # Classes of equal mass on both sides: in the limit each is carried to itself.
    apart = float(Wasserstein().fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded())))
    heavy = float(LabeledTransport(1e6).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded())))
    assert heavy == pytest.approx(apart, rel=1e-4)
    assert plain < 0.99 * apart


def test_labeled_transport_has_the_gradient_of_its_plan(rng):
    source, points = labelled(rng)
    discrepancy = LabeledTransport().fit(source, seeded())
    p, q = discrepancy.space_.block(source.rows), discrepancy.space_.block(points)
    moving = q.values.clone().requires_grad_()
    discrepancy.between(p, Block(q.weight, q.key, moving), seeded()).backward()

    def shifted(values):
        return float(discrepancy.between(p, Block(q.weight, q.key, torch.as_tensor(values)), seeded()))

    np.testing.assert_allclose(moving.grad, finite_differences(shifted, q.values.numpy()), rtol=1e-4, atol=1e-6)


def test_labels_of_a_point_without_one_are_those_that_cost_least(rng):
    source, points = labelled(rng)
    discrepancy = LabeledTransport().fit(source, seeded())
    p, q = discrepancy.space_.block(source.rows), discrepancy.space_.block(points)
    _, of_p, of_q = discrepancy.solve(p, q)
    # The potential of a row with its class is no less, and the dual value is that of the plan.
    assert (discrepancy.witness(p, q, p.values) <= of_p + 1e-9).all()
    assert float(p.mass @ of_p + q.mass @ of_q) == pytest.approx(float(discrepancy.between(p, q, seeded())))


# What makes no sense


@pytest.mark.parametrize("order", [0.5, 0.0, np.inf, np.nan])
def test_orders_below_one_are_refused(order):
    with pytest.raises(ValueError, match=r"Wasserstein\(order=.*\): the order must be a number of at least 1"):
        Wasserstein(order=order)([[0.0]], [[1.0]])


@pytest.mark.parametrize("discrepancy", [Wasserstein(), GromovWasserstein()], ids=repr)
def test_matrices_that_are_too_large_are_refused(discrepancy):
    rows = block(np.zeros((5000, 1)))
    with pytest.raises(ValueError, match=r"5000 x 5000 = 2.5e\+07 entries.*use Sinkhorn or SlicedWasserstein"):
        fitted(discrepancy, np.zeros((2, 1))).between(rows, rows, seeded())


@pytest.mark.parametrize(
    ("discrepancy", "given", "message"),
    [
        (LabeledTransport(by="class"), {"y": [0, 1, 0, 1]}, r"LabeledTransport\(by='class'\): classes are in the cost"),
        (LabeledTransport(by="group"), {"y": [0, 1, 0, 1]}, "use by=None"),
        (
            LabeledTransport(0.0),
            {"y": [0, 1, 0, 1]},
            r"label_weight=0.0\): it must be positive.*Wasserstein\(by=None\)",
        ),
        (LabeledTransport(), {}, "but y is None; use Wasserstein"),
        (LabeledTransport(), {"y": [0.1, 0.2, 0.3, 0.4], "regression": True}, "but y is continuous; use Wasserstein"),
    ],
)
def test_labels_that_are_not_there_are_refused(discrepancy, given, message):
    with pytest.raises(ValueError, match=message):
        discrepancy.fit(row_source(np.eye(4), **given), seeded())


def test_arrays_without_labels_are_refused():
    with pytest.raises(ValueError, match="LabeledTransport carries rows with their classes, but y is None"):
        LabeledTransport()([[0.0]], [[1.0]])


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
def test_rows_that_coincide_cost_nothing(order):
    rows = torch.randn(40, 23, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    set_, same = (Block(torch.ones(40).double(), torch.zeros(40, dtype=torch.int64), at) for at in (rows, rows.clone()))
    costs = Wasserstein(order=order).costs(set_, same).diagonal()
    assert float(costs.max()) < 1e-12
