"""Kernels of images that see where there are edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn import functional

from skdc.images import image_layout
from skdc.kernels.base import Kernel
from skdc.kernels.radial import Gaussian

# With g = (g_x, g_y) the gradient of an image (Sobel's), and u_o the unit vector of orientation o of n, the histogram
# of cell c is, with w_c the window of the cell, and a in units of its root mean square over the data,
#
#     a_co = sum_p w_c(p) max(0, g(p) . u_o)                                                           (1)
#     h_co = a_co / sqrt(contrast^2 + sum_o' a_co'^2)                                                  (2)
#
# Windows are twice as wide as cells are apart, so that each pixel is in four of them: an edge that moves by a pixel
# changes the histograms by little. (1) votes by the part of the gradient along an orientation, where Dalal and Triggs
# share it out among the two nearest: it has a derivative nearly everywhere.


class OrientedGradients(Kernel):
    """A kernel of histograms of oriented gradients [1]_: what edges there are in each cell of an image.

    Images are compared by edges, which are in the same cell where they move a little: a few images tell more of a
    class than by their pixels.

    Parameters
    ----------
    kernel : Kernel, default=None
        Of the histograms. None takes `Gaussian(factor=0.5)`.
    n_orientations : int, default=8
        All around: those from dark to light differ from those from light to dark.
    cell : int, default=4
        Pixels from the middle of a cell to the next.
    contrast : float or None, default=None
        Below which contrast faint edges count less, in units of the data; strong ones all count alike. None counts each
        edge as it is.
    image_shape : tuple of int, default=None
        Shape of an image: rows come flattened.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`. Gradients of channels are added.
    scale : float, default=None
        The size of what is counted in a cell, which contrast is in units of. None learns it.

    References
    ----------
    .. [1] Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005.

    Examples
    --------
    >>> import torch
    >>> from skdc.kernels import OrientedGradients
    >>> edge = torch.zeros(12, 12)
    >>> edge[:, 6:] = 1
    >>> images = torch.stack([edge, edge.roll(1, 1), edge.T]).flatten(1)
    >>> kernel = OrientedGradients(image_shape=(12, 12)).fit(images, torch.ones(3))
    >>> same, moved, turned = kernel(images, images)[0]
    >>> bool(same > moved > turned)
    True
    """

    kernel: Kernel | None = None
    n_orientations: int = 8
    cell: int = 4
    contrast: float | None = None
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None
    scale: float | None = None

    def fit(self, values: Tensor, mass: Tensor) -> Self:
        """Learn the size of the histograms, and fit the kernel of them."""
        if self.n_orientations < 1 or self.cell < 1:
            raise ValueError(f"{self!r}: n_orientations and cell must be at least 1")
        if self.contrast is not None and not self.contrast > 0:
            raise ValueError(f"OrientedGradients(contrast={self.contrast!r}): it must be positive, or None")
        self._layout = image_layout(self, tuple(values.shape[1:]), self.image_shape, self.channels)
        self.scale_ = 1.0 if self.scale is None else self.scale
        if self.scale is None and len(values):
            share = mass / mass.sum()
            self.scale_ = float((share @ self._votes(values).square().flatten(1).mean(1)).sqrt()) or 1.0
        self.kernel_ = Gaussian(factor=0.5) if self.kernel is None else self.kernel
        self.kernel_.fit(self.histograms(values), mass)
        return self

    def knows_scale(self) -> bool:
        """Tell whether all scales are given as numbers."""
        return self.scale is not None and self.kernel is not None and self.kernel.knows_scale()

    def takes_sparse(self) -> bool:
        """Tell that images are dense."""
        return False

    def sees_origin(self) -> bool:
        """Tell that an image less the mean image has other edges."""
        return True

    def resolved(self) -> Self:
        """Return the kernel with numbers for what was learned."""
        given = self.get_params(deep=False)
        return type(self)(**given | {"kernel": self.kernel_.resolved(), "scale": self.scale_})

    def parameters(self) -> list[Tensor]:
        """Return those of the kernel of histograms."""
        return self.kernel_.parameters()

    def histograms(self, x: Tensor) -> Tensor:
        """Return the histograms of rows, of shape (n, n_orientations * n_cells)."""
        votes = self._votes(x) / self.scale_
        if self.contrast is not None:
            votes = votes / (self.contrast**2 + votes.square().sum(1, keepdim=True)).sqrt()  # (2)
        return votes.flatten(1)

    def _votes(self, x: Tensor) -> Tensor:
        """Return (1), of shape (n, n_orientations, height in cells, width in cells)."""
        images = self._layout(x)
        sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=x.dtype, device=x.device) / 8
        filters = torch.stack([sobel, sobel.T])[:, None]
        padded = functional.pad(images.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
        gradients = functional.conv2d(padded, filters)
        angles = torch.arange(self.n_orientations, dtype=x.dtype, device=x.device)
        angles = angles * (2 * torch.pi / self.n_orientations)
        towards = torch.stack([angles.cos(), angles.sin()], 1)
        along = functional.relu(torch.einsum("op,nphw->nohw", towards, gradients))
        along = along.reshape(len(images), -1, *along.shape[1:]).sum(1)
        return functional.avg_pool2d(along, 2 * self.cell, self.cell, padding=self.cell // 2, ceil_mode=True)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the kernel matrix of shape (len(x), len(y))."""
        return self.against(y)(x)

    def against(self, points: Tensor) -> Callable[[Tensor], Tensor]:
        """Return a function of rows that gives their kernel with points, whose histograms are computed once."""
        histograms = self.histograms(points)
        with_points = self.kernel_.against(histograms)
        return lambda rows: with_points(histograms if rows is points else self.histograms(rows))

    def diagonal(self, x: Tensor) -> Tensor:
        """Return the kernel of each row with itself."""
        return self.kernel_.diagonal(self.histograms(x))
