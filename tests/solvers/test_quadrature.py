"""Weights on the simplex against other solvers and the conditions of optimality."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from skdc.solvers.quadrature import project_on_simplex, simplex_quadrature

from ..sources import squares


def problem(seed, size=12):
    """Return the kernel of some rows and the mean embedding of more rows there."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(60, 2)), rng.normal(size=(size, 2)) + rng.normal(size=2)
    kernel = lambda x, y: np.exp(-squares(x, y) / 2)  # noqa: E731
    return kernel(Y, Y), kernel(Y, X).mean(1)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_those_of_a_general_solver(seed):
    gram, potential = problem(seed)
    found = simplex_quadrature(torch.tensor(gram), torch.tensor(potential)).numpy()
    start = np.full(12, 1 / 12)
    best = minimize(
        lambda w: w @ gram @ w - 2 * potential @ w,
        start,
        jac=lambda w: 2 * (gram @ w - potential),
        bounds=[(0, None)] * 12,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found @ gram @ found - 2 * potential @ found <= best.fun + 1e-10
    np.testing.assert_allclose(found, best.x, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_weight_could_be_better_placed(seed):
    gram, potential = problem(seed)
    weights = simplex_quadrature(torch.tensor(gram), torch.tensor(potential)).numpy()
    gradient = gram @ weights - potential
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    assert weights @ gradient - gradient.min() < 1e-8


def test_a_kernel_that_is_definite_on_sums_of_zero_only():
    # The energy kernel: the best weights of three points for a mass in the middle, by symmetry.
    points = torch.tensor([[0.0], [1.0], [2.0]])
    gram, potential = -torch.cdist(points, points), -torch.cdist(points, torch.tensor([[1.0]]))[:, 0]
    np.testing.assert_allclose(simplex_quadrature(gram, potential), [0, 1, 0], atol=1e-4)


def test_one_point_has_all_the_mass():
    assert simplex_quadrature(torch.tensor([[3.0]]), torch.tensor([-1.0])).tolist() == [1.0]


def test_equal_points_share_their_mass_whatever_it_is():
    weights = simplex_quadrature(torch.ones(4, 4), torch.full((4,), 0.3))
    torch.testing.assert_close(weights, torch.full((4,), 0.25, dtype=torch.float64))


def test_projection_is_the_nearest_point_of_the_simplex(rng):
    values = torch.tensor(rng.normal(size=(5, 4)))
    projected = project_on_simplex(values)
    torch.testing.assert_close(projected.sum(1), torch.ones(5, dtype=torch.float64))
    assert projected.min() >= 0
    others = torch.tensor(rng.dirichlet(np.full(4, 0.5), size=(5, 2000)))
    apart = (others - values[:, None]).norm(dim=2).min(1).values
    assert torch.all((projected - values).norm(dim=1) <= apart)
    torch.testing.assert_close(project_on_simplex(projected), projected)
