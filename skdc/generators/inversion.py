"""Latents of rows, where no encoder tells them: they are searched for."""

from __future__ import annotations

import torch
from torch import Tensor

from skdc.generators.base import LiveGenerator

_N_STARTS = 64  # random latents of each class, of which the nearest is the start
_STEP_SIZE = 0.1  # in units of the spread of a latent
_CHUNK = 256  # rows that are searched for at a time


def inverted(live: LiveGenerator, X: Tensor, key: Tensor, n_steps: int) -> Tensor:
    """Return latents whose rows are near to others, by descent from the best of some random ones.

    Parameters
    ----------
    live : LiveGenerator
    X : Tensor of shape (m, ...)
        In units of the spread of the data.
    key : int64 Tensor of shape (m,)
        Their class codes.
    n_steps : int
        Of Adam, of which the size falls to zero.
    """
    found = [
        _searched(live, rows, codes, n_steps) for rows, codes in zip(X.split(_CHUNK), key.split(_CHUNK), strict=True)
    ]
    return torch.cat(found)


def _searched(live: LiveGenerator, X: Tensor, key: Tensor, n_steps: int) -> Tensor:
    z = _nearest_draws(live, X, key).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=_STEP_SIZE)
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = _STEP_SIZE * (1 - step / n_steps)
        with torch.enable_grad():
            # A sum of what each row has by itself: so its latents do not depend on the others.
            error = (live.decode(z, key) - X).square().flatten(1).mean(1).sum()
        (z.grad,) = torch.autograd.grad(error, z)
        optimizer.step()
    return z.detach()


@torch.no_grad()
def _nearest_draws(live: LiveGenerator, X: Tensor, key: Tensor) -> Tensor:
    """Return for each row the nearest of some random latents of its class."""
    start = X.new_zeros(len(X), *live.latent_shape)
    for c in key.unique().tolist():
        codes = key.new_full((_N_STARTS,), c)
        z, places = live.draw(codes, torch.Generator().manual_seed(c)), (key == c).nonzero()[:, 0]
        rows = live.decode(z, codes).flatten(1)
        start[places] = z[torch.cdist(X[places].flatten(1), rows).argmin(1)]
    return start
