"""The contract of a discrepancy, and the algebra by which discrepancies add up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import _BaseComposition
from torch import Tensor

from skdc.data import Block, LabeledSet
from skdc.source import Source
from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.data import Identity, Joint

Rows = TypeVar("Rows", LabeledSet, Block)


class Objective(ABC):
    """What a solver minimises: a discrepancy, or a weighted sum of them."""

    @abstractmethod
    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit spaces and scales to the data; condensers fit clones."""

    @abstractmethod
    def leaves(self) -> list[Discrepancy]:
        """Return the discrepancies that are summed."""

    @abstractmethod
    def loss(self, real: LabeledSet | list[Block], synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the value to minimise.

        Parameters
        ----------
        real : LabeledSet, or list of Block
            A batch of real rows; or, from a sketch, the mean features of each leaf.
        synthetic : LabeledSet
        generator : torch.Generator
        """

    @abstractmethod
    def __mul__(self, factor: float) -> Self:
        """Return a copy with the weight multiplied; the parts are shared."""

    def __rmul__(self, factor: float) -> Self:
        return self.__mul__(factor)

    def __add__(self, other: Objective) -> Hybrid:
        if not isinstance(other, Objective):
            return NotImplemented
        return Hybrid(_named([*self.leaves(), *other.leaves()]))

    def __radd__(self, other: object) -> Objective:
        # sum([...]) starts at 0
        return self if isinstance(other, Real) and other == 0 else NotImplemented

    def spaces(self) -> list[Space]:
        """Return the live spaces, each once."""
        return list({id(leaf.space_): leaf.space_ for leaf in self.leaves()}.values())

    def parameters(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups optimised beside the synthetic set."""
        return [group for space in self.spaces() for group in space.parameters()]

    def sketchable(self) -> bool:
        """Tell whether the real data are seen through frozen mean features only, so that a sketch will do."""
        return all(leaf.compares == "means" and _is_frozen(leaf.space) for leaf in self.leaves())


def _is_frozen(space: Space | None) -> bool:
    return space is None or (isinstance(space, PointwiseSpace) and space.frozen())


class Discrepancy(BaseEstimator, Objective):
    """A distance between the data and the synthetic set, measured in a space.

    Subclasses write `between`; the base represents both sets, splits them by group, compares, reduces and
    weighs.

    Parameters
    ----------
    space : Space, default=None
        Where the sets are compared. None: the rows themselves, joined with continuous targets.
    by : {"class", "group", None}, default="class"
        Compare class by class; or each (class, sensitive group) with its class; or the sets as a whole.
    reduce : {"mean", "worst"}, default="mean"
        Over the groups.
    weight : float, default=1.0
        Factor of the value in a sum.

    Attributes
    ----------
    compares : {"clouds", "aligned", "means"}
        What `between` can take: two clouds of points, blocks whose rows correspond, or clouds of which only mean
        features matter.
    """

    compares: ClassVar[Literal["clouds", "aligned", "means"]]

    def __init__(
        self,
        space: Space | None = None,
        by: Literal["class", "group"] | None = "class",
        reduce: Literal["mean", "worst"] = "mean",
        weight: float = 1.0,
    ) -> None:
        self.space = space
        self.by = by
        self.reduce = reduce
        self.weight = weight

    @abstractmethod
    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the scalar discrepancy between two blocks."""

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Check that the parts fit together, then fit space and scale.

        Raises
        ------
        ValueError
            If the space shows what the discrepancy cannot compare, or a parameter would do nothing.
        """
        self.attach(source)
        self.space_.fit(source, generator)
        return self.fit_scale(source, generator)

    def attach(self, source: Source) -> None:
        """Choose the space, check the composition and remember the groups."""
        default = Joint() if source.schema.task == "regression" else Identity()
        self.space_ = default if self.space is None else self.space
        self._check_composition()
        class_of_key = source.schema.class_of_key
        group_of_key = np.arange(len(class_of_key)) if self.by == "group" else class_of_key
        self.group_of_key_ = torch.as_tensor(group_of_key, device=source.device)
        self.class_of_group_ = class_of_key if self.by == "group" else np.unique(class_of_key)

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Learn a scale from the data as the fitted space shows them (nothing by default)."""
        return self

    def _check_composition(self) -> None:
        name, space = type(self).__name__, type(self.space_).__name__
        if self.by not in ("class", "group", None):
            raise ValueError(f"{name}(by={self.by!r}): by must be 'class', 'group' or None")
        if self.reduce not in ("mean", "worst"):
            raise ValueError(f"{name}(reduce={self.reduce!r}): reduce must be 'mean' or 'worst'")
        if self.by is None and self.reduce != "mean":
            raise ValueError(f"{name}(by=None, reduce={self.reduce!r}): without groups there is nothing to reduce")
        if not self.weight > 0:
            raise ValueError(f"{name}(weight={self.weight!r}): the weight must be positive")
        wanted = "aligned" if self.compares == "aligned" else "clouds"
        if self.space_.yields != wanted:
            advice = (
                "use a pointwise space such as Identity(), or compare with SquaredL2 or Cosine"
                if wanted == "clouds"
                else "use a space such as NetworkGradients(), or compare with MMD"
            )
            raise ValueError(f"{name} compares {wanted}, but {space} yields {self.space_.yields}; {advice}")
        if self.space_.splits == "never" and self.by is not None:
            raise ValueError(f"{name}(by={self.by!r}) has no effect: {space} takes the sets as a whole; use by=None")

    def leaves(self) -> list[Discrepancy]:
        """Return the discrepancy itself."""
        return [self]

    def represent(
        self, real: LabeledSet | list[Block], synthetic: LabeledSet, generator: torch.Generator
    ) -> tuple[list[Block], list[Block]]:
        """Return what is compared: the blocks of the space."""
        return self.space_.represent(cast(LabeledSet, real), synthetic, generator)

    def loss(self, real: LabeledSet | list[Block], synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Represent, split, compare, reduce, weigh."""
        if self.space_.splits == "before":
            sides = (self.represent(p, q, generator) for p, q in self.groups(cast(LabeledSet, real), synthetic))
            values = torch.stack([self._sum(zip(*side, strict=True), generator) for side in sides])
        else:
            blocks = zip(*self.represent(real, synthetic, generator), strict=True)
            by_block = [[self.between(*pair, generator) for pair in self.groups(p, q)] for p, q in blocks]
            values = torch.stack([torch.stack(values) for values in by_block]).sum(0)
        return self.weight * (values.mean() if self.reduce == "mean" else values.max())

    def _sum(self, pairs: Iterable[tuple[Block, Block]], generator: torch.Generator) -> Tensor:
        return torch.stack([self.between(p, q, generator) for p, q in pairs]).sum()

    def groups(self, real: Rows, synthetic: Rows) -> Iterator[tuple[Rows, Rows]]:
        """Yield the real rows of each group with the synthetic rows of its class; groups without rows are left out."""
        if self.by is None:
            yield real, synthetic
            return
        group = self.group_of_key_[real.key]
        for g, c in enumerate(self.class_of_group_):
            p, q = real.take(group == g), synthetic.take(synthetic.key == c)
            if len(p) and len(q):
                yield p, q

    def __mul__(self, factor: float) -> Self:
        if not isinstance(factor, Real):
            return NotImplemented
        return type(self)(**{**self.get_params(deep=False), "weight": self.weight * float(factor)})


class Hybrid(Objective, _BaseComposition):
    """A weighted sum of discrepancies, made by `+` and `*`.

    Parameters
    ----------
    terms : list of (str, Discrepancy)
        Named terms; each carries its own weight.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, Sinkhorn
    >>> 0.5 * MMD() + Sinkhorn()
    Hybrid(terms=[('mmd', MMD(weight=0.5)), ('sinkhorn', Sinkhorn())])
    >>> sorted((MMD() + MMD()).get_params(deep=False))
    ['terms']
    >>> (MMD() + MMD()).set_params(mmd_2__weight=3.0)
    Hybrid(terms=[('mmd_1', MMD()), ('mmd_2', MMD(weight=3.0))])
    """

    def __init__(self, terms: list[tuple[str, Discrepancy]]) -> None:
        self.terms = terms

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with `<term>` and `<term>__<parameter>` if deep."""
        return self._get_params("terms", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, terms by their names, or parameters of terms."""
        self._set_params("terms", **params)
        return self

    def __sklearn_clone__(self) -> Hybrid:
        # A space given to two terms is one live space: cloning must not split it.
        copies: dict[int, Space] = {}
        terms = []
        for name, term in self.terms:
            params = {key: clone(value, safe=False) for key, value in term.get_params(deep=False).items()}
            if term.space is not None:
                params["space"] = copies.setdefault(id(term.space), params["space"])
            terms.append((name, type(term)(**params)))
        return Hybrid(terms)

    def leaves(self) -> list[Discrepancy]:
        """Return the terms."""
        return [term for _, term in self.terms]

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit each space once, then the scale of each term.

        Raises
        ------
        ValueError
            If there is no term, or a term cannot be fitted.
        """
        if not self.terms:
            raise ValueError("Hybrid(terms=[]) has nothing to minimise; add at least one discrepancy")
        for leaf in self.leaves():
            leaf.attach(source)
        for space in self.spaces():
            space.fit(source, generator)
        for leaf in self.leaves():
            leaf.fit_scale(source, generator)
        return self

    def loss(self, real: LabeledSet | list[Block], synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the sum of the terms."""
        leaves = self.leaves()
        sides: list[Any] = [[block] for block in real] if isinstance(real, list) else [real] * len(leaves)
        losses = [leaf.loss(side, synthetic, generator) for leaf, side in zip(leaves, sides, strict=True)]
        return torch.stack(losses).sum()

    def __mul__(self, factor: float) -> Hybrid:
        if not isinstance(factor, Real):
            return NotImplemented
        return Hybrid([(name, term * factor) for name, term in self.terms])


def _named(terms: list[Discrepancy]) -> list[tuple[str, Discrepancy]]:
    names = [type(term).__name__.lower() for term in terms]
    twins = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    named = []
    for name, term in zip(names, terms, strict=True):
        seen[name] += 1
        named.append((f"{name}_{seen[name]}" if name in twins else name, term))
    return named
