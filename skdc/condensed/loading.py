"""Sets out of their files."""

from __future__ import annotations

import os

from skdc.condensed.coded import PARTS
from skdc.condensed.saving import read_set
from skdc.condensed.set import CondensedSet


def load(path: str | os.PathLike[str]) -> CondensedSet:
    """Return the set that `CondensedSet.save` has written.

    No code in the file is run, and torch is not needed; pandas or polars are where the set is a frame of theirs.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    CondensedSet

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no file.
    ValueError
        If the file is torn, damaged, another one, or written by a newer skdc in a format that this one does not know.
    ImportError
        If the set is a frame of a package that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import skdc
    >>> from sklearn.datasets import load_iris
    >>> iris = load_iris(as_frame=True)
    >>> condensed = skdc.KMedoids(n_per_class=2, random_state=0).fit(iris.data, iris.target).condensed_
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     condensed.save(f"{folder}/iris.skdc")
    ...     again = skdc.load(f"{folder}/iris.skdc")
    >>> again.X.equals(condensed.X) and again.y.equals(condensed.y)
    True
    """
    return CondensedSet(**read_set(path, PARTS))
