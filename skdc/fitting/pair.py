"""What a fitted condenser unpacks into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdc.fitting.output import CondensedPair


class PairMixin:
    """A fitted condenser unpacks into (X_syn, y_syn)."""

    X_syn_: Any
    y_syn_: Any
    indices_: NDArray[np.intp]
    learner_: Any

    def __iter__(self: Any) -> Iterator[Any]:
        """Return an iterator over X_syn and y_syn, in the containers of the data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        return iter(self._pair())

    def _shown(self) -> Any:
        """Return the condenser whose set it is."""
        return self

    def _pair(self) -> tuple[Any, Any]:
        return self._shown()._X_out, self._shown()._y_out

    def fit_transform(
        self: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        sensitive_features: ArrayLike | None = None,
    ) -> CondensedPair:
        """Fit and return the pair (X_syn, y_syn).

        Parameters
        ----------
        X, y, sample_weight, sensitive_features
            As in `fit`.

        Returns
        -------
        tuple of (X_syn, y_syn)
        """
        self.fit(X, y, sample_weight=sample_weight, sensitive_features=sensitive_features)
        return CondensedPair(self)
