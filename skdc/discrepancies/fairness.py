"""Terms that are small where the learner that a set induces treats sensitive groups alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Self, cast

import torch
from torch import Tensor

from skdc.discrepancies.objective import Regularizer
from skdc.discrepancies.reduce import Reduction, check_reduction, reduced
from skdc.exceptions import PartsError
from skdc.sets import Block, LabeledSet, positions_of
from skdc.sources import Batch, Source
from skdc.spaces.base import Space
from skdc.spaces.functions import KernelRidgePredictions
from skdc.step import Step


class FairnessTerm(Regularizer):
    r"""Squared distance of the mean predictions of sensitive groups from that of all rows; without unit.

    Subclasses say which rows are compared. Predictions are those of the learner that the synthetic set induces, for
    rows of the data: class probabilities :math:`\mathrm{softmax}(q / T)`. A learner that predicts the same for all
    rows is fair too, so that the term is to be added to a discrepancy.

    Parameters
    ----------
    temperature : float, default=0.2
        T, what scores are divided by, in their unit: the smaller, the nearer to decisions.
    space : Space, default=None
        Which shows predictions: that of the discrepancy that the term is added to, or another. None takes
        `KernelRidgePredictions(kernel_rate=0.0)`.
    reduce : {"mean", "worst"} or CVaR, default="mean"
        Over the groups; in each class, where rows are compared class by class.
    weight : float, default=1.0
        Factor of the value in a sum.
    """

    by = "group"
    compares = "aligned"

    temperature: float = 0.2
    _: KW_ONLY
    space: Space | None = None
    reduce: Reduction = "mean"

    @abstractmethod
    def compared(self, predictions: Block) -> Iterator[tuple[Block, Block]]:
        """Yield the rows of each group, and the rows with which they are to agree."""

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Refuse to be minimised alone: a learner that predicts the same for all rows is fair."""
        raise PartsError(
            f"{self!r} alone is least where the same is predicted for all rows; add it to a discrepancy: "
            f"SquaredL2(space=KernelRidgePredictions(), by=None) + {self!r}"
        )

    def attach(self, source: Source) -> None:
        """Remember the groups, and check that there are classes, groups and predictions to compare."""
        name, schema = type(self).__name__, source.schema
        self.check_weight()
        check_reduction(name, self.reduce)
        if not self.temperature > 0:
            raise ValueError(f"{name}(temperature={self.temperature!r}): it must be positive")
        self.space_ = KernelRidgePredictions(kernel_rate=0.0) if self.space is None else self.space
        if (self.space_.yields, self.space_.splits) != ("aligned", "rows"):
            raise PartsError(
                f"{name} compares predictions, which {type(self.space_).__name__} does not show; use a space such as "
                "KernelRidgePredictions() or UnrolledPredictions()"
            )
        if schema.task != "classification" or schema.n_outputs < 2:
            given = source.schema.given_targets
            raise PartsError(f"{name} compares predicted classes: it needs y with at least two classes, but {given}")
        if schema.sensitive_of_key is None:
            raise PartsError(f"{name} compares sensitive groups: pass sensitive_features= to fit")
        self.sensitive_of_key_ = torch.as_tensor(schema.sensitive_of_key, device=source.device)
        self.class_of_key_ = torch.as_tensor(schema.class_of_key, device=source.device)
        self.n_sensitive_ = int(schema.sensitive_of_key.max()) + 1

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the weighted term."""
        _, predicted = self.space_.represent(cast(LabeledSet, real.rows), synthetic, state)
        return self.weight * torch.stack([self._unfairness(predictions) for predictions in predicted]).sum()

    def _unfairness(self, predictions: Block) -> Tensor:
        probabilities = (predictions.values / self.temperature).softmax(1)
        block = Block(predictions.weight.to(probabilities), predictions.key, probabilities)
        squares = [(group.mean() - reference.mean()).square().sum() for group, reference in self.compared(block)]
        return reduced(torch.stack(squares), self.reduce)


class DemographicParity(FairnessTerm):
    r"""How much predictions differ between sensitive groups [1]_; squared, without unit.

    .. math:: \mathrm{mean}_g\, \| E[f(x) \mid g] - E[f(x)] \|^2

    Parameters
    ----------
    temperature, space, reduce, weight
        As in `FairnessTerm`.

    See Also
    --------
    EqualizedOdds : The same in each class, which lets groups differ by how frequent classes are in them.

    References
    ----------
    .. [1] Agarwal et al., "A Reductions Approach to Fair Classification", 2018, definition 1; there as a constraint.

    Examples
    --------
    >>> from skdc.discrepancies import DemographicParity, SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> space = KernelRidgePredictions()
    >>> SquaredL2(space=space, by=None) + 10 * DemographicParity(space=space)
    Hybrid(terms=[('squaredl2', SquaredL2(by=None, space=KernelRidgePredictions())),
                  ('demographicparity',
                   DemographicParity(space=KernelRidgePredictions(), weight=10.0))])
    """

    def compared(self, predictions: Block) -> Iterator[tuple[Block, Block]]:
        """Yield the rows of each group, and all rows."""
        sensitive = self.sensitive_of_key_[predictions.key]
        for rows in positions_of(sensitive, range(self.n_sensitive_)):
            if len(rows):
                yield predictions.take(rows), predictions


class EqualizedOdds(FairnessTerm):
    r"""How much predictions differ between sensitive groups of the same class [1]_; squared, without unit.

    .. math:: \mathrm{mean}_{g, c}\, \| E[f(x) \mid g, c] - E[f(x) \mid c] \|^2

    A group that has no row in a class is not compared there.

    Parameters
    ----------
    temperature, space, reduce, weight
        As in `FairnessTerm`.

    See Also
    --------
    DemographicParity : The same whatever the class.

    References
    ----------
    .. [1] Hardt, Price and Srebro, "Equality of Opportunity in Supervised Learning", 2016, definition 2.1; for mean
       predictions as in Agarwal et al., "A Reductions Approach to Fair Classification", 2018, definition 2.

    Examples
    --------
    >>> from skdc.discrepancies import EqualizedOdds, SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> space = KernelRidgePredictions()
    >>> SquaredL2(space=space, by=None) + 10 * EqualizedOdds(space=space)
    Hybrid(terms=[('squaredl2', SquaredL2(by=None, space=KernelRidgePredictions())),
                  ('equalizedodds',
                   EqualizedOdds(space=KernelRidgePredictions(), weight=10.0))])
    """

    def compared(self, predictions: Block) -> Iterator[tuple[Block, Block]]:
        """Yield the rows of each group of a class, and all rows of the class."""
        class_of_key = self.class_of_key_.tolist()
        keys = positions_of(predictions.key, range(len(class_of_key)))
        classes = positions_of(self.class_of_key_[predictions.key], range(max(class_of_key) + 1))
        for rows, c in zip(keys, class_of_key, strict=True):
            if len(rows):
                yield predictions.take(rows), predictions.take(classes[c])
