"""What a solver minimises, and the algebra by which its terms add up."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, Literal, Self, TypeVar

import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.metaestimators import _BaseComposition
from torch import Tensor, nn

from skdc.discrepancies.arrays import compared
from skdc.exceptions import PartsError
from skdc.fields import SharedParts
from skdc.isolation import filters_kept
from skdc.randomness import randomness
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch, Source
from skdc.spaces.base import PointwiseSpace, Space, each_once, is_first
from skdc.step import Step

Rows = TypeVar("Rows", LabeledSet, Block)
Compare = Callable[[Block, Block, torch.Generator], Tensor]


class Objective(SharedParts, ABC):
    """What a solver minimises: a discrepancy, or a weighted sum of them."""

    @abstractmethod
    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit spaces and scales to the data; condensers fit clones."""

    @abstractmethod
    def leaves(self) -> list[Term]:
        """Return the terms that are summed."""

    def summands(self) -> list[Term]:
        """Return what a sum takes of it: its terms, by default.

        Raises
        ------
        PartsError
            If it is more than the sum of its terms.
        """
        return self.leaves()

    def normalizes(self) -> bool:
        """Tell whether terms are in units of their values where the set starts (no, by default)."""
        return False

    @abstractmethod
    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the value to minimise.

        Parameters
        ----------
        real : Batch
            Of real rows; or, from a sketch, of the mean features of each leaf.
        synthetic : LabeledSet
        state : Step
        """

    @abstractmethod
    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the discrepancy itself: the loss, with what depends on the real set alone."""

    def __call__(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        sample_weight_y: ArrayLike | None = None,
        random_state: int = 0,
    ) -> float:
        """Measure the discrepancy of Y from X.

        Scales, such as a median bandwidth, are those of X.

        Parameters
        ----------
        X, Y : array-like of shape (n, ...) and (m, ...)
            Rows of numbers, as arrays or tensors; or frames of the same columns, of which
            `skdc.preprocessing.TabularEncoder`, fitted to X, makes such rows: units of columns do not count.
        sample_weight, sample_weight_y : array-like of shape (n,) and (m,), default=None
            Weights of the rows of X and of Y; a row of weight 2 counts as the row twice.
        random_state : int, default=0
            Seed of what is drawn: random features, projections, networks.

        Returns
        -------
        float
            In the unit that the class states, times the weight.

        Raises
        ------
        ValueError
            For rows that are no numbers, and for a discrepancy that needs more than rows.
        """
        objective, generator = clone(self), torch.Generator().manual_seed(random_state)
        source, rows = compared(X, Y, sample_weight, sample_weight_y)
        with randomness(random_state), filters_kept():
            objective.fit(source, generator)
            train_critics(objective, Batch(source.rows), rows, generator)
            with torch.no_grad():
                return float(objective.value(Batch(source.rows), rows, generator))

    @abstractmethod
    def __mul__(self, factor: float) -> Self:
        """Return a copy with the weight multiplied; the parts are shared."""

    def __rmul__(self, factor: float) -> Self:
        return self.__mul__(factor)

    def __add__(self, other: Objective) -> Hybrid:
        if not isinstance(other, Objective):
            return NotImplemented
        normalize = self.normalizes() or other.normalizes()
        return Hybrid(_named([*self.summands(), *other.summands()]), normalize=normalize)

    def __radd__(self, other: object) -> Objective:
        # sum([...]) starts at 0
        return self if isinstance(other, Real) and other == 0 else NotImplemented

    def spaces(self) -> list[Space]:
        """Return the live spaces, each once."""
        return list({id(leaf.space_): leaf.space_ for leaf in self.leaves()}.values())

    def parameters(self) -> list[dict[str, Any]]:
        """Return the torch parameter groups optimised beside the synthetic set."""
        of_spaces = [group for space in self.spaces() for group in space.parameters()]
        groups = of_spaces + [group for leaf in self.leaves() for group in leaf.own_parameters()]
        # A space inside of two others has its parameters once.
        places = {id(parameter): place for place, group in enumerate(groups) for parameter in group["params"]}
        own = [[p for p in group["params"] if places[id(p)] == place] for place, group in enumerate(groups)]
        return [{**group, "params": params} for group, params in zip(groups, own, strict=True) if params]

    def sketchable(self) -> bool:
        """Tell whether the real data are seen through frozen mean features only, so that a sketch will do."""
        return all(leaf.compares == "means" and _is_frozen(leaf.space) for leaf in self.leaves())


def _is_frozen(space: Space | None) -> bool:
    return space is None or (isinstance(space, PointwiseSpace) and space.frozen())


class Term(Objective, kw_only=True):
    """A term of an objective: a discrepancy, or a penalty.

    Parameters
    ----------
    weight : float, default=1.0
        Factor of the value in a sum.

    Attributes
    ----------
    space : Space or None
        Where it looks.
    by : {"class", "group", None}
        What it splits by.
    compares : {"clouds", "aligned", "means"}
        What it can take: two clouds of points, blocks whose rows correspond, or clouds of which only mean features
        matter.
    quadratic : bool
        Whether it is a weighted mean of the squared distances of rows that correspond.
    sparse : bool
        Whether it can measure rows that are sparse.
    """

    compares: ClassVar[Literal["clouds", "aligned", "means"]]
    quadratic: ClassVar[bool] = False
    sparse: ClassVar[bool] = False
    weight: float = 1.0

    @abstractmethod
    def attach(self, source: Source) -> None:
        """Choose the space and check that the parts fit together.

        Raises
        ------
        ValueError
            If a setting makes no sense, the space does not suit the term, or the data lack what it needs: classes, say.
        """

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Check that the parts fit together, then fit space and scale.

        Raises
        ------
        ValueError
            If the space shows what the term cannot compare, or a parameter would do nothing.
        """
        self.attach(source)
        self.space_.fit(source, generator)
        return self.fit_scale(source, generator)

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Learn a scale from the data as the fitted space shows them (nothing by default).

        Raises
        ------
        ValueError
            If a setting makes no sense, or the data lack what is needed: a stream, say, has not shown its rows yet.
        """
        return self

    def own_parameters(self) -> list[dict[str, Any]]:
        """Return torch parameter groups (none by default).

        Each has its step size `lr`, which decays with that of the set unless `decays=False`, and `maximize=True` where
        it is ascended.
        """
        return []

    def leaves(self) -> list[Term]:
        """Return the term itself."""
        return [self]

    def check_condensing(self) -> None:
        """Refuse to be minimised by a condenser (never by default).

        Raises
        ------
        PartsError
            Saying why, and what to use.
        """

    def check_weight(self) -> None:
        """Refuse a weight that is no positive number."""
        if not 0 < self.weight < math.inf:
            raise ValueError(f"{type(self).__name__}(weight={self.weight!r}): the weight must be positive and finite")

    def __mul__(self, factor: float) -> Self:
        if not isinstance(factor, Real):
            return NotImplemented
        return type(self)(**{**self.get_params(deep=False), "weight": self.weight * float(factor)})


class Regularizer(Term):
    """A term that is to be added to a discrepancy, since alone it is least whatever the data."""

    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted term: nothing is left out of its loss."""
        return self.loss(real, synthetic, Step(generator))


class Hybrid(Objective, _BaseComposition):
    """A weighted sum of discrepancies, made by `+` and `*`.

    Parameters
    ----------
    terms : list of (str, Discrepancy or penalty)
        Named terms; each carries its own weight.
    normalize : bool, default=False
        Divide each term by its value where the synthetic set starts, so that weights compare terms of different units.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, Sinkhorn
    >>> 0.5 * MMD() + Sinkhorn()
    Hybrid(terms=[('mmd', MMD(weight=0.5)), ('sinkhorn', Sinkhorn())])
    >>> sorted((MMD() + MMD()).get_params(deep=False))
    ['normalize', 'terms']
    >>> (MMD() + MMD()).set_params(mmd_2__weight=3.0)
    Hybrid(terms=[('mmd_1', MMD()), ('mmd_2', MMD(weight=3.0))])
    """

    terms: list[tuple[str, Term]]
    normalize: bool = False

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with `<term>` and `<term>__<parameter>` if deep."""
        return self._get_params("terms", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, terms by their names, or parameters of terms."""
        self._set_params("terms", **params)
        return self

    def leaves(self) -> list[Term]:
        """Return the terms."""
        return [term for _, term in self.terms]

    def normalizes(self) -> bool:
        """Tell whether each term is divided by its value where the set starts."""
        return self.normalize

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit each space once, then the scale of each term.

        Raises
        ------
        ValueError
            If there is no term, or a term cannot be fitted.
        """
        if not self.terms:
            raise ValueError("Hybrid(terms=[]) has nothing to minimise; add at least one discrepancy")
        if all(isinstance(leaf, Regularizer) for leaf in self.leaves()):
            raise PartsError(f"{self!r} does not look at the data; add a discrepancy, such as MMD()")
        for leaf in self.leaves():
            leaf.attach(source)
        with each_once():
            for space in self.spaces():
                if is_first(space):
                    space.fit(source, generator)
        for leaf in self.leaves():
            leaf.fit_scale(source, generator)
        return self

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the sum of the terms, each in units of its value at the start where they are normalised."""
        leaves, sides = self.leaves(), self._sides(real)
        if self.normalize and not hasattr(self, "starts_"):
            with torch.no_grad():
                starts = [
                    leaf.value(side, synthetic, state.generator) for leaf, side in zip(leaves, sides, strict=True)
                ]
            sizes = [abs(float(start)) / leaf.weight for start, leaf in zip(starts, leaves, strict=True)]
            self.starts_ = [size or 1.0 for size in sizes]
        units = self.starts_ if self.normalize else [1.0] * len(leaves)
        losses = [
            leaf.loss(side, synthetic, state) / unit for leaf, side, unit in zip(leaves, sides, units, strict=True)
        ]
        return torch.stack(losses).sum()

    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the sum of the values of the terms, each in its own unit."""
        pairs = zip(self.leaves(), self._sides(real), strict=True)
        return torch.stack([leaf.value(side, synthetic, generator) for leaf, side in pairs]).sum()

    def _sides(self, real: Batch) -> list[Batch]:
        return [real.of_term(place) for place in range(len(self.terms))]

    def __mul__(self, factor: float) -> Hybrid:
        if not isinstance(factor, Real):
            return NotImplemented
        return Hybrid([(name, term * factor) for name, term in self.terms], self.normalize)


def critic_group(network: nn.Module, step_size: float) -> dict[str, Any]:
    """Return the parameters of a critic as a torch group; its step size stays, while that of the set decays."""
    return {"params": list(network.parameters()), "lr": step_size, "maximize": True, "decays": False}


_CRITIC_STEPS = 500  # steps for which critics are trained where a discrepancy is measured by itself


def train_critics(
    objective: Objective,
    real: Batch,
    synthetic: LabeledSet,
    generator: torch.Generator,
    n_steps: int = _CRITIC_STEPS,
) -> None:
    """Ascend what an objective wants maximised, on sets that stay as they are."""
    groups = [group for group in objective.parameters() if group.get("maximize")]
    if groups:
        optimizer = torch.optim.Adam(groups)
        for _ in range(n_steps):
            optimizer.zero_grad()
            objective.loss(real, synthetic, Step(generator)).backward()
            optimizer.step()


def _named(terms: list[Term]) -> list[tuple[str, Term]]:
    names = [type(term).__name__.lower() for term in terms]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    named = []
    for name, term in zip(names, terms, strict=True):
        seen[name] += 1
        named.append((f"{name}_{seen[name]}" if name in repeated else name, term))
    return named
