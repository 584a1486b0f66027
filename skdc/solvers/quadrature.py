"""The best weights of points: kernel quadrature on the simplex."""

from __future__ import annotations

import torch
from torch import Tensor

_MOST_STEPS = 5000
_TOLERANCE = 1e-9  # of the gap to the optimum, in units of the largest entry of the kernel matrix


def simplex_quadrature(gram: Tensor, potential: Tensor) -> Tensor:
    r"""Return the weights w that minimise :math:`w^\top K w - 2 \mu^\top w`, none negative, with sum one.

    With K the kernel of some points and :math:`\mu` the mean embedding of the data there, they are the best weights
    for the maximum mean discrepancy, kernel quadrature [1]_ restricted to the simplex. Solved by accelerated projected
    gradients with restarts [2]_, from equal weights, until the gap of Frank and Wolfe is nothing, or for 5000 steps.

    Parameters
    ----------
    gram : Tensor of shape (m, m)
        K, positive definite on weights that sum to zero.
    potential : Tensor of shape (m,)
        The mean embedding.

    Returns
    -------
    Tensor of shape (m,), float64

    References
    ----------
    .. [1] Huszar and Duvenaud, "Optimally-Weighted Herding is Bayesian Quadrature", 2012, section 2.
    .. [2] O'Donoghue and Candes, "Adaptive Restart for Accelerated Gradient Schemes", 2015, section 3.2.
    """
    gram, potential = gram.double(), potential.double()
    # The simplex sums to one: a constant changes nothing but the condition of the matrix (that of an energy kernel).
    size = gram.abs().max().clamp_min(torch.finfo(gram.dtype).tiny)
    gram = gram - gram.mean()
    curvature = torch.linalg.matrix_norm(gram, ord=2).clamp_min(1e-12 * size)
    weights = torch.full_like(potential, 1 / len(potential))
    ahead, momentum = weights, 1.0
    for _ in range(_MOST_STEPS):
        gradient = gram @ ahead - potential
        moved = project_on_simplex(ahead - gradient / curvature)
        if (ahead - moved) @ (moved - weights) > 0:  # the momentum points uphill
            ahead, momentum = weights, 1.0
            continue
        momentum, last = (1 + (1 + 4 * momentum**2) ** 0.5) / 2, momentum
        ahead, weights = moved + (last - 1) / momentum * (moved - weights), moved
        gradient = gram @ weights - potential
        if weights @ gradient - gradient.min() <= _TOLERANCE * size:
            break
    return weights


def project_on_simplex(values: Tensor) -> Tensor:
    """Return the Euclidean projection of each row on the probability simplex (Duchi et al., 2008, figure 1)."""
    values = values - values.amax(-1, keepdim=True)  # which changes nothing but the rounding
    ordered = values.sort(-1, descending=True).values
    excess = ordered.cumsum(-1) - 1
    rank = torch.arange(1, values.shape[-1] + 1, device=values.device)
    support = (ordered - excess / rank > 0).sum(-1, keepdim=True)
    return (values - excess.gather(-1, support - 1) / support).clamp_min(0)
