"""Checks that any storage must pass."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.base import clone

from skdc.parameterizations.points import Points, PointsSet
from skdc.parameterizations.storage.base import Codec, Storage
from skdc.utils._running import Check, named, run
from skdc.utils._toys import generator, source


def check_storage(storage: Storage) -> None:
    """Check that a storage decodes and encodes rows, keeps them within ends, and says what moves and what is stored.

    Parameters
    ----------
    storage : Storage
        It is given rows of three features.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.parameterizations.storage import LowRank
    >>> from skdc.utils.estimator_checks import check_storage
    >>> check_storage(LowRank(rank=2))
    """
    run(storage_checks(storage), storage)


def storage_checks(storage: Storage) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a storage."""
    checks = [
        _check_same_seed_same_rows,
        _check_some_rows_are_of_the_whole,
        _check_groups_hold_what_moves,
        _check_encodes_nearby,
        _check_projects_within,
        _check_codec_pickles,
        _check_counts_bytes,
    ]
    return named(checks, storage)


def _live(storage: Storage, within: str | None = "data") -> PointsSet:
    """Return six points of three classes; their labels move, so that their rows need not."""
    points = Points(clone(storage), labels="learned", within=within)
    return points.build(source(), np.array([1, 2, 3]), generator())


def _move(codec: Codec, size: float) -> None:
    """Move all that may move."""
    draws = generator()
    with torch.no_grad():
        for parameter in codec.parameters():
            if parameter.requires_grad:
                parameter.add_(size * torch.randn(parameter.shape, generator=draws, dtype=parameter.dtype))


def _check_same_seed_same_rows(storage: Storage) -> None:
    first, second = (_live(storage).codec.decode() for _ in range(2))
    assert first.shape == (6, 3), "there must be a row for each row to start from"
    assert torch.equal(first, second), "the same generator must give the same rows"


def _check_some_rows_are_of_the_whole(storage: Storage) -> None:
    codec, places = _live(storage).codec, torch.tensor([4, 0, 0, 2])
    _move(codec, 1.0)
    torch.testing.assert_close(codec.decode(places), codec.decode()[places])


def _check_groups_hold_what_moves(storage: Storage) -> None:
    codec = _live(storage).codec
    grouped = sorted(id(parameter) for group in codec.groups() for parameter in group["params"])
    moving = sorted(id(parameter) for parameter in codec.parameters() if parameter.requires_grad)
    assert grouped == moving, "each parameter that moves must be in one of the groups"


def _check_encodes_nearby(storage: Storage) -> None:
    codec, wanted = _live(storage, within=None).codec, source().rows.X[-6:] / source().spread
    _move(codec, 1.0)
    with torch.no_grad():
        before = (codec.decode() - wanted).norm()
        codec.encode(wanted)
        after = (codec.decode() - wanted).norm()
    assert after < before, "encode must bring the rows nearer to those that are given"


def _check_projects_within(storage: Storage) -> None:
    live = _live(storage)
    _move(live.codec, 100.0)
    live.project()
    rows, data = live().X.detach(), source()
    low, high = (data.encode(end) for end in data.feature_range())
    if storage.shows_images():  # pixels have one range
        low, high = (data.encode(np.full(3, end)) for end in (data.X.min(), data.X.max()))
    room = 1e-9 * (high - low)
    assert ((low - room <= rows) & (rows <= high + room)).all(), "points must stay within the range that is given"
    live.project()
    torch.testing.assert_close(live().X.detach(), rows, msg="projecting once more must change nothing")


def _check_counts_bytes(storage: Storage) -> None:
    check_n_bytes(lambda n_rows: storage.n_bytes(n_rows, (3,), 8))


def check_n_bytes(n_bytes: Callable[[int], int]) -> None:
    """Check that more rows take more bytes, in whole numbers, and no rows what all share."""
    taken = [n_bytes(n) for n in (0, 1, 6, 10**6)]
    assert all(isinstance(value, int) for value in taken), "bytes must be whole numbers"
    assert 0 <= taken[0] < taken[1] < taken[2] < taken[3], "more rows must take more bytes, of which all share some"


def _check_codec_pickles(storage: Storage) -> None:
    codec, other = _live(storage).codec, _live(storage).codec
    with torch.no_grad():
        codec.encode(source().rows.X[-6:] / source().spread)
    _move(codec, 1.0)
    assert torch.equal(pickle.loads(pickle.dumps(codec)).decode(), codec.decode()), "a pickle must give the same rows"
    other.load_state_dict(codec.state_dict())
    assert torch.equal(other.decode(), codec.decode()), "state_dict must hold all that rows are made of"
