"""Sizes that a user asks for: a number of rows of each class, or up to a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AtMost:
    """Up to so many rows of a class: all of it, where it has fewer. Made by `at_most`.

    Parameters
    ----------
    n : int
    """

    n: int

    def __repr__(self) -> str:
        return f"at_most({self.n!r})"


def at_most(n: int) -> AtMost:
    """Ask for n rows of a class, or for as many as it has where these are fewer.

    A number alone is a promise: what chooses rows refuses a class that has fewer, and what makes rows makes more of it.

    Parameters
    ----------
    n : int
        At least 1.

    Returns
    -------
    AtMost
        A value for `n_per_class`, or for a class in a dictionary of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc import RandomSubset, at_most
    >>> X, y = np.arange(12.0)[:, None], np.repeat(["few", "many"], [2, 10])
    >>> X_syn, y_syn = RandomSubset(at_most(5), random_state=0).fit(X, y)
    >>> y_syn.tolist()
    ['few', 'few', 'many', 'many', 'many', 'many', 'many']
    """
    return AtMost(n)


ClassSizes = int | AtMost | Mapping[Any, int | AtMost]
