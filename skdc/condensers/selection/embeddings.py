"""Rows whose mean embedding is that of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import TransformerMixin

from skdc.condensers.base import NamedCondenser
from skdc.condensers.recipe import Recipe
from skdc.discrepancies.mmd import MMD
from skdc.parameterizations.subset import Subset
from skdc.solvers.greedy import Greedy


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
