"""The space of the function regime in which a linearised network is trained on the set to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.func import functional_call

from skdc.learners import OnlineNetworks, target_offset
from skdc.sets import Block, LabeledSet
from skdc.sources import Source, require_targets
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step

Solve = Callable[[Tensor], Tensor]

# A network may have parameters that it does not use.
_UNUSED: dict[str, bool] = {"allow_unused": True, "materialize_grads": True}


class LinearizedPredictions(PooledSpace):
    r"""Predictions on the real rows of a linearised network, trained on the synthetic set to the end [1]_.

    The network is :math:`J_x v`, with :math:`J_x` the derivative of its outputs in its parameters where it stands, and
    v the tangent that ridge regression on the synthetic set finds: kernel ridge with the network's own tangent kernel,
    which is never formed. The equations are solved by conjugate gradients, and gradients go through the solution by the
    implicit function theorem, so that no step is stored. The real side shows the true targets, the synthetic side the
    predictions; classes are regressed on as indicators minus 1 / n_classes.

    In the paper the last layer is not linearised, but solved for at each step of the training.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they are linearised; None takes `OnlineNetworks()`.
    regularization : float, default=1e-2
        Ridge, in units of the mean of the kernel's diagonal, which is estimated.
    n_iterations : int, default=20
        Of conjugate gradients, for the solution and for its gradient.

    References
    ----------
    .. [1] Loo et al., "Dataset Distillation with Convexified Implicit Gradients", 2023, section 3.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import LinearizedPredictions
    >>> SquaredL2(space=LinearizedPredictions(n_iterations=10), by=None)
    SquaredL2(by=None, space=LinearizedPredictions(n_iterations=10))
    """

    yields = "aligned"
    splits = "rows"

    regularization: float = 1e-2
    n_iterations: int = 20

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks."""
        require_targets(self, source)
        if not self.regularization > 0 or self.n_iterations < 1:
            raise ValueError(f"{self!r}: regularization must be positive, and n_iterations at least 1")
        self.offset_ = target_offset(source.schema.task, source.schema.n_outputs)
        return self.fit_networks(OnlineNetworks, source, generator)

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the true targets of the real rows, and their predictions."""
        network, targets, weight = self.pool_.network_, synthetic.y - self.offset_, synthetic.weight[:, None]
        signs = torch.randint(2, targets.shape, generator=state.generator).to(targets) * 2 - 1
        fixed, moving = (
            _Derivative(network, X, create_graph=X.requires_grad) for X in (synthetic.X.detach(), synthetic.X)
        )

        def ridge(kernel: Solve) -> Tensor:
            # Random signs give the diagonal of a matrix, on average.
            probe = signs * weight.sqrt()
            return self.regularization * (probe * kernel(probe)).sum() / (weight.sum() * targets.shape[1]) / weight

        fixed_ridge = ridge(fixed.kernel)

        def solve(values: Tensor) -> Tensor:
            return _conjugate_gradients(lambda dual: fixed.kernel(dual) + fixed_ridge * dual, values, self.n_iterations)

        solution = solve(targets.detach())
        # At the solution the residual is zero, but its gradient is that of the equations.
        residual = targets - moving.kernel(solution) - ridge(moving.kernel) * solution
        tangent = moving.vjp(_Solution.apply(residual, solution, solve))
        predictions = _Derivative(network, real.X, create_graph=True).jvp(tangent)
        return [Block(real.weight, real.key, real.y - self.offset_)], [Block(real.weight, real.key, predictions)]


class _Derivative:
    """The derivative of the outputs of a network in its parameters, at some rows.

    It is applied by differentiating twice: the derivative of :math:`J^T u` in u, along a tangent, is :math:`J`.

    Parameters
    ----------
    network : nn.Module
    X : Tensor of shape (n, *input_shape)
    create_graph : bool, default=False
        Whether what comes out keeps how it depends on the rows.
    """

    def __init__(self, network: nn.Module, X: Tensor, create_graph: bool = False) -> None:
        self._create_graph = create_graph
        values = {name: value.detach().requires_grad_() for name, value in network.named_parameters()}
        self._parameters = list(values.values())
        with torch.enable_grad():
            self._outputs = functional_call(network, values, X)
            self._cotangent = torch.zeros_like(self._outputs, requires_grad=True)
            self._slopes = torch.autograd.grad(
                self._outputs, self._parameters, self._cotangent, create_graph=True, **_UNUSED
            )

    def vjp(self, dual: Tensor) -> list[Tensor]:
        """Return the derivative of the sum of outputs, weighed by `dual`, in each parameter."""
        found = torch.autograd.grad(
            self._outputs, self._parameters, dual, retain_graph=True, create_graph=self._create_graph, **_UNUSED
        )
        return list(found)

    def jvp(self, tangent: list[Tensor]) -> Tensor:
        """Return the derivative of the outputs along a tangent, of shape (n, n_outputs)."""
        return torch.autograd.grad(
            self._slopes, self._cotangent, tangent, retain_graph=True, create_graph=self._create_graph, **_UNUSED
        )[0]

    def kernel(self, dual: Tensor) -> Tensor:
        """Return the tangent kernel of the rows times a dual, of shape (n, n_outputs)."""
        return self.jvp(self.vjp(dual))


class _Solution(torch.autograd.Function):
    """The solution of linear equations, of which the residual carries the gradient."""

    @staticmethod
    def forward(context: Any, residual: Tensor, solution: Tensor, solve: Solve) -> Tensor:
        context.solve = solve
        return solution

    @staticmethod
    def backward(context: Any, cotangent: Tensor) -> tuple[Tensor, None, None]:
        # The matrix is symmetric: its inverse takes slopes back as it takes values forth.
        with torch.no_grad():
            return context.solve(cotangent), None, None


def _conjugate_gradients(product: Solve, values: Tensor, n_iterations: int) -> Tensor:
    """Solve `product(x) = values` for a positive definite product."""
    solution = torch.zeros_like(values)
    residual = direction = values
    square = residual.square().sum()
    tolerance = torch.finfo(values.dtype).eps ** 2 * square
    for _ in range(n_iterations):
        if square <= tolerance:
            break
        image = product(direction)
        curvature = (direction * image).sum()
        if curvature <= torch.finfo(values.dtype).eps * direction.norm() * image.norm():
            break  # rows that are all alike leave directions in which nothing changes
        step = square / curvature
        solution = solution + step * direction
        residual = residual - step * image
        square, before = residual.square().sum(), square
        direction = residual + square / before * direction
    return solution
