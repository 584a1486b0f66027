"""Groups that are found in rows, and which of them and their labels to trust."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_random_state

from skdc.containers import as_numbers, checked_labels
from skdc.hashes import row_hashes


def cluster_groups(
    X: ArrayLike, y: ArrayLike | None = None, *, n_clusters: int = 3, random_state: int | None = None
) -> NDArray[np.int64]:
    """Return groups that are found in the data: the clusters of each class, by k-means.

    They are for `sensitive_features` where groups are wanted but not known: a discrepancy with `by="group"` and
    `reduce="worst"` or `CVaR` sees to those of which a set says least, as group-robust methods do with clusters [1]_.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Rows of numbers, in which distances have a meaning; or a frame, of which `skdc.preprocessing.TabularEncoder`
        makes such rows.
    y : array-like of shape (n,), default=None
        Labels; None takes all rows for one class.
    n_clusters : int, default=3
        Of each class; fewer where a class has fewer distinct rows.
    random_state : int, default=None
        Seed of k-means.

    Returns
    -------
    ndarray of shape (n,)
        The number of each row's cluster within its class, from 0.

    Raises
    ------
    ValueError
        For bad input, and for y that holds no labels.

    References
    ----------
    .. [1] Sohoni et al., "No Subclass Left Behind: Fine-Grained Robustness in Coarse-Grained Classification Problems",
       2020, section 4 (there in the features of a trained network).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.weighting import cluster_groups
    >>> from skdc.solvers import Descent
    >>> X, y = load_iris(return_X_y=True)
    >>> groups = cluster_groups(X, y, n_clusters=2, random_state=0)
    >>> objective, solver = MMD(by="group", reduce="worst"), Descent(n_steps=50)
    >>> condenser = Condenser(objective, solver=solver, n_per_class=3, random_state=0)
    >>> X_syn, y_syn = condenser.fit(X, y, sensitive_features=groups)
    """
    if n_clusters < 1:
        raise ValueError(f"n_clusters={n_clusters!r}: it must be at least 1")
    rows, classes = rows_and_classes(X, y)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    groups = np.empty(len(rows), dtype=np.int64)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        n_distinct = len(np.unique(row_hashes(rows[members], 0)))
        kmeans = KMeans(min(n_clusters, n_distinct), n_init=1, random_state=seed)
        groups[members] = kmeans.fit_predict(rows[members])
    return groups


def label_agreement(
    X: ArrayLike, y: ArrayLike, teacher: Any = None, *, n_folds: int = 5, random_state: int | None = None
) -> NDArray[np.float64]:
    """Return weights that leave out rows whose label a teacher does not expect: 1 where it does, 0 where not.

    The teacher is fitted on the other folds, so that it has not seen the label of which it is asked [1]_. Given as
    `sample_weight`, they keep wrong labels from any condenser. They also leave out right labels that are hard to
    predict, and more of rare classes: where labels are right they cost accuracy.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Rows; images come flattened to the teacher, and frames as the numbers that `skdc.preprocessing.TabularEncoder`
        makes of them.
    y : array-like of shape (n,)
        Labels, of which some may be wrong.
    teacher : classifier, default=None
        None takes a logistic regression on standardised columns, `LogisticRegression(C=0.01)`.
    n_folds : int, default=5
        At least 2; fewer where a class has fewer rows.
    random_state : int, default=None
        Seed of the folds.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        For bad input; for a class with a single row; where the teacher agrees with no label of a class, of which then
        nothing would be left.

    References
    ----------
    .. [1] Brodley and Friedl, "Identifying Mislabeled Training Data", 1999, section 3, with a single filter.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> from skdc.weighting import label_agreement
    >>> X, y = load_iris(return_X_y=True)
    >>> wrong = np.arange(10)
    >>> y[wrong] = 2
    >>> weight = label_agreement(X, y, random_state=0)
    >>> weight[wrong].sum()
    np.float64(0.0)
    >>> X_syn, y_syn = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y, sample_weight=weight)
    """
    rows = check_array(as_numbers(X), allow_nd=True)
    rows = rows.reshape(len(rows), -1)
    labels, codes, counts = np.unique(checked_labels(y, len(rows)), return_inverse=True, return_counts=True)
    if n_folds < 2 or counts.min() < 2:
        raise ValueError(
            f"n_folds={n_folds!r}, and class {str(labels[counts.argmin()])!r} has {counts.min()} row(s): there must be "
            "at least 2 of both, or labels cannot be checked"
        )
    if teacher is None:
        teacher = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, tol=1e-3))
    folds = StratifiedKFold(min(n_folds, int(counts.min())), shuffle=True, random_state=random_state)
    agrees = cross_val_predict(clone(teacher), rows, codes, cv=folds) == codes
    unexpected = labels[np.bincount(codes[agrees], minlength=len(labels)) == 0]
    if len(unexpected):
        raise ValueError(f"{teacher!r} expects no row to be of class {str(unexpected[0])!r}; give a better teacher")
    return agrees.astype(np.float64)


def trimmed_weights(
    X: ArrayLike, y: ArrayLike | None = None, *, share: float = 0.1, random_state: int | None = None
) -> NDArray[np.float64]:
    """Return weights that leave out outliers: the rows of each class that are farthest from its trimmed mean embedding.

    The embedding of a class is the mean of the features of a Gaussian kernel over the rows that are kept, and kept are
    those that are nearest to it, until that changes nothing: least trimmed squares [1]_, in the space of a kernel.
    Given as `sample_weight`, the weights keep outliers from any condenser. Rows are left out where there is no outlier,
    too. Wrong labels are better found by `label_agreement`.

    Parameters
    ----------
    X : array-like of shape (n, ...)
        Rows of numbers, in which distances have a meaning; or a frame, of which `skdc.preprocessing.TabularEncoder`
        makes such rows.
    y : array-like of shape (n,), default=None
        Labels; None takes all rows for one class.
    share : float, default=0.1
        Of the rows of each class, which are left out: rather more than the outliers are.
    random_state : int, default=None
        Seed of the kernel's 500 random features, and of the rows whose distances give its width.

    Returns
    -------
    ndarray of shape (n,)
        1 for rows that are kept, 0 for others.

    Raises
    ------
    ValueError
        For bad input, and for y that holds no labels.

    References
    ----------
    .. [1] Rousseeuw and Van Driessen, "Computing LTS Regression for Large Data Sets", 2006, section 3 (the C-step).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> from skdc.weighting import trimmed_weights
    >>> X, y = load_iris(return_X_y=True)
    >>> X[:3] = 100
    >>> weight = trimmed_weights(X, y, random_state=0)
    >>> weight[:3].sum(), weight.sum()
    (np.float64(0.0), np.float64(135.0))
    >>> X_syn, y_syn = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y, sample_weight=weight)
    """
    if not 0 <= share < 1:
        raise ValueError(f"share={share!r}: it must be at least 0 and less than 1")
    rows, classes = rows_and_classes(X, y, least=2)
    rng = check_random_state(random_state)
    # Twice the median distance: in a narrower kernel all that is rare is as far as an outlier.
    some = rows[rng.permutation(len(rows))[:1000]]
    width = 2 * np.median(pairwise_distances(some)[np.triu_indices(len(some), 1)])
    features = RBFSampler(gamma=0.5 / width**2 if width else 1.0, n_components=500, random_state=rng).fit(rows)
    weight = np.zeros(len(rows))
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        embedded = features.transform(rows[members])
        n_kept = len(members) - int(share * len(members))
        kept = np.ones(len(members), dtype=bool)
        for _ in range(100):  # some ten will do
            distances = np.square(embedded - embedded[kept].mean(axis=0)).sum(axis=1)
            before, kept = kept, np.zeros_like(kept)
            kept[np.argsort(distances, kind="stable")[:n_kept]] = True
            if np.array_equal(kept, before):
                break
        weight[members] = kept
    return weight


def rows_and_classes(X: ArrayLike, y: ArrayLike | None, least: int = 1) -> tuple[NDArray, NDArray]:
    """Return rows as a matrix, at least so many, and their classes, a single one without labels."""
    rows = check_array(as_numbers(X), allow_nd=True, ensure_min_samples=least)
    rows = rows.reshape(len(rows), -1)
    return rows, np.zeros(len(rows)) if y is None else checked_labels(y, len(rows))
