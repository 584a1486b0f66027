"""Any discrepancy of sets that are good when they are cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor

from skdc.discrepancies.objective import Objective, Term
from skdc.exceptions import PartsError
from skdc.sets import LabeledSet
from skdc.sources import Batch, Source
from skdc.step import Step


class Prefixes(Objective):
    """The mean of a discrepancy over prefixes of the set: the first 1, 2, 4, 8 ... and all points of each class.

    A set that makes it least can be cut short after any point of its classes, as `CondensedSet.shrink` does, and is
    still a good set [1]_. The points of a prefix weigh as if they were the whole set: each class keeps its mass. A step
    looks at as many sets as there are prefixes.

    The paper looks at the whole set and at one prefix at a time, which it chooses by how much the features of the
    points change, and holds the points of shorter prefixes; here all of them move, for the mean over the prefixes.

    Parameters
    ----------
    discrepancy : Discrepancy or sum of them
        What is measured of each prefix. Its weights count; what is added to `Prefixes` goes inside.

    References
    ----------
    .. [1] He et al., "Multisize Dataset Condensation", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD, Prefixes
    >>> X, y = load_iris(return_X_y=True)
    >>> condensed = Condenser(Prefixes(MMD()), n_per_class=3, random_state=0).fit(X, y).condensed_
    >>> condensed.shrink(2).y
    array([0, 0, 1, 1, 2, 2])
    """

    discrepancy: Objective

    def leaves(self) -> list[Term]:
        """Return the terms of the discrepancy."""
        if not isinstance(self.discrepancy, Objective):
            raise TypeError(f"Prefixes(discrepancy={self.discrepancy!r}): give an object such as MMD()")
        if isinstance(self.discrepancy, Prefixes):
            raise PartsError(f"{self!r}: prefixes of prefixes are prefixes; use {self.discrepancy!r}")
        return self.discrepancy.leaves()

    def normalizes(self) -> bool:
        """Tell whether terms are in units of their values where the (whole) set starts."""
        return self.discrepancy.normalizes()

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the discrepancy.

        Raises
        ------
        TypeError, ValueError
            If it is none, or cannot be fitted.
        """
        self.leaves()
        self.discrepancy.fit(source, generator)
        return self

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the mean of the losses."""
        return _mean(lambda rows: self.discrepancy.loss(real, rows, state), synthetic)

    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the mean of the values."""
        return _mean(lambda rows: self.discrepancy.value(real, rows, generator), synthetic)

    def __mul__(self, factor: float) -> Self:
        scaled: Any = self.discrepancy.__mul__(factor)
        return NotImplemented if scaled is NotImplemented else type(self)(scaled)

    def summands(self) -> list[Term]:
        """Refuse to be a term of a sum, which would see the whole set."""
        raise PartsError(f"{self!r} is no term of a sum; add what is inside of it: Prefixes(MMD() + EnergyDistance())")


def _mean(measured: Callable[[LabeledSet], Tensor], synthetic: LabeledSet) -> Tensor:
    return torch.stack([measured(rows) for rows in prefixes(synthetic)]).mean()


def prefixes(rows: LabeledSet) -> Iterator[LabeledSet]:
    """Yield the whole set, and then what the first ..., 4, 2 and 1 points of each class make of it, largest first.

    A class with fewer points gives all that it has. Each class has the mass that it has in the whole set.

    Parameters
    ----------
    rows : LabeledSet
    """
    yield rows
    rank = _ranks(rows.key)
    largest, size = int(rank.max()) + 1, 1
    sizes = []
    while size < largest:
        sizes.append(size)
        size *= 2
    n_keys = int(rows.key.max()) + 1
    whole = rows.weight.new_zeros(n_keys).index_add(0, rows.key, rows.weight)
    for size in reversed(sizes):
        some = rows.take((rank < size).nonzero()[:, 0])
        kept = torch.zeros_like(whole).index_add(0, some.key, some.weight)
        weight = some.weight * (whole / kept)[some.key]
        yield replace(some, weight=weight / weight.mean())


def _ranks(key: Tensor) -> Tensor:
    """Return the place of each point among those of its class, from 0."""
    ordered, order = key.sort(stable=True)
    places = torch.arange(len(key), device=key.device) - torch.searchsorted(ordered, ordered)
    return torch.empty_like(places).index_copy(0, order, places)
