"""What comes back of a file, and whether it is the same."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

import skdc
from skdc import CondensedSet


def kept(folder: Path, X, y=None, **others):
    """Return a set as it comes back from a file."""
    condensed = CondensedSet(X, y, **others)
    condensed.save(folder / "set.skdc")
    return skdc.load(folder / "set.skdc")


def same_value(found, expected):
    """Tell whether two values are of one type and equal, missing ones of a kind too."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, tuple):
        return len(found) == len(expected) and all(map(same_value, found, expected))
    if found is expected:
        return True
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    same = str(found) == str(expected)
    return same and (found == expected or found != found)


def assert_same_values(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert same_value(one, other), (one, other)


def assert_same_array(found, expected):
    assert type(found) is np.ndarray and found.dtype == expected.dtype and found.shape == expected.shape
    if expected.dtype.kind == "O":
        assert_same_values(found.ravel(), expected.ravel())
    else:
        assert found.tobytes() == np.ascontiguousarray(expected).tobytes()


def assert_same_index(found, expected):
    assert type(found) is type(expected)
    pd.testing.assert_index_equal(found, expected, exact=True)
    assert_same_values(found.names, expected.names)
    assert_same_values(found.tolist(), expected.tolist())
    assert getattr(found, "freqstr", None) == getattr(expected, "freqstr", None)


def assert_same_series(found, expected):
    assert type(found) is pd.Series and type(found.array) is type(expected.array)
    assert found.dtype == expected.dtype and repr(found.dtype) == repr(expected.dtype)
    pd.testing.assert_series_equal(found, expected)
    assert_same_values(found.tolist(), expected.tolist())
    assert_same_index(found.index, expected.index)
    if isinstance(expected.dtype, pd.CategoricalDtype):
        assert_same_index(found.cat.categories, expected.cat.categories)


def assert_same_frame(found, expected):
    assert type(found) is pd.DataFrame
    pd.testing.assert_frame_equal(found, expected)
    assert_same_index(found.index, expected.index)
    assert_same_index(found.columns, expected.columns)
    for j in range(expected.shape[1]):
        assert_same_series(found.iloc[:, j], expected.iloc[:, j])
