"""How well what is trained on a condensed set withstands attacks and corruptions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, shift
from sklearn.utils import check_consistent_length
from torch import Tensor, nn

from skdc.condensed import CondensedSet
from skdc.containers import checked_targets
from skdc.evaluation.panels import Learners, learners_by_name
from skdc.evaluation.protocol import RowScaling, as_seen, set_with_classes, trained
from skdc.evaluation.tables import Table
from skdc.fitting.base import BaseCondenser
from skdc.images import ImageLayout
from skdc.learners import NetworkClassifier
from skdc.randomness import drawing_from
from skdc.scaling import Scaling

COLUMNS = ("clean", "robust", "worst group")
_MOST_LOST = 1e-2  # of a deviation, by rounding
_SPREADS = 1e-15, 1e15  # of rows whose squares float32 holds
Attack = Callable[[Any], Any]
Corruption = Callable[[NDArray, np.random.Generator], NDArray]


@dataclass(frozen=True, eq=False)
class RobustnessTable(Table):
    """What `robustness_table` found.

    Parameters
    ----------
    scores : dict of str to dict of str to dict of str to float
        By learner, then by what was done to the test rows: the accuracy on the rows as they are ("clean") and as they
        are after ("robust"), and the least accuracy of a group after ("worst group").
    """

    words = ("learner", "change")
    measures = COLUMNS
    scores: dict[str, dict[str, dict[str, float]]]

    def lines(self) -> Iterator[tuple[str | float, ...]]:
        """Yield each learner with each change, and its accuracies."""
        for learner, changes in self.scores.items():
            for change, found in changes.items():
                yield learner, change, *(found[column] for column in COLUMNS)


def robustness_table(
    condenser: BaseCondenser | CondensedSet,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    learners: Learners = None,
    attacks: Mapping[str, Attack] | None = None,
    corruptions: Mapping[str, Corruption] | None = None,
    groups: ArrayLike | None = None,
    radius: float | None = None,
    n_attacked: int = 200,
    random_state: int = 0,
) -> RobustnessTable:
    """Train learners on a condensed set, and test them on rows that are attacked or corrupted.

    Attacks are those of the Adversarial Robustness Toolbox [1]_, which know the learner; they stay within the range of
    the test rows. An attack that wants gradients is left out for learners that are no networks. A learner that
    withstands attacks by gradients, but not one without, hides its gradients, and is not robust.

    Parameters
    ----------
    condenser, X_test, y_test
        As in `transfer_table`.
    learners : dict, list, classifier or names, default=None
        As in `transfer_table`. They are given soft labels where the set has some and they can use them. None takes
        `NetworkClassifier()`.
    attacks : dict of str to callable, default=None
        Each takes a classifier of the toolbox and returns an attack. None takes `default_attacks(radius, ...)`.
    corruptions : dict of str to callable, default=None
        `corruption(X, generator)` returns changed rows. None takes `image_corruptions()` for rows that are images, else
        `table_corruptions()`.
    groups : array-like of shape (n,), default=None
        Of the test rows; None takes their labels.
    radius : float, default=None
        Of the attacks that None stands for, by the largest change of a number; None takes a tenth of the range of the
        test rows. It is in the units of X; of frames with words or gaps in those of the numbers that learners see.
    n_attacked : int, default=200
        Test rows that are looked at: the first ones.
    random_state : int, default=0
        Seed of corruptions, and of the learner that None stands for.

    Returns
    -------
    RobustnessTable
        It prints as text, and shows as a table in a notebook.

    Raises
    ------
    ImportError
        Without the toolbox: install `skdc[robust]`.
    ValueError
        If the set has no classes, or the test rows are not like its own; of attacks on numbers that float32, in which
        they are computed, does not hold well enough.

    References
    ----------
    .. [1] Nicolae et al., "Adversarial Robustness Toolbox v1.0.0", 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import robustness_table
    >>> X, y = load_digits(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=3, random_state=0).fit(X[::2], y[::2])
    >>> table = robustness_table(condenser, X[1::2], y[1::2], attacks={}, n_attacked=100)
    >>> list(table.scores["network"])
    ['missing columns', 'noise']
    """
    condensed = set_with_classes(condenser, "robustness_table")
    scaling = RowScaling.of_set(condensed)
    X = scaling.numbers(condensed.X, "the set").astype(np.float64)
    X_test = scaling.numbers(X_test, "X_test").astype(np.float64)
    shape, y_test = X.shape[1:], checked_targets(y_test, "y_test")
    groups = y_test if groups is None else np.asarray(groups)
    check_consistent_length(X_test, y_test, groups)
    low, high = float(X_test.min()), float(X_test.max())
    X_test, y_test, groups = (values[:n_attacked] for values in (X_test, y_test, groups))
    if attacks is None:
        attacks = default_attacks((high - low) / 10 if radius is None else radius, shape)
    if corruptions is None:
        corruptions = image_corruptions() if len(shape) > 1 else table_corruptions()
    scores = {}
    chosen = {"network": NetworkClassifier(random_state=random_state)} if learners is None else learners
    for name, learner in learners_by_name(chosen, "classification", shape, seed=random_state).items():
        fitted = _Fitted(learner, replace(condensed, X=X), scaling.scaling)
        clean = fitted.predict(X_test) == y_test
        changed = {}
        for change, attack in attacks.items():
            moved = fitted.attacked(attack, X_test, y_test, (low, high))
            if moved is not None:
                changed[change] = moved
        for change, corruption in corruptions.items():
            changed[change] = corruption(X_test, np.random.default_rng(random_state))
        scores[name] = {
            change: _measured(clean, fitted.predict(rows) == y_test, groups) for change, rows in changed.items()
        }
    return RobustnessTable(scores)


def _measured(clean: NDArray[np.bool_], robust: NDArray[np.bool_], groups: NDArray) -> dict[str, float]:
    worst = min(robust[groups == group].mean() for group in np.unique(groups))
    return dict(zip(COLUMNS, (float(clean.mean()), float(robust.mean()), float(worst)), strict=True))


class _Fitted:
    """A learner trained on a condensed set, which is shown rows in the units of the user.

    Parameters
    ----------
    learner : classifier
        Unfitted.
    numbers : CondensedSet
        With rows as numbers.
    scaling : Scaling
    """

    def __init__(self, learner: Any, numbers: CondensedSet, scaling: Scaling) -> None:
        self.scaling = scaling
        self.classes, self.input_shape = np.asarray(numbers.classes), numbers.X.shape[1:]
        self.given, self.is_network = learner, isinstance(learner, NetworkClassifier)
        condensed = replace(numbers, X=self._rows(numbers.X))
        if not getattr(learner, "accepts_soft_labels", False):
            condensed = replace(condensed, y_soft=None)
        self.learner = trained(learner, condensed)

    def _rows(self, X: NDArray) -> NDArray:
        return as_seen(self.given, self.scaling.standardized(X).astype(np.float32))

    def predict(self, X: NDArray) -> NDArray:
        """Return the labels of rows."""
        return self.learner.predict(self._rows(X))

    def attacked(self, attack: Attack, X: NDArray, y: NDArray, limits: tuple[float, float]) -> NDArray | None:
        """Return rows as an attack leaves them, or None if it is not for this learner."""
        toolbox, X = _toolbox(), self._in_float32(X)
        if X.ndim == 3:  # the toolbox takes no images without channels
            X = X[:, None]
        sizes = {"input_shape": X.shape[1:], "nb_classes": len(self.classes), "clip_values": limits}
        if self.is_network:
            network = _InUserUnits(self.learner, self.scaling, self.input_shape)
            last = len(self.input_shape) == 3 and ImageLayout(self.input_shape, None).last
            estimator = toolbox.estimators.classification.PyTorchClassifier(
                network, nn.CrossEntropyLoss(), channels_first=not last, device_type="cpu", **sizes
            )
        else:
            estimator = toolbox.estimators.classification.BlackBoxClassifier(self._indicators, **sizes)
        try:
            made = attack(estimator)
        except toolbox.exceptions.EstimatorError:
            return None
        with drawing_from(0):  # attacks draw from the global generators
            moved = made.generate(X, np.searchsorted(self.classes, y))
        return moved.reshape(-1, *self.input_shape).astype(np.float64)

    def _in_float32(self, X: NDArray) -> NDArray[np.float32]:
        """Return rows as the toolbox computes; refuse those that lose their digits so, or whose squares would."""
        with np.errstate(over="ignore"):
            rounded = X.astype(np.float32)
        lost = np.abs(self.scaling.standardized(rounded.astype(np.float64)) - self.scaling.standardized(X)).max()
        spread = np.ptp(X)
        if not (lost < _MOST_LOST and _SPREADS[0] < spread < _SPREADS[1]):
            raise ValueError(
                f"attacks are computed in float32, which does not hold numbers from {X.min():.6g} to {X.max():.6g} "
                "well enough; condense and test rows in units in which they are near 1, or give attacks={}"
            )
        return rounded

    def _indicators(self, X: NDArray) -> NDArray:
        return (self.predict(X.reshape(-1, *self.input_shape))[:, None] == self.classes).astype(np.float32)


class _InUserUnits(nn.Module):
    """The network of a learner, for rows in the units of the user."""

    def __init__(self, learner: NetworkClassifier, scaling: Scaling, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.dtype = shape, next(learner.module_.parameters()).dtype
        # Attacks are computed on the CPU, whatever the device of the learner.
        self.network = deepcopy(learner.module_).cpu().eval().requires_grad_(False)
        shift, scale = (torch.as_tensor(part, dtype=self.dtype) for part in scaling.units())
        self.shift, self.scale = shift + learner.shift_ * scale, learner.scale_ * scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.network((x.reshape(-1, *self.shape).to(self.dtype) - self.shift) / self.scale)


def _toolbox() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that it finds, or does not
            import art.attacks.evasion
            import art.estimators.classification
            import art.exceptions
    except ImportError as error:
        raise ImportError(
            "attacks need the Adversarial Robustness Toolbox: pip install 'skdc[robust]', or give attacks={}"
        ) from error
    return art


def default_attacks(radius: float, shape: tuple[int, ...]) -> dict[str, Attack]:
    """Return the attacks that `robustness_table` makes: by gradients, and without.

    Parameters
    ----------
    radius : float
        The largest change of a number, in the units of X. Attacks by the Euclidean length go as far as half the
        diagonal of the cube of the others.
    shape : tuple of int
        Of a row.

    Returns
    -------
    dict of str to callable
        FGSM; PGD with 40 steps in the cube, and in the ball; Square for images, which asks for probabilities 200 times;
        HopSkipJump, which asks for labels some 300 times, from starts that the library draws anew each time. What goes
        further than the radius is brought back to it.

    Raises
    ------
    ImportError
        Without the toolbox: install `skdc[robust]`.
    """
    evasion, half = _toolbox().attacks.evasion, radius * np.prod(shape) ** 0.5 / 2
    quiet = {"batch_size": 256, "verbose": False}
    queries = {"max_iter": 4, "init_eval": 20, "max_eval": 60, "init_size": 30, **quiet}

    def pgd(found: Any, norm: float, length: float) -> Any:
        steps = {"eps": length, "eps_step": length / 10, "max_iter": 40}
        return evasion.ProjectedGradientDescent(found, norm=norm, **steps, **quiet)

    attacks: dict[str, Attack] = {
        "FGSM": lambda found: evasion.FastGradientMethod(found, eps=radius, batch_size=256),
        "PGD": lambda found: pgd(found, np.inf, radius),
        "PGD, Euclidean": lambda found: pgd(found, 2, half),
    }
    if len(shape) > 1:
        attacks["Square"] = lambda found: evasion.SquareAttack(found, eps=radius, max_iter=200, **quiet)
    return attacks | {"HopSkipJump": lambda found: _Within(evasion.HopSkipJump(found, norm=np.inf, **queries), radius)}


class _Within:
    """An attack whose moves are cut off at a radius: most of those that go further fail."""

    def __init__(self, attack: Any, radius: float) -> None:
        self.attack, self.radius = attack, radius

    def generate(self, X: NDArray, y: NDArray) -> NDArray:
        """Return the rows moved, no number by more than the radius."""
        return X + np.clip(self.attack.generate(X, y) - X, -self.radius, self.radius)


def image_corruptions() -> dict[str, Corruption]:
    """Return common corruptions of images: noise, blur, contrast and shift [1]_.

    Noise has a tenth of the range of the rows as deviation; the blur is Gaussian with a deviation of a pixel; contrast
    is halved; the shift is by a fourteenth of each side, downwards and to the right.

    References
    ----------
    .. [1] Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
       2019, of which these are the simplest.
    """
    return {"noise": _noise, "blur": _blur, "contrast": _contrast, "shift": _shift}


def table_corruptions() -> dict[str, Corruption]:
    """Return corruptions of tables: a fifth of the columns missing, set to their means; noise of half the deviation."""
    return {"missing columns": _missing, "noise": _column_noise}


def _noise(X: NDArray, generator: np.random.Generator) -> NDArray:
    return X + 0.1 * (X.max() - X.min()) * generator.standard_normal(X.shape)


def _on_sides(X: NDArray, change: Callable[[NDArray], NDArray]) -> NDArray:
    layout = ImageLayout(X.shape[1:], None)
    return layout.rows(torch.as_tensor(change(layout(torch.as_tensor(X)).numpy())), X.shape[1:]).numpy()


def _blur(X: NDArray, generator: np.random.Generator) -> NDArray:
    return _on_sides(X, lambda images: gaussian_filter(images, (0, 0, 1, 1)))


def _contrast(X: NDArray, generator: np.random.Generator) -> NDArray:
    mean = X.mean(axis=tuple(range(1, X.ndim)), keepdims=True)
    return mean + 0.5 * (X - mean)


def _shift(X: NDArray, generator: np.random.Generator) -> NDArray:
    def moved(images: NDArray) -> NDArray:
        steps = [max(1, round(side / 14)) for side in images.shape[2:]]
        return shift(images, (0, 0, *steps), order=0, mode="nearest")

    return _on_sides(X, moved)


def _missing(X: NDArray, generator: np.random.Generator) -> NDArray:
    columns = generator.permutation(X.shape[1])[: -(-X.shape[1] // 5)]
    changed = X.copy()
    changed[:, columns] = X[:, columns].mean(axis=0)
    return changed


def _column_noise(X: NDArray, generator: np.random.Generator) -> NDArray:
    return X + 0.5 * X.std(axis=0) * generator.standard_normal(X.shape)
