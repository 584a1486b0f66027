"""Images that are stored at a fraction of their resolution."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.points import Points


class LowResolution(Points):
    """Multi-formation: images that are stored small, and seen at their full size [1]_.

    Four images of half the side take the room of one, and a learner may gain more from four blurred images than from
    one sharp one: `LowResolution(factor=2)` with `n_per_class=40` is what the literature calls ten images a class,
    each cut into four. They are enlarged bilinearly.

    Parameters
    ----------
    factor : int, default=2
        Each side of a stored image is that many times smaller, rounded up.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.
    labels, start, teacher, within
        As in `Points`.

    References
    ----------
    .. [1] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import LowResolution
    >>> images = np.random.default_rng(0).random((30, 8, 8))
    >>> condenser = Condenser(MMD(), LowResolution(factor=2), n_samples=4, random_state=0).fit(images)
    >>> condenser.X_syn_.shape, condenser.storage_["numbers"]
    ((4, 8, 8), 64)
    """

    def __init__(
        self,
        factor: int = 2,
        image_shape: tuple[int, ...] | None = None,
        channels: Literal["first", "last"] | None = None,
        labels: Literal["hard", "learned", "probabilities", "teacher"] = "hard",
        start: Any = "rows",
        teacher: Any = None,
        within: Any = "data",
    ) -> None:
        super().__init__(labels, start, teacher, within)
        self.factor = factor
        self.image_shape = image_shape
        self.channels = channels

    def rows(self, X: Tensor) -> nn.Module:
        """Return the images, from those that they are to be like.

        Raises
        ------
        ValueError
            If the factor is less than 1, or the rows are no images of the shape.
        """
        if self.factor < 1:
            raise ValueError(f"LowResolution(factor={self.factor!r}): the factor must be at least 1")
        layout = image_layout(self, tuple(X.shape[1:]), self.image_shape, self.channels)
        return EnlargedRows(X, layout, self.factor)


class EnlargedRows(nn.Module):
    """Small images, seen at their full size.

    Parameters
    ----------
    X : Tensor of shape (m, *input_shape)
        Images that they are to be like.
    layout : ImageLayout
        Where the channels of X are.
    factor : int
    """

    def __init__(self, X: Tensor, layout: ImageLayout, factor: int) -> None:
        super().__init__()
        self._layout, self._row_shape = layout, tuple(X.shape[1:])
        self._small = [-(-side // factor) for side in layout.shape[1:]]
        self.values = nn.Parameter(self._reduced(X))

    def _reduced(self, X: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(self._layout(X), self._small)

    def forward(self) -> Tensor:
        """Return the rows."""
        images = functional.interpolate(self.values, self._layout.shape[1:], mode="bilinear", align_corners=False)
        return self._layout.rows(images, self._row_shape)

    def load(self, X: Tensor) -> None:
        """Come as near to other images as averages do."""
        self.values.copy_(self._reduced(X))

    def project(self, low: Tensor, high: Tensor) -> None:
        """Cut stored numbers off that are beyond all ends; each of them shows in several numbers of a row."""
        self.values.clamp_(low.min(), high.max())
