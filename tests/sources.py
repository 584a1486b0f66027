"""Sources, sets and reference sums for the numeric tests."""

import gc
from functools import reduce

import numpy as np
import torch
from scipy.special import softmax

from skdc.sets import Block, LabeledSet
from skdc.sources import Draws, Passes, RowSource, Schema

CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def row_source(X, y=None, *, regression=False, weight=None, groups=None, dtype=torch.float64):
    """Return a source of rows; `groups` holds the sensitive group of each row."""
    n = len(X)
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    classes, task, matrix, codes, n_outputs = None, "none", None, np.zeros(n, np.int64), 0
    if regression:
        task, matrix = "regression", np.asarray(y, dtype=np.float64).reshape(n, -1)
        n_outputs = matrix.shape[1]
    elif y is not None:
        classes, codes = np.unique(y, return_inverse=True)
        task, n_outputs = "classification", len(classes)
    class_of_key, sensitive_of_key, key = np.arange(codes.max() + 1), None, codes
    if groups is not None:
        pairs, key = np.unique(np.stack([codes, groups], axis=1), axis=0, return_inverse=True)
        class_of_key, sensitive_of_key, key = pairs[:, 0], pairs[:, 1], key.reshape(-1)
    flat = y is None or np.ndim(y) < 2
    shape, dtype_out = (X.shape[1:], n_outputs), np.dtype(np.float64)
    given = {"flat_targets": flat, "sensitive_of_key": sensitive_of_key}
    schema = Schema(*shape, task, class_of_key, dtype_out, classes, **given)
    return RowSource(X, matrix, weight, key, schema, CPU, dtype)


class PassedOver(Draws, Passes):
    """A source that shows rows in passes over pieces and in samples, and cannot hold them."""

    def __init__(self, rows, n_per_piece):
        self._rows, self._n_per_piece, self.n_passes = rows, n_per_piece, 0
        for name in ("schema", "units", "target_units", "spread", "target_spread", "dtype", "device"):
            setattr(self, name, getattr(rows, name))
        self.position, self.restore = rows.position, rows.restore

    def map_reduce(self, function, merge, width=1):
        self.n_passes += 1
        starts = range(0, len(self._rows), self._n_per_piece)
        return reduce(merge, (self._of_piece(function, start) for start in starts))

    def _of_piece(self, function, start):
        return function(self._rows.piece(slice(start, min(start + self._n_per_piece, len(self._rows)))))

    def sample(self, size, generator):
        return self._rows.sample(size, generator)

    def batch(self, size, generator):
        raise AssertionError("nothing but passes and samples")

    def starting_rows(self, sizes, generator):
        return self._rows.starting_rows(sizes, generator)

    def feature_range(self):
        return self._rows.feature_range()

    def target_range(self):
        return self._rows.target_range()

    def class_mass(self):
        return self._rows.class_mass()


class CountedOver(PassedOver):
    """One that counts the rows of all tensors as wide as the data, now and then: it has seen `most_alive` at most."""

    def __init__(self, rows, n_per_piece):
        super().__init__(rows, n_per_piece)
        self.most_alive = 0
        gc.collect()
        self._of_others = self._alive()  # of other tests

    def _alive(self):
        width = int(np.prod(self.schema.input_shape))
        some = (item for item in gc.get_objects() if type(item) is torch.Tensor)
        return sum(len(rows) for rows in some if rows.shape[1:] == (width,))

    def _of_piece(self, function, start):
        found = super()._of_piece(function, start)
        if self.n_passes % 8 == 1 and 0 < start - len(self._rows) // 2 <= self._n_per_piece:
            self.most_alive = max(self.most_alive, self._alive() - self._of_others)
        return found


def synthetic(source, X, codes=None, weight=None, y=None):
    """Return synthetic rows given in the user's units; targets default to one-hot class codes."""
    codes = torch.zeros(len(X), dtype=torch.int64) if codes is None else torch.as_tensor(codes)
    weight = source.tensor(np.ones(len(X)) if weight is None else np.asarray(weight, dtype=np.float64))
    if y is None:
        y = np.eye(source.schema.n_outputs)[codes] if source.schema.n_outputs else np.empty((len(X), 0))
    return LabeledSet(weight, codes, source.encode(np.asarray(X)), source.encode_targets(np.asarray(y)))


def block(values, weight=None):
    values = torch.as_tensor(np.asarray(values, dtype=np.float64))
    weight = torch.ones(len(values), dtype=values.dtype) if weight is None else torch.as_tensor(weight).double()
    return Block(weight, torch.zeros(len(values), dtype=torch.int64), values)


def squares(x, y):
    """Return the squared distances by their definition."""
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)


def finite_differences(function, x, step=1e-5):
    """Return the central differences of a scalar function at an array."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[i] += step
        behind[i] -= step
        gradient[i] = (function(ahead) - function(behind)) / (2 * step)
    return gradient


def softmax_regression(parameters, X, y, mass, step_size, n_steps):
    """Return the parameters (weight, then bias) after steps of gradient descent on all rows."""
    n_outputs, n_features = y.shape[1], X.shape[1]
    weight, bias = parameters[:-n_outputs].reshape(n_outputs, n_features), parameters[-n_outputs:]
    for _ in range(n_steps):
        residual = mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)
        weight, bias = weight - step_size * residual.T @ X, bias - step_size * residual.sum(axis=0)
    return np.concatenate([weight.ravel(), bias])
