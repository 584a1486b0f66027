"""Rows in pieces as the problem of a fit: a sample that is held, and what passes over all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.containers import are_categories
from skdc.fitting.input import Problem, read, target_kind
from skdc.fitting.partitioned.reading import Reading
from skdc.fitting.partitioned.sample import Sample, sample, starts_of
from skdc.fitting.partitioned.survey import Survey, survey
from skdc.partitions import Partitions
from skdc.sources import Passing

_NAMES = ("n_features_in_", "feature_names_in_")


def read_partitions(condenser: Any, partitions: Partitions, encoder: Any) -> Problem:
    """Return the problem of a fit to rows in pieces: the sample that is held and, if not all are, the pieces beside it.

    Parameters
    ----------
    condenser : condenser
        It gets `n_features_in_` and `feature_names_in_`.
    partitions : Partitions
    encoder : callable
        Returns that of the condenser for (X, y).
    """
    found = survey(partitions, condenser.task, condenser.n_jobs)
    labels, counts, mass, task = _classes(found, condenser.task)
    held = sample(partitions, found, labels, counts, mass)
    problem = read(condenser, held.X, held.y, held.weight, task=task, encoder=encoder(held.X, held.y), classes=labels)
    if found.n_rows <= partitions.max_rows:  # the sample is all of them
        return replace(problem, places=held.places)
    names = {name: getattr(condenser, name) for name in _NAMES if hasattr(condenser, name)}
    reading = Reading(found.like, problem.encoder, task, labels, names)
    starts = starts_of(found.counted), starts_of(found.lengths)
    passing = Passing(partitions, reading, *starts, counts, mass, condenser.n_jobs)
    return replace(problem, passing=passing, places=held.places, is_sample=True)


def held_rows(partitions: Partitions, task: str, n_jobs: int | None) -> Sample:
    """Return the rows of pieces that are held: a sample, or all of no more than `max_rows`.

    Parameters
    ----------
    partitions : Partitions
    task : {"auto", "classification", "regression"}
    n_jobs : int or None
    """
    found = survey(partitions, task, n_jobs)
    return sample(partitions, found, *_classes(found, task)[:3])


def _classes(found: Survey, task: str) -> tuple[NDArray | None, NDArray[np.int64], NDArray[np.float64], str]:
    """Return the labels, rows and weight of each class, and the task."""
    all_rows = np.array([found.n_rows]), np.array([found.mass])
    if found.targets is None:
        target_kind(None, task, known=False)
        return None, *all_rows, task
    if found.targets.kind != "labels":
        return None, *all_rows, "regression" if found.targets.kind != "multilabel" else task
    values = found.targets.values
    labels = np.array(sorted(values))
    task = "classification" if task == "auto" and are_categories(found.like[1]) else task
    if target_kind(labels, task, known=False) == "regression":
        return None, *all_rows, "regression"
    counts, mass = (np.array([values[value][i] for value in labels.tolist()]) for i in (0, 1))
    return labels, counts, mass, "classification"
