"""Rows that a generator draws, as a user gets them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any, Self

import cloudpickle
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from skdc.condensed.drawing import drawn_places, places_of_labels
from skdc.containers import as_array
from skdc.entropy import draw_entropy
from skdc.fields import require_whole
from skdc.fitting.output import in_package_of, like_rows, template, whole
from skdc.generators import LiveGenerator
from skdc.sources import Schema, Source, Units


@dataclass(frozen=True, eq=False)
class Drawing:
    """A fitted generator, and what its rows are to be like.

    Parameters
    ----------
    live : LiveGenerator
    schema : Schema
    units : Units
        Of the features.
    spread : float
        Of the data, the unit of the rows of the generator.
    class_prior : ndarray of shape (n_classes,)
        Shares of the classes.
    like : Tensor
        Latents get its dtype and device.
    template : array or frame
        An empty container like the data.
    span : (low, high) or None
        Where the numbers of each feature, or column, lie.
    """

    live: LiveGenerator
    schema: Schema
    units: Units[float]
    spread: float
    class_prior: NDArray[np.float64]
    like: Tensor
    template: Any
    span: Any

    @classmethod
    def of(cls, live: LiveGenerator, source: Source, X: Any, span: Any) -> Self:
        """Return a generator that draws rows like those of X, of which the source is made."""
        mass = source.class_mass()
        given = (live, source.schema, source.units, source.spread, mass / mass.sum())
        return cls(*given, source.tensor(np.empty(0)), template(X), span)

    def sample(self, n_samples: int, y: ArrayLike | None, draws: torch.Generator) -> tuple[Any, NDArray | None]:
        """Draw rows.

        Parameters
        ----------
        n_samples : int
        y : array-like of shape (n_samples,) or None
            Their labels; None draws them by the shares of the classes.
        draws : torch.Generator

        Raises
        ------
        ValueError
            For a number that is not positive, and labels that the data have not or not as many.
        """
        n_samples = require_whole("n_samples", n_samples, 1)
        if y is None:
            levels = torch.rand(n_samples, generator=draws, dtype=torch.float64).numpy()
            codes = drawn_places(self.class_prior, levels)
        else:
            codes = self.codes(y, n_samples)
        key = torch.as_tensor(codes, device=self.like.device)
        with torch.no_grad():
            rows = self.live.sample(self.live.draw(key, draws), key, draws)
        return self.shown(rows), self.schema.labels[codes] if self.schema.task == "classification" else None

    def codes(self, y: ArrayLike | None, n: int) -> NDArray[np.int64]:
        """Return the class codes of n rows."""
        return places_of_labels(y, n, self.schema.labels if self.schema.task == "classification" else None)

    def shown(self, rows: Tensor) -> Any:
        """Return rows of the generator like those of the data."""
        X = self.units.to_user((rows * self.spread).cpu().double().numpy()).astype(self.schema.float_dtype)
        if self.schema.encoder is not None:
            X = self.schema.encoder.inverse_transform(whole(X))
        return in_package_of(like_rows(X, as_array(self.template), self.span), self.template)


@dataclass(frozen=True, eq=False)
class KeptDrawing:
    """A drawing as bytes: until rows are drawn it has no tensors, and then they are on the CPU.

    Parameters
    ----------
    data : bytes
    """

    data: bytes

    @classmethod
    def of(cls, drawing: Drawing) -> Self:
        """Return what is kept of a drawing of which the generator is on the CPU."""
        return cls(cloudpickle.dumps(replace(drawing, like=drawing.like.cpu())))

    def sample(
        self,
        n_samples: int = 1,
        y: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[Any, NDArray | None]:
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
        y : array-like of shape (n_samples,), default=None
            Their labels; None draws them by the shares of the classes.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        X : array or frame of shape (n_samples, ...)
            Like the data: of their columns, dtypes and range.
        y : ndarray of shape (n_samples,) or None
            Their labels; None where there are no classes.

        Raises
        ------
        ValueError
            For a number that is not positive, and labels that the data have not or not as many.
        """
        drawing: Drawing = pickle.loads(self.data)
        return drawing.sample(n_samples, y, torch.Generator().manual_seed(draw_entropy(random_state)))
