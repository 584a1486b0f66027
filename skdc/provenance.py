"""Where a condensed set comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skdc.scaling import Scaling


@dataclass(frozen=True)
class Provenance:
    """Where a condensed set comes from, in words and numbers that a file can hold.

    Parameters
    ----------
    condenser : str
        What made it, as it is printed.
    parameters : dict of str to object
        Its parameters: numbers and words as they are, others as they are printed.
    recipe : dict of str to str or None
        The nouns that ran, by name, as they are printed.
    seed : int or None
        `random_state`; None where it was no whole number.
    version : str
        Of skdc.
    n_points : int
    n_rows : int, default=None
        Rows of the data; None of private ones.
    n_per_class, rows_per_class : dict of str to int, default=None
        Points and rows of each class; None without classes, and rows of private data.
    fingerprint : str, default=None
        Tells the data, as they were given, from others: equal rows, targets and weights in the same order, in a
        container of the same kind and of the same dtype, have the same, whatever condenser made the set. None of
        private data, and of streams.
    seconds : float, default=0.0
        That the fit took.
    privacy : dict of str to object, default=None
        What was released, and with what noise; None of a set that is not private.
    storage : dict of str to int, default={}
        As `storage_` of a condenser.
    scaling : Scaling, default=None
        How learners see rows of the data. None of private ones, of which nothing is told but what was released.
    n_seen : int, default=None
        Rows of the sample from which the set was made, where the data came in pieces and were not all looked at.
    """

    condenser: str
    parameters: dict[str, Any]
    recipe: dict[str, str | None]
    seed: int | None
    version: str
    n_points: int
    n_rows: int | None = None
    n_per_class: dict[str, int] | None = None
    rows_per_class: dict[str, int] | None = None
    fingerprint: str | None = None
    seconds: float = 0.0
    privacy: dict[str, Any] | None = None
    storage: dict[str, int] = field(default_factory=dict)
    scaling: Scaling | None = None
    n_seen: int | None = None

    def without_scaling(self) -> dict[str, Any]:
        """Return all but the scaling, for the provenance of a set that is made of this one and has its own."""
        return asdict(replace(self, scaling=None))
