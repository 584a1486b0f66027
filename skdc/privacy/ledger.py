"""What has been released of the same data, added up."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

import numpy as np

NEIGHBORS = "sets that differ by adding or removing one row"


@dataclass(frozen=True)
class Release:
    """What a fit gives away: sums with Gaussian noise.

    Parameters
    ----------
    noise_multiplier : float
        Standard deviation of the noise, in units of the most that one row adds to a sum.
    first_noise : float
        The same for what is released before the first step; 0 where all is released together.
    n_releases : int, default=1
        How often sums are released.
    sampling_rate : float, default=1.0
        The chance of each row to be part of a sum.
    """

    noise_multiplier: float
    first_noise: float = 0.0
    n_releases: int = 1
    sampling_rate: float = 1.0

    def event(self) -> Any:
        """Return the event that the accountant composes."""
        dp = accounting()
        event = dp.GaussianDpEvent(self.noise_multiplier)
        if self.sampling_rate < 1:
            event = dp.PoissonSampledDpEvent(self.sampling_rate, event)
        events = [dp.SelfComposedDpEvent(event, self.n_releases)]
        if self.first_noise:
            events.append(dp.GaussianDpEvent(self.first_noise))
        return dp.ComposedDpEvent(events)


def accounting() -> Any:
    """Return the library that adds up losses of privacy.

    Raises
    ------
    ImportError
        Saying how to install it.
    """
    try:
        import dp_accounting
        import dp_accounting.pld
    except ImportError as error:
        raise ImportError("private fits need dp-accounting; install it by: pip install 'skdc[private]'") from error
    return dp_accounting


_GRID = 1e-3  # of the losses of privacy: finer ones change the third digit of epsilon


def epsilon_of(releases: list[Release], delta: float, grid: float = _GRID) -> float:
    """Return the epsilon that releases of the same data have together; never too small, whatever the grid."""
    dp = accounting()
    relation = dp.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = dp.pld.PLDAccountant(relation, value_discretization_interval=grid)
    with np.errstate(all="ignore"):  # hardly any noise: losses overflow, to no harm
        for release in releases:
            accountant.compose(release.event())
        return float(accountant.get_epsilon(delta))


class PrivacyLedger:
    """A ledger of what has been released of one data set, by any number of fits.

    A fit by itself is (epsilon, delta)-private; two fits to the same data tell more than either. Give the same ledger
    to the mechanisms of all condensers that see the same rows. A clone of a condenser keeps the ledger itself.

    Parameters
    ----------
    epsilon : float, default=None
        The most that all releases may have together, to three digits: a fit that would have more is refused before it
        releases anything. None only adds up.
    delta : float, default=1e-5

    Attributes
    ----------
    releases : list of Release

    Notes
    -----
    A ledger lives in one process. A copy that comes out of a pickle, as `n_jobs` makes them, refuses releases: they
    would not be in the ledger that it was copied from.

    Examples
    --------
    >>> from skdc.privacy import PrivacyLedger
    >>> PrivacyLedger(epsilon=3.0).spent()
    0.0
    """

    def __init__(self, epsilon: float | None = None, delta: float = 1e-5) -> None:
        check_budget("PrivacyLedger", 1.0 if epsilon is None else epsilon, delta)
        self.epsilon, self.delta = epsilon, delta
        self.releases: list[Release] = []
        self._lock, self._is_copy = Lock(), False

    def spent(self, delta: float | None = None) -> float:
        """Return the epsilon of all releases together, at the ledger's delta or another."""
        return epsilon_of(self.releases, self.delta if delta is None else delta) if self.releases else 0.0

    def add(self, release: Release) -> None:
        """Enter a release that is about to be made.

        Raises
        ------
        ValueError
            If it would go beyond the epsilon of the ledger; nothing is entered.
        RuntimeError
            If the ledger is a copy.
        """
        if self._is_copy:
            raise RuntimeError(
                "this PrivacyLedger is a copy from another process, and its releases would be lost; fit with n_jobs=1, "
                "or in the process of the ledger"
            )
        with self._lock:
            total = epsilon_of([*self.releases, release], self.delta)
            if self.epsilon is not None and total > self.epsilon * (1 + 1e-3):
                raise ValueError(
                    f"this release would bring epsilon to {total:.3g} at delta={self.delta:g}, beyond "
                    f"{self!r}, of which {self.spent():.3g} is spent; nothing has been released"
                )
            self.releases.append(release)

    def __sklearn_clone__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "delta": self.delta, "releases": self.releases}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock(), _is_copy=True)

    def __repr__(self) -> str:
        limit = "" if self.epsilon is None else f"epsilon={self.epsilon:g}, "
        return f"PrivacyLedger({limit}delta={self.delta:g})"


def check_budget(owner: str, epsilon: float, delta: float) -> None:
    """Refuse what is no pair of epsilon and delta."""
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"{owner}(epsilon={epsilon!r}): epsilon must be a positive number")
    if not 0 < delta < 1:
        raise ValueError(
            f"{owner}(delta={delta!r}): delta must lie between 0 and 1 exclusively, well below one in the number of "
            "rows"
        )
