"""A space in which the real rows are moved a little, to where the synthetic set is least like them."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.learners.defenses import ascended, check_ball
from skdc.sets import Block, LabeledSet, positions_of
from skdc.sources import Source, draw_seed
from skdc.spaces.base import SpaceWrapper
from skdc.step import Step


class Perturbed(SpaceWrapper):
    r"""Another space, of real rows that an adversary has moved: what is matched is the worst within a small distance.

    Each real row moves, by no more than the radius, so that both sides grow apart in the other space: predictions move
    away from the targets, row by row, and so do gradients; of a cloud of points each class moves away from the
    synthetic mean,

    .. math:: \max_{\|\delta_i\| \le r} \| E_i \phi(x_i + \delta_i) - E_j \phi(s_j) \|^2 .

    In a space of predictions this is adversarial training [1]_ in which the synthetic set is what is trained.

    Parameters
    ----------
    space : Space
        Which sees the moved rows. It has to be differentiable in them.
    radius : float, default=0.1
        The longest move, in the units of X.
    norm : float, default=inf
        Of moves: `numpy.inf` for the largest change of a number, 2 for the Euclidean length.
    n_steps : int, default=1
        Steps of projected gradient ascent, from a random start.

    References
    ----------
    .. [1] Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018, eq. 2.1.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions, Perturbed
    >>> SquaredL2(space=Perturbed(KernelRidgePredictions(), radius=0.1), by=None)
    SquaredL2(by=None, space=Perturbed(space=KernelRidgePredictions()))
    """

    radius: float = 0.1
    norm: float = np.inf
    n_steps: int = 1

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the other space."""
        check_ball(self)
        self.radius_ = self.radius / source.units.scale
        self.class_of_key_ = torch.as_tensor(source.schema.class_of_key, device=source.device)
        self.n_classes_ = source.schema.n_classes
        self.fit_space(source, generator)
        return self

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Move the real rows, on which the other space must depend smoothly, and show both sets in it."""
        fixed = replace(synthetic, X=synthetic.X.detach(), y=synthetic.y.detach())
        start = torch.Generator().manual_seed(draw_seed(state.generator))
        position = state.generator.get_state()

        def discrepancy(X: Tensor) -> Tensor:
            same = torch.Generator()  # what the other space draws is the same each time
            same.set_state(position)
            value = self._discrepancy(*self.space.represent(replace(real, X=X), fixed, replace(state, generator=same)))
            if not value.requires_grad:
                raise PartsError(f"{self.space!r} has no gradient at the real rows, so that they cannot be perturbed")
            return value

        moved = ascended(real.X, discrepancy, self.radius_, self.norm, self.n_steps, start)
        return self.space.represent(replace(real, X=moved), synthetic, state)

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the embedding of rows as they are."""
        return self.space.embed(rows)

    def block(self, rows: LabeledSet) -> Block:
        """Return the embedding of rows as they are, as a block that keeps mass and keys."""
        return self.space.block(rows)

    def _discrepancy(self, real: list[Block], synthetic: list[Block]) -> Tensor:
        """Return how far apart two sides are: squared distances of the rows, or of the means of each class."""
        pairs = list(zip(real, synthetic, strict=True))
        if self.yields != "clouds":
            return torch.stack([(p.values - q.values).square().sum() for p, q in pairs]).sum()
        squares = []
        for p, q in pairs:
            sides = (positions_of(keys, range(self.n_classes_)) for keys in (self.class_of_key_[p.key], q.key))
            for own, others in zip(*sides, strict=True):
                if len(own) and len(others):
                    squares.append((p.take(own).mean() - q.take(others).mean()).square().sum())
        return torch.stack(squares).sum()
