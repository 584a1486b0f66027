"""Where a condensed set comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Provenance:
    """Where a condensed set comes from, in values that JSON has.

    Parameters
    ----------
    condenser : str
        Its repr.
    parameters : dict of str to object
    recipe : dict of str to (str or None)
        Reprs of the nouns.
    seed : int or None
    version : str
        Of skdc.
    n_rows : int or None
        Rows of the data.
    n_points : int
    n_per_class : dict of str to int, or None
        Points of each class.
    rows_per_class : dict of str to float, or None
        Rows of the data of each class; None for private ones.
    fingerprint : str or None
        Of the data.
    seconds : float
        What the fit took.
    privacy : dict or None
        The privacy statement.
    storage : dict of str to int
        What the set takes.
    """

    condenser: str
    parameters: dict[str, Any]
    recipe: dict[str, str | None]
    seed: int | None
    version: str
    n_rows: int | None
    n_points: int
    n_per_class: dict[str, int] | None
    rows_per_class: dict[str, float] | None
    fingerprint: str | None
    seconds: float
    privacy: dict[str, Any] | None
    storage: dict[str, int]
