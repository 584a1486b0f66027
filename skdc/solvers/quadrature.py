"""The best weights of points: kernel quadrature on the simplex."""

from __future__ import annotations

import torch
from torch import Tensor

_MAX_STEPS = 5000
_TOLERANCE = 1e-9  # of the gap to the optimum, in units of the largest entry of the kernel matrix


# On the simplex f(w) = w' K w - 2 mu' w has half the gradient K w - mu, which changes by no more than L = |K|_2 times a
# step. From v = w and t = 1, a step [Beck and Teboulle 2009, eqs. 4.1 to 4.3] is
#     w+ = P(v - (K v - mu) / L)                                                                                    (1)
#     t+ = (1 + (1 + 4 t^2)^(1/2)) / 2,    v+ = w+ + (t - 1) / t+ (w+ - w)                                          (2)
# and begins anew, from v = w and t = 1, where the momentum points uphill [O'Donoghue and Candes 2015]:
#     (v - w+)' (w+ - w) > 0                                                                                        (3)
# Since f is convex, no point of the simplex lies lower by more than twice the gap of Frank and Wolfe,
#     w' (K w - mu) - min_i (K w - mu)_i                                                                            (4)
# P projects on the simplex [Duchi et al. 2008, figure 1]; with v sorted downwards, and the largest r that leaves v_r
# above theta,
#     P(v) = (v - theta)_+,    theta = (sum_{i <= r} v_i - 1) / r                                                   (5)
def simplex_quadrature(gram: Tensor, potential: Tensor) -> Tensor:
    r"""Return the weights w that minimise :math:`w^\top K w - 2 \mu^\top w`, none negative, with sum one.

    With K the kernel of some points and :math:`\mu` the mean embedding of the data there, they are the best weights
    for the maximum mean discrepancy, kernel quadrature [1]_ restricted to the simplex. Solved by accelerated projected
    gradients with restarts [2]_, from equal weights.

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
    scale = gram.abs().max().clamp_min(torch.finfo(gram.dtype).tiny)
    gram = gram - gram.mean()
    curvature = torch.linalg.matrix_norm(gram, ord=2).clamp_min(1e-12 * scale)
    weights = torch.full_like(potential, 1 / len(potential))
    extrapolated, momentum = weights, 1.0
    for _ in range(_MAX_STEPS):
        gradient = gram @ extrapolated - potential
        projected = project_on_simplex(extrapolated - gradient / curvature)  # (1)
        if (extrapolated - projected) @ (projected - weights) > 0:  # (3)
            extrapolated, momentum = weights, 1.0
            continue
        momentum, last = (1 + (1 + 4 * momentum**2) ** 0.5) / 2, momentum  # (2)
        extrapolated, weights = projected + (last - 1) / momentum * (projected - weights), projected
        gradient = gram @ weights - potential
        if weights @ gradient - gradient.min() <= _TOLERANCE * scale:  # (4)
            break
    return weights


def project_on_simplex(values: Tensor) -> Tensor:
    """Return the Euclidean projection of each row on the probability simplex ."""
    values = values - values.amax(-1, keepdim=True)  # which changes nothing but the rounding
    ordered = values.sort(-1, descending=True).values
    excess = ordered.cumsum(-1) - 1
    count = torch.arange(1, values.shape[-1] + 1, device=values.device)
    support = (ordered - excess / count > 0).sum(-1, keepdim=True)
    return (values - excess.gather(-1, support - 1) / support).clamp_min(0)  # (5)
