"""Networks as classifiers."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, PassthroughScoring, PrintLog
from skorch.dataset import Dataset
from skorch.exceptions import DeviceWarning
from skorch.utils import to_tensor
from torch import Tensor, nn

from skdc.augmentation import Augmentation
from skdc.devices import has_device
from skdc.images import ImageLayout
from skdc.isolation import all_or_nothing, filters_kept
from skdc.learners.defenses import Defense
from skdc.learners.targets import checked_weight, class_targets, require_shape
from skdc.networks import Builder, build_network, is_finite, training_loss
from skdc.onnx import write_onnx
from skdc.randomness import randomness
from skdc.sets import LabeledSet

_FLOATS = [np.float32, np.float64]  # others become the first


class NetworkClassifier(NeuralNetClassifier):
    """A network trained from scratch, as a scikit-learn classifier that takes whatever a condenser gives.

    It is a skorch classifier without the settings that small sets do not need: there is no validation split, the
    network returns logits, and the loss is the weighted cross-entropy. Arithmetic is that of X: float32 or float64.

    The field's protocol of evaluation [1]_ is
    `NetworkClassifier(optimizer=partial(torch.optim.SGD, momentum=0.9, weight_decay=5e-4), lr=0.01)`.

    Parameters
    ----------
    network : callable, default=None
        Builder `network(input_shape, n_classes) -> nn.Module`; None takes a ConvNet of width 32 for
        images of 16x16 or more, else an MLP with two hidden layers of 128.
    optimizer : callable, default=torch.optim.Adam
        `optimizer(parameters, lr=...)` gives a torch optimizer.
    lr : float, default=0.001
        Step size.
    max_epochs : int, default=300
    batch_size : int, default=256
        Rows in a step.
    standardize : bool, default=True
        Subtract the mean of all entries of X, and divide by their deviation: one number each, so that no geometry
        is changed.
    augmentation : Augmentation, default=None
        How each image is changed, by itself, before it is learned from, such as `SiameseAugmentation()`.
    defense : Defense, default=None
        What it is trained for in place of the cross-entropy, such as `AdversarialTraining(radius=0.1)`.
    classes : array-like of shape (n_classes,), default=None
        The labels of the columns where y is given as probabilities, and all labels where y may lack some.
    callbacks : list of skorch callbacks, "disable" or None, default=None
        Such as look at the history or the network: `LRScheduler`, `EarlyStopping(monitor="train_loss")`. Those that
        score are of no use, as skorch sees rows and targets as the network does.
    device : str, default="cpu"
        Any torch device.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        1 prints the loss of each epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    module_ : nn.Module
        The trained network.
    history : skorch.history.History
        `history[:, "train_loss"]` is the loss of each epoch.
    n_features_in_ : int

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc.learners import NetworkClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> names = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    >>> net = NetworkClassifier(max_epochs=100, random_state=0).fit(X, names)
    >>> net.score(X, names) > 0.9
    True
    """

    accepts_soft_labels = True
    device: str

    def __init__(
        self,
        network: Builder | None = None,
        *,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        lr: float = 0.001,
        max_epochs: int = 300,
        batch_size: int = 256,
        standardize: bool = True,
        augmentation: Augmentation | None = None,
        defense: Defense | None = None,
        classes: ArrayLike | None = None,
        callbacks: Sequence[Callback] | str | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            module=None,
            criterion=nn.CrossEntropyLoss,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=None,
            classes=classes,
            callbacks=callbacks,
            device=device,
            verbose=verbose,
        )
        self.network = network
        self.standardize = standardize
        self.augmentation = augmentation
        self.defense = defense
        self.random_state = random_state

    # skorch takes every attribute for a parameter; here the parameters are those of the constructor.
    _get_param_names: Any = classmethod(BaseEstimator._get_param_names.__func__)
    get_params = BaseEstimator.get_params
    set_params = BaseEstimator.set_params
    __repr__ = BaseEstimator.__repr__

    @property
    def partial_fit(self) -> Any:
        """Refused: a set is learned from scratch."""
        raise AttributeError("NetworkClassifier has no partial_fit; it trains from scratch: use fit")

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a fresh network.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Table or images.
        y : array-like of shape (n,) or (n, n_classes)
            Labels of any type, or class probabilities.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, a single class, or training that diverges.
        """
        rows, data = self._read(X, y, sample_weight)
        # None would draw from numpy's global generator, which is not ours to move.
        state = check_random_state(np.random.RandomState() if self.random_state is None else self.random_state)
        seed = int(state.randint(2**31 - 1))
        self._generator = torch.Generator().manual_seed(seed)
        with randomness(seed), filters_kept(), torch.enable_grad():
            self.initialize()
            self.notify("on_train_begin", X=rows, y=data)
            with suppress(KeyboardInterrupt):  # as skorch: callbacks such as EarlyStopping raise it to stop
                self.fit_loop(rows, data)
            self.notify("on_train_end", X=rows, y=data)
        del self.optimizer_, self._generator
        if not is_finite(self.module_):
            raise ValueError(f"training diverged: lr={self.lr} is too large; try lr={self.lr / 10:g}")
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return class probabilities of shape (n, n_classes) for rows X of shape (n, ...)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=self.dtype_)
        require_shape(X, self.input_shape_)
        return super().predict_proba(self._rows(X))

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the most probable label of each row of X of shape (n, ...)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX file: of rows "X" in float32, as many as there are, the class "probabilities".

        Parameters
        ----------
        path : str or path

        Raises
        ------
        ImportError
            Without the extra ``skdc[onnx]``.
        TypeError
            If torch cannot export the network.
        """
        check_is_fitted(self)
        network = copy.deepcopy(self.module_).cpu().float().eval()

        def probabilities(X: Tensor) -> Tensor:
            return network((X - self.shift_) / self.scale_).softmax(1)

        some = torch.zeros(2, *self.input_shape_, dtype=torch.float32)
        write_onnx(probabilities, {"X": some}, "probabilities", path)

    def __sklearn_is_fitted__(self) -> bool:
        return "dtype_" in vars(self)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return rows, with class probabilities and weights of mean 1."""
        matrix = np.asarray(y).ndim == 2 and np.shape(y)[1] > 1
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=matrix, dtype=_FLOATS)
        self.classes_inferred_, targets = class_targets(y, self.classes)
        if not (np.all(targets >= 0) and np.allclose(targets.sum(axis=1), 1)):
            raise ValueError("y has several columns, which must be class probabilities: at least 0, with a sum of 1")
        weight = checked_weight(X, sample_weight)
        kept = weight > 0
        X, targets, weight = X[kept], targets[kept], weight[kept] / weight[kept].mean()
        self.shift_, self.scale_ = _moments(X, weight) if self.standardize else (0.0, 1.0)
        rows = self._rows(X)
        self.input_shape_, self.dtype_ = X.shape[1:], X.dtype
        return rows, (torch.as_tensor(targets, dtype=rows.dtype), torch.as_tensor(weight, dtype=rows.dtype))

    def _rows(self, X: NDArray[np.floating]) -> Tensor:
        return torch.as_tensor((X - self.shift_) / self.scale_)

    def _changed(self, augmentation: Augmentation, rows: Tensor) -> Tensor:
        layout = ImageLayout(self.input_shape_, None)
        changed = [augmentation.draw(self._generator)(image) for image in layout(rows).split(1)]
        return layout.rows(torch.cat(changed), self.input_shape_)

    def _builder(self) -> Builder | None:
        return self.network

    def _changes(self) -> Augmentation | None:
        return self.augmentation

    # What skorch calls.

    def check_data(self, X: Any, y: Any = None) -> None:
        """Do nothing: data are checked before."""

    def initialize_module(self) -> Self:
        """Build the network."""
        like = torch.as_tensor(np.empty(0, self.dtype_))
        self.module_ = build_network(self._builder(), self.input_shape_, len(self.classes_), self._generator, like)
        return self

    def get_default_callbacks(self) -> list[tuple[str, Callback]]:
        """Return what records and prints the loss."""
        return [("train_loss", PassthroughScoring("train_loss", on_train=True)), ("print_log", PrintLog())]

    def get_iterator(self, dataset: Dataset, training: bool = False) -> _Batches:
        """Return an iterable of batches."""
        changes = self._changes() if training else None
        changed = None if changes is None else partial(self._changed, changes)
        return _Batches(dataset, self.batch_size, self._generator if training else None, changed)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Take the gradient of the loss of a batch, or of what a defense puts in its place."""
        if self.defense is None:
            return super().train_step_single(batch, **fit_params)
        self._set_training(True)
        X, (targets, weight) = to_tensor(batch, device=self.device)
        rows = LabeledSet(weight, torch.zeros_like(weight, dtype=torch.int64), X, targets)
        loss = self.defense.loss(self.module_, rows, 1 / self.scale_, self._generator)
        loss.backward()
        return {"loss": loss, "y_pred": targets}

    def get_loss(self, y_pred: Tensor, y_true: Any, X: Any = None, training: bool = False) -> Tensor:
        """Return the weighted cross-entropy of a batch."""
        targets, weight = to_tensor(y_true, device=self.device)
        return training_loss(y_pred, targets, weight / len(weight), "classification")

    def __getstate__(self) -> dict[str, Any]:
        # skorch pickles networks apart, where cloudpickle does not reach: the class of a network that is defined in
        # a script or a notebook would keep it from other processes.
        state = vars(self).copy()
        if "module_" in state:
            state["module_"] = copy.deepcopy(self.module_).cpu()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "module_" in state and not has_device(self.device):
            message = f"device={self.device!r} is not to be had here: the network is on the CPU"
            warnings.warn(message, DeviceWarning, stacklevel=2)
            self.device = "cpu"
        if "module_" in state:
            self.module_.to(self.device)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class _Batches:
    """Batches cut from tensors: a DataLoader fetches row by row, which takes most of the time of a small set."""

    def __init__(
        self,
        dataset: Dataset,
        size: int,
        shuffler: torch.Generator | None,
        changed: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.rows, self.data, self.size, self.shuffler, self.changed = dataset.X, dataset.y, size, shuffler, changed

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        n = len(self.rows)
        shuffles = self.shuffler is not None and n > self.size
        order = torch.randperm(n, generator=self.shuffler) if shuffles else torch.arange(n)
        for batch in order.split(self.size):
            rows = self.rows[batch]
            shown = rows if self.changed is None else self.changed(rows)
            yield shown, tuple(values[batch] for values in self.data or ())


def _moments(X: NDArray, weight: NDArray[np.float64]) -> tuple[float, float]:
    """Return the weighted mean of all entries and their deviation, 1 if they are all the same."""
    X = X.reshape(len(X), -1)
    mean = float(np.average(X.mean(axis=1, dtype=np.float64), weights=weight))
    variance = np.average(np.square(X - mean).mean(axis=1, dtype=np.float64), weights=weight)
    return mean, float(np.sqrt(variance)) or 1.0
