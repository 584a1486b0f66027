"""Sampling of a diffusion generator that a gradient guides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.generators import DiffusionGenerator
from skdc.generators.diffusion import DiffusionDecoder
from skdc.parameterizations.points import PointsSet
from skdc.sets import LabeledSet
from skdc.solvers.base import DivergenceError, LiveObjective, Solution, Solver, State, solution_of
from skdc.solvers.descent import change_spaces
from skdc.sources import Source


@dataclass(eq=False, kw_only=True)
class GuidedState(State[PointsSet]):
    """Where sampling has come to.

    Parameters
    ----------
    live : DiffusionDecoder
    start, mixtures : Tensor of shape (m, q)
        Where the steps start from, and where they have come to.
    rows : Tensor
        What the latents that are expected are decoded to, in working units.
    diverged : bool
        Whether numbers are no longer finite.
    """

    live: DiffusionDecoder
    start: Tensor
    mixtures: Tensor
    rows: Tensor
    diverged: bool = False


class GuidedSampling(Solver[GuidedState, PointsSet]):
    r"""Sample points from a diffusion generator, pushed in each step by the gradient of the discrepancy [1]_.

    A step of DDIM tells what latents x, and what noise e, are expected in mixtures at an angle a, and mixes them at a
    smaller one. In between the latents are moved,

    .. math:: x \leftarrow x - \rho \sin(a)\, g / \mathrm{rms}(g)

    with the gradient g of the discrepancy at the rows that are decoded of x, which passes through no step. Sampling
    starts at the noise that leads to the rows with which points start, so that these come back, as far as the generator
    gives them, where nothing guides.

    Parameters
    ----------
    generator : DiffusionGenerator, default=None
        It is fitted to the data. None is `DiffusionGenerator()`.
    guidance : float, default=0.5
        The factor :math:`\rho`, in units of the spread of the latents; 0 leaves sampling as it is.
    window : (float, float), default=(0.0, 1.0)
        Part of the way from noise to rows on which latents are moved.
    batch_size : int, default=1024
        Real rows compared with in a step.

    References
    ----------
    .. [1] Chen et al., "Influence-Guided Diffusion for Dataset Distillation", 2025.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.solvers import GuidedSampling
    >>> Condenser(MMD(), solver=GuidedSampling(guidance=0.1), n_per_class=5)
    Condenser(discrepancy=MMD(), n_per_class=5, solver=GuidedSampling(guidance=0.1))
    """

    moves = "values"

    generator: DiffusionGenerator | None = None
    guidance: float = 0.5
    window: tuple[float, float] = (0.0, 1.0)
    batch_size: int = 1024

    def places_rows(self) -> bool:
        """Tell that it does."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> GuidedState:
        """Return the noise that leads to the points as they start."""
        self._check(objective, synthetic)
        part = DiffusionGenerator() if self.generator is None else self.generator
        if not isinstance(part, DiffusionGenerator):
            raise PartsError(f"{self!r} guides the steps from noise to rows, which a DiffusionGenerator() has")
        live = cast(DiffusionDecoder, part.fit(source, generator))
        low, high = self.window
        if not any(low <= step / live.n_steps < high for step in range(live.n_steps)):
            raise PartsError(f"{self!r}: none of the {live.n_steps} steps is in the window {self.window}; widen it")
        with torch.no_grad():
            laid = synthetic().X
            start = live.encode(laid / source.spread, synthetic.key)
        given = (generator, objective, synthetic, source)
        return GuidedState(*given, n_steps=live.n_steps, live=live, start=start, mixtures=start, rows=laid)

    def _check(self, objective: LiveObjective | None, synthetic: PointsSet) -> None:
        low, high = self.window
        if not (self.guidance >= 0 and 0 <= low < high <= 1 and self.batch_size >= 1):
            raise ValueError(
                f"{self!r}: guidance must be at least 0, window a part of (0, 1), and batch_size at least 1"
            )
        if synthetic.learned:
            raise PartsError(
                f"{self!r} moves rows, and no targets: it is for classes with labels='hard', or no targets"
            )
        if objective is not None and objective.parameters():
            raise PartsError(
                f"{self!r} trains nothing beside the points, as {objective!r} asks for; use MMD(), or the solver "
                "Descent()"
            )

    def advance(self, state: GuidedState) -> None:
        """Move what is expected of the latents, and mix it with less noise; numbers that are not finite are the end."""
        live, key = state.live, state.synthetic.key
        with torch.no_grad():
            x, e = live.estimate(state.mixtures, state.start, state.step, key)
            noise = live.mix(x.new_zeros(()), x.new_ones(()), state.step)
        rows, gradient = self._seen(state, x)
        low, high = self.window
        if low <= state.step / state.n_steps < high:
            size = gradient.square().mean().sqrt()
            x = x - self.guidance * noise * gradient / torch.where(size > 0, size, 1.0)
        with torch.no_grad():
            moved = live.base.decode(x, key) * state.source.spread
        state.diverged = not (np.isfinite(state.losses[-1]) and bool(moved.isfinite().all()))
        if state.diverged:
            state.stopped = True
            return
        state.mixtures, state.rows = live.mix(x, e, state.step + 1), moved
        with torch.no_grad():
            state.synthetic.load(replace(rows, X=moved))
        change_spaces(state, rows)
        state.done(state.losses[-1])

    def _seen(self, state: GuidedState, x: Tensor) -> tuple[LabeledSet, Tensor]:
        """Return the rows of latents, and the gradient of the loss, which is noted, in the latents."""
        x = x.detach().requires_grad_()
        batch = state.source.batch(self.batch_size, state.generator)
        with torch.no_grad():
            points = state.synthetic()
        rows = replace(points, X=state.live.base.decode(x, points.key) * state.source.spread)
        loss = state.objective.loss(batch, rows, state)
        state.losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, x, allow_unused=True) if loss.requires_grad else (None,)
        if gradient is None:
            raise PartsError(
                f"{self!r} is guided by gradients, but {state.objective!r} has none in the points; use MMD()"
            )
        return replace(rows, X=rows.X.detach()), gradient

    def finish(self, state: GuidedState) -> Solution:
        """Return the rows of the latents that were expected last; of all steps, those that were sampled."""
        with torch.no_grad():
            state.synthetic.load(replace(state.synthetic(), X=state.rows))
        solution = solution_of(state, state.step, {"loss": np.array(state.losses[: state.step])})
        if state.diverged:
            raise DivergenceError(
                f"rows are no longer finite after {len(state.losses)} of {state.n_steps} steps: guidance="
                f"{self.guidance} is too large for this discrepancy; try guidance={self.guidance / 10:g}. The last "
                "good set is kept in X_syn_.",
                solution,
            )
        return solution
