"""From a live set to what a user gets: rows that were made, or rows that were chosen, as the data came."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples
from torch import Tensor

from skdc.codes import CodedRows
from skdc.condensed.drawing import CodedDrawing
from skdc.containers import as_array
from skdc.fitting.drawing import Drawing, KeptDrawing
from skdc.fitting.output import chosen_pair, in_package_of, like_rows, like_targets, seen_range, whole
from skdc.generators import LiveGenerator
from skdc.sources import Source


@dataclass(frozen=True, eq=False)
class Shown:
    """A set as it is shown.

    Parameters
    ----------
    X, y : array, frame, series or None
        In the containers of the data.
    X_syn, y_syn : array or frame, and ndarray or None
        As fitted attributes.
    attributes : dict of str to object
        Others.
    coded : CodedRows, default=None
        What a file keeps of the rows, where that is not the rows.
    """

    X: Any
    y: Any
    X_syn: Any
    y_syn: Any
    attributes: dict[str, Any] = field(default_factory=dict)
    coded: CodedRows | None = None


@dataclass(frozen=True, eq=False)
class Containers:
    """What came in, as which the set comes out.

    Parameters
    ----------
    X, y : array, frame, series or None
        As passed; or empty ones like those.
    encoder : fitted transformer, default=None
    positions : ndarray of shape (n,), default=None
        Where the rows of the source stand in X; None where X has the same.
    private : bool, default=False
        Whether nothing is known of the data but what is declared.
    places : ndarray of shape (n,), default=None
        Where the rows of X stand among all, if they are a sample of these.
    """

    X: Any
    y: Any
    encoder: Any = None
    positions: NDArray[np.intp] | None = None
    private: bool = False
    places: NDArray[np.intp] | None = None

    @property
    def dtype(self) -> Any:
        """Of the rows, where they came as an array; None for frames."""
        return getattr(as_array(self.X), "dtype", None)

    def made(
        self, source: Source, X: Tensor, y_syn: NDArray | None, span: Any, coded: CodedRows | None = None
    ) -> Shown:
        """Return rows that were made.

        Parameters
        ----------
        source : Source
        X : Tensor of shape (m, ...)
            In working units.
        y_syn : ndarray or None
            Their targets.
        span : (low, high) or None
            Between which ends the numbers of the rows lie; of codes, where there is an encoder.
        coded : CodedRows, default=None
            What a file keeps, from which the rows are decoded; None where those are X.
        """
        X_in, y_in = self._counting()
        rows, X_syn = self._decoded(source, X, span, X_in, coded)
        targets = like_targets(y_syn, y_in, getattr(rows, "index", None))
        return Shown(*self._packed(rows, targets), X_syn, y_syn, coded=coded)

    def drawn(
        self,
        source: Source,
        X: Tensor,
        y_syn: NDArray | None,
        span: Any,
        live: LiveGenerator,
        coded: CodedRows | None,
    ) -> Shown:
        """Return rows that a generator has drawn, and what draws others.

        Parameters
        ----------
        source, X, y_syn, span, coded
            As in `made`; codes are of rows that are drawn.
        live : LiveGenerator
            What draws others, where there is no code.
        """
        shown = self.made(source, X, y_syn, span, coded)
        if coded is not None:
            mass, schema = source.class_mass(), source.schema
            classes = schema.labels if schema.task == "classification" else None
            return replace(shown, attributes={"drawing_": CodedDrawing(coded, classes, mass / mass.sum())})
        if span is not None and self.encoder is not None:
            span = seen_range(self._counting()[0])
        return replace(shown, attributes={"drawing_": KeptDrawing.of(Drawing.of(live, source, self.X, span))})

    def chosen(self, source: Any, indices: NDArray[np.intp], y_syn: NDArray | None, relabeled: bool) -> Shown:
        """Return rows of the data as they are.

        Parameters
        ----------
        source : Holds
        indices : ndarray of shape (m,)
            Which of its rows.
        y_syn : ndarray or None
            Their targets.
        relabeled : bool
            Whether those are not the targets of the data.
        """
        rows, targets, y_syn, places = self._chosen(indices, y_syn, relabeled)
        return Shown(*self._packed(rows, targets), self._numbers(rows, source, indices), y_syn, {"indices_": places})

    def _numbers(self, rows: Any, source: Any, indices: NDArray[np.intp]) -> Any:
        """Return chosen rows as numbers: an array of them is held once, since it may be most of the data."""
        if self.encoder is not None or issparse(rows):
            return rows
        held = source.stand_in().X
        same = isinstance(rows, np.ndarray) and (rows.dtype, rows.shape[1:]) == (held.dtype, held.shape[1:])
        return rows if same else held[indices]

    def stored(
        self,
        source: Any,
        X: Tensor,
        span: Any,
        indices: NDArray[np.intp],
        y_syn: NDArray | None,
        relabeled: bool,
        coded: CodedRows | None = None,
    ) -> Shown:
        """Return rows of the data as a storage gives them back.

        Parameters
        ----------
        source, X, span, coded
            As in `made`.
        indices, y_syn, relabeled
            As in `chosen`.
        """
        chosen, targets, y_syn, places = self._chosen(indices, y_syn, relabeled)
        rows, X_syn = self._decoded(source, X, span, self._counting()[0], coded)
        if hasattr(rows, "iloc"):
            rows = rows.set_axis(chosen.index, axis=0)
        X_syn = rows if self.encoder is not None else X_syn
        return Shown(*self._packed(rows, targets), X_syn, y_syn, {"indices_": places}, coded)

    def _decoded(self, source: Source, X: Tensor, span: Any, X_in: Any, coded: CodedRows | None) -> tuple[Any, Any]:
        """Return rows like those of the data, in its container and as a fitted attribute."""
        if coded is not None:
            rows = coded.decode()
            return rows, rows
        values = source.decode(X)
        if self.encoder is not None:
            values = self.encoder.inverse_transform(whole(values))
            # The range of private rows is no release.
            span = None if span is None or self.private else seen_range(X_in)
        rows = like_rows(values, X_in, span)
        return rows, rows if self.encoder is not None else np.asarray(rows, getattr(rows, "dtype", values.dtype))

    def _chosen(self, indices: NDArray[np.intp], y_syn: NDArray | None, relabeled: bool) -> tuple[Any, ...]:
        """Return rows of the data and their targets, as in `chosen_pair`, and where they stand in X."""
        places = indices if self.positions is None else self.positions[indices]
        pair = chosen_pair(as_array(self.X), as_array(self.y, "y"), places, y_syn, relabeled)
        return *pair, places if self.places is None else self.places[places]

    def _counting(self) -> tuple[Any, Any]:
        """Return the rows and targets of X and y that the source has: those of weight 0 are no rows."""
        X, y = as_array(self.X), as_array(self.y, "y")
        if self.positions is None or _num_samples(X) == len(self.positions):
            return X, y
        return _safe_indexing(X, self.positions), None if y is None else _safe_indexing(y, self.positions)

    def _packed(self, rows: Any, targets: Any) -> tuple[Any, Any]:
        return in_package_of(rows, self.X), in_package_of(targets, self.y)
