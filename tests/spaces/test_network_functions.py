"""Predictions of networks that are trained on the set: ridge regression, unrolled steps and tangent kernels by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import cg
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from torch import nn
from torch.func import functional_call, jacrev

from skdc import Condenser
from skdc.discrepancies import CrossEntropy, Hybrid, SquaredL2
from skdc.learners import AlternatingNetworks, OnlineNetworks, RandomNetworks
from skdc.networks import MLP, penultimate, training_loss
from skdc.solvers import Descent
from skdc.sources import Batch
from skdc.spaces import LinearizedPredictions, NetworkGradients, NetworkRidgePredictions, UnrolledPredictions
from skdc.step import Step

from ..sources import finite_differences, row_source, seeded, synthetic


def smooth(input_shape, n_outputs):
    return nn.Sequential(nn.Linear(input_shape[0], 4), nn.Tanh(), nn.Linear(4, n_outputs))


def without_bias(input_shape, n_outputs):
    return nn.Linear(input_shape[0], n_outputs, bias=False)


POOL = RandomNetworks(smooth)
SPACES = [
    NetworkRidgePredictions(POOL, regularization=0.1),
    UnrolledPredictions(POOL, n_steps=4, first_step_size=0.4),
    LinearizedPredictions(POOL, regularization=0.1, n_iterations=40),
]
BY_NAME = {"ids": lambda part: type(part).__name__}


@pytest.fixture(params=["classification", "regression"])
def problem(request, source, points, regression, rng):
    """Return a source, and weighted points with targets of its kind."""
    if request.param == "classification":
        return source, points
    y = 100 + 7 * rng.normal(size=(5, 2))
    return regression, synthetic(regression, rng.normal(size=(5, 4)), weight=rng.uniform(0.5, 2, 5), y=y)


def offset_of(source):
    return 1 / source.schema.n_outputs if source.schema.task == "classification" else 0.0


def unweighted(points):
    return replace(points, weight=torch.ones(len(points)).double())


def shown(space, source, points, seed=0):
    """Return the values of both sides; the weights are those of the data."""
    (real,), (predicted,) = space.represent(source.rows, points, Step(seeded(seed)))
    for block in (real, predicted):
        torch.testing.assert_close(block.weight, source.rows.weight, rtol=0, atol=0)
        torch.testing.assert_close(block.key, source.rows.key, rtol=0, atol=0)
    return real.values.numpy(), predicted.values.detach().numpy()


# All of them


@pytest.mark.parametrize("space", SPACES, **BY_NAME)
def test_the_real_side_shows_the_true_targets(space, problem):
    source, points = problem
    real, _ = shown(space.fit(source, seeded()), source, points)
    # Networks that are trained by cross-entropy put out logits, which have no offset.
    offset = 0 if isinstance(space, UnrolledPredictions) else offset_of(source)
    np.testing.assert_allclose(real, source.rows.y.numpy() - offset, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("space", SPACES, **BY_NAME)
def test_predictions_go_on_to_another_network(space, source, points):
    generator = seeded()
    space.fit(source, generator)
    first, network = shown(space, source, points)[1], space.pool_.network_
    space.after_step(points, source, Step(generator))
    assert space.pool_.network_ is not network
    assert not np.allclose(shown(space, source, points)[1], first)
    assert not space.frozen()


@pytest.mark.parametrize("space", [NetworkRidgePredictions(), LinearizedPredictions()], **BY_NAME)
def test_the_default_networks_are_trained_on_the_set(space, source):
    space.fit(source, seeded())
    assert isinstance(space.pool_, OnlineNetworks)


def test_the_default_networks_of_unrolled_steps_are_random(source):
    assert isinstance(UnrolledPredictions().fit(source, seeded()).pool_, RandomNetworks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("space", SPACES, **BY_NAME)
def test_predictions_have_the_dtype_of_the_source(space, dtype, rng):
    source = row_source(rng.normal(size=(12, 4)), np.arange(12) % 3, dtype=dtype)
    rows = source.rows.take(torch.arange(6))
    (real,), (predicted,) = space.fit(source, seeded()).represent(source.rows, rows, Step(seeded()))
    assert real.values.dtype == predicted.values.dtype == dtype


@pytest.mark.parametrize("space", SPACES, **BY_NAME)
def test_training_needs_targets(space, rng):
    name, X = type(space).__name__, rng.normal(size=(6, 2))
    with pytest.raises(ValueError, match=f"{name} trains on targets, but y is None"):
        space.fit(row_source(X), seeded())
    with pytest.raises(ValueError, match=f"{name} needs at least two classes"):
        space.fit(row_source(X, np.zeros(6)), seeded())


ORDER = "n_backward must be from 1 to n_steps, momentum from 0 to less than 1, and step_size_rate not negative"


@pytest.mark.parametrize(
    "space, message",
    [
        (NetworkRidgePredictions(regularization=0), "regularization=0 must be positive"),
        (NetworkRidgePredictions(regularization=np.nan), "regularization=nan must be positive"),
        (LinearizedPredictions(regularization=0), "regularization must be positive, and n_iterations at least 1"),
        (LinearizedPredictions(n_iterations=0), "regularization must be positive, and n_iterations at least 1"),
        (UnrolledPredictions(n_steps=0), ORDER),
        (UnrolledPredictions(n_backward=0), ORDER),
        (UnrolledPredictions(n_steps=5, n_backward=6), ORDER),
        (UnrolledPredictions(momentum=1), ORDER),
        (UnrolledPredictions(momentum=-0.1), ORDER),
        (UnrolledPredictions(step_size_rate=-1), ORDER),
        (UnrolledPredictions(first_step_size=0), "first_step_size must be positive"),
    ],
    ids=repr,
)
def test_settings_that_make_no_sense_are_refused(space, message, source):
    with pytest.raises(ValueError, match=re.escape(message)):
        space.fit(source, seeded())


# Ridge regression on features


def features(space, rows):
    """Return the last hidden layer, and a constant."""
    hidden = penultimate(space.pool_.network_, rows.X).detach().numpy()
    return np.column_stack([hidden, np.ones(len(hidden))])


def test_predictions_are_kernel_ridge_regression_on_features(problem):
    source, points = problem
    space = NetworkRidgePredictions(POOL, regularization=0.1).fit(source, seeded())
    at, new = features(space, points), features(space, source.rows)
    alpha = 0.1 * (at**2).sum(axis=1).mean()
    targets, offset = points.y.numpy(), offset_of(source)
    expected = KernelRidge(alpha=alpha).fit(at, targets - offset).predict(new)
    found = shown(space, source, unweighted(points))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_weighted_points_are_weighted_ridge_regression_on_features(problem):
    source, points = problem
    space = NetworkRidgePredictions(POOL, regularization=0.1).fit(source, seeded())
    at, new, weight = features(space, points), features(space, source.rows), points.weight.numpy()
    alpha = 0.1 * np.average((at**2).sum(axis=1), weights=weight)
    ridge = Ridge(alpha, fit_intercept=False).fit(at, points.y.numpy() - offset_of(source), sample_weight=weight)
    np.testing.assert_allclose(shown(space, source, points)[1], ridge.predict(new), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("space", SPACES[:2], **BY_NAME)
def test_weights_of_points_are_multiplicities(space, problem):
    source, points = problem
    weight = np.array([1.0, 3.0, 2.0, 1.0, 2.0])
    weighted = replace(points, weight=torch.as_tensor(weight))
    repeated = unweighted(points.take(torch.as_tensor(np.repeat(np.arange(5), weight.astype(int)))))
    space.fit(source, seeded())
    values = [shown(space, source, rows)[1] for rows in (weighted, repeated)]
    np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-11)


def test_a_tiny_ridge_is_solved_in_float64(source, points, rng):
    # Six points in the plane of a constant and one unit: in float32 rounding, 1e-7, would drown the ridge of 1e-9.
    narrow = RandomNetworks(lambda shape, n: nn.Sequential(nn.Linear(4, 1), nn.Tanh(), nn.Linear(1, n)))
    rows = row_source(source.X, source.schema.classes[source.key], weight=source.weight, dtype=torch.float32)
    space = NetworkRidgePredictions(narrow, regularization=1e-9).fit(rows, seeded())
    some = synthetic(rows, source.X[::5], source.key[::5])
    at, new = features(space, some).astype(float), features(space, rows.rows).astype(float)
    expected = new @ np.linalg.lstsq(at, some.y.numpy().astype(float) - 1 / 3, rcond=None)[0]
    _, found = shown(space, rows, some)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


# Gradients


@pytest.mark.parametrize("space", SPACES[:2], **BY_NAME)
def test_gradients_in_rows_and_targets_are_those_of_the_loss(space, problem):
    source, points = problem
    discrepancy = SquaredL2(space=space, by=None).fit(source, seeded())

    def loss(X, y):
        rows = replace(points, X=torch.as_tensor(X), y=torch.as_tensor(y))
        return float(discrepancy.loss(Batch(source.rows), rows, Step(seeded())).detach())

    X, y = points.X.clone().requires_grad_(), points.y.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=X, y=y), Step(seeded())).backward()
    at = points.X.numpy(), points.y.numpy()
    by_X, by_y = (
        finite_differences(lambda v: loss(v, at[1]), at[0]),
        finite_differences(lambda v: loss(at[0], v), at[1]),
    )
    for gradient, expected in ((X.grad, by_X), (y.grad, by_y)):
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


# Unrolled steps


def trained(network, points, task, step_size, n_steps, momentum):
    """Return what a network puts out that torch has trained on the points."""
    parameters = {name: value.detach().clone().requires_grad_() for name, value in network.named_parameters()}
    optimizer = torch.optim.SGD(parameters.values(), lr=step_size, momentum=momentum)
    for _ in range(n_steps):
        optimizer.zero_grad()
        outputs = functional_call(network, parameters, points.X)
        training_loss(outputs, points.y, points.mass, task).backward()
        optimizer.step()
    return lambda X: functional_call(network, parameters, X).detach().numpy()


@pytest.mark.parametrize("n_backward", [None, 1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_unrolled_predictions_are_those_of_a_network_trained_on_the_points(momentum, n_backward, problem):
    source, points = problem
    space = UnrolledPredictions(POOL, n_steps=5, n_backward=n_backward, momentum=momentum, first_step_size=0.2)
    space.fit(source, seeded())
    expected = trained(space.pool_.network_, points, source.schema.task, 0.2, 5, momentum)(source.rows.X)
    np.testing.assert_allclose(shown(space, source, points)[1], expected, rtol=1e-9, atol=1e-12)


def test_gradients_go_through_the_last_steps_only(source, points):
    gradients = []
    for n_backward in (None, 4, 3):
        space = UnrolledPredictions(POOL, n_steps=4, n_backward=n_backward, first_step_size=0.4)
        discrepancy = SquaredL2(space=space, by=None).fit(source, seeded())
        X = points.X.clone().requires_grad_()
        discrepancy.loss(Batch(source.rows), replace(points, X=X), Step(seeded())).backward()
        gradients.append(X.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    assert not torch.allclose(gradients[0], gradients[2], rtol=1e-2)


def test_the_gradient_in_the_logarithm_of_the_step_size_is_that_of_the_loss(source, points):
    space = UnrolledPredictions(POOL, n_steps=4, first_step_size=0.4, step_size_rate=0.03)
    discrepancy = CrossEntropy(space=space, by=None).fit(source, seeded())
    (group,) = discrepancy.parameters()
    (parameter,) = group["params"]
    assert group["lr"] == 0.03
    assert float(parameter.detach().exp()) == pytest.approx(0.4)
    discrepancy.loss(Batch(source.rows), points, Step(seeded())).backward()

    def loss(log_step_size):
        predict = trained(space.pool_.network_, points, "classification", float(np.exp(log_step_size)), 4, 0.0)
        losses = nn.functional.cross_entropy(torch.as_tensor(predict(source.rows.X)), source.rows.y, reduction="none")
        return float(source.rows.mass @ losses)

    expected = finite_differences(lambda s: loss(s[0]), np.log([0.4]))[0]
    assert abs(expected) > 1e-3
    np.testing.assert_allclose(parameter.grad, expected, rtol=1e-6)


@pytest.mark.parametrize("rate, moves", [(0.01, True), (0, False)])
def test_the_step_size_is_learned_unless_its_rate_is_zero(rate, moves, iris, monkeypatch):
    # The networks are asked that the fit has seen; what it keeps has none.
    monkeypatch.setattr("skdc.fitting.base.settled", lambda part: part)
    space = UnrolledPredictions(RandomNetworks(MLP(4, 1)), n_steps=2, first_step_size=0.2, step_size_rate=rate)
    condenser = Condenser(CrossEntropy(space=space, by=None), solver=Descent(n_steps=3), n_per_class=1, random_state=0)
    condenser.fit(*iris)
    assert len(condenser.discrepancy_.parameters()) == moves
    assert (condenser.step_size_ != pytest.approx(0.2, rel=1e-6)) == moves


# Tangent kernels


def tangents(network, X):
    """Return the derivative of each output of each row in all parameters, of shape (n * n_outputs, n_parameters)."""
    values = {name: value.detach() for name, value in network.named_parameters()}
    with torch.no_grad():
        derivative = jacrev(lambda values: functional_call(network, values, X))(values)
    return torch.cat([part.flatten(2) for part in derivative.values()], 2).flatten(0, 1).numpy()


def estimated_mean(gram, points, seed):
    """Return the estimate of the weighted mean of the diagonal, of which the signs are drawn first."""
    signs = torch.randint(2, points.y.shape, generator=seeded(seed)).double() * 2 - 1
    probe = (signs * points.weight[:, None].sqrt()).flatten().numpy()
    return probe @ gram @ probe / (float(points.weight.sum()) * points.y.shape[1])


def test_linearized_predictions_are_kernel_ridge_regression_with_the_tangent_kernel(problem):
    source, points = problem
    points = unweighted(points)
    space = LinearizedPredictions(POOL, regularization=0.1, n_iterations=60).fit(source, seeded())
    at, new = (tangents(space.pool_.network_, rows.X) for rows in (points, source.rows))
    alpha = 0.1 * estimated_mean(at @ at.T, points, seed=4)
    targets = (points.y.numpy() - offset_of(source)).ravel()
    expected = KernelRidge(alpha=alpha).fit(at, targets).predict(new).reshape(source.rows.y.shape)
    np.testing.assert_allclose(shown(space, source, points, seed=4)[1], expected, rtol=1e-8, atol=1e-10)


def test_linearized_predictions_of_weighted_points_are_those_of_points_repeated(problem):
    source, points = problem
    points = replace(points, weight=torch.tensor([1.0, 1.0, 2.0, 3.0, 3.0]).double())
    places = np.repeat(np.arange(5), [1, 1, 2, 3, 3])
    space = LinearizedPredictions(POOL, regularization=0.1, n_iterations=60).fit(source, seeded())
    at, new = (tangents(space.pool_.network_, rows.X) for rows in (points, source.rows))
    alpha = 0.1 * estimated_mean(at @ at.T, points, seed=4)
    repeated = at.reshape(*points.y.shape, -1)[places].reshape(len(places) * points.y.shape[1], -1)
    targets = (points.y.numpy() - offset_of(source))[places].ravel()
    expected = KernelRidge(alpha=alpha).fit(repeated, targets).predict(new).reshape(source.rows.y.shape)
    np.testing.assert_allclose(shown(space, source, points, seed=4)[1], expected, rtol=1e-8, atol=1e-10)


def test_the_ridge_is_in_units_of_the_mean_of_the_diagonal(source):
    # Rows at right angles: the tangent kernel of a linear network is diagonal, and no estimate of its mean is off.
    points = synthetic(source, np.zeros((3, 4)), np.array([0, 1, 2]))
    points = replace(points, X=torch.tensor([[2.0, 0, 0, 0], [0, 0, 1, 0], [0, 3, 0, 0]]).double())
    space = LinearizedPredictions(RandomNetworks(without_bias), regularization=0.3).fit(source, seeded())
    squares = np.array([4.0, 1.0, 9.0])
    dual = (np.eye(3) - 1 / 3) / (squares + 0.3 * squares.mean())[:, None]
    expected = source.rows.X.numpy() @ points.X.numpy().T @ dual
    for seed in range(3):
        np.testing.assert_allclose(shown(space, source, points, seed)[1], expected, rtol=1e-9, atol=1e-12)


def test_the_estimate_of_the_mean_of_the_diagonal_is_right_on_average(source, points):
    # With a huge ridge predictions are its inverse times what they would be for a ridge of one.
    space = LinearizedPredictions(POOL, regularization=1e9, n_iterations=2).fit(source, seeded())
    at, new = (tangents(space.pool_.network_, rows.X) for rows in (points, source.rows))
    plain = new @ at.T @ (points.y.numpy() - 1 / 3).ravel()
    ratios = [plain[0] / shown(space, source, unweighted(points), seed)[1][0, 0] / 1e9 for seed in range(100)]
    error = np.std(ratios) / 10
    assert np.mean(ratios) == pytest.approx((at**2).sum(axis=1).mean(), abs=4 * error)
    assert error < 0.1 * np.mean(ratios)


def test_gradients_go_through_the_solution_of_the_equations(problem):
    source, points = problem
    space = LinearizedPredictions(POOL, regularization=0.1, n_iterations=60).fit(source, seeded())
    discrepancy, network, targets = SquaredL2(by=None), space.pool_.network_, source.rows.y.numpy() - offset_of(source)
    new = tangents(network, source.rows.X)

    def loss(X, y):
        at = tangents(network, torch.as_tensor(X))
        share = points.weight.numpy().repeat(points.y.shape[1])
        ridge = np.diag(0.1 * estimated_mean(at @ at.T, points, seed=4) / share)
        dual = np.linalg.solve(at @ at.T + ridge, (y - offset_of(source)).ravel())
        predicted = (new @ (at.T @ dual)).reshape(targets.shape)
        return float(source.rows.mass.numpy() @ ((predicted - targets) ** 2).sum(axis=1))

    X, y = points.X.clone().requires_grad_(), points.y.clone().requires_grad_()
    sides = space.represent(source.rows, replace(points, X=X, y=y), Step(seeded(4)))
    found = discrepancy.between(sides[0][0], sides[1][0], None)
    found.backward()
    at_X, at_y = points.X.numpy(), points.y.numpy()
    assert float(found.detach()) == pytest.approx(loss(at_X, at_y))
    by_X, by_y = finite_differences(lambda v: loss(v, at_y), at_X), finite_differences(lambda v: loss(at_X, v), at_y)
    for gradient, expected in ((X.grad, by_X), (y.grad, by_y)):
        assert np.abs(expected).max() > 1e-2
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_iterations", [1, 3, 6])
def test_the_equations_are_solved_by_conjugate_gradients(n_iterations, source, points):
    points = unweighted(points)
    space = LinearizedPredictions(POOL, regularization=0.01, n_iterations=n_iterations).fit(source, seeded())
    at, new = (tangents(space.pool_.network_, rows.X) for rows in (points, source.rows))
    gram = at @ at.T
    ridge = 0.01 * estimated_mean(gram, points, seed=4) * np.eye(len(gram))
    dual, left = cg(gram + ridge, (points.y.numpy() - 1 / 3).ravel(), rtol=0, maxiter=n_iterations)
    assert left
    expected = (new @ (at.T @ dual)).reshape(source.rows.y.shape)
    np.testing.assert_allclose(shown(space, source, points, seed=4)[1], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equations_that_are_solved_are_iterated_no_more(dtype, rng):
    source = row_source(rng.normal(size=(20, 3)), rng.normal(size=20), regression=True, dtype=dtype)
    points = synthetic(source, rng.normal(size=(2, 3)), y=rng.normal(size=(2, 1)))
    found = [
        shown(LinearizedPredictions(POOL, n_iterations=n).fit(source, seeded()), source, points, seed=4)[1]
        for n in (10, 300)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=100 * torch.finfo(dtype).eps)


# Linearized networks draw signs each time that they are seen.
@pytest.mark.parametrize("space", [*SPACES[:2], NetworkGradients(AlternatingNetworks(smooth))], **BY_NAME)
def test_terms_are_normalised_by_their_values_at_the_start(space, rng):
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 3
    by = "class" if space.splits == "before" else None
    condenser = Condenser(Hybrid([("a", SquaredL2(space=space, by=by))], normalize=True), solver=Descent(n_steps=1))
    assert condenser.fit(X, y).history_["loss"][0] == pytest.approx(1, rel=1e-5)
