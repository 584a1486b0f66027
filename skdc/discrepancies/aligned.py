"""Discrepancies between blocks whose rows correspond one to one."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import _num_samples
from torch import Tensor

from skdc.containers import as_array
from skdc.discrepancies.arrays import compared
from skdc.discrepancies.base import Discrepancy
from skdc.exceptions import PartsError
from skdc.sets import Block
from skdc.sources import Source
from skdc.structures import Flat


class AlignedDiscrepancy(Discrepancy):
    """A discrepancy of blocks whose rows correspond; by itself it takes two arrays of which the rows do."""

    compares = "aligned"

    def __call__(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        sample_weight_y: ArrayLike | None = None,
        random_state: int = 0,
    ) -> float:
        """Measure the discrepancy of the rows of Y from those of X.

        Parameters
        ----------
        X, Y : array-like of shape (n, d)
            Rows that correspond.
        sample_weight : array-like of shape (n,), default=None
            Weights of the pairs.
        sample_weight_y : None
            A pair has one weight.
        random_state : int, default=0
            Nothing is drawn.

        Returns
        -------
        float
            In the unit that the class states, times the weight.

        Raises
        ------
        ValueError
            If the rows do not correspond, or a space is set, which would need targets.
        """
        if self.space is not None:
            raise ValueError(
                f"{self!r} takes rows that correspond as they are: {type(self.space).__name__} makes such rows inside "
                "a condenser only; use space=None"
            )
        if sample_weight_y is not None:
            raise ValueError("sample_weight_y has no meaning for rows that correspond; give sample_weight")
        n, m = _num_samples(as_array(X)), _num_samples(as_array(Y, "Y"))
        if n != m:
            raise ValueError(f"X has {n} rows, Y has {m}: rows that correspond must be as many")
        source, rows = compared(X, Y, sample_weight, sample_weight)
        p, q = (Block(r.weight, r.key, source.units.to_user(r.X).flatten(1)) for r in (source.rows, rows))
        return self.weight * float(self.distance(p, q, torch.Generator().manual_seed(random_state)))


class SquaredL2(AlignedDiscrepancy):
    """Weighted mean over rows of the squared Euclidean distance; in the squared unit of the space.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks.

    Examples
    --------
    >>> from skdc.discrepancies import SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> SquaredL2(space=KernelRidgePredictions(), by=None)
    SquaredL2(by=None, space=KernelRidgePredictions())
    """

    nonnegative = symmetric = True
    quadratic = True  # in the difference of two blocks: the best targets of linear predictions can be solved for

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the squared distances of the rows."""
        return p.mass @ (p.values - q.values).square().sum(1)


class Cosine(AlignedDiscrepancy):
    """Sum over rows of one minus their cosine, as gradient matching compares output units [1]_; without unit.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, eq. 10.

    Examples
    --------
    >>> from skdc.discrepancies import Cosine
    >>> from skdc.spaces import NetworkGradients
    >>> Cosine(space=NetworkGradients())
    Cosine(space=NetworkGradients())
    """

    nonnegative = symmetric = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the sum of 1 - cos over the rows; a row of zeros counts as orthogonal."""
        return (1 - (directions(p.values) * directions(q.values)).sum(1)).sum()


def directions(rows: Tensor) -> Tensor:
    """Return rows divided by their norms; a row of zeros stays one."""
    # The norm has no gradient at a row of zeros: its root is kept away from there.
    tiny = torch.finfo(rows.dtype).tiny
    return rows / (rows.square().sum(1, keepdim=True) + tiny).sqrt()


class L1(AlignedDiscrepancy):
    """Weighted mean over rows of the sum of absolute differences [1]_; in the unit of the space, not squared.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks.

    References
    ----------
    .. [1] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, of
       which the code matches gradients by it on MNIST.

    Examples
    --------
    >>> from skdc.discrepancies import L1
    >>> L1()([[0.0, 1.0], [2.0, 3.0]], [[0.0, 2.0], [4.0, 4.0]])
    2.0
    """

    nonnegative = symmetric = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the sums of absolute differences."""
        return p.mass @ (p.values - q.values).abs().sum(1)


class CrossEntropy(AlignedDiscrepancy):
    r"""Weighted mean cross-entropy of class probabilities p and predictions q, a softmax of scores [1]_; in nats.

    .. math:: -E\Big[ \sum_c p_c \log \mathrm{softmax}(q / T)_c \Big]

    Its least value is the entropy of p, not zero. Rows of p sum to one, or, as `KernelRidgePredictions` shows them, to
    zero: then 1 / n_classes is added to each entry. The predictions need no such care, as a softmax does not see a
    shift. Those of a kernel ridge are of the size of the targets, so that they need a temperature well below one.

    Parameters
    ----------
    temperature : float, default=1.0
        What scores are divided by, in their unit.
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks of class targets and scores.

    References
    ----------
    .. [1] Loo et al., "Efficient Dataset Distillation using Random Feature Approximation", 2022, whose
       Platt scaling of a kernel ridge learns the temperature too.

    Examples
    --------
    >>> from skdc.discrepancies import CrossEntropy
    >>> from skdc.spaces import KernelRidgePredictions
    >>> round(CrossEntropy()([[0.5, 0.5]], [[2.0, 2.0]]), 4)
    0.6931
    >>> CrossEntropy(temperature=0.1, space=KernelRidgePredictions(), by=None)
    CrossEntropy(by=None, space=KernelRidgePredictions(), temperature=0.1)
    """

    temperature: float = 1.0

    def attach(self, source: Source) -> None:
        """Choose the space and remember the groups; the targets must be classes."""
        if source.schema.task == "regression":
            raise PartsError(
                f"{type(self).__name__} compares predictions with the probabilities of classes, but "
                f"{source.schema.given_targets}; say task='classification' if y holds labels; for continuous targets "
                "use SquaredL2"
            )
        super().attach(source)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the cross-entropies; the rows of p must be probabilities."""
        if not self.temperature > 0:
            raise ValueError(f"{type(self).__name__}(temperature={self.temperature!r}): it must be positive")
        log_predictions = (q.values / self.temperature).log_softmax(1)
        return -(p.mass @ (self._probabilities(p.values) * log_predictions).sum(1))

    def _probabilities(self, rows: Tensor) -> Tensor:
        """Return rows as probabilities."""
        total = rows.sum(1, keepdim=True)
        shifted = rows + (1 - total) / rows.shape[1]
        tolerance = 1e-4 if rows.dtype == torch.float32 else 1e-8
        off = torch.minimum(total.abs(), (total - 1).abs())[:, 0]
        wrong = (off > tolerance) | (shifted < -tolerance).any(1)
        if wrong.any():
            raise PartsError(
                f"{type(self).__name__} compares predictions with class probabilities, but a row of the data is "
                f"{rows[wrong][0].tolist()}: give entries of at least 0 that sum to 1 (or such less 1 / n_classes); "
                "for continuous targets use SquaredL2"
            )
        return shifted.clamp_min(0)


class KLDivergence(CrossEntropy):
    r"""Weighted mean Kullback-Leibler divergence of predictions q from class probabilities p [1]_; in nats.

    .. math:: E\Big[ \sum_c p_c \log \frac{p_c}{\mathrm{softmax}(q / T)_c} \Big]

    It is `CrossEntropy` less the entropy of p, which does not depend on the predictions: the same is minimised.
    Rows of p are as in `CrossEntropy`.

    Parameters
    ----------
    temperature : float, default=1.0
        What scores are divided by, in their unit.
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks of class targets and scores.

    References
    ----------
    .. [1] Kullback and Leibler, "On Information and Sufficiency", 1951, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.discrepancies import KLDivergence
    >>> round(KLDivergence()([[0.2, 0.8]], np.log([[0.4, 0.6]])), 4)
    0.0915
    """

    nonnegative = True

    def constant(self, p: Block, generator: torch.Generator) -> Tensor:
        """Return minus the entropy of p."""
        return -(p.mass @ torch.special.entr(self._probabilities(p.values)).sum(1))


class ZeroOne(AlignedDiscrepancy, Flat):
    """Weighted share of the rows whose largest prediction is not of their class; from 0 to 1, and without a gradient.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`; a space that yields aligned blocks of class targets and scores.

    Examples
    --------
    >>> from skdc.discrepancies import ZeroOne
    >>> ZeroOne()([[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.4], [0.7, 0.3]])
    0.5
    """

    nonnegative = symmetric = True

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted share of rows of which the largest entries are at different places."""
        return p.mass @ (p.values.argmax(1) != q.values.argmax(1)).to(p.mass)
