"""Rows drawn from released class Gaussians, which stand for the data."""

from __future__ import annotations

import math
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from skdc.privacy.frequencies import LowFrequencies
from skdc.privacy.ledger import Release
from skdc.privacy.mechanism import GaussianMechanism
from skdc.privacy.moments import released_gaussians


class ClassGaussians(GaussianMechanism):
    r"""Differential privacy of the synthetic set, whatever the recipe: it never sees the data.

    The number of rows of each class, their mean and covariance are released with Gaussian noise; then, of rows with
    more columns than `n_directions`, how many are in each of up to 30 clusters around rows that are drawn from these
    Gaussians, and their mean. Rows that are drawn from what was released are condensed in place of the data: as what is
    computed from a release is as private as the release, any discrepancy, start, teacher, choice of rows or encoder
    will do. Covariances are released for the directions in which rows differ most, which are found from a covariance of
    all rows that is released before [1]_; images are brought to their low frequencies first. All releases together are
    worth one of the whole budget: the precisions of Gaussian releases add up.

    Parameters
    ----------
    epsilon, delta, feature_range
        As in `GaussianMechanism`.
    n_directions : int, default=60
        Directions in which the rows that are drawn differ within a class.
    n_rows : int, default=15000
        Rows that are drawn; each class has its released share, and 100 rows at least.
    ledger, random_state, classes
        As in `GaussianMechanism`.

    Notes
    -----
    The fitted condenser has the drawn rows as `drawn_`, a pair (X, y), which is as private as the set; `indices_` of a
    chosen set count in them. What classes have beside a Gaussian and clusters, and rare combinations of columns, is
    lost. Numbers of arrays may be drawn outside of the range that is known, as Gaussians go on beyond it: cut off they
    would have other moments than those released. Columns of frames stay within their ranges and levels.

    References
    ----------
    .. [1] Dwork et al., "Analyze Gauss: Optimal Bounds for Privacy-Preserving Principal Component Analysis", 2014,
       algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.privacy import ClassGaussians
    >>> X, y = load_digits(return_X_y=True)
    >>> privacy = ClassGaussians(epsilon=10.0, feature_range=(0, 16), n_rows=200)
    >>> X_syn, y_syn = Condenser(privacy=privacy, n_per_class=1, random_state=0).fit(X, y)
    >>> X_syn.shape
    (10, 64)
    """

    draws = True

    sampling_rate: float = field(default=1.0, init=False)
    n_directions: int = 60
    n_rows: int = 15000

    def check(self) -> None:
        """Refuse settings that make no sense."""
        super().check()
        for name in ("n_directions", "n_rows"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"ClassGaussians({name}={getattr(self, name)!r}): the number must be at least 1")

    def draw(
        self, X: NDArray, codes: NDArray[np.int64], n_classes: int, seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], Release]:
        """Release the Gaussians, and draw rows from them.

        Parameters
        ----------
        X : ndarray of shape (n, ...)
            Within the range that is known.
        codes : ndarray of shape (n,)
            Their classes.
        n_classes : int
        seed : int
            Of what is drawn.

        Returns
        -------
        X : ndarray of shape (n_rows, ...)
            Not cut off at the range.
        codes : ndarray of shape (n_rows,)
        release : Release
            With what noise.
        """
        low, high = self.ends
        basis, center = LowFrequencies(X.shape[1:]), (low + high) / 2
        radius = (high - low) / 2 * math.prod(X.shape[1:]) ** 0.5
        release, Z = self.release(), basis.transform(X - center)
        n_directions = min(self.n_directions, Z.shape[1])
        gaussians = released_gaussians(
            Z, codes, n_classes, radius, n_directions, release.noise_multiplier, self.noise(), seed
        )
        drawn, drawn_codes = gaussians.sample(self.n_rows, np.random.default_rng(seed))
        return basis.inverse_transform(drawn) + center, drawn_codes, release
