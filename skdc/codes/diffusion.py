"""Latents to which the steps of DDIM lead from noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import cos, pi, sin
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.layers import Layer

FREQUENCIES = 1, 2, 4, 8  # by which a network is told the level of noise


def angles_of(n_steps: int) -> list[float]:
    """Return how latents and noise are mixed before each step, and after the last: from pi / 2, all noise, to 0."""
    return [pi / 2 * (1 - step / n_steps) for step in range(n_steps + 1)]


@dataclass(frozen=True, eq=False)
class Denoised(Layer):
    """Latents x that are left of noise z, after steps of DDIM.

    At an angle a, `cos(a) z - sin(a) v` are the latents and `sin(a) z + cos(a) v` is the noise e that a mixture z and
    its velocity v tell; a step mixes them anew at the next angle b, as `cos(b) x + sin(b) e`. Angles go evenly from
    pi / 2 to 0.

    Parameters
    ----------
    inputs : Code
        Of shape (m, q).
    velocity : Layer
        Of what is made of `Inputs`: mixtures of shape (m, q) beside `cos(a), sin(a), cos(2 a), sin(2 a)`, and those of
        4 a and 8 a.
    n_steps : int
    skip : bool
        Whether latents are mixed with the noise that the steps start from, by a share that falls evenly from 1, in the
        first step, to 0 after the last.
    """

    velocity: Layer
    n_steps: int
    skip: bool

    def check(self, n_rows: int) -> None:
        """Refuse a velocity of other rows."""
        self.velocity.check_all(n_rows)

    def outputs(self, values: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        """Return the latents."""
        mixtures = values
        for step, (a, b) in enumerate(pairwise(angles_of(self.n_steps))):
            velocity = self.velocity.applied(_told(mixtures, a), first)
            latents = cos(a) * mixtures - sin(a) * velocity
            noise = sin(a) * mixtures + cos(a) * velocity
            share = self.skip * (1 - step / self.n_steps)
            mixtures = cos(b) * ((1 - share) * latents + share * values) + sin(b) * noise
        return mixtures

    def largest(self, outputs: NDArray[np.float64]) -> int:
        """Return the size of the widest layer of the velocity."""
        return self.velocity.widest(_told(outputs, 0.0))

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        return replace(super().take(places), velocity=self.velocity.take(places))


def _told(mixtures: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Return mixtures beside the waves of their angle."""
    waves = [wave for k in FREQUENCIES for wave in (cos(k * angle), sin(k * angle))]
    return np.concatenate([mixtures, np.broadcast_to(waves, (len(mixtures), len(waves)))], axis=1)
