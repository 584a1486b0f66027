"""Penalties: what a synthetic set should be, whatever the data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from skdc.discrepancies.mmd import fit_kernel
from skdc.discrepancies.objective import Regularizer
from skdc.exceptions import PartsError
from skdc.images import image_layout
from skdc.kernels import Gaussian
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch, Source
from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.invertible import Identity
from skdc.step import Step


class Penalty(Regularizer):
    """A wish about the synthetic set, to be added to a discrepancy.

    Subclasses write `penalty`.

    Parameters
    ----------
    weight : float, default=1.0
        Factor of the value in a sum.
    """

    space: Space | None = field(default=None, init=False)
    by = None
    compares: ClassVar[Literal["clouds", "aligned", "means"]] = "means"

    @abstractmethod
    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the scalar penalty of a synthetic set."""

    def fit(self, source: Source, generator: torch.Generator) -> Penalty:
        """Refuse to be minimised alone: the data would not matter."""
        raise PartsError(f"{self!r} does not look at the data; add it to a discrepancy: MMD() + {self!r}")

    def attach(self, source: Source) -> None:
        """Show the rows in the units of the data."""
        self.check_weight()
        self.space_: PointwiseSpace = Identity()

    def bound(self) -> float:
        """Return zero: a release has nothing to hide."""
        return 0.0

    def lift(self, rows: LabeledSet) -> Block:
        """Return what a sketch must sum for the penalty: nothing."""
        return Block(rows.weight, rows.key, rows.weight.new_empty(len(rows), 0))

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the weighted penalty."""
        return self.weight * self.penalty(synthetic, state.generator)


class L2Norm(Penalty):
    """Mean squared distance of the points from the mean of the data; in the squared unit of X.

    From a stream, which does not know the mean beforehand, from the origin.

    Parameters
    ----------
    weight : float, default=1.0
        As in `Penalty`.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, L2Norm
    >>> MMD() + 0.01 * L2Norm()
    Hybrid(terms=[('mmd', MMD()), ('l2norm', L2Norm(weight=0.01))])
    """

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the squared norms."""
        return synthetic.mass @ self.space_.embed(synthetic).square().sum(1)


class TotalVariation(Penalty):
    """Mean absolute difference of neighbouring pixels, the anisotropic total variation [1]_; in the unit of X.

    Small where images are smooth. Neighbours stand side by side or one above the other, in the same channel.

    Parameters
    ----------
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Rudin, Osher and Fatemi, "Nonlinear Total Variation Based Noise Removal Algorithms", 1992; differences
       enter by their absolute values instead of by the norm of the two.

    Examples
    --------
    >>> from skdc.discrepancies import MMD, TotalVariation
    >>> MMD() + 0.1 * TotalVariation(image_shape=(8, 8))
    Hybrid(terms=[('mmd', MMD()),
                  ('totalvariation',
                   TotalVariation(image_shape=(8, 8), weight=0.1))])
    """

    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None

    def attach(self, source: Source) -> None:
        """Find out where the pixels are; refuse rows that are no images."""
        super().attach(source)
        rows = source.schema.input_shape
        self.layout_ = image_layout(self, rows, self.image_shape, self.channels)
        if max(self.layout_.shape[1:]) < 2:
            raise ValueError(
                f"TotalVariation() compares neighbouring pixels, but images of shape {self.layout_.image_shape} have "
                "one only"
            )
        self.shift_ = source.tensor(np.asarray(source.units.shift)).expand(rows)

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean over images of the mean difference."""
        # Working rows are centred pixel by pixel: the mean image has differences too.
        images = self.layout_(synthetic.X * self.space_.scale_ + self.shift_)
        differences = [images.diff(dim=axis).abs().flatten(1) for axis in (2, 3)]
        return synthetic.mass @ torch.cat(differences, dim=1).mean(1)


class LabelMargin(Penalty):
    r"""Minus the margin of learned labels, the largest score less the second, up to 1 / n_classes [1]_; without unit.

    .. math:: -E[\min(y_{(1)} - y_{(2)}, 1 / C)]

    It is at least -1 / n_classes, where every point is clearly of one class, whichever that is.

    Parameters
    ----------
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Zhou, Nezhadarya and Ba, "Dataset Distillation using Neural Feature Regression", 2022; the term is that of
       the code.

    Examples
    --------
    >>> from skdc.discrepancies import LabelMargin, SquaredL2
    >>> from skdc.spaces import KernelRidgePredictions
    >>> SquaredL2(space=KernelRidgePredictions(), by=None) + LabelMargin()
    Hybrid(terms=[('squaredl2', SquaredL2(by=None, space=KernelRidgePredictions())),
                  ('labelmargin', LabelMargin())])
    """

    def attach(self, source: Source) -> None:
        """Check that there are two classes."""
        super().attach(source)
        schema = source.schema
        if schema.task != "classification" or schema.n_outputs < 2:
            given = source.schema.given_targets
            raise PartsError(f"LabelMargin() is about scores: it needs y with at least two classes, but {given}")

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return minus the weighted mean of the margins of learned labels; of others it would be constant."""
        if torch.is_grad_enabled() and not synthetic.y.requires_grad:
            raise PartsError(
                "LabelMargin() has no effect on labels that stay as they are: use Points(labels='learned')"
            )
        first, second = synthetic.y.topk(2).values.unbind(1)
        return -(synthetic.mass @ (first - second).clamp_max(1 / synthetic.y.shape[1]))


class Diversity(Penalty):
    r"""Mean Gaussian similarity of two points of a class; without unit: 1 if all points of a class are alike.

    .. math:: E_x\, E_{x' | \text{class of } x}\; \exp(-\|x-x'\|^2 / (2 b^2))

    A point and itself are a pair too, so that a point of weight 2 equals the point twice; with m points of equal
    weight in a class the value is therefore at least 1 / m, where they are far from each other. As in the repulsion of
    an `MMD` [1]_, but within classes and with a weight and a bandwidth of its own.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        Of the similarity, in the units of X. A stream needs a number.
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, eq. 5.

    Examples
    --------
    >>> from skdc.discrepancies import Diversity, QuantizationError
    >>> QuantizationError() + 0.1 * Diversity()
    Hybrid(terms=[('quantizationerror', QuantizationError()),
                  ('diversity', Diversity(weight=0.1))])
    """

    bandwidth: Literal["median"] | float | Sequence[float] = "median"

    def fit_scale(self, source: Source, generator: torch.Generator) -> Self:
        """Resolve the bandwidth on a sample of the data."""
        self.kernel_ = fit_kernel(self, Gaussian(self.bandwidth), source, generator)
        return self

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean over points of the mean similarity to points of their class."""
        points = self.space_.embed(synthetic)
        class_mass = (synthetic.key[:, None] == synthetic.key) * synthetic.mass
        similarity = (class_mass * self.kernel_(points, points)).sum(1) / class_mass.sum(1)
        return synthetic.mass @ similarity
