"""Images of a set as one PNG, by numpy and zlib alone."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_A_CLASS = 10  # images that are shown of each
MOST_CLASSES = 10
_GAP = 1  # pixels between two images


def image_rows(X: Any) -> NDArray | None:
    """Return rows as images of shape (m, H, W, C), C being 1 or 3; None if they are none.

    Images are arrays of three dimensions, or of four with channels first or last.
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "iufb" or X.ndim not in (3, 4) or not X.size:
        return None
    if X.ndim == 3:
        return X[..., None]
    from skdc.images import ImageLayout  # of torch, which takes seconds to load

    try:
        layout = ImageLayout(X.shape[1:], None)
    except ValueError:  # no channels can be told
        return None
    images = X if layout.last else np.moveaxis(X, 1, -1)
    return images[..., :1] if images.shape[-1] not in (3, 4) else images[..., :3]


def picture(images: NDArray, groups: list[NDArray[np.intp]]) -> NDArray[np.uint8]:
    """Return images side by side, a line or more for each group, of shape (height, width, C).

    Bytes are shown as they are; other numbers from the least of all, black, to the greatest, white.

    Parameters
    ----------
    images : ndarray of shape (m, H, W, C)
    groups : list of ndarray of int
        Which images stand in a line; no more than `MOST_A_CLASS` of each are shown.
    """
    shown = [group[:MOST_A_CLASS] for group in groups[:MOST_CLASSES]]
    grey = _as_bytes(images, np.concatenate(shown))
    _, height, width, channels = images.shape
    across = max(len(group) for group in shown)
    page = np.full((len(shown) * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, channels), 255, np.uint8)
    for i, group in enumerate(shown):
        for j, row in enumerate(group):
            top, left = i * (height + _GAP), j * (width + _GAP)
            page[top : top + height, left : left + width] = grey(images[row])
    return page


def _as_bytes(images: NDArray, shown: NDArray[np.intp]) -> Any:
    if images.dtype == np.uint8:
        return lambda image: image
    seen = images[shown].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    low, high = (seen.min(), seen.max()) if seen.size else (0.0, 1.0)

    def scaled(image: NDArray) -> NDArray[np.uint8]:
        share = (np.nan_to_num(image.astype(np.float64), nan=low) - low) / ((high - low) or 1.0)
        return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)

    return scaled


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture in the PNG format.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 1 or 3), uint8
        Grey, or red, green and blue.

    References
    ----------
    W3C, "Portable Network Graphics (PNG) Specification", third edition, 2025.
    """
    height, width, channels = pixels.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: 0 is none
    lines[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
