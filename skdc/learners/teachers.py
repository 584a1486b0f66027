"""Fitted estimators that label rows, and trained networks that rows are shown to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter
from skorch import NeuralNet
from torch import Tensor, nn

from skdc.exceptions import PartsError
from skdc.hashes import hashed_uniform
from skdc.learners.network import NetworkClassifier
from skdc.learners.reliability import reliable_classes, reliable_outputs
from skdc.randomness import drawing_from, watched
from skdc.seeds import EpochSampler, seeded
from skdc.sources import Holds, Source, draw_seed, require, require_targets

MAX_ROWS = 200_000  # on which a teacher is fitted: boosting takes half a minute, and memory that it casts them into


class Teacher:
    """A fitted estimator that labels rows in working units.

    Parameters
    ----------
    estimator : classifier with `predict_proba`, or regressor
        It is fitted on the data already.
    source : Source
        Whose units rows have.
    """

    def __init__(self, estimator: Any, source: Source) -> None:
        self.estimator, self._source = estimator, source
        if source.schema.task == "classification":
            self._columns = self._find_columns(estimator)

    def _find_columns(self, estimator: Any) -> np.ndarray:
        known, labels = list(estimator.classes_), list(self._source.schema.labels)
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ValueError(
                f"the teacher {estimator!r} knows the classes {known}, but y has {unknown[0]!r}; fit it on all classes"
            )
        return np.array([known.index(label) for label in labels])

    @torch.no_grad()
    def __call__(self, X: Tensor) -> Tensor:
        """Return the targets of rows, of shape (n, n_outputs): class probabilities, or values in working units."""
        source = self._source
        rows = source.decode(X)
        if isinstance(self.estimator, FrozenEstimator) and source.schema.encoder is not None:
            # It was fitted to what the user has, not to codes.
            rows = source.schema.encoder.inverse_transform(rows)
        with _own_draws(self.estimator, 0):
            if source.schema.task == "regression":
                return source.encode_targets(np.asarray(self.estimator.predict(rows)).reshape(len(rows), -1))
            # What it gives to classes that y has not is shared out.
            found = self.estimator.predict_proba(rows)[:, self._columns] + np.finfo(np.float64).tiny
        if not np.isfinite(found).all():
            raise ValueError(
                f"the teacher {self.estimator!r} gives probabilities that are no numbers: the rows may be all alike to "
                "it; give another teacher"
            )
        return source.tensor(found / found.sum(axis=1, keepdims=True))


def fitted_teacher(part: object, estimator: Any, source: Source, generator: torch.Generator) -> Teacher:
    """Fit a clone of an estimator on the data; one inside a `FrozenEstimator` is left as it is.

    It is fitted on 200,000 rows, where there are more: drawn class by class, in proportion to weight, and at least some
    of each class. Give one that was fitted on all, inside a `FrozenEstimator`, to have more.

    Parameters
    ----------
    part : object
        Which asks for it, for errors.
    estimator : estimator or None
        It is told the weights of the rows where its `fit` takes `sample_weight`. None takes a `NetworkClassifier`
        with 5 epochs, or the more that make 500 steps.
    source : Source
    generator : torch.Generator
        Seeds it, where it has a `random_state` that is None.

    Raises
    ------
    ValueError
        Without targets or with one class only; for a stream; for continuous targets without an estimator; if it
        cannot give what is asked for.
    """
    rows, estimator = checked_teacher(part, estimator, source)
    return Teacher(fitted_clone(estimator, rows, generator), source)


def reliable_teacher(
    part: object, estimator: Any, source: Source, generator: torch.Generator
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return what labels points that move, where the teacher is reliable.

    Parameters
    ----------
    part, estimator, source, generator
        As in `fitted_teacher`.

    Returns
    -------
    callable
        Takes rows, their class codes and targets of their own, and returns the targets of the teacher, or their own.
    """
    rows, estimator = checked_teacher(part, estimator, source)
    teacher = fitted_teacher(part, estimator, source, generator)
    reliability = _reliability(estimator, rows, generator)

    def label(X: Tensor, codes: Tensor, own: Tensor) -> Tensor:
        return torch.where(reliability[codes], teacher(X), own)

    return label


def out_of_fold_teacher(
    part: object, estimator: Any, source: Source, generator: torch.Generator
) -> Callable[[NDArray[np.intp]], Tensor]:
    """Return what labels rows of the data by clones of an estimator that were fitted without them.

    All rows that are to be labelled are left out at once, but no more than a fifth of a class; where they are more,
    there are as many fits as it takes. The only row of a class keeps its target, and so does one of a class for which
    the estimator is not reliable. An estimator inside a `FrozenEstimator` labels as it is. Fits are on 200,000 rows at
    most, as those of `fitted_teacher` are.

    Parameters
    ----------
    part, estimator, source, generator
        As in `fitted_teacher`.

    Returns
    -------
    callable
        Takes positions of rows, of shape (m,), and returns their targets, of shape (m, n_outputs).
    """
    rows, estimator = checked_teacher(part, estimator, source)
    estimator = seeded(estimator, lambda: draw_seed(generator))

    def label(indices: NDArray[np.intp]) -> Tensor:
        own = rows.take(indices).y
        predicted, reliability = own.clone(), _reliability(estimator, rows, generator)
        folds = [np.arange(len(indices))] if isinstance(estimator, FrozenEstimator) else _folds(indices, rows)
        for fold in folds:
            others = np.setdiff1d(np.arange(len(rows)), indices[fold])
            teacher = Teacher(fitted_clone(estimator, rows, generator, others), rows)
            predicted[fold] = teacher(rows.take(indices[fold]).X)
        codes = torch.as_tensor(rows.schema.class_of_key[rows.key[indices]], device=own.device)
        if rows.schema.task == "classification":
            # Of the rows to be labelled, those of a class must not seem to be of it more seldom than others.
            mass = rows.tensor(rows.class_mass())
            reliability = reliability & ((own * predicted).sum(0) >= mass / mass.sum() * own.sum(0))[:, None]
        return torch.where(reliability[codes], predicted, own)

    return label


_MAX_HELD_OUT = 100  # rows of a class that are held out to see how good a teacher is


def _reliability(estimator: Any, rows: Holds, generator: torch.Generator) -> Tensor:
    """Tell for which classes and targets an estimator is reliable, of shape (n_classes, 1 or n_outputs).

    It is fitted without some rows, a fifth of each class at most, which it predicts; a frozen one may know them all.
    """
    parts, seed = [np.empty(0, dtype=np.intp)], draw_seed(generator)
    part = 1 if isinstance(estimator, FrozenEstimator) else 5
    for c in range(rows.schema.n_classes):
        members = rows.class_members(c)
        # By their content, so that the order of rows does not matter.
        order = np.argsort(hashed_uniform(rows.hashes(members, seed)), kind="stable")
        parts.append(members[order[: min(len(members) // part, _MAX_HELD_OUT)]])
    held_out = np.sort(np.concatenate(parts))
    reliable = np.zeros((rows.schema.n_classes, 1), dtype=bool)
    if len(held_out):
        others = np.setdiff1d(np.arange(len(rows)), held_out)
        teacher = Teacher(fitted_clone(estimator, rows, generator, others), rows)
        predicted = teacher(rows.take(held_out).X).cpu().double().numpy()
        if rows.schema.task == "regression":
            values = rows.take(held_out).y.cpu().double().numpy()
            reliable = reliable_outputs(predicted, values, rows.weight[held_out], np.zeros(values.shape[1]))[None]
        else:
            codes, mass = rows.schema.class_of_key[rows.key[held_out]], rows.class_mass()
            predicted = predicted[np.arange(len(held_out)), codes]
            reliable = reliable_classes(predicted, codes, rows.weight[held_out], mass / mass.sum())[:, None]
    return torch.as_tensor(reliable, device=rows.device)


def _folds(indices: NDArray[np.intp], rows: Holds) -> list[NDArray[np.intp]]:
    """Split the positions of `indices`: a fold has up to a fifth of a class, and a class's only row is in none."""
    pieces = []
    for c in range(rows.schema.n_classes):
        members = rows.class_members(c)
        chosen = np.flatnonzero(np.isin(indices, members))
        if len(members) > 1 and len(chosen):
            most = -(-len(members) // 5)
            pieces.append(np.array_split(chosen, -(-len(chosen) // most)))
    return [np.concatenate(fold) for fold in zip_longest(*pieces, fillvalue=np.empty(0, dtype=np.intp))]


def checked_teacher(part: object, estimator: Any, source: Source) -> tuple[Holds, Any]:
    """Return the rows and the estimator, or a default one; refuse what cannot teach them."""
    require_targets(part, source)
    rows, schema = require(part, source, Holds, "a teacher"), source.schema
    if estimator is None:
        if schema.task == "regression":
            given = schema.given_targets
            raise PartsError(f"{part!r}: the default teacher is a classifier, but {given}; give teacher=")
        estimator = NetworkClassifier(device=str(rows.device))
        n_batches = -(-len(rows) // estimator.batch_size)
        estimator.set_params(max_epochs=max(5, -(-500 // n_batches)))
    method = "predict_proba" if schema.task == "classification" else "predict"
    if not hasattr(estimator, method):
        raise PartsError(f"{part!r}: a teacher of {schema.task} must have {method}, which {estimator!r} has not")
    return rows, estimator


def fitted_clone(
    estimator: Any, rows: Holds, generator: torch.Generator, members: NDArray[np.intp] | None = None
) -> Any:
    """Fit a clone of an estimator on the rows, or on some of them; of very many, on rows that are drawn."""
    estimator, schema = seeded(estimator, lambda: draw_seed(generator)), rows.schema
    some, weights = _few(rows, members, generator)
    codes = schema.class_of_key[rows.key[some]]
    y = schema.labels[codes] if schema.task == "classification" else rows.targets(some)
    if schema.n_outputs > 1 and schema.task == "regression" and not get_tags(estimator).target_tags.multi_output:
        estimator = MultiOutputRegressor(estimator)
    # Weights that are all alike say nothing, and cost boosting most of its time.
    matters = has_fit_parameter(estimator, "sample_weight") and np.ptp(weights) > 0
    weight = {"sample_weight": weights} if matters else {}
    with _own_draws(estimator, draw_seed(generator)):
        return estimator.fit(rows.X[some], y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y, **weight)


def _few(
    rows: Holds, members: NDArray[np.intp] | None, generator: torch.Generator
) -> tuple[NDArray[np.intp] | slice, NDArray[np.float64]]:
    """Return rows to fit on, and their weights: all, or some of each class, by weight, that stand for all of it."""
    n_rows = len(rows) if members is None else len(members)
    if n_rows <= MAX_ROWS:
        some = slice(None) if members is None else members
        return some, rows.weight[some]
    members = np.arange(n_rows) if members is None else members
    codes, weight = rows.schema.class_of_key[rows.key[members]], rows.weight[members]
    mass, drawn = np.bincount(codes, weight) / weight.sum(), []
    for c in np.unique(codes):
        of_class = np.flatnonzero(codes == c)
        size = min(len(of_class), max(int(MAX_ROWS * mass[c]), MAX_ROWS // (10 * len(mass))))
        sampler = EpochSampler(torch.as_tensor(members[of_class]), torch.as_tensor(weight[of_class]))
        drawn.append(sampler.draw(size, generator))
    some, weights = (torch.cat(parts).numpy() for parts in zip(*drawn, strict=True))
    order = np.argsort(some, kind="stable")
    return some[order], weights[order]


def _own_draws(estimator: Any, seed: int) -> AbstractContextManager[None]:
    """Let networks of skorch draw from a seed: they would from the global generators, which are the user's."""
    inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
    draws = isinstance(inner, NeuralNet) and not isinstance(inner, NetworkClassifier)
    return drawing_from(seed) if draws else nullcontext()


class InUserUnits(nn.Module):
    """A network that the user has trained, for rows in working units.

    Parameters
    ----------
    network : nn.Module
    source : Source
        Whose units rows have.
    shift, scale : float, default=0.0 and 1.0
        What the user takes from rows, and divides them by.
    """

    def __init__(self, network: nn.Module, source: Source, shift: float = 0.0, scale: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.shift: Tensor
        self.factor = source.units.scale / scale
        self.register_buffer("shift", source.tensor((np.asarray(source.units.shift) - shift) / scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        return self.network(x * self.factor + self.shift)


def trained_network(part: object, teacher: Any, source: Source, generator: torch.Generator) -> nn.Module:
    """Return a network of the user's, trained and frozen, for rows in working units; other estimators have no gradient.

    Parameters
    ----------
    part : object
        Which asks for it, for errors.
    teacher : nn.Module or skorch estimator
        A module is taken to be trained, on rows in the user's units. An estimator is fitted on the data, or comes
        fitted in a `FrozenEstimator`.
    source : Source
    generator : torch.Generator
    """
    like = source.tensor(np.empty(0))
    is_frozen = isinstance(teacher, nn.Module | FrozenEstimator)
    if is_frozen and source.schema.encoder is not None:
        raise ValueError(
            f"{type(part).__name__}: the network was trained on rows as they are, which cannot be told from the codes "
            "of a frame by a gradient; use encoder=None, or pass an array"
        )
    if isinstance(teacher, nn.Module):
        network = InUserUnits(copy.deepcopy(teacher), source)
    elif isinstance(teacher.estimator if isinstance(teacher, FrozenEstimator) else teacher, NeuralNet):
        fitted = fitted_clone(teacher, require(part, source, Holds, "a teacher"), generator)
        fitted = fitted.estimator if isinstance(fitted, FrozenEstimator) else fitted
        own = getattr(fitted, "shift_", 0.0), getattr(fitted, "scale_", 1.0)
        network = InUserUnits(copy.deepcopy(fitted.module_), source, *own)
    else:
        raise PartsError(
            f"{type(part).__name__} needs the gradient of its teacher at the points, which {teacher!r} cannot give; "
            "pass a torch module or a skorch estimator such as NetworkClassifier(), or let the teacher give labels: "
            "Points(labels='teacher', teacher=...)"
        )
    return watched(network.to(like.device, like.dtype).requires_grad_(False).eval())
