"""Folders of images, in which each class has a folder."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.cli.errors import UsageError
from skdc.cli.packages import needed, pandas
from skdc.condensed import CondensedSet
from skdc.condensed.pictures import image_rows, png
from skdc.containers import plain_labels

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"}
LIST = "set.csv"  # what a written folder says of its images


def image_files(folder: str) -> list[tuple[Path, str]]:
    """Return the images of a folder and the name of the folder that each is in.

    Raises
    ------
    UsageError
        If there are none.
    """
    found = [
        (file, place.name)
        for place in sorted(Path(folder).iterdir())
        if place.is_dir() and not place.name.startswith(".")
        for file in sorted(place.iterdir())
        if file.suffix.lower() in _ENDINGS and not file.name.startswith(".")
    ]
    if not found:
        raise UsageError(
            f"there are no images in the folders of {folder!r}; each class needs a folder, such as "
            f"{Path(folder) / 'cat' / '1.png'}"
        )
    return found


def read_images(files: list[Path], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return images as bytes, of shape (n, H, W) if all are grey, else (n, H, W, 3).

    Parameters
    ----------
    files : list of Path
    size : (int, int), default=None
        Height and width, to which all are brought; None: they must have one size.

    Raises
    ------
    UsageError
        For a file that is no image, and for sizes that differ.
    """
    library = needed("PIL.Image", "images are read", "'skdc[images]'")
    images: list[Any] = []
    for file in files:
        try:
            with library.open(file) as image:
                grey = image.mode in ("1", "L")
                image = image.convert("L" if grey else "RGB")
                if size is not None:
                    image = image.resize((size[1], size[0]), library.Resampling.LANCZOS)
                images.append(np.asarray(image, dtype=np.uint8))
        except (OSError, ValueError, SyntaxError) as error:
            raise UsageError(f"{str(file)!r} cannot be read as an image; mend it or take it away") from error
        (height, width), (first_height, first_width) = images[-1].shape[:2], images[0].shape[:2]
        if (height, width) != (first_height, first_width):
            raise UsageError(
                f"{str(file)!r} is {height}x{width}, but {str(files[0])!r} is {first_height}x{first_width}; bring all "
                f"to one size by --size {first_height}x{first_width}"
            )
    if all(image.ndim == 2 for image in images):
        return np.stack(images)
    return np.stack([image if image.ndim == 3 else np.stack([image] * 3, axis=2) for image in images])


def write_images(condensed: CondensedSet, folder: str) -> None:
    """Write a set as a folder with a folder for each class, and a list of labels, weights and probabilities.

    The folder is written beside its place and renamed. One that is there is renamed first, and removed at the end: who
    is killed between the two finds it beside its place, whole.

    Raises
    ------
    UsageError
        If the set has no images, or none that bytes can hold.
    """
    pages = _as_bytes(condensed)
    names = _class_names(condensed)
    place = Path(folder)
    new, old = (place.with_name(f".{place.name}.{secrets.token_hex(4)}.{end}") for end in ("tmp", "old"))
    try:
        files = _write_files(pages, names, new)
        beside = pandas().DataFrame({"file": files})
        table = condensed.to_frame().iloc[:, int(np.prod(condensed.X.shape[1:])) :].reset_index(drop=True)
        pandas().concat([beside, table], axis=1).to_csv(new / LIST, index=False)
        if place.exists():
            place.rename(old)
        try:
            new.rename(place)
        except OSError:
            if old.exists():
                old.rename(place)
            raise
    finally:
        for left in (new, old) if place.exists() else (new,):
            shutil.rmtree(left, ignore_errors=True)


def _write_files(pages: NDArray[np.uint8], names: list[str], folder: Path) -> list[str]:
    """Write an image for each row, and return their paths in the folder."""
    files = []
    for i, (page, name) in enumerate(zip(pages, names, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        file = Path(name) / f"{i:05d}.png"
        (folder / file).write_bytes(png(page))
        files.append(file.as_posix())
    return files


def _as_bytes(condensed: CondensedSet) -> NDArray[np.uint8]:
    """Return the images of a set as bytes, of shape (m, H, W, C)."""
    images = image_rows(condensed.X)
    if images is None:
        raise UsageError("only a set of images is written as a folder; give --out an ending, such as .csv or .skdc")
    if images.dtype == np.uint8:
        return images
    low, high = images.min(), images.max()
    if not 0 <= low <= high <= 1:
        raise UsageError(
            f"images are written as bytes, but these go from {low:.3g} to {high:.3g}; write them as .npz or .skdc"
        )
    return np.rint(255 * images).astype(np.uint8)


def _class_names(condensed: CondensedSet) -> list[str]:
    if condensed.y is None or condensed.classes is None:
        return ["images"] * len(condensed.X)
    names = [str(label) for label in plain_labels(condensed.y)]
    for name in names:
        if name in ("", ".", "..") or os.sep in name or "/" in name or name.startswith("."):
            raise UsageError(f"label {name!r} cannot be the name of a folder; write the set as .npz or .skdc")
    return names
