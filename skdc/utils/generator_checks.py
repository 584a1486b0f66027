"""Checks that any generator must pass."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import lru_cache

import torch
from sklearn.base import clone
from torch import Tensor

from skdc.codes import PlainNumbers
from skdc.generators.base import Generator, LiveGenerator
from skdc.sources import RowSource
from skdc.utils._running import Check, named, numpy_state, run
from skdc.utils._toys import generator, source


def check_generator(part: Generator) -> None:
    """Check that a generator learns rows, decodes latents row by row and differentiably, and encodes rows.

    Parameters
    ----------
    part : Generator
        Quick, and for rows of three features and three classes.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.generators import LinearGenerator
    >>> from skdc.utils.estimator_checks import check_generator
    >>> check_generator(LinearGenerator(n_components=2))
    """
    run(generator_checks(part), part)


def generator_checks(part: Generator) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a generator."""
    checks = [
        _check_same_seed_same_rows,
        _check_global_generators_untouched,
        _check_shapes_and_dtypes,
        _check_decodes_row_by_row,
        _check_gradient_reaches_latents,
        _check_encodes_nearby,
        _check_pickles,
        _check_counts_numbers,
        _check_says_whether_it_has_a_code,
    ]
    return named(checks, part)


def _fitted(part: Generator, dtype: torch.dtype = torch.float64) -> LiveGenerator:
    return clone(part).fit(source(dtype), generator())


_live = lru_cache(maxsize=2)(_fitted)  # nothing changes it, and training takes long


def _latents(live: LiveGenerator) -> tuple[Tensor, Tensor]:
    """Return the latents of four random rows of each class, and their class codes."""
    key = torch.arange(3).repeat(4)
    return live.draw(key, generator()), key


def _check_same_seed_same_rows(part: Generator) -> None:
    first, second = _live(part), _fitted(part)
    assert torch.equal(first.decode(*_latents(first)), second.decode(*_latents(second)))


def _check_global_generators_untouched(part: Generator) -> None:
    state, torch_state = numpy_state(), torch.random.get_rng_state()
    live = _fitted(part)
    z, key = _latents(live)
    live.encode(live.decode(z, key), key)
    assert numpy_state() == state, "numpy's global generator moved"
    assert torch.equal(torch.random.get_rng_state(), torch_state), "torch's global generator moved"


def _check_shapes_and_dtypes(part: Generator) -> None:
    for dtype in (torch.float32, torch.float64):
        live = _live(part, dtype)
        z, key = _latents(live)
        rows = live.decode(z, key)
        assert live.latent_shape == part.shape_of_latents((3,)) and z.shape == (12, *live.latent_shape)
        assert rows.shape == (12, 3) and live.encode(rows, key).shape == z.shape
        assert z.dtype == rows.dtype == dtype, f"rows of {dtype} must come out as such"


def _check_decodes_row_by_row(part: Generator) -> None:
    live, places = _live(part), torch.tensor([7, 0, 0, 2])
    z, key = _latents(live)
    rows = live.decode(z, key)
    torch.testing.assert_close(live.decode(z[places], key[places]), rows[places])
    torch.testing.assert_close(live.encode(rows[places], key[places]), live.encode(rows, key)[places])


def _check_gradient_reaches_latents(part: Generator) -> None:
    live = _live(part)
    z, key = _latents(live)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(live.decode(z, key).square().sum(), z)
    assert gradient.isfinite().all() and gradient.flatten(1).abs().sum(1).all(), "each latent must get a gradient"


def _check_encodes_nearby(part: Generator) -> None:
    # Rows that differ alike in all directions would have no latents that tell more than the class.
    X, given = source().X * [1, 10, 1], source()
    data = RowSource(X, None, given.weight, given.key, given.schema, given.device, given.dtype)
    live, key = clone(part).fit(data, generator()), data.rows.key
    rows = data.rows.X / data.spread
    with torch.no_grad():
        encoded = live.decode(live.encode(rows, key), key)
        drawn = live.decode(live.draw(key, generator()), key)
    assert (encoded - rows).norm() < (drawn - rows).norm(), "the encodings of rows must be nearer than random latents"


def _check_pickles(part: Generator) -> None:
    live = _live(part)
    z, key = _latents(live)
    assert torch.equal(pickle.loads(pickle.dumps(live)).decode(z, key), live.decode(z, key))


def _check_counts_numbers(part: Generator) -> None:
    live = _live(part)
    assert live.n_bytes() == 8 * part.n_numbers((3,), 3), "what is counted must be what there is"


def _check_says_whether_it_has_a_code(part: Generator) -> None:
    live = _live(part)
    z, key = _latents(live)
    order = key.argsort()
    code = live.code(PlainNumbers(z[order].numpy()), key[order], 0.0)
    assert part.has_code((3,), 3) == (code is not None), "has_code must tell whether there is a code"
