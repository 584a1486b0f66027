"""Condensers of the data regime that choose or average rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import TransformerMixin

from skdc.condensers.base import NamedCondenser
from skdc.condensers.recipe import Recipe
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.transport import QuantizationError
from skdc.parameterizations.points import Points
from skdc.parameterizations.subset import Subset
from skdc.solvers.draw import Draw
from skdc.solvers.greedy import Greedy
from skdc.solvers.lloyd import Lloyd


class RandomSubset(NamedCondenser):
    """Random rows of each class: the baseline that any other condenser has to beat.

    Rows are drawn in proportion to their weights, without replacement.

    Parameters
    ----------
    n_per_class, n_samples, task, encoder, device, random_state, n_jobs, verbose, warm_start
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import RandomSubset
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = RandomSubset(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    def __init__(
        self,
        *,
        n_per_class: int | Mapping[Any, int] | None = None,
        n_samples: float | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        encoder: TransformerMixin | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            n_per_class=n_per_class,
            n_samples=n_samples,
            task=task,
            encoder=encoder,
            device=device,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            warm_start=warm_start,
        )

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(None, Subset(), Draw())


class KMeansCondenser(NamedCondenser):
    """The k-means centroids of each class, with the masses of their clusters [1]_.

    They minimise the squared 2-Wasserstein distance to the data among all sets with free masses.

    Parameters
    ----------
    max_iter : int, default=300
        Most iterations of Lloyd's algorithm.
    n_per_class, n_samples, task, encoder, device, random_state, n_jobs, verbose, warm_start
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `sample_weight_` holds the cluster masses.

    References
    ----------
    .. [1] Lloyd, "Least Squares Quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++", 2007.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMeansCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KMeansCondenser(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    def __init__(
        self,
        max_iter: int = 300,
        *,
        n_per_class: int | Mapping[Any, int] | None = None,
        n_samples: float | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        encoder: TransformerMixin | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            n_per_class=n_per_class,
            n_samples=n_samples,
            task=task,
            encoder=encoder,
            device=device,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            warm_start=warm_start,
        )
        self.max_iter = max_iter

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(QuantizationError(), Points(start="spread"), Lloyd(max_iter=self.max_iter))


class KernelHerding(NamedCondenser):
    """Kernel herding: real rows whose mean embedding is that of their class [1]_.

    Each next row is the one that makes the maximum mean discrepancy (Gaussian kernel) least.

    Parameters
    ----------
    bandwidth : "median", float or sequence of float, default="median"
        Of the kernel, in the units of X.
    n_per_class, n_samples, task, encoder, device, random_state, n_jobs, verbose, warm_start
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows.

    References
    ----------
    .. [1] Chen, Welling and Smola, "Super-Samples from Kernel Herding", 2010, eq. 8.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KernelHerding
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = KernelHerding(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    def __init__(
        self,
        bandwidth: Literal["median"] | float | Sequence[float] = "median",
        *,
        n_per_class: int | Mapping[Any, int] | None = None,
        n_samples: float | None = None,
        task: Literal["auto", "classification", "regression"] = "auto",
        encoder: TransformerMixin | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            n_per_class=n_per_class,
            n_samples=n_samples,
            task=task,
            encoder=encoder,
            device=device,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
            warm_start=warm_start,
        )
        self.bandwidth = bandwidth

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(MMD(bandwidth=self.bandwidth), Subset(), Greedy())
