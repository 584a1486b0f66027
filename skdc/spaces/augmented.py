"""A space in which both sets are changed alike before they are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import torch
from torch import Tensor

from skdc.augmentation import Augmentation, Change, SiameseAugmentation
from skdc.images import image_layout
from skdc.sets import Block, LabeledSet
from skdc.sources import Source
from skdc.spaces.base import Space, SpaceWrapper
from skdc.step import Step


class Augmented(SpaceWrapper):
    """Differentiable siamese augmentation (DSA): another space, of images that are all changed alike [1]_.

    One change is drawn each time the sets are seen (of each class by itself, if the space splits them before).

    Parameters
    ----------
    space : Space
        Which sees the changed images.
    augmentation : Augmentation, default=None
        None takes `SiameseAugmentation()`.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021.

    Examples
    --------
    >>> from skdc.augmentation import Rotate
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.spaces import Augmented, RandomNetwork
    >>> MeanDistance(space=Augmented(RandomNetwork(), Rotate(degrees=30)))
    MeanDistance(space=Augmented(augmentation=Rotate(degrees=30),
                                 space=RandomNetwork()))
    """

    augmentation: Augmentation | None = None
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Fit the other space; refuse rows that are no images."""
        self.layout_ = image_layout(self, source.schema.input_shape, self.image_shape, self.channels)
        self.augmentation_ = SiameseAugmentation() if self.augmentation is None else self.augmentation
        self.fit_space(source, generator)
        return self

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Change both sets alike, and show them in the other space."""
        change = self.augmentation_.at(state).draw(state.generator)
        return self.space.represent(self._changed(real, change), self._changed(synthetic, change), state)

    def changed(self, rows: LabeledSet, state: Step) -> LabeledSet:
        """Return one set, changed by a change of its own."""
        return self._changed(rows, self.augmentation_.at(state).draw(state.generator))

    def _changed(self, rows: LabeledSet, change: Change) -> LabeledSet:
        return replace(rows, X=self.layout_.rows(change(self.layout_(rows.X)), rows.X.shape[1:]))

    def embed(self, rows: LabeledSet) -> Tensor:
        """Return the embedding of rows as they are."""
        return self.space.embed(rows)

    def block(self, rows: LabeledSet) -> Block:
        """Return the embedding of rows as they are, as a block that keeps mass and keys."""
        return self.space.block(rows)


def augmented(space: Space, augmentation: Augmentation | None) -> Space:
    """Return a space of images that are changed before they are seen, or the space itself for None."""
    return space if augmentation is None else Augmented(space, augmentation)
