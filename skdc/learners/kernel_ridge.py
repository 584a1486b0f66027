"""Kernel ridge regression on weighted rows of any shape."""

from __future__ import annotations

import os
from dataclasses import field
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from skdc.fields import ClassifierMixin, Fields, RegressorMixin
from skdc.isolation import all_or_nothing
from skdc.kernels import Gaussian, Kernel
from skdc.learners.targets import checked_weight, class_targets, require_shape
from skdc.onnx import write_onnx
from skdc.settled import settled

_PREDICT_ROWS = 4096


def target_offset(task: str, n_outputs: int) -> float:
    """Return what kernel ridge subtracts from targets: 1 / n_classes from class indicators, else nothing."""
    return 1 / n_outputs if task == "classification" else 0.0


def dual_weights(gram: Tensor, targets: Tensor, weight: Tensor, regularization: float) -> Tensor:
    """Solve weighted kernel ridge regression.

    Parameters
    ----------
    gram : Tensor of shape (m, m)
    targets : Tensor of shape (m, n_outputs)
    weight : Tensor of shape (m,)
        A row of weight 2 equals the row twice.
    regularization : float
        In units of the (weighted) mean of the diagonal.

    Returns
    -------
    Tensor of shape (m, n_outputs)
        The coefficients of the kernel functions at the rows.
    """
    ridge = regularization * (weight @ gram.diagonal()) / weight.sum()
    return torch.linalg.solve(gram + torch.diag(ridge / weight), targets)


def primal_weights(features: Tensor, targets: Tensor, weight: Tensor, regularization: float) -> Tensor:
    """Solve weighted ridge regression on features, in float64; as `dual_weights`, for the product of the features.

    Returns
    -------
    Tensor of shape (n_features, n_outputs)
        In the dtype of the features.
    """
    # The system is nearly singular by design: it is solved in float64, the products with it may stay in float32.
    wide = features.double()
    return (wide.mT @ dual_weights(wide @ wide.mT, targets, weight, regularization)).to(features.dtype)


class _KernelRidge(Fields):
    """Kernel ridge regression on centred rows of any shape, in float64."""

    kernel: Kernel | None = None
    regularization: float = 1e-6
    shift: NDArray | float | None = None

    def _fit_dual(self, X: NDArray, targets: NDArray, weight: NDArray[np.float64]) -> None:
        X, targets, weight = X[weight > 0], targets[weight > 0], weight[weight > 0]
        kernel = clone(Gaussian() if self.kernel is None else self.kernel)
        middle = 0.0 if kernel.sees_origin() else np.average(X, axis=0, weights=weight)
        self.shift_ = middle if self.shift is None else self.shift
        points, mass = self._values(X), torch.as_tensor(weight)
        # What stays is numbers: the kernel is brought to life where it is used.
        self.kernel_ = settled(kernel.fit(points, mass))
        self.X_fit_, self._weight = X, weight
        self.dual_coef_ = self._dual(points, torch.as_tensor(targets), mass).numpy()

    def _live_kernel(self, points: Tensor) -> Kernel:
        return self.kernel_.resolved().fit(points, torch.as_tensor(self._weight))

    def _dual(self, points: Tensor, targets: Tensor, mass: Tensor) -> Tensor:
        if not self.regularization > 0:
            raise ValueError(f"regularization={self.regularization!r} must be positive")
        return dual_weights(self._live_kernel(points)(points, points), targets, mass, self.regularization)

    def _values(self, X: NDArray) -> Tensor:
        return torch.as_tensor(X.astype(np.float64) - self.shift_).flatten(1)

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True)
        require_shape(X, self.X_fit_.shape[1:])
        points, dual = self._values(self.X_fit_), torch.as_tensor(self.dual_coef_)
        with_points = self._live_kernel(points).against(points)
        pieces = [
            with_points(self._values(X[start : start + _PREDICT_ROWS])) @ dual
            for start in range(0, len(X), _PREDICT_ROWS)
        ]
        return torch.cat(pieces).numpy()

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write what is predicted as an ONNX file: of rows "X" in float64, as many as there are, the "outputs".

        These are of shape (n, n_outputs): the predictions, or the regression value of each class, of which the largest
        tells the label. The file holds the rows of the fit and their coefficients.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        ImportError
            Without the extra ``skdc[onnx]``.
        TypeError
            If torch cannot export the kernel. What is exported may still be too new for the program that is to run it,
            which tells so: ONNX Runtime has no arc cosine in float64, which `ArcCosine` and `NeuralTangent` take.
        """
        check_is_fitted(self)
        points, dual = self._values(self.X_fit_), torch.as_tensor(self.dual_coef_)
        with_points = self._live_kernel(points).against(points)
        shift, offset = (torch.as_tensor(part, dtype=torch.float64) for part in (self.shift_, self._offset()))

        def outputs(X: Tensor) -> Tensor:
            return with_points((X - shift).flatten(1)) @ dual + offset

        some = torch.zeros(2, *self.X_fit_.shape[1:], dtype=torch.float64)
        write_onnx(outputs, {"X": some}, "outputs", path)

    def _offset(self) -> NDArray | float:
        """Return what is added to the outputs."""
        return 0.0

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class KernelRidgeRegressor(RegressorMixin, _KernelRidge):
    """Kernel ridge regression, as condensed by `KernelInducingPoints`.

    Parameters
    ----------
    kernel : Kernel, default=None
        None takes `Gaussian()`.
    regularization : float, default=1e-6
        Ridge, in units of the mean of the kernel's diagonal.
    shift : float or array of the shape of a row, default=None
        Origin of the rows; None takes their mean, or nothing for a kernel that sees the origin.
    target_shift : float or array of shape (n_outputs,), default=None
        What is predicted far from all rows; None takes the mean of the targets.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples, n_outputs)
    kernel_ : Kernel
        The kernel, with what it has learned in numbers.
    X_fit_ : ndarray
        The rows it was fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.learners import KernelRidgeRegressor
    >>> X = np.linspace(0, 3, 20)[:, None]
    >>> round(KernelRidgeRegressor().fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])), 3)
    1.0
    """

    target_shift: NDArray | float | None = None

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on rows X of shape (n, ...) and targets y of shape (n,) or (n, n_outputs).

        Raises
        ------
        ValueError
            For bad input, or a regularization that is not positive.
        """
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        weight = checked_weight(X, sample_weight)
        given = self.target_shift
        self.target_shift_ = np.average(targets, axis=0, weights=weight) if given is None else np.asarray(given)
        self._fit_dual(X, targets - self.target_shift_, weight)
        self._flat = np.ndim(y) == 1
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return predictions, in the shape of the targets."""
        outputs = self._outputs(X) + self._offset()
        return outputs[:, 0] if self._flat else outputs

    def _offset(self) -> NDArray | float:
        return self.target_shift_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class KernelRidgeClassifier(ClassifierMixin, _KernelRidge):
    """Kernel ridge regression on class indicators minus 1 / n_classes, as condensed by `KernelInducingPoints`.

    Parameters
    ----------
    kernel : Kernel, default=None
        None takes `Gaussian()`.
    regularization : float, default=1e-6
        Ridge, in units of the mean of the kernel's diagonal.
    shift : float or array of the shape of a row, default=None
        Origin of the rows; None takes their mean, or nothing for a kernel that sees the origin.
    classes : array of shape (n_classes,), default=None
        The labels of the columns where y is given as a matrix of indicators or learned targets.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    dual_coef_ : ndarray of shape (n_samples, n_classes)
    kernel_ : Kernel
        The kernel, with what it has learned in numbers.
    X_fit_ : ndarray
        The rows it was fitted on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc.learners import KernelRidgeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> KernelRidgeClassifier(regularization=1e-2).fit(X, y).score(X, y) > 0.95
    True
    """

    accepts_soft_labels = True

    classes: ArrayLike | None = None

    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on rows X of shape (n, ...) and y: labels of shape (n,), or targets of shape (n, n_classes).

        Raises
        ------
        ValueError
            For bad input, a single class, or a matrix y whose columns `classes` does not name.
        """
        matrix = np.asarray(y).ndim == 2 and np.shape(y)[1] > 1
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=matrix)
        self.classes_, targets = class_targets(y, self.classes)
        self._fit_dual(X, self._centered(targets), checked_weight(X, sample_weight))
        return self

    def _centered(self, targets: NDArray) -> NDArray:
        return targets - target_offset("classification", targets.shape[1])

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the regression values: (n, n_classes), or for two classes the second minus the first, (n,)."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray:
        """Return the class of the largest regression value of each row."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]


class KernelExpansionClassifier(KernelRidgeClassifier):
    r"""A kernel machine that is given: its outputs are :math:`\sum_j w_j y_j k(x, x_j)` over the rows it is fitted on.

    Parameters
    ----------
    kernel : Kernel, default=None
        None takes `Gaussian()`.
    shift : float or array of the shape of a row, default=None
        Origin of the rows; None takes their mean, or nothing for a kernel that sees the origin.
    classes : array of shape (n_classes,), default=None
        The labels of the columns of y.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples, n_classes)
        The targets, times the weights.
    kernel_ : Kernel
        The kernel, with what it has learned in numbers.
    X_fit_ : ndarray
        The rows.

    Examples
    --------
    >>> from skdc.kernels import Gaussian
    >>> from skdc.learners import KernelExpansionClassifier
    >>> machine = KernelExpansionClassifier(Gaussian(bandwidth=1.0)).fit([[0.0], [3.0]], ["a", "b"])
    >>> machine.predict([[1.0], [2.0]])
    array(['a', 'b'], dtype='<U1')
    """

    regularization: float = field(init=False)

    def _dual(self, points: Tensor, targets: Tensor, mass: Tensor) -> Tensor:
        return mass[:, None] * targets

    def _centered(self, targets: NDArray) -> NDArray:
        return targets
