"""What a teacher says of rows that it was not fitted on: of all the data, before any are chosen."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from skdc.learners.reliability import reliable_classes, reliable_outputs
from skdc.learners.teachers import Teacher, checked_teacher, fitted_clone
from skdc.seeds import seeded
from skdc.sources import Holds, RowSource, Source, TaughtSource, draw_seed
from skdc.sources.taught import PartSource

_N_FOLDS = 3  # a teacher of two thirds of the rows says nearly what one of all would
_MOST_HELD_OUT = 2000  # rows that finished sets are judged by: an accuracy to within about a point
_MOST_ROWS = 16_384  # that a teacher tells, where few are to be chosen
_FOR_EACH = 8  # and for each row to be chosen
_LEAST = 3  # rows of a class for each to be chosen: so many are looked at, whatever is held out or does not agree


def taught_source(
    part: object, estimator: Any, source: Source, sizes: NDArray[np.int64], generator: torch.Generator
) -> TaughtSource:
    """Return the rows of the data as a teacher tells them that was fitted without them.

    A quarter of the rows of each class are held out, 2000 in all at most, and none without which there were less than
    three for each that is to be chosen: of such a class sets are judged by all rows. Of the others it takes 16,384, or
    8 for each row to be chosen, by a hash of their content. Of each class stay those to which the teacher gives their
    own class most, and three for each that is to be chosen at least. Together they weigh what the class does. Where the
    teacher is not reliable, as `Subset` says, rows stay as they are.

    Parameters
    ----------
    part, estimator, source, generator
        As in `fitted_teacher`.
    sizes : ndarray of shape (n_classes,)
        How many rows of each class are to be chosen.

    Raises
    ------
    ValueError
        As `fitted_teacher`.
    """
    held, estimator = checked_teacher(part, estimator, source)
    rows = cast(RowSource, held)  # sparse ones are refused before
    places, held_out = _parted(rows, sizes, draw_seed(generator))
    candidates = PartSource(rows, places)
    predicted = cross_fitted(estimator, candidates, generator)
    kept = np.arange(len(candidates))
    if rows.schema.task == "classification":
        kept = _agreeing(predicted, candidates, sizes)
    judged = PartSource(rows, held_out, weight=_weights(rows, held_out))
    return TaughtSource(rows, places[kept], predicted[kept], _weights(rows, places[kept]), judged)


def _weights(rows: Holds, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return weights of some rows by which those of each class weigh what the class does."""
    codes, mass = rows.schema.class_of_key[rows.key[places]], rows.class_mass()
    weight = rows.weight[places]
    return weight * mass[codes] / np.bincount(codes, weight, len(mass))[codes]


def _parted(rows: Holds, sizes: NDArray[np.int64], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows to choose from, and those to judge by: held-out ones, but of classes of which none can be."""
    n, most = len(rows), max(_MOST_ROWS, _FOR_EACH * int(sizes.sum()))
    kept, held_out = [np.empty(0, dtype=np.intp)], [np.empty(0, dtype=np.intp)]
    for c, size in enumerate(sizes):
        members = rows.class_members(c)
        # By content and mass: neither the order of rows nor a row that comes twice is to matter.
        hashes = rows.hashes(members, seed)
        members, hashes = members[np.argsort(hashes, kind="stable")], np.sort(hashes)
        mass = rows.weight[members].cumsum()[np.searchsorted(hashes, hashes, side="right") - 1]
        n_share = int((mass <= min(1 / 4, _MOST_HELD_OUT / n) * mass[-1:]).sum())
        n_held_out = min(n_share, max(0, len(members) - _LEAST * size))
        others = members[n_held_out:]
        kept.append(others[: max(_LEAST * size, int(np.ceil(most * len(members) / n)))])
        held_out.append(members[:n_held_out] if n_held_out else kept[-1])
    return np.sort(np.concatenate(kept)), np.sort(np.concatenate(held_out))


def cross_fitted(estimator: Any, rows: Holds, generator: torch.Generator) -> NDArray[np.float64]:
    """Return what clones of a teacher say of rows on which they were not fitted, of shape (n, n_outputs).

    Equal rows of a class are in one fold. A class of which there is but one row in that sense keeps its targets, and so
    does what a teacher tells no better than class shares, or the mean.

    Parameters
    ----------
    estimator : estimator
    rows : Holds
    generator : torch.Generator
    """
    estimator = seeded(estimator, lambda: draw_seed(generator))
    own = rows.targets()
    predicted, fold = own.copy(), _folds(rows, draw_seed(generator))
    if isinstance(estimator, FrozenEstimator):
        fold = np.zeros(len(rows), dtype=np.intp)
    for k in range(fold.max(initial=-1) + 1):
        of_fold, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        teacher = Teacher(fitted_clone(estimator, rows, generator, others), rows)
        answers = torch.cat([teacher(piece.X) for piece in rows.pieces(of_fold)])
        predicted[of_fold] = rows.decode_targets(answers)
    codes, mass, asked = rows.schema.class_of_key[rows.key], rows.class_mass(), fold >= 0
    if not asked.any():
        return own
    weight = rows.weight[asked]
    if rows.schema.task == "classification":
        given = predicted[np.arange(len(codes)), codes]
        reliable = reliable_classes(given[asked], codes[asked], weight, mass / mass.sum())[codes][:, None]
    else:
        mean = np.average(own, axis=0, weights=rows.weight)
        reliable = reliable_outputs(predicted[asked], own[asked], weight, mean)[None]
    return np.where(reliable, predicted, own)


def _folds(rows: Holds, seed: int) -> NDArray[np.intp]:
    """Return the fold of each row, by its content; -1 for the rows of a class that are all alike."""
    fold = np.full(len(rows), -1, dtype=np.intp)
    for c in range(rows.schema.n_classes):
        members = rows.class_members(c)
        distinct, which = np.unique(rows.hashes(members, seed), return_inverse=True)
        if len(distinct) > 1:
            fold[members] = which % _N_FOLDS
    return fold


def _agreeing(predicted: NDArray[np.float64], rows: Holds, sizes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows to which a teacher gives their own class most, and of each class some for each to be chosen."""
    codes = rows.schema.class_of_key[rows.key]
    given = predicted[np.arange(len(codes)), codes]
    kept = given >= predicted.max(axis=1)
    for c, size in enumerate(sizes):
        members = rows.class_members(c)
        if kept[members].sum() < _LEAST * size:
            kept[members[np.argsort(-given[members], kind="stable")[: _LEAST * size]]] = True
    return np.flatnonzero(kept)
