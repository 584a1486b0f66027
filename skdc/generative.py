"""A generator as an estimator: it is fitted to arrays or frames, and rows are drawn from it."""

from __future__ import annotations

from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skdc.containers import as_array
from skdc.devices import find_device
from skdc.entropy import draw_entropy
from skdc.fields import Fields, TransformerMixin
from skdc.fitting.callbacks import CallbackSupportMixin, announced, with_callbacks
from skdc.fitting.checkpoints import Checkpoint, fingerprint
from skdc.fitting.drawing import Drawing
from skdc.fitting.encoding import dense
from skdc.fitting.input import checked_rows, read
from skdc.fitting.output import seen_range
from skdc.fitting.runtime import isolated
from skdc.fitting.trainings import trainings_of
from skdc.generators import Generator
from skdc.isolation import all_or_nothing
from skdc.onnx import write_onnx
from skdc.randomness import randomness


class GenerativeModel(CallbackSupportMixin, Fields):
    """A generator that is fitted to the data, by itself: it draws rows, encodes rows and decodes latents.

    Condensers take generators as they are, in `skdc.parameterizations.storage.Latents` and `skdc.spaces.Encoded`.

    Parameters
    ----------
    generator : Generator
        Out of `skdc.generators`.
    task : {"auto", "classification", "regression"}, default="auto"
        What y is; continuous targets are not generated.
    encoder : transformer, "auto" or None, default="auto"
        As in the condensers.
    device : str, default="auto"
        As in the condensers.
    random_state : int, RandomState or None, default=None
        Of `fit`, and of each call of `sample`.
    n_jobs : int, default=None
        Threads inside `fit`; None is one, -1 all.
    verbose : int, default=0
        1 shows what is trained, steps and time left on standard error, as in the condensers.
    checkpoint : str or path, default=None
        A file in which the training is kept every half minute, as in the condensers: the same fit goes on from it.

    Attributes
    ----------
    live_ : LiveGenerator
    classes_ : ndarray of shape (n_classes,)
        Where there are classes.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares in the weight of the rows.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    Notes
    -----
    Inside of `skdc.fitting.deadlines.time_limit` the training stops in time, and scikit-learn's callbacks hear of its
    steps, as in the condensers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GenerativeModel
    >>> from skdc.generators import LinearGenerator
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GenerativeModel(LinearGenerator(n_components=2), random_state=0).fit(X, y)
    >>> X_new, y_new = model.sample(5)
    >>> X_new.shape, y_new.shape
    ((5, 4), (5,))
    >>> model.decode(model.encode(X, y), y).shape
    (150, 4)
    """

    generator: Generator
    task: Literal["auto", "classification", "regression"] = "auto"
    encoder: TransformerMixin | Literal["auto"] | None = "auto"
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None
    n_jobs: int | None = None
    verbose: int = 0
    checkpoint: str | PathLike[str] | None = None

    @with_callbacks
    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, *, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the generator.

        Parameters
        ----------
        X : array, frame or tensor of shape (n, ...)
        y : array-like of shape (n,), default=None
            Labels, by which it is conditioned.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the generator is none.
        ValueError
            For bad input, and for a generator that does not suit it or has not converged.
        """
        if not isinstance(self.generator, Generator):
            raise TypeError(
                f"generator={self.generator!r} must be an object out of skdc.generators, such as LinearGenerator()"
            )
        with isolated(self.n_jobs), announced(self, "fit", None, X, y):
            problem = read(self, X, y, sample_weight, task=self.task, encoder=self.encoder)
            seed = draw_entropy(self.random_state)
            source = problem.source(find_device(self.device))
            checkpoint = None if self.checkpoint is None else Checkpoint(self.checkpoint, fingerprint(self, problem))
            with randomness(seed):
                if checkpoint is not None:
                    checkpoint.load(source)
                with trainings_of(self, checkpoint):
                    self.live_ = clone(self.generator).fit(source, torch.Generator().manual_seed(seed))
            if checkpoint is not None:
                checkpoint.remove()
        rows = as_array(X)
        span = source.feature_range() if problem.encoder is None else seen_range(rows)
        self._drawing = Drawing.of(self.live_, source, X, span)
        self.class_prior_ = self._drawing.class_prior
        if source.schema.task == "classification":
            self.classes_ = source.schema.labels
        return self

    def sample(self, n_samples: int = 1, y: ArrayLike | None = None) -> tuple[Any, NDArray | None]:
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
        y : array-like of shape (n_samples,), default=None
            Their labels; None draws them by the shares of the classes.

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
        check_is_fitted(self)
        return self._drawing.sample(n_samples, y, torch.Generator().manual_seed(draw_entropy(self.random_state)))

    def encode(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray:
        """Return the latents of rows.

        Parameters
        ----------
        X : array or frame of shape (n, ...)
        y : array-like of shape (n,), default=None
            Their labels, which are needed where there are classes.

        Returns
        -------
        ndarray of shape (n, ...)
        """
        check_is_fitted(self)
        drawing, encoder = self._drawing, self._drawing.schema.encoder
        values = checked_rows(self, as_array(X), encoder, reset=False)
        if encoder is not None:
            values = dense(encoder.transform(values))
        key = torch.as_tensor(drawing.codes(y, len(values)), device=drawing.like.device)
        working = np.asarray(drawing.units.to_working(np.asarray(values, np.float64)))
        with torch.no_grad():
            return self.live_.encode(torch.as_tensor(working).to(drawing.like) / drawing.spread, key).cpu().numpy()

    def decode(self, Z: ArrayLike, y: ArrayLike | None = None) -> Any:
        """Return the rows of latents.

        Parameters
        ----------
        Z : array-like of shape (n, ...)
        y : array-like of shape (n,), default=None
            Their labels, which are needed where there are classes.

        Returns
        -------
        array or frame of shape (n, ...)
            Like the data.
        """
        check_is_fitted(self)
        latents = np.asarray(Z, dtype=np.float64)
        if latents.shape[1:] != self.live_.latent_shape:
            raise ValueError(f"Z of shape {latents.shape} must have a latent of shape {self.live_.latent_shape} a row")
        drawing = self._drawing
        key = torch.as_tensor(drawing.codes(y, len(latents)), device=drawing.like.device)
        with torch.no_grad():
            return drawing.shown(self.live_.decode(torch.as_tensor(latents).to(drawing.like), key))

    def to_onnx(self, path: str | PathLike[str]) -> None:
        """Write the decoder as an ONNX file: of latents "Z" the rows "X", within the range of the data.

        Where there are classes, it takes their places in `classes_` too, as "y" in int64. Rows come out as floats:
        whole numbers are not rounded.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        ImportError
            Without the extra ``skdc[onnx]``.
        TypeError
            If torch cannot export the decoder, such as that of a `LinearGenerator` by class, which is means and
            directions; those of networks it can.
        ValueError
            If rows are encoded, as those of frames are.
        """
        check_is_fitted(self)
        drawing = self._drawing
        if drawing.schema.encoder is not None:
            raise ValueError("rows are encoded, for which ONNX has nothing; fit with encoder=None, or to an array")
        has_classes, units, ends = drawing.schema.task == "classification", drawing.units, None
        if drawing.span is not None:
            ends = [torch.as_tensor(np.asarray(end, np.float64)).to(drawing.like) for end in drawing.span]

        def rows(Z: Tensor, y: Tensor | None = None) -> Tensor:
            key = torch.zeros_like(Z.flatten(1)[:, 0], dtype=torch.int64) if y is None else y
            found = units.to_user(self.live_.decode(Z, key) * drawing.spread)
            return found if ends is None else found.clamp(*ends)

        inputs = {"Z": drawing.like.new_zeros(2, *self.live_.latent_shape)}
        if has_classes:
            inputs["y"] = torch.zeros(2, dtype=torch.int64, device=drawing.like.device)
        write_onnx(rows, inputs, "X", path)

    def __sklearn_is_fitted__(self) -> bool:
        return "live_" in vars(self)
