"""A condenser inside another part: the recipe by which it chooses rows on the source that is open."""

from __future__ import annotations

from copy import copy
from inspect import signature
from typing import Any

from skdc.exceptions import PartsError
from skdc.fitting.recipe import Recipe, checked

# What is said once, by the condenser outside.
_OUTSIDE = ("n_per_class", "n_samples", "n_bytes", "encoder", "device", "n_jobs", "verbose", "warm_start", "checkpoint")


def chooser_of(condenser: Any, place: str, task: str) -> Recipe:
    """Return the recipe by which a condenser chooses rows, once it is seen that nothing of it would be dropped.

    Parameters
    ----------
    condenser : condenser
    place : str
        How it is given, such as "Points(start=KMedoids()): start".
    task : {"auto", "classification", "regression", "none"}
        That of the data, or "auto" where it is not known yet.

    Raises
    ------
    PartsError
        If the condenser is private, makes rows, labels them, or has a setting that only the one outside can have.
    """
    name, defaults = type(condenser).__name__, signature(type(condenser)).parameters
    if getattr(condenser, "privacy", None) is not None:
        _refuse_private(place, condenser)
    for setting in _OUTSIDE:
        value = getattr(condenser, setting)
        if value is not defaults[setting].default and value != defaults[setting].default:
            raise PartsError(
                f"{place}: {setting}={value!r} of {name} would have no effect inside another part, which chooses rows "
                "of its own data, as many as it needs; set it on the condenser outside"
            )
    if condenser.task != "auto" and task not in ("auto", condenser.task):
        raise PartsError(f"{place}: {name}(task={condenser.task!r}) is given data of task {task!r}; use task='auto'")
    resolved = copy(condenser)
    resolved.task = task
    recipe = resolved.recipe()
    if recipe.privacy is not None:
        _refuse_private(place, condenser)
    parts = checked(recipe).parameterization
    if parts.moves != "indices":
        raise PartsError(
            f"{place} must be a condenser that chooses rows, such as KMedoids(), but {condenser!r} makes new rows, and "
            "chooses none"
        )
    if parts.labels != "hard":
        raise PartsError(
            f"{place}: {condenser!r} labels the rows that it chooses, and the labels would have no effect; take one "
            "that keeps those of the data, such as KMedoids()"
        )
    if not parts.leaves_rows():
        raise PartsError(
            f"{place}: {condenser!r} keeps the rows that it chooses in a storage, which would have no effect; take one "
            "that leaves them as they are, such as KMedoids()"
        )
    return recipe


def _refuse_private(place: str, condenser: Any) -> None:
    raise PartsError(
        f"{place}: {condenser!r} is private, but rows that it chose inside a condenser that is not would come out as "
        "they are; give privacy= to the condenser outside, or choose rows without it"
    )
