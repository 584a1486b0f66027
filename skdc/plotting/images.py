"""The images of a condensed set, class by class."""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from skdc.containers import as_array
from skdc.images import Channels, image_layout
from skdc.plotting.figures import CONDENSED, axes_of, inches_of, pyplot, short
from skdc.plotting.rows import classes_of, condensed_of

_FONTS = 9.0, 8.0, 7.0, 6.0, 5.0
_LARGEST, _SMALLEST = 48.0, 8.0  # width of an image, in points
_GAP = 0.14  # between images, in their heights; the weight stands there
_BETWEEN = 8.0  # points between classes that stand side by side
_LETTER = 0.62  # width of a letter, in sizes of the font


class ImagesDisplay:
    """Images in a grid, a line a class, with their labels and weights.

    Classes stand side by side where there are many. A bar below an image is its weight, where weights differ.

    Parameters
    ----------
    images : array-like of shape (m, ...)
        (m, H, W), (m, C, H, W) or (m, H, W, C); or flattened, with `image_shape`. Of 1 channel, 3 (colours) or 4 (with
        opacity).
    labels : array-like of shape (m,), default=None
        None fills the grid line by line.
    sample_weight : array-like of shape (m,), default=None
    value_range : (float, float), default=None
        What is black and what is white, or what a colour has none and all of. None: 0 and 255 for uint8, 0 and 1 for
        numbers between them, else the least and the greatest of the images.
    image_shape : tuple of int, default=None
        Of flattened images.
    channels : {"first", "last"}, default=None
        Where the channels are; None tells by their number.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    images_ : list of matplotlib AxesImage
        One for each image, in the order of `order_`.
    order_ : ndarray of int
        Which images are drawn.
    texts_ : list of matplotlib Text
        The labels.

    Raises
    ------
    ValueError
        For rows that are no images, and for numbers of channels that have no colours.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.plotting import ImagesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y)
    >>> display = ImagesDisplay.from_condenser(condenser, X, image_shape=(8, 8))
    >>> [text.get_text() for text in display.texts_][:3]
    ['0', '1', '2']
    """

    def __init__(
        self,
        images: ArrayLike,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        image_shape: tuple[int, ...] | None = None,
        channels: Channels = None,
    ) -> None:
        rows = np.asarray(as_array(images, "images"))
        layout = image_layout(self, rows.shape[1:], image_shape, channels)
        if layout.shape[0] not in (1, 3, 4):
            raise ValueError(f"images of {layout.shape[0]} channels have no colours to be shown in; give 1, 3 or 4")
        if not len(rows):
            raise ValueError("there is no image to show: images is empty")
        values = layout(torch.as_tensor(rows.astype(np.float64))).permute(0, 2, 3, 1).numpy()
        self.value_range = _range(rows) if value_range is None else value_range
        low, high = self.value_range
        shades = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
        self.images = np.repeat(shades, 3, axis=3) if layout.shape[0] == 1 else shades
        self.labels = None if labels is None else np.asarray(labels)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        for name, given in (("labels", self.labels), ("sample_weight", self.sample_weight)):
            if given is not None and given.shape != (len(rows),):
                raise ValueError(f"{name} of shape {given.shape} do not go with {len(rows)} images: one each")

    @classmethod
    def from_condenser(
        cls,
        condenser: Any,
        X: ArrayLike | None = None,
        *,
        image_shape: tuple[int, ...] | None = None,
        channels: Channels = None,
        n_per_class: int = 10,
        max_classes: int = 120,
        ax: Any = None,
    ) -> Self:
        """Draw the images of a condensed set.

        Parameters
        ----------
        condenser : condenser or CondensedSet
            Fitted.
        X : array-like of shape (n, ...), default=None
            The data, whose least and greatest number are black and white. None: as `value_range` in the class.
        image_shape, channels
            As in the class.
        n_per_class, max_classes, ax
            As in `plot`.

        Returns
        -------
        ImagesDisplay
        """
        condensed = condensed_of(condenser)
        value_range = None if X is None else _range(np.asarray(as_array(X)))
        display = cls(
            condensed.X,
            classes_of(condensed),
            condensed.sample_weight,
            value_range=value_range,
            image_shape=image_shape,
            channels=channels,
        )
        return display.plot(ax, n_per_class=n_per_class, max_classes=max_classes)

    def plot(self, ax: Any = None, *, n_per_class: int = 10, max_classes: int = 120) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure that has the size of the grid.
        n_per_class : int, default=10
            How many of each class are shown at most, those of the greatest weight first; fewer where the axes are too
            small for them. Without labels, all are shown.
        max_classes : int, default=120
            How many classes are shown at most. The title says what is not shown.

        Returns
        -------
        self
        """
        pyplot(self)
        groups = self._groups(max_classes)
        size = (6.0, 4.4) if ax is None else inches_of(ax)
        names = [short(name, 28 if size[0] > 4 else 12) for name in groups]
        ratio = self.images.shape[1] / self.images.shape[2]
        most = min(n_per_class, max(map(len, groups.values()))) if self.labels is not None else len(self.images)
        grid = _layout(len(groups), most, max(map(len, names)), ratio, (72 * size[0], 72 * size[1]))
        members = [places[: grid.n_images] for places in groups.values()]
        if ax is None:
            ax = axes_of(self, None, figsize=(grid.width / 72 + 0.3, grid.height / 72 + 0.5))
        self.ax_, self.figure_, self.order_ = ax, ax.figure, np.concatenate(members)
        places = [grid.place(line, column) for line, part in enumerate(members) for column in range(len(part))]
        self._draw_images(places, grid.image, ratio)
        self.texts_ = [
            ax.text(x - 3, y - grid.image * ratio / 2, name, ha="right", va="center", fontsize=grid.font)
            for name, (x, y) in zip(names, (grid.place(line, 0) for line in range(len(names))), strict=True)
            if name
        ]
        ax.set(xlim=(0, grid.width), ylim=(-grid.height, 0), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(self._left_out(members, len(groups)), fontsize=8)
        return self

    def _groups(self, max_classes: int) -> dict[str, NDArray[np.intp]]:
        """Return where the images of each class stand, the heaviest first."""
        everything = np.arange(len(self.images))
        if self.labels is None:
            return {"": everything}
        weight = np.ones(len(everything)) if self.sample_weight is None else self.sample_weight
        heaviest = np.argsort(-weight, kind="stable")
        return {str(label): heaviest[self.labels[heaviest] == label] for label in np.unique(self.labels)[:max_classes]}

    def _draw_images(self, places: list[tuple[float, float]], width: float, ratio: float) -> None:
        drawn = zip(places, self.images[self.order_], strict=True)
        self.images_ = [self.ax_.imshow(image, extent=(x, x + width, y - width * ratio, y)) for (x, y), image in drawn]
        if self.sample_weight is None or np.ptp(self.sample_weight) <= 1e-9 * np.abs(self.sample_weight).max():
            return
        shares, bottom = self.sample_weight[self.order_] / self.sample_weight.max(), width * ratio * (1 + _GAP / 2)
        starts, y = (np.array(values) for values in zip(*places, strict=True))
        thick = max(1.0, 0.4 * _GAP * width * ratio)
        self.ax_.hlines(y - bottom, starts, starts + shares * width, color=CONDENSED, linewidth=thick)
        self.ax_.set_xlabel(f"bars: weights, up to {self.sample_weight.max():.3g}", fontsize=8)

    def _left_out(self, members: list[NDArray[np.intp]], n_shown: int) -> str:
        """Say how many images, of how many classes, are shown, if not all are."""
        n_classes = 1 if self.labels is None else len(np.unique(self.labels))
        parts = [f"{len(self.order_)} of {len(self.images)} images"] if len(self.order_) < len(self.images) else []
        return ", ".join(parts + ([f"{n_shown} of {n_classes} classes"] if n_shown < n_classes else []))


class _Layout(NamedTuple):
    """A grid: classes in lines, and side by side; all lengths in points."""

    beside: int  # classes in a line
    lines: int
    n_images: int  # of each class
    wrapped: int  # images of a class in a line
    image: float  # width of an image
    ratio: float
    label: float  # width of a label
    font: float

    @property
    def step(self) -> float:
        return self.image * self.ratio * (1 + _GAP)

    @property
    def pitch(self) -> float:
        return self.label + self.wrapped * self.image * (1 + _GAP) + _BETWEEN

    @property
    def width(self) -> float:
        return self.beside * self.pitch - _BETWEEN

    @property
    def height(self) -> float:
        return self.lines * ceil(self.n_images / self.wrapped) * self.step

    def place(self, which: int, image: int) -> tuple[float, float]:
        """Return the upper left corner of an image of a class; classes go down first."""
        beside, line = divmod(which, self.lines)
        down, right = divmod(image, self.wrapped)
        x = beside * self.pitch + self.label + right * self.image * (1 + _GAP)
        return x, -(line * ceil(self.n_images / self.wrapped) + down) * self.step


def _layout(n_classes: int, most: int, letters: int, ratio: float, size: tuple[float, float]) -> _Layout:
    """Return the grid with the most images of a class that can still be seen, and with the largest labels of those."""
    if not letters:  # one class, without a name, in as many lines as fill the place
        found = [_fitted(1, 1, most, wrapped, 0.0, ratio, size, _FONTS[0]) for wrapped in range(1, most + 1)]
        return max(found, key=lambda grid: grid.image)
    best = None
    for n_images, font in product(range(most, 0, -1), _FONTS):
        label = letters * _LETTER * font + 3
        tried = [
            _fitted(beside, ceil(n_classes / beside), n_images, n_images, label, ratio, size, font)
            for beside in range(1, n_classes + 1)
        ]
        best = max(tried, key=lambda grid: grid.image)
        if best.image >= _SMALLEST and best.step >= 1.1 * font:
            break
    assert best is not None
    return best


def _fitted(
    beside: int,
    lines: int,
    n_images: int,
    wrapped: int,
    label: float,
    ratio: float,
    size: tuple[float, float],
    font: float,
) -> _Layout:
    """Return a grid with the largest images that the place has room for."""
    room = (size[0] + _BETWEEN) / beside - label - _BETWEEN
    high = size[1] / (lines * ceil(n_images / wrapped) * ratio * (1 + _GAP))
    image = max(1.0, min(_LARGEST, high, room / (wrapped * (1 + _GAP))))
    return _Layout(beside, lines, n_images, wrapped, image, ratio, label, font)


def _range(values: NDArray) -> tuple[float, float]:
    """Return what is black and what is white."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ValueError(f"images with values from {low} to {high} cannot be shown: they must be finite")
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
