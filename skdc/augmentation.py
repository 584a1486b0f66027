"""Random changes of images: each is drawn once, treats all images alike, and is differentiable in the pixels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from skdc.fields import Fields
from skdc.step import Step

__all__ = [
    "Augmentation",
    "Brightness",
    "Contrast",
    "Crop",
    "CropCurriculum",
    "Cutout",
    "Flip",
    "OneOf",
    "ResizedCrop",
    "Rotate",
    "Saturation",
    "Scale",
    "SiameseAugmentation",
]

Change = Callable[[Tensor], Tensor]


class Augmentation(Fields, ABC):
    """A random change of images of shape (n, C, H, W); subclasses write `draw`.

    Images have the mean of the data at zero, and are in units of their spread.
    """

    @abstractmethod
    def draw(self, generator: torch.Generator) -> Change:
        """Return one change, a function of images that draws nothing more."""

    def at(self, state: Step) -> Augmentation:
        """Return what is drawn from in a step of a solve: itself, unless it follows a schedule."""
        return self


class Flip(Augmentation):
    """Mirror left and right, every other time.

    Examples
    --------
    >>> from skdc.augmentation import Flip, OneOf, Rotate
    >>> OneOf([Flip(), Rotate(degrees=30)])
    OneOf(augmentations=[Flip(), Rotate(degrees=30)])
    """

    def draw(self, generator: torch.Generator) -> Change:
        """Return the mirror, or nothing."""
        mirrored = _uniform(generator) < 0.5
        return lambda images: images.flip(-1) if mirrored else images


class Scale(Augmentation):
    """Stretch width and height, each by a factor of its own.

    Parameters
    ----------
    factor : float, default=1.2
        The largest, at least 1; the least is its inverse.
    """

    factor: float = 1.2

    def draw(self, generator: torch.Generator) -> Change:
        """Return a stretch."""
        _require(self.factor >= 1, self, "factor must be at least 1")
        width, height = (_uniform(generator, 1 / self.factor, self.factor) for _ in range(2))
        return _affine([[width, 0.0, 0.0], [0.0, height, 0.0]])


class Rotate(Augmentation):
    """Rotate around the middle.

    Parameters
    ----------
    degrees : float, default=15
        The largest angle, to either side.
    """

    degrees: float = 15

    def draw(self, generator: torch.Generator) -> Change:
        """Return a rotation."""
        angle = math.radians(_uniform(generator, -self.degrees, self.degrees))
        sine, cosine = math.sin(angle), math.cos(angle)

        def rotated(images: Tensor) -> Tensor:
            ratio = images.shape[-2] / images.shape[-1]
            return _affine([[cosine, -sine * ratio, 0.0], [sine / ratio, cosine, 0.0]])(images)

        return rotated


class Crop(Augmentation):
    """Shift by whole pixels, as a crop of the padded image does; what comes in is zero.

    Parameters
    ----------
    share : float, default=0.125
        The largest shift, as a share of width and height.
    """

    share: float = 0.125

    def draw(self, generator: torch.Generator) -> Change:
        """Return a shift."""
        _require(0 <= self.share <= 1, self, "share must be from 0 to 1")
        right, down = (_uniform(generator, -self.share, self.share) for _ in range(2))

        def shifted(images: Tensor) -> Tensor:
            height, width = images.shape[-2:]
            x, y = round(right * width), round(down * height)
            return pad(images, (x, -x, y, -y))

        return shifted


class ResizedCrop(Augmentation):
    """Cut out a rectangle and stretch it to the whole image (random resized crop).

    Parameters
    ----------
    least_area : float, default=0.08
        The least share of the image that is cut out; it is drawn from there to 1.
    aspect : float, default=4/3
        How many times wider than high, or the other way round, it may be, at least 1; what is larger than the image is
        cut off.
    """

    least_area: float = 0.08
    aspect: float = 4 / 3

    def draw(self, generator: torch.Generator) -> Change:
        """Return a crop."""
        box = self.boxes(1, generator)
        return lambda images: resampled(images, box.expand(len(images), 2, 3))

    def boxes(self, n: int, generator: torch.Generator) -> Tensor:
        """Return rectangles, as matrices that take places in the result to places in the image, of shape (n, 2, 3)."""
        _require(0 < self.least_area <= 1 and self.aspect >= 1, self, "least_area must be in (0, 1], aspect at least 1")
        drawn = torch.rand(4, n, generator=generator, dtype=torch.float64)
        area = self.least_area + (1 - self.least_area) * drawn[0]
        ratio = self.aspect ** (2 * drawn[1] - 1)
        width, height = (area * ratio).sqrt().clamp_max(1), (area / ratio).sqrt().clamp_max(1)
        zero = torch.zeros_like(area)
        right, down = (1 - width) * (2 * drawn[2] - 1), (1 - height) * (2 * drawn[3] - 1)
        return torch.stack([width, zero, right, zero, height, down], dim=1).reshape(n, 2, 3)


class CropCurriculum(Augmentation):
    """Resized crops of which the least area falls in the course of a solve, along a cosine: from easy to hard [1]_.

    Parameters
    ----------
    first : float, default=1.0
        The least area in the first step.
    last : float, default=0.08
        The least area towards the end, and outside of a solve.
    aspect : float, default=4/3
        As in `ResizedCrop`.

    References
    ----------
    .. [1] Yin and Shen, "Dataset Distillation via Curriculum Data Synthesis in Large Data Era" (CDA), 2024.

    Examples
    --------
    >>> from skdc import StatisticsMatching
    >>> from skdc.augmentation import CropCurriculum
    >>> condenser = StatisticsMatching(augmentation=CropCurriculum(last=0.3), n_per_class=10)
    """

    first: float = 1.0
    last: float = 0.08
    aspect: float = 4 / 3

    def at(self, state: Step) -> ResizedCrop:
        """Return the crops of a step."""
        left = 0.5 * (1 + math.cos(math.pi * state.step / state.n_steps))
        return ResizedCrop(self.last + (self.first - self.last) * left, self.aspect)

    def draw(self, generator: torch.Generator) -> Change:
        """Return one of the last crops."""
        return ResizedCrop(self.last, self.aspect).draw(generator)


class Cutout(Augmentation):
    """Set a rectangle anywhere, as wide and high as a share of the image, to zero.

    Parameters
    ----------
    share : float, default=0.5
    """

    share: float = 0.5

    def draw(self, generator: torch.Generator) -> Change:
        """Return a cut."""
        _require(0 <= self.share <= 1, self, "share must be from 0 to 1")
        middle = _uniform(generator), _uniform(generator)

        def cut(images: Tensor) -> Tensor:
            mask = images.new_ones(images.shape[-2:])
            mask[tuple(_around(size, at, self.share) for size, at in zip(mask.shape, middle, strict=True))] = 0
            return images * mask

        return cut


class Brightness(Augmentation):
    """Add one number to all pixels.

    Parameters
    ----------
    spread : float, default=1.0
        It is drawn from an interval of this length around zero, in units of the spread of the data.
    """

    spread: float = 1.0

    def draw(self, generator: torch.Generator) -> Change:
        """Return a shift of the grey level."""
        shift = _uniform(generator, -self.spread / 2, self.spread / 2)
        return lambda images: images + shift


class Saturation(Augmentation):
    """Move each pixel's colour from its grey level, or towards it.

    Parameters
    ----------
    factor : float, default=2.0
        The most that differences from the grey level are multiplied by; the least is 0.
    """

    factor: float = 2.0

    def draw(self, generator: torch.Generator) -> Change:
        """Return a change of saturation."""
        return _around_mean(_uniform(generator, 0.0, self.factor), dim=(1,))


class Contrast(Augmentation):
    """Move the pixels of each image from their mean, or towards it.

    Parameters
    ----------
    least : float, default=0.5
        The least that differences from the mean are multiplied by; the most is 1 above.
    """

    least: float = 0.5

    def draw(self, generator: torch.Generator) -> Change:
        """Return a change of contrast."""
        return _around_mean(_uniform(generator, self.least, self.least + 1), dim=(1, 2, 3))


class OneOf(Augmentation):
    """One of several changes, each as likely.

    Parameters
    ----------
    augmentations : list of Augmentation
    """

    augmentations: Sequence[Augmentation]

    def draw(self, generator: torch.Generator) -> Change:
        """Return a change of the kind that is drawn."""
        _require(len(self.augmentations) > 0, self, "there must be at least one")
        which = int(torch.randint(len(self.augmentations), (), generator=generator))
        return self.augmentations[which].draw(generator)


class SiameseAugmentation(Augmentation):
    """One of the changes of differentiable siamese augmentation (DSA), in their published sizes [1]_.

    Crop, cutout, scale, rotation, brightness, contrast, saturation and, if asked for, the mirror.

    Parameters
    ----------
    flip : bool, default=False
        Whether images may be mirrored. Digits should not be.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021.

    Examples
    --------
    >>> from skdc.augmentation import SiameseAugmentation
    >>> from skdc.spaces import Augmented, RandomNetwork
    >>> Augmented(RandomNetwork(), SiameseAugmentation(flip=True))
    Augmented(augmentation=SiameseAugmentation(flip=True), space=RandomNetwork())
    """

    flip: bool = False

    def draw(self, generator: torch.Generator) -> Change:
        """Return a change of the kind that is drawn."""
        changes = [Crop(), Cutout(), Scale(), Rotate(), Brightness(), Contrast(), Saturation()]
        return OneOf([*changes, *([Flip()] if self.flip else [])]).draw(generator)


def _require(holds: bool, augmentation: Augmentation, what: str) -> None:
    if not holds:
        raise ValueError(f"{augmentation!r}: {what}")


def _uniform(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def resampled(images: Tensor, boxes: Tensor) -> Tensor:
    """Return what shows in a rectangle of each image, as large as the image.

    Parameters
    ----------
    images : Tensor of shape (n, C, H, W)
    boxes : Tensor of shape (n, 2, 3)
        As `ResizedCrop.boxes` gives them.
    """
    grid = affine_grid(boxes.to(images), list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


def _affine(matrix: list[list[float]]) -> Change:
    """Return what shows at each place the pixel that a matrix takes the place to; (x, y) are from -1 to 1."""

    def moved(images: Tensor) -> Tensor:
        theta = images.new_tensor(matrix).expand(len(images), 2, 3)
        return grid_sample(images, affine_grid(theta, list(images.shape), align_corners=False), align_corners=False)

    return moved


def _around(size: int, middle: float, share: float) -> slice:
    """Return the pixels within a share of a side around a point."""
    length = round(share * size)
    start = round(middle * size) - length // 2
    return slice(max(start, 0), max(start + length, 0))


def _around_mean(factor: float, dim: tuple[int, ...]) -> Change:
    def changed(images: Tensor) -> Tensor:
        mean = images.mean(dim, keepdim=True)
        return mean + factor * (images - mean)

    return changed
