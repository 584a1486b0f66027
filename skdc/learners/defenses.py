"""How networks are trained that small changes of a row are not to mislead."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdc.fields import Fields
from skdc.networks import training_loss
from skdc.seeds import uniform
from skdc.sets import LabeledSet


class Defense(Fields, ABC):
    """A training loss in place of the cross-entropy; subclasses write `loss`."""

    @abstractmethod
    def loss(self, network: nn.Module, rows: LabeledSet, unit: float, generator: torch.Generator) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        network : nn.Module
        rows : LabeledSet
            With class probabilities.
        unit : float
            The length of 1 in the units of the user, in those of the rows.
        generator : torch.Generator

        Raises
        ------
        ValueError
            If a setting makes no sense.
        """


class AdversarialTraining(Defense):
    """The loss at rows that are moved to where it is largest, within a small distance [1]_.

    Parameters
    ----------
    radius : float, default=0.1
        The distance, in the units of X.
    norm : float, default=inf
        Of distances: `numpy.inf` for the largest change of a number, 2 for the Euclidean length.
    n_steps : int, default=1
        Steps of projected gradient ascent, from a random start. With one step it is fast adversarial training [2]_.

    References
    ----------
    .. [1] Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018, eq. 2.1.
    .. [2] Wong, Rice and Kolter, "Fast Is Better than Free: Revisiting Adversarial Training", 2020, algorithm 3.

    Examples
    --------
    >>> from skdc.learners import AdversarialTraining, NetworkClassifier
    >>> from skdc.parameterizations import Points
    >>> robust = NetworkClassifier(max_epochs=5, defense=AdversarialTraining(radius=0.1))
    >>> points = Points(labels="teacher", teacher=robust)
    """

    radius: float = 0.1
    norm: float = np.inf
    n_steps: int = 1

    def loss(self, network: nn.Module, rows: LabeledSet, unit: float, generator: torch.Generator) -> Tensor:
        """Return the loss of a batch that is attacked."""
        check_ball(self)
        ones = torch.ones_like(rows.weight)
        moved = ascended(
            rows.X,
            lambda X: training_loss(network(X), rows.y, ones, "classification"),
            self.radius * unit,
            self.norm,
            self.n_steps,
            generator,
        )
        return training_loss(network(moved), rows.y, rows.mass, "classification")


class CurvatureRegularization(Defense):
    r"""The loss, with the curvature of the loss at the rows, as GUARD trains its teacher [1]_.

    .. math:: E\, L(x) + \lambda\, E \| \nabla_x L(x + z) - \nabla_x L(x) \|, \quad z = h\, \nabla_x L / \|\nabla_x L\|

    Parameters
    ----------
    weight : float, default=3.0
        :math:`\lambda`. The paper's 100 keeps a network that is trained for few epochs from learning.
    step : float, default=0.05
        h, in units of the root mean squared distance of rows from their mean. The paper's 3 is 0.054 for standardised
        images of 3x32x32.

    References
    ----------
    .. [1] Xue et al., "Towards Adversarially Robust Dataset Distillation by Curvature Regularization", 2025, eq. 11; as
       Moosavi-Dezfooli et al., "Robustness via Curvature Regularization, and Vice Versa", 2019, section 4.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, TeacherLoss
    >>> from skdc.learners import CurvatureRegularization, NetworkClassifier
    >>> MMD() + 0.1 * TeacherLoss(teacher=NetworkClassifier(defense=CurvatureRegularization()))
    Hybrid(terms=[('mmd', MMD()),
                  ('teacherloss',
                   TeacherLoss(teacher=NetworkClassifier(defense=CurvatureRegularization()),
                               weight=0.1))])
    """

    weight: float = 3.0
    step: float = 0.05

    def loss(self, network: nn.Module, rows: LabeledSet, unit: float, generator: torch.Generator) -> Tensor:
        """Return the loss of a batch, and its curvature."""
        if not (self.weight > 0 and self.step > 0):
            raise ValueError(f"{self!r}: weight and step must be positive")
        X = rows.X.detach().requires_grad_()
        length = self.step * prod(X.shape[1:]) ** 0.5 * float(X.detach().std(unbiased=False))
        curvatures = curvature(network, X, rows.y, length, "classification")
        return training_loss(network(X), rows.y, rows.mass, "classification") + self.weight * (rows.mass @ curvatures)


def check_ball(part: Any) -> None:
    """Refuse settings of an ascent that make no sense."""
    if not part.radius > 0 or part.norm not in (2, np.inf) or part.n_steps < 1:
        raise ValueError(f"{part!r}: radius must be positive, norm numpy.inf or 2, and n_steps at least 1")


def ascended(
    X: Tensor,
    loss: Callable[[Tensor], Tensor],
    radius: float,
    norm: float,
    n_steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Return rows moved to where a loss is large, by projected gradient ascent from a random start.

    Steps are of equal length: in all 2.5 times the radius, from one side of the ball to the other and on; a single one
    1.25 times.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
    loss : callable
        The sum over rows of what each is to gain from its own move.
    radius : float
        Of the ball around each row.
    norm : float
        inf or 2.
    n_steps : int
    generator : torch.Generator
    """
    length = radius * (1.25 if n_steps == 1 else 2.5 / n_steps)
    X = X.detach()
    noise = uniform(X.shape, generator, X) * 2 - 1
    move = radius * (noise if norm == np.inf else noise / _norms(noise))
    with torch.enable_grad():
        for _ in range(n_steps):
            moved = (X + move).requires_grad_()
            (slope,) = torch.autograd.grad(loss(moved), moved)
            step = slope.sign() if norm == np.inf else slope / _norms(slope)
            move = _projected(move + length * step, radius, norm)
    return X + move


def curvature(network: nn.Module, X: Tensor, y: Tensor, length: float, task: str) -> Tensor:
    """Return how much the gradient of the loss at each row changes along itself, of shape (n,).

    Parameters
    ----------
    network : nn.Module
    X : Tensor of shape (n, ...)
        It has to require a gradient.
    y : Tensor of shape (n, n_outputs)
    length : float
        Of the way along the gradient.
    task : {"classification", "regression"}
    """

    def slope(rows: Tensor) -> Tensor:
        # Each row has its own loss: the sum has the gradients of all.
        loss = training_loss(network(rows), y, rows.new_ones(len(rows)), task)
        return torch.autograd.grad(loss, rows, create_graph=True)[0]

    slope_here = slope(X)
    # The direction is taken as it is, as in the papers' code: no third derivatives.
    offset = (length * slope_here / _norms(slope_here)).detach()
    return _norms(slope(X + offset) - slope_here).flatten()


def _projected(move: Tensor, radius: float, norm: float) -> Tensor:
    if norm == np.inf:
        return move.clamp(-radius, radius)
    return move * (radius / _norms(move)).clamp_max(1)


def _norms(rows: Tensor) -> Tensor:
    """Return the norm of each row, in its shape; the gradient is finite at zero."""
    squares = rows.square().sum(dim=tuple(range(1, rows.ndim)), keepdim=True)
    return (squares + torch.finfo(rows.dtype).tiny).sqrt()
