"""Attacks on condensed sets: what they tell of the rows that they were made from."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm
from sklearn.base import clone
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skdc.containers import EncodedRows, as_array, checked_targets
from skdc.evaluation.tables import data_frame
from skdc.privacy.ledger import accounting

_FALSE_POSITIVES = 0.01  # the rate at which the true positives are given
_LEAST = 1e-6  # distances below it, in units of the spread of the rows, are none: a row that was taken as it is


class AttackResult(NamedTuple):
    """How well an attack tells the rows that a set was made from, its members, from others.

    Parameters
    ----------
    auc : float
        The chance that a member scores higher than another row: 0.5 is a coin, 1 gives all of them away.
    advantage : float
        The largest difference of true and false positive rate: 0 is a coin. As the threshold is chosen on the scores
        themselves, a few hundredths are noise.
    true_positive_rate : float
        The share of the members that are found where no more than 1% of the others are taken for members: 0.01 is a
        coin. It shows what the mean over all rows does not: that some of them are given away.
    """

    auc: float
    advantage: float
    true_positive_rate: float

    def to_frame(self) -> Any:
        """Return the three numbers as a pandas frame of one line."""
        return data_frame([self], self._fields)


class MembershipResult(NamedTuple):
    """What `membership_inference` found.

    Parameters
    ----------
    closest : AttackResult
        Of the attack by the closest synthetic row, which needs the set alone.
    likelihood_ratio : AttackResult
        Of the attack by likelihood ratios, which knows the condenser and has fitted it to other rows.
    """

    closest: AttackResult
    likelihood_ratio: AttackResult

    def to_frame(self) -> Any:
        """Return a pandas frame with a line for each attack."""
        lines = [(name, *result) for name, result in zip(("closest", "likelihood ratio"), self, strict=True)]
        return data_frame(lines, ("attack", *AttackResult._fields))


def membership_inference(
    condenser: Any, X: ArrayLike, y: ArrayLike | None = None, *, n_fits: int = 16, random_state: int = 0
) -> MembershipResult:
    """Attack a condenser: try to tell from a set which rows it was made from.

    The condenser is fitted to halves of the rows, drawn at random within each class; those of the other half are no
    members. The first attack takes rows for members that are close to a synthetic row of their class [1]_. The second
    one learns from the other fits how close a set comes to each row that is a member, and to one that is not, and
    compares the likelihoods [2]_. Both are attacks and no proofs: another one may find more.

    Parameters
    ----------
    condenser : condenser
        Clones are fitted.
    X : array-like of shape (n, ...)
        Numbers; distances are taken between whole rows, so that features should have one scale. Or a frame, of which
        `skdc.preprocessing.TabularEncoder` makes such numbers.
    y : array-like of shape (n,), default=None
        Labels, two rows of each or more; or continuous targets, or None: the closest row is then one of all.
    n_fits : int, default=16
        Fits, in pairs: one to a half of the rows, one to the other half. Each pair is attacked by what the other pairs
        tell.
    random_state : int, default=0
        Seed of the halves and of the fits.

    Returns
    -------
    MembershipResult

    Raises
    ------
    ValueError
        If the number of fits is odd or less than 6, a label has one row only, or the noise of private fits has a seed.

    References
    ----------
    .. [1] Chen et al., "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative Models", 2020,
       section 4.
    .. [2] Carlini et al., "Membership Inference Attacks From First Principles", 2022, algorithm 1.

    Examples
    --------
    A selection gives the rows away that it holds, here a fifth of all:

    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> from skdc.evaluation import membership_inference
    >>> X, y = load_iris(return_X_y=True)
    >>> result = membership_inference(KMedoids(n_per_class=5), X, y, n_fits=8)
    >>> 0.15 < result.closest.true_positive_rate < 0.3
    True
    """
    if not isinstance(n_fits, Integral) or n_fits < 6 or n_fits % 2:
        raise ValueError(f"n_fits={n_fits!r} must be an even number of at least 6: of each pair one fits a half")
    X, y, encoded = _read(X, y)
    numbers = check_array(encoded(X), allow_nd=True)
    random = check_random_state(random_state)
    halves = np.stack([_half(X, y, random) for _ in range(n_fits // 2)])
    # Of each pair one fit sees a row: what the other pairs tell of it does not depend on which of this one does.
    member = np.stack([halves, ~halves], axis=1)
    least = _LEAST * np.sqrt(numbers.reshape(len(numbers), -1).var(axis=0).mean() or 1.0)
    distances = [
        _closest(_fitted(condenser, *_part(X, y, rows), random), numbers, y, encoded)
        for rows in member.reshape(n_fits, -1)
    ]
    closeness = -np.log(np.maximum(distances, least)).reshape(member.shape)
    pairs = np.arange(len(halves))
    ratios = np.stack([_log_ratio(closeness[pairs != i], member[pairs != i], closeness[i]) for i in pairs])
    return MembershipResult(*(attack_result(scores[member], scores[~member]) for scores in (closeness, ratios)))


def canary_scores(
    condenser: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    canary: ArrayLike,
    label: Any = None,
    *,
    n_fits: int = 50,
    random_state: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how close sets come to a canary, where it is one of the rows and where it is not.

    A canary is a row that was made to be seen. Nothing that holds for all rows may fail for it, so that it shows what a
    promise of privacy is worth: `epsilon_lower_bound` says how much by the scores.

    Parameters
    ----------
    condenser : condenser
        Clones are fitted. Each fit to private rows releases as much as it promises, and is entered in the ledger.
    X : array-like of shape (n, ...)
        The rows without the canary: numbers, or a frame.
    y : array-like of shape (n,) or None
        Their labels or targets.
    canary : array-like of shape (...)
        A row, the farther from others the better; of a frame, a frame of one row.
    label : object, default=None
        Its label, one of y (which labels there are is no secret), or its target.
    n_fits : int, default=50
        Fits with the canary, and as many without.
    random_state : int, default=0
        Seed of the fits; the noise of private ones is drawn anew for each.

    Returns
    -------
    inside, outside : ndarray of shape (n_fits,)
        Minus the distance of the canary to the closest synthetic row of its class, with the canary and without.

    Raises
    ------
    ValueError
        If the canary is not like the rows, its label is a new one, or the noise of private fits has a seed.

    Examples
    --------
    The centre of a cluster moves if a canary is added:

    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> from skdc.evaluation import canary_scores
    >>> X, y = load_iris(return_X_y=True)
    >>> inside, outside = canary_scores(KMeansCondenser(n_per_class=5), X, y, [9, 9, 9, 9], 0, n_fits=3)
    >>> bool(inside.min() > outside.max())
    True
    """
    X, y, _ = _read(X, y)
    row: Any = canary if hasattr(canary, "iloc") else np.asarray(canary)[None]
    if row.shape[1:] != X.shape[1:]:
        raise ValueError(f"the canary has shape {row.shape[1:]}, rows of X {X.shape[1:]}")
    encoded = EncodedRows(_joined(X, row))  # of which the canary may be the end of a column
    if not isinstance(n_fits, Integral) or n_fits < 1:
        raise ValueError(f"n_fits={n_fits!r} must be a whole number of at least 1")
    of_canary, more = None, None
    if y is not None:
        of_canary = np.asarray([label])
        more = np.concatenate([y, of_canary])
    random = check_random_state(random_state)
    inside, outside = (
        -np.concatenate(
            [_closest(_fitted(condenser, *data, random), encoded(row), of_canary, encoded) for _ in range(n_fits)]
        )
        for data in ((_joined(X, row), more), (X, y))
    )
    return inside, outside


def epsilon_lower_bound(
    inside: ArrayLike, outside: ArrayLike, *, delta: float = 1e-5, confidence: float = 0.95, gaussian: bool = False
) -> float:
    """Return an epsilon that a mechanism has at least, by what it gave on two neighbouring data sets.

    A threshold tells scores with a row from those without; how often it errs, bounds epsilon [1]_. Every second score
    chooses the threshold, the others, which it does not know, show how often it errs: the ends of their two intervals
    hold together at the given confidence (Clopper and Pearson, 1934). A mechanism that promises less than what comes
    out breaks its promise.

    Parameters
    ----------
    inside, outside : array-like of shape (n,)
        Scores of independent releases with a row and without it, higher with it.
    delta : float, default=1e-5
    confidence : float, default=0.95
        The chance that the bound is true.
    gaussian : bool, default=False
        True takes the loss for that of Gaussian noise, added to sums of all rows: the errors then say how far the two
        Gaussians are apart [2]_, which takes some hundreds of scores and not thousands. It needs `dp-accounting`.

    Returns
    -------
    float
        0 where nothing can be told. There is a most that so many scores can show, 2.6 for 100 on each side that do not
        overlap.

    Raises
    ------
    ValueError
        For less than four scores on a side, scores that are no numbers, and a delta or confidence that makes no sense.

    References
    ----------
    .. [1] Jagielski, Ullman and Oprea, "Auditing Differentially Private Machine Learning: How Private is Private SGD?",
       2020, section 3.
    .. [2] Nasr et al., "Tight Auditing of Differentially Private Machine Learning", 2023, section 4.

    Examples
    --------
    Noise of standard deviation 1, a row that changes the sum by 1: epsilon is 4.4 at this delta.

    >>> import numpy as np
    >>> from skdc.evaluation import epsilon_lower_bound
    >>> noise = np.random.default_rng(0).normal(size=(2, 2000))
    >>> 3 < epsilon_lower_bound(noise[0] + 1, noise[1], gaussian=True) < 4.4
    True
    >>> epsilon_lower_bound(*noise)
    0.0
    """
    inside, outside = _checked_scores("inside", inside), _checked_scores("outside", outside)
    for name, value in (("delta", delta), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name}={value!r} must lie between 0 and 1 exclusively")
    loss = _gaussian_distance if gaussian else _loss
    # Both ways to err (a row that is missed, one that is not there) are bounded by the same two rates.
    level = (1 - confidence) / 2

    def shown(thresholds: NDArray, start: int) -> NDArray[np.float64]:
        ins, outs = inside[start::2], outside[start::2]
        true, false = ((scores[:, None] > thresholds).sum(axis=0) for scores in (ins, outs))
        return loss(_least_rate(true, len(ins), level), _greatest_rate(false, len(outs), level), delta)

    thresholds = np.unique(np.concatenate([inside[::2], outside[::2]]))
    thresholds = thresholds[:: -(-len(thresholds) // 1000)]
    found = max(float(shown(thresholds[[np.argmax(shown(thresholds, 0))]], 1)[0]), 0.0)
    if not gaussian:
        return found
    with np.errstate(divide="ignore"):  # Gaussians that are closer than delta: epsilon is 0
        return float(accounting().get_epsilon_gaussian(1 / found, delta)) if found > _LEAST else 0.0


def _loss(true: NDArray, false: NDArray, delta: float) -> NDArray[np.float64]:
    """Return the epsilon of a lower bound on the rate of true positives and an upper one on that of false ones."""
    likely, unlikely = np.stack([true, 1 - false]), np.stack([false, 1 - true])
    return np.log(np.maximum(likely - delta, np.finfo(float).tiny) / unlikely).max(axis=0)


def _gaussian_distance(true: NDArray, false: NDArray, delta: float) -> NDArray[np.float64]:
    """Return the distance of the two Gaussians of variance 1 that have such rates."""
    return norm.ppf(true) - norm.ppf(false)


def _least_rate(n_hits: NDArray, n: int, level: float) -> NDArray[np.float64]:
    """Return the lower end of the interval for a rate, which is missed with a chance of `level` at most."""
    return np.where(n_hits > 0, beta.ppf(level, np.maximum(n_hits, 1), n - n_hits + 1), 0.0)


def _greatest_rate(n_hits: NDArray, n: int, level: float) -> NDArray[np.float64]:
    return 1 - _least_rate(n - n_hits, n, level)


def _checked_scores(name: str, scores: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or len(scores) < 4:
        raise ValueError(f"{name} has shape {scores.shape}; give a list of four scores or more")
    if np.isnan(scores).any():
        raise ValueError(f"{name} holds NaN, which is no score")
    return scores


def _read(X: Any, y: ArrayLike | None) -> tuple[Any, NDArray | None, EncodedRows]:
    """Return rows as an array, or the frame, their labels, and what makes numbers of rows."""
    X, encoded = as_array(X), EncodedRows(X)
    X = X if hasattr(X, "iloc") else check_array(X, allow_nd=True)
    if y is not None:
        y = checked_targets(y)
        check_consistent_length(X, y)
    return X, y, encoded


def _part(X: Any, y: NDArray | None, rows: NDArray[np.bool_]) -> tuple[Any, NDArray | None]:
    return (X.iloc[rows] if hasattr(X, "iloc") else X[rows]), None if y is None else y[rows]


def _joined(X: Any, canary: Any) -> Any:
    if not hasattr(X, "iloc"):
        return np.concatenate([X, canary])
    import pandas as pd

    return pd.concat([X, canary])


def _half(X: NDArray, y: NDArray | None, random: np.random.RandomState) -> NDArray[np.bool_]:
    """Return which rows are in a random half, in which each class has its share."""
    code = np.zeros(len(X)) if y is None else np.unique(y, return_inverse=True)[1]
    half = np.empty(len(X), bool)
    half[np.lexsort((random.uniform(size=len(X)), code))] = np.arange(len(X)) % 2
    return half


def _fitted(condenser: Any, X: NDArray, y: NDArray | None, random: np.random.RandomState) -> Any:
    if condenser.get_params().get("privacy__random_state") is not None:
        raise ValueError("the noise has a seed and would be the same in all fits; set privacy__random_state=None")
    return clone(condenser).set_params(random_state=int(random.randint(2**31 - 1))).fit(X, y)


def _closest(fitted: Any, X: NDArray, y: NDArray | None, encoded: EncodedRows) -> NDArray[np.float64]:
    """Return the distance of each row to the closest synthetic row, of its class where there are classes."""
    values = X, encoded(fitted.X_syn_)
    rows, points = (np.asarray(value, np.float64).reshape(len(value), -1) for value in values)
    if y is None or getattr(fitted, "classes_", None) is None:
        return _distances(rows, points)
    distances = np.empty(len(rows))
    for label in np.unique(y).tolist():
        if label not in fitted.classes_:
            raise ValueError(f"a set was fitted to rows of which none has the label {label!r}; give more rows of it")
        distances[y == label] = _distances(rows[y == label], points[fitted.y_syn_ == label])
    return distances


def _distances(rows: NDArray, points: NDArray) -> NDArray[np.float64]:
    return NearestNeighbors(n_neighbors=1).fit(points).kneighbors(rows)[0][:, 0]


def _log_ratio(closeness: NDArray, member: NDArray[np.bool_], at: NDArray) -> NDArray[np.float64]:
    """Return the log-likelihood ratio of each row's closeness as that of a member, by the fits of other pairs.

    Parameters
    ----------
    closeness, member : ndarray of shape (n_pairs, 2, n)
    at : ndarray of shape (2, n)
    """
    logs = []
    for inside in (member, ~member):
        values = closeness.swapaxes(1, 2)[inside.swapaxes(1, 2)].reshape(len(closeness), -1)  # one of each pair
        mean = values.mean(axis=0)
        # One spread for all rows: a few fits do not tell that of each.
        spread = np.sqrt(((values - mean) ** 2).mean()) + _LEAST
        logs.append(norm.logpdf(at, mean, spread))
    return logs[0] - logs[1]


def attack_result(inside: NDArray, outside: NDArray) -> AttackResult:
    """Return the result by the scores of members and of others, higher for members."""
    truth, scores = np.repeat([1, 0], [len(inside), len(outside)]), np.concatenate([inside, outside])
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    found = true[false <= _FALSE_POSITIVES].max()
    return AttackResult(float(roc_auc_score(truth, scores)), float((true - false).max()), float(found))
