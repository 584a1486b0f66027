"""The contract of a discrepancy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from skdc.discrepancies.objective import Term
from skdc.discrepancies.reduce import Reduction, check_reduction, reduced
from skdc.exceptions import PartsError
from skdc.sets import Block, LabeledSet, positions_of
from skdc.sources import Batch, Source
from skdc.spaces.base import Space
from skdc.spaces.invertible import Identity, Joint
from skdc.step import Step

Rows = TypeVar("Rows", LabeledSet, Block)
Compare = Callable[[Block, Block, torch.Generator], Tensor]


class Discrepancy(Term, kw_only=True):
    """A distance between the data and the synthetic set, measured in a space.

    Subclasses write `between`; the base represents both sets, splits them by group, compares, reduces and
    weighs.

    Parameters
    ----------
    space : Space, default=None
        Where the sets are compared. None: the rows themselves, joined with continuous targets.
    by : {"class", "group", None}, default="class"
        Compare class by class; or each (class, sensitive group) with its class; or the sets as a whole.
    reduce : {"mean", "worst"} or CVaR, default="mean"
        Over the groups.
    weight : float, default=1.0
        Factor of the value in a sum.

    Attributes
    ----------
    symmetric : bool
        Whether the two sets can be swapped.
    nonnegative : bool
        Whether no value is below zero, which is then that of a set and itself.
    second_order : bool
        Whether it sees nothing of clouds but the means and variances of columns.
    """

    symmetric: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    second_order: ClassVar[bool] = False

    space: Space | None = None
    by: Literal["class", "group"] | None = "class"
    reduce: Reduction = "mean"

    @abstractmethod
    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the scalar discrepancy between two blocks."""

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return what `between` leaves out, since it depends on the real block alone (nothing by default)."""
        return p.values.new_zeros(())

    def distance(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the discrepancy itself between two blocks."""
        return self.between(p, q, generator) + self.constant(p, generator)

    def witness(self, p: Block, q: Block, at: Tensor) -> Tensor:
        """Return the first variation in the mass of p at some points, of shape (n,): large where q misses mass of p.

        It is known up to a constant.
        """
        extra = at.new_zeros(len(at)).requires_grad_()
        with torch.enable_grad():
            weight, key = torch.cat([p.weight, extra]), torch.cat([p.key, p.key.new_full((len(at),), int(p.key[0]))])
            value = self.distance(Block(weight, key, torch.cat([p.values, at])), q, torch.Generator().manual_seed(0))
            return torch.autograd.grad(value, extra)[0] * p.weight.sum()

    def attach(self, source: Source) -> None:
        """Choose the space, check the composition and remember the groups."""
        default = Joint() if source.schema.task == "regression" else Identity()
        self.space_ = default if self.space is None else self.space
        self._check_composition()
        class_of_key = source.schema.class_of_key
        group_of_key = np.arange(len(class_of_key)) if self.by == "group" else class_of_key
        self.group_of_key_ = torch.as_tensor(group_of_key, device=source.device)
        self.class_of_group_ = class_of_key if self.by == "group" else np.unique(class_of_key)

    def _check_composition(self) -> None:
        name, space = type(self).__name__, type(self.space_).__name__
        if self.by not in ("class", "group", None):
            raise ValueError(f"{name}(by={self.by!r}): by must be 'class', 'group' or None")
        check_reduction(name, self.reduce)
        if self.by is None and self.reduce != "mean":
            raise ValueError(f"{name}(by=None, reduce={self.reduce!r}): without groups there is nothing to reduce")
        self.check_weight()
        wanted = "aligned" if self.compares == "aligned" else "clouds"
        mixed = (wanted, self.space_.yields) == ("aligned", "mixtures")
        if mixed and not self.quadratic:
            raise PartsError(
                f"{name} compares row by row, but {space} shows mixtures of rows, whose squares alone have a meaning; "
                "use SquaredL2, or KernelRidgePredictions"
            )
        stored = (wanted, self.space_.yields) == ("clouds", "moments")
        if stored and not self.second_order:
            raise PartsError(
                f"{name} compares clouds, but {space} shows the data by means and variances alone; use "
                "StatisticsDistance, or NetworkFeatures as the space"
            )
        if self.space_.yields != wanted and not mixed and not stored:
            advice = (
                "use a pointwise space such as Identity(), or compare with SquaredL2 or Cosine"
                if wanted == "clouds"
                else "use a space such as NetworkGradients(), or compare with MMD"
            )
            raise PartsError(f"{name} compares {wanted}, but {space} yields {self.space_.yields}; {advice}")
        if self.space_.splits == "never" and self.by is not None:
            raise PartsError(f"{name}(by={self.by!r}) has no effect: {space} takes the sets as a whole; use by=None")

    def represent(self, real: Batch, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return what is compared: the blocks of the space."""
        if real.release is not None:
            return self.space_.ask(real.release, synthetic, state)
        return self.space_.represent(cast(LabeledSet, real.rows), synthetic, state)

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Represent, split, compare, reduce, weigh."""
        # What is constant may decide which group is worst.
        compare = self.between if self.reduce == "mean" else self.distance
        return self.weight * self._reduced(compare, real, synthetic, state)

    def value(self, real: Batch, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the discrepancy itself, which is the loss up to a constant."""
        return self.weight * self._reduced(self.distance, real, synthetic, Step(generator))

    def _reduced(self, compare: Compare, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        if self.space_.splits == "before":
            pairs = self.groups(cast(LabeledSet, real.rows), synthetic)
            sides = (self.represent(Batch(p), q, state) for p, q in pairs)
            by_group = [[compare(*pair, state.generator) for pair in zip(*side, strict=True)] for side in sides]
            values = torch.stack([torch.stack(values).sum() for values in by_group])
        else:
            blocks = zip(*self.represent(real, synthetic, state), strict=True)
            by_block = [[compare(*pair, state.generator) for pair in self.groups(p, q)] for p, q in blocks]
            values = torch.stack([torch.stack(values) for values in by_block]).sum(0)
        return reduced(values, self.reduce)

    def group_of(self, rows: Block) -> int:
        """Return the number of the group that a block holds, 0 without groups."""
        return 0 if self.by is None else int(self.group_of_key_[rows.key[:1]])

    @property
    def n_groups(self) -> int:
        """Number of groups, 1 without."""
        return 1 if self.by is None else len(self.class_of_group_)

    def groups(self, real: Rows, synthetic: Rows) -> Iterator[tuple[Rows, Rows]]:
        """Yield the real rows of each group with the synthetic rows of its class; groups without rows are left out."""
        if self.by is None:
            yield real, synthetic
            return
        own = positions_of(self.group_of_key_[real.key], range(self.n_groups))
        # Predictions are rows of the real set on both sides.
        counterparts = (
            own if self.space_.splits == "rows" else positions_of(synthetic.key, self.class_of_group_.tolist())
        )
        for p, q in zip(own, counterparts, strict=True):
            if len(p) and len(q):
                yield real.take(p), synthetic.take(q)
