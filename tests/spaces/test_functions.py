"""Kernel ridge regression in finitely many features, against least squares and against all rows."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression

from skdc import Condenser
from skdc.discrepancies import L1, Cosine, CrossEntropy, SquaredL2
from skdc.kernels import Gaussian, Linear, RandomNetworkKernel
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.sources import Batch
from skdc.spaces import FeatureRidgePredictions, KernelRidgePredictions
from skdc.step import Step

from ..sources import seeded, synthetic

NETWORKS = RandomNetworkKernel(MLP(width=3), n_networks=2)


def losses(space, data, points):
    objective = SquaredL2(space=space, by=None).fit(data, seeded())
    return objective.loss(Batch(data.rows), points, Step(seeded()))


def points_of(data, task, rng):
    if task == "classification":
        return synthetic(data, 3 + rng.normal(size=(5, 4)), np.array([0, 0, 1, 2, 2]), rng.uniform(0.5, 2, 5))
    return synthetic(data, rng.normal(size=(5, 4)), y=data.targets()[:5], weight=rng.uniform(0.5, 2, 5))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_loss_is_what_the_best_linear_predictor_does_better(task, source, regression, rng):
    data = source if task == "classification" else regression
    points, space = points_of(data, task, rng), FeatureRidgePredictions(Linear(), 0.1)
    X = data.X - np.average(data.X, axis=0, weights=data.weight)
    targets = data.rows.y.numpy() - (1 / 3 if task == "classification" else 0)
    best = LinearRegression(fit_intercept=False).fit(X, targets, sample_weight=data.weight).predict(X)
    least = np.average(np.square(best - targets).sum(1), weights=data.weight)
    of_all_rows = losses(KernelRidgePredictions(Linear(), 0.1), data, points)
    assert float(losses(space, data, points)) == pytest.approx(float(of_all_rows) - least, rel=1e-4)


@pytest.mark.parametrize("kernel", [Linear(), NETWORKS], ids=repr)
def test_its_gradient_is_that_of_all_rows(kernel, source, rng):
    points = points_of(source, "classification", rng)
    points.X.requires_grad_(), points.y.requires_grad_()
    gradients = [
        torch.autograd.grad(losses(space(kernel, 0.1), source, points), [points.X, points.y])
        for space in (FeatureRidgePredictions, KernelRidgePredictions)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)


def test_features_that_never_differ_do_no_harm(source, rng):
    source.X[:, 2] = 1.0
    loss = losses(FeatureRidgePredictions(Linear(), 0.1), source, points_of(source, "classification", rng))
    assert loss.isfinite() and loss > 0


def test_more_features_than_rows_have_a_loss_too(source, rng):
    """Then the best predictor makes no error, and the loss is that of all rows."""
    source.dtype = torch.float32
    kernel = RandomNetworkKernel(MLP(width=300), n_networks=2)
    points = points_of(source, "classification", rng)
    found, expected = (
        losses(space(kernel, 0.1), source, points) for space in (FeatureRidgePredictions, KernelRidgePredictions)
    )
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.0)


def test_a_set_is_condensed_to_least_squares_on_all_rows():
    X, y = load_iris(return_X_y=True)
    space = FeatureRidgePredictions(Linear(), 1e-3)
    condenser = Condenser(
        SquaredL2(space=space, by=None), Points(labels="learned"), Descent(n_steps=300), n_per_class=2, random_state=0
    )
    condenser.fit(X, y)
    predicted = condenser.learner_.decision_function(X)
    centred = X - X.mean(axis=0)
    best = LinearRegression(fit_intercept=False).fit(centred, np.eye(3)[y] - 1 / 3).predict(centred)
    assert np.abs(predicted - best).max() < 0.02
    assert np.abs(best).max() > 0.5


@pytest.mark.parametrize(
    "kernel, message",
    [
        (Gaussian(), r"kernel=Gaussian\(\)\) needs a kernel of finitely many features"),
        (Linear() + Linear(), "needs a kernel of finitely many features"),
        (RandomNetworkKernel(MLP(width=20_000, depth=1), n_networks=1), "products of 20001 features .* 16384"),
    ],
)
def test_kernels_without_features_are_refused_and_those_with_too_many(kernel, message, source):
    with pytest.raises(ValueError, match=message):
        FeatureRidgePredictions(kernel).fit(source, seeded())


@pytest.mark.parametrize("discrepancy", [L1, Cosine, CrossEntropy])
def test_only_squares_are_compared(discrepancy, source):
    with pytest.raises(ValueError, match=f"{discrepancy.__name__} compares row by row"):
        discrepancy(space=FeatureRidgePredictions(), by=None).fit(source, seeded())


def test_what_of_noisy_products_may_be_noise_is_a_ridge(source):
    space = FeatureRidgePredictions(Linear(), 0.1)
    values = torch.tensor([-0.5, -0.1, 0.2, 0.4, 3.0, 7.0], dtype=torch.float64)
    vectors, _ = torch.linalg.qr(torch.randn(6, 6, generator=seeded(), dtype=torch.float64))
    space._learn(vectors * values @ vectors.T, source)
    rows = torch.cat([space.root_, space.targets_], 1).double()
    kept = torch.linalg.eigvalsh(rows.T @ rows / 6)
    torch.testing.assert_close(
        kept, torch.tensor([0.5, 0.5, 0.5, 0.5, 3, 7], dtype=torch.float64), rtol=1e-6, atol=1e-6
    )
