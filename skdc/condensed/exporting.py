"""A set as one frame, and as the files that frames are written to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from skdc.files import written_whole

if TYPE_CHECKING:
    from skdc.condensed.set import CondensedSet


def to_frame(condensed: CondensedSet, target: str | None = None) -> Any:
    """Return rows, targets, weights and soft labels as one frame; see `CondensedSet.to_frame`."""
    X = condensed.X
    others = beside_rows(condensed, target)
    names = row_names(X)
    _refuse_doubles(names, [name for name, _ in others])
    if type(X).__module__.partition(".")[0] == "polars":
        import polars

        columns = [
            polars.Series(name, values if _of_polars(values) else np.asarray(values).tolist())
            for name, values in others
        ]
        return X.with_columns(columns)
    try:
        import pandas
    except ImportError as error:
        raise ImportError("a set is shown as a frame by pandas: pip install 'skdc[tables]'", name="pandas") from error
    if issparse(X):
        frame = pandas.DataFrame.sparse.from_spmatrix(X, columns=names)
    else:
        frame = X if hasattr(X, "iloc") else pandas.DataFrame(np.reshape(X, (len(X), -1)), columns=names)
    return pandas.concat([frame, _beside(pandas, frame, others)], axis=1)


def _beside(pandas: Any, frame: Any, others: list[tuple[Any, Any]]) -> Any:
    """Return columns as a frame that has the index of another one, and as many levels of names."""
    # Numbers of places for names at first: those of the frame may be of any type.
    columns = {
        j: values.set_axis(frame.index)
        if hasattr(values, "iloc")
        else pandas.Series(np.asarray(values), index=frame.index)
        for j, (_, values) in enumerate(others)
    }
    beside = pandas.DataFrame(columns, index=frame.index)
    depth = frame.columns.nlevels
    if depth == 1:
        return beside.set_axis(
            pandas.Index([name for name, _ in others], dtype=object, name=frame.columns.name), axis=1
        )
    full = [
        name if isinstance(name, tuple) and len(name) == depth else (name, *[""] * (depth - 1)) for name, _ in others
    ]
    return beside.set_axis(pandas.MultiIndex.from_tuples(full, names=frame.columns.names), axis=1) if full else beside


def row_names(X: Any) -> list[Any]:
    """Return the names of the columns of a frame, or x0, x1 ... for the numbers of a row."""
    if hasattr(X, "columns"):
        return list(X.columns)
    return [f"x{j}" for j in range(int(np.prod(np.shape(X)[1:])))]


def beside_rows(condensed: CondensedSet, target: str | None = None) -> list[tuple[Any, Any]]:
    """Return names and values of what stands beside the rows: targets, weights, soft labels.

    Raises
    ------
    ValueError
        If a name is given to targets that are not there.
    """
    columns = _targets(condensed.y, target)
    if condensed.sample_weight is not None:
        columns.append(("sample_weight", condensed.sample_weight))
    if condensed.y_soft is not None:
        labels = (
            range(condensed.y_soft.shape[1]) if condensed.classes is None else np.asarray(condensed.classes).tolist()
        )
        columns += [(f"P({label})", column) for label, column in zip(labels, condensed.y_soft.T, strict=True)]
    return columns


def _targets(y: Any, target: str | None) -> list[tuple[Any, Any]]:
    if y is None:
        if target is not None:
            raise ValueError(f"target={target!r} names no targets: the set has none")
        return []
    if hasattr(y, "columns"):
        names = y.columns if target is None else [f"{target}{j}" for j in range(y.shape[1])]
        return [(name, y.iloc[:, j] if hasattr(y, "iloc") else y[:, j]) for j, name in enumerate(names)]
    if np.ndim(y) == 2:
        return [(f"{target or 'target'}{j}", column) for j, column in enumerate(np.asarray(y).T)]
    own = getattr(y, "name", None)
    return [(target if target is not None else "target" if own in (None, "") else own, y)]


def _refuse_doubles(names: list[Any], others: list[Any]) -> None:
    seen = set(names)
    for name in others:
        if name in seen:
            raise ValueError(
                f"two columns would be named {name!r}; give the targets another name, such as target='label', or "
                "rename the column of X: dataclasses.replace(condensed, X=renamed)"
            )
        seen.add(name)


def _of_polars(values: Any) -> bool:
    return type(values).__module__.partition(".")[0] == "polars"


def write_parquet(condensed: CondensedSet, path: str | os.PathLike[str], target: str | None = None) -> None:
    """Write the frame as a Parquet file; see `CondensedSet.to_parquet`."""
    frame = to_frame(condensed, target)
    if _of_polars(frame):
        with written_whole(path) as file:
            frame.write_parquet(file)
        return
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            "Parquet is written by pyarrow: pip install pyarrow; save and to_csv do without", name="pyarrow"
        ) from error
    frame = _dense(frame)
    if frame.columns.nlevels == 1:
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    try:
        held = frame.to_parquet(engine="pyarrow")
    except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(f"the set has columns that Parquet cannot hold ({error}); save(path) keeps them") from error
    with written_whole(path) as file:
        file.write(held)


def write_csv(condensed: CondensedSet, path: str | os.PathLike[str], target: str | None = None) -> None:
    """Write the frame as comma-separated values; see `CondensedSet.to_csv`."""
    frame = to_frame(condensed, target)
    text = frame.write_csv() if _of_polars(frame) else frame.to_csv(index=False, lineterminator="\n")
    with written_whole(path) as file:
        file.write(text.encode())


def _dense(frame: Any) -> Any:
    """Return a frame without sparse columns."""
    sparse = [j for j, dtype in enumerate(frame.dtypes) if hasattr(dtype, "subtype") and hasattr(dtype, "fill_value")]
    if not sparse:
        return frame
    columns = [
        frame.iloc[:, j].sparse.to_dense() if j in set(sparse) else frame.iloc[:, j] for j in range(frame.shape[1])
    ]
    return type(frame)(dict(enumerate(columns)), index=frame.index).set_axis(frame.columns, axis=1)
