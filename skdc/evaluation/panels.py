"""The learners of the tables, by name; and names for what is given without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from inspect import isclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils import get_tags

from skdc.images import ImageLayout
from skdc.learners import KernelRidgeClassifier, KernelRidgeRegressor, NetworkClassifier
from skdc.networks import ConvNet
from skdc.seeds import seeded

Learners = Mapping[str, Any] | Sequence[Any] | Any | None

KINDS = ("linear", "svm", "neighbors", "mlp", "forest", "boosting", "kernel ridge", "convnet")
QUICK = ("linear", "neighbors", "forest", "boosting")  # they differ, and are soon trained on all rows too


class _StandardizedTargets(TransformedTargetRegressor):
    """A regressor of targets less their mean and divided by their deviation, that takes weights."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the regressor."""
        return super().fit(X, y, sample_weight=sample_weight)


def _with_scale(regressor: Any) -> _StandardizedTargets:
    return _StandardizedTargets(regressor, transformer=StandardScaler())


_CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "linear": lambda seed: LogisticRegression(max_iter=1000),
    "svm": lambda seed: SVC(),
    "naive bayes": lambda seed: GaussianNB(),
    "neighbors": lambda seed: KNeighborsClassifier(1),
    "5 neighbors": lambda seed: KNeighborsClassifier(5),
    "mlp": lambda seed: MLPClassifier(max_iter=500, random_state=seed),
    "forest": lambda seed: RandomForestClassifier(random_state=seed),
    "boosting": lambda seed: HistGradientBoostingClassifier(min_samples_leaf=1, random_state=seed),
    "kernel ridge": lambda seed: KernelRidgeClassifier(regularization=1e-2),
}
_REGRESSORS: dict[str, Callable[[int], Any]] = {
    "linear": lambda seed: Ridge(),
    "svm": lambda seed: _with_scale(SVR()),
    "neighbors": lambda seed: KNeighborsRegressor(1),
    "5 neighbors": lambda seed: KNeighborsRegressor(5),
    "mlp": lambda seed: _with_scale(MLPRegressor(max_iter=500, random_state=seed)),
    "forest": lambda seed: RandomForestRegressor(random_state=seed),
    "boosting": lambda seed: HistGradientBoostingRegressor(min_samples_leaf=1, random_state=seed),
    "kernel ridge": lambda seed: KernelRidgeRegressor(regularization=1e-2),
}
_GROUPS = {"trees": ("forest", "boosting")}


def learners_by_name(
    learners: Learners,
    task: str,
    input_shape: tuple[int, ...],
    *,
    n_outputs: int = 1,
    default: Sequence[str] = KINDS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return learners by what they are called, each a clone with a seed where it had none.

    Parameters
    ----------
    learners : dict of str to estimator, list, estimator, str or None
        A list holds names, as `transfer_table` has them, and estimators, which are called by their classes.
    task : {"classification", "multilabel", "regression"}
        What names stand for.
    input_shape : tuple of int
        Of a row: images have several sides.
    n_outputs : int, default=1
        Targets a row.
    default : list of str
        Names that None stands for, as far as they suit the data; unless it is given, one of each kind.
    seed : int, default=0

    Raises
    ------
    TypeError
        For what is neither a name nor an estimator.
    ValueError
        For a name that is not known, or does not suit the data; for no learner at all.
    """
    known = _REGRESSORS if task == "regression" else _CLASSIFIERS
    known = known | ({"convnet": _convnet(input_shape)} if task == "classification" and len(input_shape) > 1 else {})
    several = task == "multilabel" or n_outputs > 1
    suited = {name: make for name, make in known.items() if not several or _takes_several(make(0), task)}
    if learners is None:
        chosen = {name: suited[name](seed) for name in default if name in suited}
    elif isinstance(learners, Mapping):
        chosen = dict(learners)
    else:
        one = isinstance(learners, str) or hasattr(learners, "get_params")
        chosen = named(_made([learners] if one else learners, known, suited, seed))
    if not chosen:
        raise ValueError("no learner is given; give one at least, or None for some that differ")
    for name, learner in chosen.items():
        if isclass(learner) or not hasattr(learner, "get_params") or not hasattr(learner, "fit"):
            raise TypeError(f"learner {name!r} is {learner!r}, which is no estimator; give one, such as SVC()")
    return {str(name): seeded(learner, lambda: seed) for name, learner in chosen.items()}


def _made(
    given: Sequence[Any], known: Mapping[str, Any], suited: Mapping[str, Callable[[int], Any]], seed: int
) -> list[tuple[str | None, Any]]:
    """Return what was given with its names, if it has some."""
    found: list[tuple[str | None, Any]] = []
    for part in given:
        if not isinstance(part, str):
            found.append((None, part))
            continue
        for name in _GROUPS.get(part, (part,)):
            if name not in suited:
                words = ", ".join(map(repr, [*suited, *_GROUPS]))
                why = "does not suit these targets" if name in known else "is not known for these data"
                raise ValueError(f"learner {part!r} {why}; give an estimator, or names out of {words}")
            found.append((name, suited[name](seed)))
    return found


def named(parts: Sequence[tuple[str | None, Any]]) -> dict[str, Any]:
    """Return parts by their names; those without are called by their class, or as they print if several have one."""
    counts = Counter(type(part).__name__ for name, part in parts if name is None)
    found: dict[str, Any] = {}
    for name, part in parts:
        own = type(part).__name__
        called = name if name is not None else own if counts[own] == 1 else repr(part)
        if called in found:
            raise ValueError(f"{called} is given twice; give a dict, which names each")
        found[called] = part
    return found


def _takes_several(learner: Any, task: str) -> bool:
    tags = get_tags(learner)
    return tags.classifier_tags.multi_label if task == "multilabel" else tags.target_tags.multi_output


def _convnet(input_shape: tuple[int, ...]) -> Callable[[int], Any]:
    depth = min(3, int(np.log2(min(ImageLayout(input_shape, None).shape[1:]))))
    network = ConvNet(width=32, depth=depth)
    return lambda seed: NetworkClassifier(network, standardize=False, random_state=seed)
