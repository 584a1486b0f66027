"""A search on rows in pieces: on the sample of them that is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skdc.fitting.partitioned import held_rows
from skdc.partitions import Partitions


def fit_to_sample(search: Any, partitions: Partitions, task: str) -> Any:
    """Fit a search to the sample of rows in pieces that is held, and tell of it.

    Parameters
    ----------
    search : AutoCondenser
    partitions : Partitions
    task : {"auto", "classification", "regression"}

    Returns
    -------
    search
    """
    held = held_rows(partitions, task, search.n_jobs)
    search.fit(held.X, held.y, sample_weight=held.weight)
    if hasattr(search, "indices_"):
        search.indices_ = held.places[search.indices_]
    origin = replace(search.condensed_.provenance, fingerprint=None, n_seen=len(held.places))
    search.condensed_ = search.best_condenser_.condensed_ = replace(search.condensed_, provenance=origin)
    return search
