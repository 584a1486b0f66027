"""Files that hold a table: whole, a sample of their rows, or in chunks."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdc.cli.errors import UsageError
from skdc.cli.packages import pandas, pyarrow
from skdc.cli.paths import ending

_CHUNK = 100_000  # rows
_SEPARATORS = ",;\t|"
_DATE = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_SECONDS = 3.0  # between two lines that tell how far reading is


class TableFile(ABC):
    """A file of rows and named columns.

    Parameters
    ----------
    path : str
    quiet : bool
        Whether to say nothing of how far reading is.
    """

    def __init__(self, path: str, quiet: bool) -> None:
        self.path, self._quiet, self._began = path, quiet, monotonic()
        self._told = self._began

    @abstractmethod
    def whole(self, max_rows: int) -> Any:
        """Return all rows as a frame; None if they are more than `max_rows`."""

    @abstractmethod
    def chunks(self) -> Iterator[Any]:
        """Yield frames."""

    @abstractmethod
    def sample(self, n_rows: int, generator: np.random.Generator) -> tuple[Any, int]:
        """Return rows that are drawn at random, in order, numbered as in the file; and how many there are."""

    def _tell(self, share: float, n_rows: int) -> None:
        """Say how far reading is."""
        now = monotonic()
        if not self._quiet and now - self._told > _SECONDS and share > 0:
            self._told, left = now, (now - self._began) * (1 - share) / share
            print(
                f"reads {self.path}: {n_rows} rows, {100 * share:.0f}%, {left:.0f} s left", file=sys.stderr, flush=True
            )


class CsvFile(TableFile):
    """Values with separators, and a line of names; dates in the form of ISO 8601 are dates.

    Parameters
    ----------
    path : str
    sep : str, default=None
        What separates columns; None: what the first lines have most often.
    as_text : bool, default=False
        Whether all cells stay words, so that none of them decides how others are read.
    quiet : bool, default=False
    """

    def __init__(self, path: str, sep: str | None = None, as_text: bool = False, quiet: bool = False) -> None:
        super().__init__(path, quiet)
        self._as_text = as_text
        self._sep = "\t" if sep in ("tab", "\\t") else sep
        if self._sep is not None and len(self._sep) != 1:
            raise UsageError(f"--sep {sep!r} must be one sign, or 'tab'")

    def whole(self, max_rows: int) -> Any:
        """Return all rows as a frame; None if they are more than `max_rows`."""
        frame = self._read(nrows=max_rows + 1, low_memory=False, **({"dtype": str} if self._as_text else {}))
        return self._seen(frame) if len(frame) <= max_rows else None

    def chunks(self) -> Iterator[Any]:
        """Yield frames."""
        for frame in self._pieces():
            yield self._seen(frame)

    def sample(self, n_rows: int, generator: np.random.Generator) -> tuple[Any, int]:
        """Return rows that are drawn at random, in order, numbered as in the file; and how many there are."""
        # Types are those of the sample, as if the file had no other rows: chunks would each guess their own.
        words = {"dtype": str, "keep_default_na": False}
        drawn, total = _drawn(self._pieces(**words), n_rows, generator)
        text = io.StringIO()
        drawn.to_csv(text, index=False)
        text.seek(0)
        frame = pandas().read_csv(text, low_memory=False)
        return self._seen(frame.set_axis(drawn.index)), total

    def _seen(self, frame: Any) -> Any:
        return frame if self._as_text else _with_dates(frame)

    def _pieces(self, **settings: Any) -> Iterator[Any]:
        size, n_rows = max(Path(self.path).stat().st_size, 1), 0
        is_packed = self.path.lower().endswith(".gz")
        with open(self.path, "rb") as file, gzip.open(file) if is_packed else nullcontext(file) as text:
            for frame in self._read(text, chunksize=_CHUNK, **settings):
                n_rows += len(frame)
                self._tell(min(file.tell() / size, 1.0), n_rows)
                yield frame

    def _read(self, file: Any = None, **settings: Any) -> Any:
        pd = pandas()
        try:
            self._sep = self._sep or _separator(self.path)
            return pd.read_csv(self.path if file is None else file, sep=self._sep, encoding="utf-8-sig", **settings)
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{self.path!r} is not in UTF-8 (byte {error.start}); convert it, such as by: "
                f"iconv -f latin1 -t utf-8 {self.path} > utf8.csv"
            ) from error
        except (pd.errors.EmptyDataError, pd.errors.ParserError, csv.Error, OSError, EOFError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            what = str(error).removeprefix("Error tokenizing data. C error: ").strip().splitlines()[0]
            hint = "" if isinstance(error, pd.errors.EmptyDataError) else "; is --sep right?"
            raise UsageError(f"{self.path!r} cannot be read as a table of text: {what}{hint}") from error


class ArrowFile(TableFile):
    """Parquet, or Feather, which is Arrow's own; a folder of Parquet files is one table.

    Parameters
    ----------
    path : str
    quiet : bool, default=False
    """

    def __init__(self, path: str, quiet: bool = False) -> None:
        super().__init__(path, quiet)
        kind = "feather" if ending(path) in (".feather", ".arrow") else "parquet"
        arrow, datasets = pyarrow("lib"), pyarrow("dataset")
        try:
            self._dataset = datasets.dataset(path, format=kind)
            self._n_rows = self._dataset.count_rows()
        except (arrow.ArrowException, OSError) as error:
            raise UsageError(f"{path!r} cannot be read as {kind}: {str(error).splitlines()[0]}") from error

    def whole(self, max_rows: int) -> Any:
        """Return all rows as a frame; None if they are more than `max_rows`."""
        pandas()
        return self._dataset.to_table().to_pandas() if self._n_rows <= max_rows else None

    def chunks(self) -> Iterator[Any]:
        """Yield frames."""
        n_rows = 0
        for batch in self._dataset.to_batches(batch_size=_CHUNK):
            n_rows += batch.num_rows
            self._tell(n_rows / self._n_rows, n_rows)
            if batch.num_rows:
                yield batch.to_pandas()

    def sample(self, n_rows: int, generator: np.random.Generator) -> tuple[Any, int]:
        """Return rows that are drawn at random, in order, numbered as in the file; and how many there are."""
        return _drawn((frame.reset_index(drop=True) for frame in self.chunks()), n_rows, generator)


def _drawn(pieces: Iterator[Any], n_rows: int, generator: np.random.Generator) -> tuple[Any, int]:
    """Return a uniform sample of rows without replacement, and the number of all, in one pass.

    Each row gets a random number; those of the least numbers are kept.
    """
    kept: list[Any] = []
    numbers: NDArray[np.float64] = np.empty(0)
    total = 0
    for piece in pieces:
        piece.index = range(total, total + len(piece))
        total += len(piece)
        numbers = np.concatenate([numbers, generator.random(len(piece))])
        kept.append(piece)
        if len(numbers) > 2 * n_rows + _CHUNK:
            kept, numbers = _least(kept, numbers, n_rows)
    kept, _ = _least(kept, numbers, n_rows)
    return kept[0], total


def _least(kept: list[Any], numbers: NDArray[np.float64], n_rows: int) -> tuple[list[Any], NDArray[np.float64]]:
    places = np.sort(np.argsort(numbers)[:n_rows])
    return [pandas().concat(kept).iloc[places]], numbers[places]


def _separator(path: str) -> str:
    """Return the sign that cuts the first lines into the same number of columns, and into most."""
    open_ = gzip.open if path.lower().endswith(".gz") else open
    with open_(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = [line for line, _ in zip(file, range(50), strict=False)]

    def columns(sign: str) -> int:
        counts = {len(row) for row in csv.reader(lines, delimiter=sign) if row}
        return counts.pop() if len(counts) == 1 and counts != {1} else 0

    return max(_SEPARATORS, key=columns)


def _with_dates(frame: Any) -> Any:
    """Return a frame in which columns of words that are all dates are dates."""
    pd, dates = pandas(), {}
    for name in frame.columns:
        column = frame[name]
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        words = column.dropna()
        if len(words) and words.map(type).eq(str).all() and words.str.fullmatch(_DATE).all():
            try:
                dates[name] = pd.to_datetime(column, format="ISO8601")
            except ValueError:  # no such day, or several time zones
                continue
    return frame.assign(**dates)
