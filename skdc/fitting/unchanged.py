"""What a fitted condenser makes of new rows: nothing."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skdc.containers import as_array
from skdc.fields import TransformerMixin
from skdc.fitting.input import checked_rows


class UnchangedRows(TransformerMixin):
    """A fitted condenser lets new rows pass."""

    def transform(self: Any, X: ArrayLike) -> Any:
        """Return new rows unchanged: the synthetic set lives in the space of the data.

        Parameters
        ----------
        X : array-like of shape (n, ...)

        Returns
        -------
        X
            As passed, once it is seen to be valid.
        """
        check_is_fitted(self)
        shown = self._shown()
        encoder, sparse = vars(shown).get("encoder_"), shown.__sklearn_tags__().input_tags.sparse
        given = as_array(X)
        # New rows of a frame may lack values that those of fit had: what is trained on the set has to see to it.
        finite = "allow-nan" if hasattr(given, "iloc") and shown.encoder == "auto" else True
        rows = checked_rows(shown, given, encoder, reset=False, sparse=sparse, finite=finite)
        if encoder is None and rows.shape[1:] != shown._input_shape:
            raise ValueError(f"rows of shape {rows.shape[1:]} are not like those of fit, {shown._input_shape}")
        return X if hasattr(X, "columns") else rows

    def _shown(self) -> Any:
        """Return the condenser whose set it is."""
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the features: those of the input.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names to use where the data had none.
        """
        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)
