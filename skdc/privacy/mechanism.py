"""The Gaussian mechanism: what a private fit may give away, and what it takes for known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skdc.fields import BaseEstimator, Fields
from skdc.privacy.declared import LARGEST, DeclaredEncoder, declared_column, warn_of_outside
from skdc.privacy.ledger import NEIGHBORS, PrivacyLedger, Release, accounting, check_budget, epsilon_of
from skdc.privacy.noise import Noise
from skdc.privacy.steps import refuse_caches, refuse_learning
from skdc.sources import Schema

COUNT_NOISE = 10.0  # numbers of rows get so many times the noise of sums
FIRST_NOISE = 5.0  # and what is released before the first step so many times that of the steps


# A sum that one row changes by a vector of norm 1 at most is released with Gaussian noise of standard deviation s. The
# least s that is (epsilon, delta)-private solves [Balle and Wang 2018, theorem 8], with Phi the normal law,
#     Phi(1 / (2 s) - epsilon s) - e^epsilon Phi(-1 / (2 s) - epsilon s) = delta                                    (1)
# Releases with noise s_i are together one with the noise
#     s = (sum_i s_i^-2)^(-1/2)                                                                                     (2)
# so n of them, and one of c times their noise before, have the noise
#     s_i = s (n + c^-2)^(1/2)                                                                                      (3)
# Where each row is part of a step by chance, the accountant composes privacy loss distributions in place of (2).
class GaussianMechanism(Fields):
    r"""Differential privacy of the synthetic set by Gaussian noise [1]_.

    Whatever is done with the set, for all data sets :math:`T, T'` that differ by adding or removing one row, and all
    events A

    .. math:: P(S(T) \in A) \le e^\epsilon P(S(T') \in A) + \delta

    Sums of rows of known bound are released with noise; the set is made from them alone. The noise is calibrated by
    `dp-accounting` (``pip install 'skdc[private]'``). It is added to whole numbers, and comes from the cryptographic
    generator of the operating system.

    Parameters
    ----------
    epsilon : float, default=1.0
        The loss of privacy, without unit: 1 is strong, 10 is weak.
    delta : float, default=1e-5
        The chance that it is more; well below one in the number of rows.
    feature_range : (low, high) or {column: (low, high) or list of levels}
        What is known of the rows without looking at them: numbers, or arrays of one a column; for a frame the range
        or the levels of each column, and with them its dtype: `(0, 100)` are whole numbers, `(0.0, 100.0)` any,
        `["a", "b"]` words, `[False, True]` booleans. A None at the end says that values may be missing. Rows outside
        are brought to its ends, with a warning that says how many.
    sampling_rate : float, default=1.0
        For methods that ask again in each step: the chance of each row to be part of a step [2]_. Most steps then tell
        nothing of a row. The noise of all steps is calibrated together, before the first.
    ledger : PrivacyLedger, default=None
        Adds up what several fits to the same rows release.
    random_state : int, default=None
        Seed of the noise and of the choice of rows, for tests only: whoever knows it can take the noise away. The
        condenser's own random_state does not touch the noise.
    classes : sequence, default=None
        The labels that y may hold; rows with others are left out, with a warning. None takes those that y shows for
        public: a class of one row is then seen with certainty.

    References
    ----------
    .. [1] Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy: Analytical Calibration and
       Optimal Denoising", 2018, theorem 8.
    .. [2] Abadi et al., "Deep Learning with Differential Privacy", 2016, algorithm 1.

    Examples
    --------
    >>> from skdc.privacy import GaussianMechanism
    >>> GaussianMechanism(epsilon=2.0, feature_range=(0, 255))
    GaussianMechanism(epsilon=2.0, feature_range=(0, 255))
    """

    draws = False  # whether rows drawn from what is released stand for the data

    epsilon: float = 1.0
    delta: float = 1e-5
    feature_range: tuple[ArrayLike, ArrayLike] | Mapping[Any, Any] | None = None
    sampling_rate: float = 1.0
    _: KW_ONLY
    ledger: PrivacyLedger | None = None
    random_state: int | None = None
    classes: Sequence[Any] | None = None

    def check(self) -> None:
        """Refuse settings that make no sense.

        Raises
        ------
        ValueError
            Naming the parameter.
        """
        name = type(self).__name__
        check_budget(name, self.epsilon, self.delta)
        if not 0 < self.sampling_rate <= 1:
            raise ValueError(
                f"{name}(sampling_rate={self.sampling_rate!r}): the chance of a row to be part of a step "
                "must be above 0, and 1 at most"
            )
        if self.feature_range is None:
            raise ValueError(
                f"{name}(feature_range=None): what a row can change must be known without looking at the "
                "rows; give feature_range=(low, high), such as (0, 255) for pixels, or {column: (low, high) or levels} "
                "for a frame"
            )
        if not isinstance(self.feature_range, Mapping):
            self._ends()
        if self.classes is not None and not np.size(self.classes):
            raise ValueError(f"{name}(classes={self.classes!r}): give all labels that y may hold, or None")

    def noise(self) -> Noise:
        """Return where the noise comes from."""
        return Noise(self.random_state)

    def release(self) -> Release:
        """Return the one release that the budget allows, entered in the ledger."""
        return self._entered(Release(accounting().get_sigma_gaussian(self.epsilon, self.delta)))  # (1)

    def releases(self, n_releases: int) -> Release:
        """Return so many releases that the budget allows together, entered in the ledger.

        What is known of the classes is released before, with more noise.
        """
        if self.sampling_rate < 1:
            noise = _noise_of_steps(self.epsilon, self.delta, n_releases, self.sampling_rate)
        else:
            together = accounting().get_sigma_gaussian(self.epsilon, self.delta)
            noise = together * (n_releases + FIRST_NOISE**-2) ** 0.5  # (3), by (2)
        return self._entered(_steps(noise, n_releases, self.sampling_rate))

    def _entered(self, release: Release) -> Release:
        if self.ledger is not None:
            self.ledger.add(release)
        return release

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest number that rows can hold, as they are encoded."""
        if isinstance(self.feature_range, Mapping):
            return 0.0, 1.0
        low, high = self._ends()
        return (0.0, 1.0) if low.ndim else (float(low), float(high))

    @property
    def spread(self) -> float:
        """The standard deviation of numbers that are as likely here as there in the range."""
        low, high = self.ends
        return (high - low) / 12**0.5

    def encoder(self, encoder: Any, X: Any) -> Any:
        """Return what encodes rows by what is known alone.

        Parameters
        ----------
        encoder : transformer, "auto" or None
            As given to the condenser.
        X : array or frame

        Raises
        ------
        ValueError
            If an encoder is given that would learn from the rows, or beside ranges of columns.
        """
        refuse_learning("encoder=", encoder)
        is_given = not (encoder is None or isinstance(encoder, str))
        if isinstance(self.feature_range, Mapping):
            known = DeclaredEncoder(self.feature_range).fit(X)
        else:
            low, high = self._ends()
            if not is_given:
                self._refuse_words(X)
                self._refuse_unlike(X, low, high)
            known = MinMaxScaler().fit(np.stack([low, high])) if low.ndim else None
        if known is not None and is_given:
            raise ValueError(
                f"encoder={encoder!r} is given beside the ranges of columns; give feature_range=(low, high), two "
                "numbers, for what the encoder makes"
            )
        return encoder if is_given else None if known is None else FrozenEstimator(known)

    def statement(self, release: Release, schema: Schema, released: str) -> dict[str, Any]:
        """Return what was released and what was taken for known, as `privacy_`.

        Parameters
        ----------
        release : Release
            With what noise.
        schema : Schema
            Known of the data.
        released : str
            What, in words.
        """
        low, high = self.ends
        public = [f"rows of shape {schema.input_shape} with numbers from {low:g} to {high:g}, as {schema.float_dtype}"]
        if schema.classes is not None:
            origin = "as declared" if self.classes is not None else "which y showed: they are not declared by classes="
            public.append(f"the labels {schema.classes.tolist()}, {origin}")
        if isinstance(self.feature_range, Mapping):
            public += [declared_column(*item).describe() for item in self.feature_range.items()]
            public.append("which columns hold categories, and whether they are ordered")
        public.append("the containers of X and y, and the names and the order of their columns")
        return {
            "mechanism": "Gaussian noise on sums in whole numbers",
            "neighbors": NEIGHBORS,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "noise_multiplier": release.noise_multiplier,
            "released": released,
            "n_releases": release.n_releases,
            "sampling_rate": release.sampling_rate,
            "public": [*public, "feature_range, and all parameters of the condenser"],
            "seeded": self.random_state is not None,
        }

    def within(self, X: NDArray) -> NDArray:
        """Return rows brought into the range that is known.

        Warns
        -----
        UserWarning
            With the number of rows that were outside. It is for who holds the data, and no part of the release.

        Raises
        ------
        ValueError
            If the range is wider than what the dtype of rows holds.
        """
        # Strong types: numbers of a wide range would overflow in those of X.
        low, high = map(np.float64, self.ends)
        refuse_narrow(X.dtype, low, high)
        outside = ((low > X) | (high < X)).reshape(len(X), -1).any(axis=1)
        warn_of_outside(outside)
        return X.clip(low, high).astype(np.promote_types(X.dtype, np.float32)) if outside.any() else X

    def _refuse_words(self, X: Any) -> None:
        """Refuse one range for a frame of which a column holds no numbers."""
        dtypes = X.dtypes.items() if hasattr(X, "select_dtypes") else ()
        words = [name for name, dtype in dtypes if getattr(dtype, "kind", "O") not in "iufb"]
        if words:
            raise ValueError(
                f"feature_range={self.feature_range!r} is a range of numbers, but column {words[0]!r} holds none; give "
                "a dictionary {column: (low, high) or list of levels} that names all columns"
            )

    def _refuse_unlike(self, X: Any, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Refuse ends that are not those of the columns, or that numbers of their dtype do not reach."""
        shape = np.shape(X)[1:]
        if low.ndim and shape != low.shape:
            raise ValueError(
                f"feature_range has the ends of {len(low)} column(s), but rows of X have shape {shape}; give an "
                "end for each column of a table, or (low, high), two numbers for all"
            )
        dtypes = np.array(X.dtypes if hasattr(X, "select_dtypes") else [np.asarray(X).dtype], dtype=object)
        n_columns = max(low.size, len(dtypes))
        for dtype, *ends in zip(*(np.resize(values, n_columns) for values in (dtypes, low, high))):
            refuse_narrow(dtype, *ends)

    def _ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        feature_range: Any = self.feature_range
        message = f"{type(self).__name__}({feature_range=}): give (low, high) with low below high"
        try:
            low, high = (np.asarray(end, dtype=np.float64) for end in feature_range)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(message) from error
        low, high = np.broadcast_arrays(low, high)
        if low.ndim > 1:
            raise ValueError(
                f"{type(self).__name__}(feature_range=...) has ends of shape {low.shape}; give (low, high), two "
                "numbers, or one-dimensional arrays with an end for each column of a table"
            )
        if not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
            raise ValueError(message)
        if not (np.maximum(abs(low), abs(high)).max() <= LARGEST and (high / 2 - low / 2).min() >= 1 / LARGEST):
            raise ValueError(f"{message}; numbers may go to {LARGEST:g}, and differ by {2 / LARGEST:g} or more")
        return low, high


def refuse_narrow(dtype: Any, low: float, high: float) -> None:
    """Refuse a range that goes beyond what floats of a dtype reach."""
    base = getattr(dtype, "numpy_dtype", dtype)  # of nullable columns
    if getattr(base, "kind", "O") == "f" and max(abs(low), abs(high)) > np.finfo(base).max:
        raise ValueError(f"feature_range goes from {low:g} to {high:g}, beyond {dtype}; give X as float64")


def is_private(part: Any) -> bool:
    """Tell whether an estimator, or one in its parameters, sees rows that are private."""
    if isinstance(part, GaussianMechanism):
        return True
    if isinstance(part, Mapping):
        return any(map(is_private, part.values()))
    if isinstance(part, list | tuple):
        return any(map(is_private, part))
    return isinstance(part, BaseEstimator) and is_private(part.get_params(deep=False))


def check_steps(owner: Any) -> None:
    """Refuse that a pipeline, or a step before the private one, learns from private rows or keeps them in files."""
    before = []
    for name, step in owner.steps:
        if not is_private(step):
            before.append((name, step))
            continue
        refuse_caches("", {"memory": owner.memory})
        for earlier, part in before:
            refuse_caches(f"the step {earlier!r}: ", part.get_params() if hasattr(part, "get_params") else {})
            refuse_learning(f"the step {earlier!r}: ", part)
        if isinstance(step, Pipeline):  # it sees the rows as the one outside does
            check_steps(step)
        return


def _steps(noise_multiplier: float, n_releases: int, sampling_rate: float) -> Release:
    return Release(noise_multiplier, FIRST_NOISE * noise_multiplier, n_releases, sampling_rate)


@cache
def _noise_of_steps(epsilon: float, delta: float, n_releases: int, sampling_rate: float) -> float:
    """Return the least noise that a budget allows, found by halving: below 0.1 the accountant takes long."""

    def enough(noise: float) -> bool:
        return epsilon_of([_steps(noise, n_releases, sampling_rate)], delta, grid=1e-3 * max(1.0, epsilon)) <= epsilon

    low, high = 0.1, 1.0
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        noise = (low + high) / 2
        low, high = (low, noise) if enough(noise) else (noise, high)
    return high
