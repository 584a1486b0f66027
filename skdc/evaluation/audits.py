"""Attacks on condensed sets: what they tell of the rows that they were made from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm
from sklearn.base import clone
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from skdc.privacy.ledger import accounting

_FALSE_ALARMS = 0.01  # at which the share of members that are found is given


class Attack(NamedTuple):
    """How well an attack tells rows that a set was made from, its members, from others.

    Parameters
    ----------
    auc : float
        The chance that a member scores higher than another row: 0.5 is a coin, 1 gives all away.
    found : float
        The share of the members that are found while one of a hundred other rows is taken for a member.
    """

    auc: float
    found: float

    @classmethod
    def of(cls, inside: ArrayLike, outside: ArrayLike) -> Attack:
        """Return the result from the scores of members and of others, higher for members."""
        scores = np.concatenate([inside, outside])
        truth = np.repeat([1, 0], [len(np.asarray(inside)), len(np.asarray(outside))])
        false, true, _ = roc_curve(truth, scores)
        return cls(float(roc_auc_score(truth, scores)), float(true[false <= _FALSE_ALARMS].max()))


class Memberships(NamedTuple):
    """What two attacks find: by the closest synthetic row, and by likelihood ratios."""

    closest: Attack
    likelihood_ratio: Attack


def membership_inference(
    condenser: Any, X: ArrayLike, y: ArrayLike, *, n_fits: int = 16, random_state: int = 0
) -> Memberships:
    """Attack a condenser: which rows was the set made from?

    The condenser is fitted to random halves of the rows. The simple attack takes rows for members that are close to a
    synthetic row of their class. The other one knows, from all other fits, how close each row comes when it is a member
    and when it is not, and compares the likelihoods [1]_.

    Parameters
    ----------
    condenser : condenser
        Clones are fitted.
    X : array of shape (n, ...)
        Numbers.
    y : array-like of shape (n,)
    n_fits : int, default=16
        Fits, each of which is attacked with the help of the others.
    random_state : int, default=0

    Returns
    -------
    Memberships

    Raises
    ------
    ValueError
        For fewer than four fits.

    References
    ----------
    .. [1] Carlini et al., "Membership Inference Attacks From First Principles", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> from skdc.evaluation import membership_inference
    >>> X, y = load_iris(return_X_y=True)
    >>> membership_inference(KMedoids(n_per_class=5), X, y, n_fits=4).closest.auc > 0.5
    True
    """
    if n_fits < 4:
        raise ValueError(f"n_fits={n_fits!r}: likelihoods with and without a row take at least 4 fits")
    X, y = np.asarray(X), np.asarray(y)
    random = check_random_state(random_state)
    # Each row is a member of half of the fits.
    order = np.argsort(random.uniform(size=(n_fits, len(X))), axis=0)
    member = order < n_fits // 2
    closeness = np.stack([_closeness(_fitted(condenser, X[rows], y[rows], random), X, y) for rows in member])
    ratios = np.stack(
        [_log_ratio(np.delete(closeness, i, 0), np.delete(member, i, 0), closeness[i]) for i in range(n_fits)]
    )
    return Memberships(*(Attack.of(scores[member], scores[~member]) for scores in (closeness, ratios)))


def canary_scores(
    condenser: Any,
    X: ArrayLike,
    y: ArrayLike,
    canary: ArrayLike,
    label: Any,
    *,
    n_fits: int = 50,
    random_state: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how close sets come to a canary, a row made to be seen, where it is among the rows and where it is not.

    Parameters
    ----------
    condenser : condenser
        Clones are fitted.
    X, y
        The rows without the canary.
    canary : array-like of shape (...)
        A row, the odder the better.
    label : object
        Its class.
    n_fits : int, default=50
        Fits with the canary, and as many without.
    random_state : int, default=0

    Returns
    -------
    inside, outside : ndarray of shape (n_fits,)
        Minus the logarithm of the distance to the closest synthetic row of its class; for `epsilon_lower_bound`.
    """
    X, y, random = np.asarray(X), np.asarray(y), check_random_state(random_state)
    canary, label = np.asarray(canary)[None], np.asarray([label])
    with_canary = np.concatenate([X, canary]), np.concatenate([y, label])
    sides = [
        np.array([_closeness(_fitted(condenser, *rows, random), canary, label)[0] for _ in range(n_fits)])
        for rows in (with_canary, (X, y))
    ]
    return sides[0], sides[1]


def epsilon_lower_bound(
    inside: ArrayLike, outside: ArrayLike, *, delta: float = 1e-5, confidence: float = 0.95, gaussian: bool = False
) -> float:
    """Return an epsilon that a mechanism has at least, by what it gave on two neighbouring data sets.

    The first half of the scores chooses the threshold that tells the two best, the second half shows how often it errs
    [1]_. A mechanism that promises less than what comes out breaks its promise, at the given confidence.

    Parameters
    ----------
    inside, outside : array-like of shape (n,)
        Scores of independent releases with a row and without it, in the order in which they were made.
    delta : float, default=1e-5
    confidence : float, default=0.95
    gaussian : bool, default=False
        The mechanism is one of Gaussian noise: the errors then say how far the two Gaussians are apart [2]_, which takes
        some hundreds of releases and not thousands.

    Returns
    -------
    float
        0 where nothing can be told.

    References
    ----------
    .. [1] Jagielski, Ullman and Oprea, "Auditing Differentially Private Machine Learning", 2020, section 3.
    .. [2] Nasr et al., "Tight Auditing of Differentially Private Machine Learning", 2023, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc.evaluation import epsilon_lower_bound
    >>> noise = np.random.default_rng(0).normal(size=(2, 2000))
    >>> round(epsilon_lower_bound(noise[0] + 1, noise[1], gaussian=True), 2), epsilon_lower_bound(*noise)
    (3.71, 0.0)
    """
    inside, outside = (np.asarray(scores, dtype=np.float64) for scores in (inside, outside))
    half = min(len(inside), len(outside)) // 2
    if half < 1:
        raise ValueError(f"{len(inside)} and {len(outside)} scores are too few; give two of each or more")
    level = (1 - confidence) / 2  # for each of two rates

    def bound(threshold: float, ins: NDArray, outs: NDArray, level: float) -> float:
        # Both ways: found members against false alarms, and others against missed members.
        n_found, n_alarms = int((ins > threshold).sum()), int((outs > threshold).sum())
        ways = (n_found, len(ins), n_alarms, len(outs)), (len(outs) - n_alarms, len(outs), len(ins) - n_found, len(ins))
        return max(_epsilon(_lower(a, n, level), _upper(b, m, level), delta, gaussian) for a, n, b, m in ways)

    thresholds = np.unique(np.concatenate([inside[:half], outside[:half]]))
    if len(thresholds) > 200:
        thresholds = np.quantile(thresholds, np.linspace(0, 1, 200))
    best = max(thresholds, key=lambda threshold: bound(threshold, inside[:half], outside[:half], level))
    return bound(best, inside[half:], outside[half:], level / 2)


def _epsilon(found: float, alarms: float, delta: float, gaussian: bool) -> float:
    """Return the epsilon of a lower bound on a rate, and an upper bound on the other."""
    if found <= alarms:
        return 0.0
    if gaussian:
        distance = norm.ppf(found) - norm.ppf(alarms)
        return float(accounting().get_epsilon_gaussian(1 / distance, delta)) if distance > 1e-3 else 0.0
    return float(max(np.log((found - delta) / alarms), 0.0)) if found > delta else 0.0


def _lower(n_hits: int, n: int, level: float) -> float:
    """Return the lower end of the interval of Clopper and Pearson (1934)."""
    return float(beta.ppf(level, n_hits, n - n_hits + 1)) if n_hits else 0.0


def _upper(n_hits: int, n: int, level: float) -> float:
    return float(beta.ppf(1 - level, n_hits + 1, n - n_hits)) if n_hits < n else 1.0


def _fitted(condenser: Any, X: NDArray, y: NDArray, random: np.random.RandomState) -> tuple[NDArray, NDArray]:
    fitted = clone(condenser).set_params(random_state=int(random.randint(2**31 - 1))).fit(X, y)
    return np.asarray(fitted.X_syn_), np.asarray(fitted.y_syn_)


def _closeness(pair: tuple[NDArray, NDArray], X: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Return minus the logarithm of the distance of each row to the closest synthetic row of its class."""
    X_syn, y_syn = pair
    rows, points = X.reshape(len(X), -1), X_syn.reshape(len(X_syn), -1)
    least = 1e-6 * np.sqrt(np.mean(rows.var(axis=0)) + 1e-300)  # a row that is taken as it is has no distance
    closeness = np.full(len(X), -np.inf)
    for label in np.unique(y):
        there, of_class = y_syn == label, y == label
        if there.any():
            distance, _ = NearestNeighbors(n_neighbors=1).fit(points[there]).kneighbors(rows[of_class])
            closeness[of_class] = -np.log(np.maximum(distance[:, 0], least))
    return closeness


def _log_ratio(closeness: NDArray, member: NDArray[np.bool_], at: NDArray) -> NDArray[np.float64]:
    """Return the log-likelihood ratio of each row's closeness as that of a member, by the other fits."""
    logs = []
    for inside in (member, ~member):
        values = np.where(inside, closeness, np.nan)
        mean = np.nanmean(values, axis=0)
        # One spread for all rows: a few fits do not tell that of each.
        spread = np.sqrt(np.nanmean((values - mean) ** 2)) + 1e-12
        logs.append(norm.logpdf(at, mean, spread))
    return logs[0] - logs[1]
