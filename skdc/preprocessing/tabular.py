"""A table of mixed columns as numbers, and back to rows that the table may hold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skdc.fields import Fields, TransformerMixin, require_whole
from skdc.isolation import all_or_nothing
from skdc.preprocessing.columns import fitted_column
from skdc.preprocessing.groups import CodeGroup
from skdc.preprocessing.scores import NormalScores
from skdc.scales import numeric_weight


class TabularEncoder(TransformerMixin, Fields):
    """Encode a table of numbers, dates, categories and missing values as numbers; and back, to rows of that table.

    What comes back has the columns, dtypes and category sets of the table that was fitted, whole numbers and dates at
    the steps seen there, and no value that was not seen or does not lie between two that were. `encoder="auto"` of the
    condensers takes it for frames.

    Parameters
    ----------
    numbers : transformer with `inverse_transform`, default=None
        Scales each column of numbers, dates, durations and ordered categories: `NormalScores()` (which None stands
        for), `StandardScaler()`, `PiecewiseLinearEncoder()`, `ModeEncoder()` or another.
    max_categories : int, default=20
        The most indicators for a column of other categories, words or booleans: rarer ones share the last. Two
        categories take one indicator.

    Attributes
    ----------
    columns_ : list
        What each column has become.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X is a frame.

    See Also
    --------
    skdc.Condenser : Its `encoder`.

    Notes
    -----
    * A missing value is encoded by an indicator, and by the mean codes of the other values. On the way back as many
      values of a column are missing as its indicators, cut off at 0 and 1, sum up to over all rows, the highest ones
      first: means of rows come back with the rate of the data. What is missing at `transform` in a column that had no
      missing value at `fit` is encoded by the mean codes alone.
    * A category is read from its highest indicator; the rare ones come back as the commonest of them. One that `fit`
      has not seen is encoded as a rare one, or by the mean codes where there are none; in an ordered column it is
      refused.
    * Numbers and dates out of the range seen come back at its end, whatever `numbers` makes of them.
    * Whole numbers, dates and durations come back at steps: the greatest common divisor of the differences seen. Codes
      are float64: a range of up to some 2**48 steps comes back without error.
    * A constant column takes no codes and comes back constant; one that is all missing comes back all missing. A table
      of such columns takes one code, 0, which says nothing.
    * Rows come back numbered from 0, or with the index of the frame of codes.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdc.preprocessing import TabularEncoder
    >>> frame = pd.DataFrame({"age": [20, 30, 40], "city": ["Oslo", "Rome", "Oslo"]})
    >>> encoder = TabularEncoder().fit(frame)
    >>> encoder.get_feature_names_out()
    array(['age', 'city_Rome'], dtype=object)
    >>> encoder.inverse_transform([[0.1, 0.8]])
       age  city
    0   30  Rome
    """

    numbers: TransformerMixin | None = None
    max_categories: int = 20

    @all_or_nothing
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the columns.

        Parameters
        ----------
        X : frame or array-like of shape (n, n_features)
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice, where `numbers` takes weights.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For names that occur twice, and columns that cannot be encoded.
        """
        most = require_whole("max_categories", self.max_categories, 2)
        scaler = NormalScores() if self.numbers is None else self.numbers
        if not hasattr(scaler, "inverse_transform"):
            raise ValueError(f"numbers={scaler!r} must be a transformer with inverse_transform, as NormalScores() has")
        X = _table(X)
        frame = self._frame(X, reset=True)
        weight = numeric_weight(sample_weight, frame)
        frame, weight = frame[weight > 0], weight[weight > 0]
        columns = [fitted_column(frame.iloc[:, j], weight, scaler, most) for j in range(frame.shape[1])]
        self.columns_ = columns
        self._container = X.iloc[:0].copy() if hasattr(X, "iloc") else np.asarray(X)[:0]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the codes of rows.

        Parameters
        ----------
        X : frame or array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, n_codes)

        Raises
        ------
        ValueError
            If a column is not like that of `fit`.
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        codes = np.hstack([column.encode(frame.iloc[:, j]) for j, column in enumerate(self.columns_)])
        return codes if codes.shape[1] else np.zeros((len(codes), 1))

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Return rows of the table that was fitted.

        Parameters
        ----------
        X : frame or array-like of shape (n, n_codes)
            Any numbers; fractions of indicators are welcome.

        Returns
        -------
        frame of shape (n, n_features)
            Or an array, if one was fitted.

        Raises
        ------
        ValueError
            For another number of codes, or numbers that are not finite.
        """
        check_is_fitted(self)
        codes, sizes = check_array(X, dtype=np.float64), [column.n_codes for column in self.columns_]
        n_codes = sum(sizes) or 1
        if codes.shape[1] != n_codes:
            raise ValueError(f"X has {codes.shape[1]} columns, but {n_codes} codes make a row of this table")
        pieces = np.split(codes, np.cumsum(sizes)[:-1], axis=1)
        values = [column.decode(piece) for column, piece in zip(self.columns_, pieces, strict=True)]
        frame = pd.concat(values, axis=1)
        if isinstance(self._container, np.ndarray):
            return frame.to_numpy(dtype=self._container.dtype)
        frame.columns = self._container.columns
        frame.index = X.index if isinstance(X, pd.DataFrame) else frame.index.rename(self._container.index.name)
        return frame

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the codes.

        Parameters
        ----------
        input_features : ignored
            The names are those of the table that was fitted.
        """
        check_is_fitted(self)
        names = [name for column in self.columns_ for name in column.code_names()]
        return np.asarray(names or ["constant"], dtype=object)

    def code_groups(self) -> list[CodeGroup]:
        """Return which codes belong together, in their order: numbers, and the indicators of a category or mode."""
        check_is_fitted(self)
        return [group for column in self.columns_ for group in column.code_groups()] or [CodeGroup("number")]

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """Return a table as a frame, checked to have the features of fit."""
        if issparse(X):
            raise TypeError("Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert it.")
        X = _table(X)
        if not isinstance(X, pd.DataFrame):
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=self)
            frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]).infer_objects()
        else:
            frame = X
            twice = X.columns[X.columns.duplicated()]
            if len(twice):
                raise ValueError(f"the column name {twice[0]!r} occurs twice in X; names must be unique")
        validate_data(self, X, reset=reset, skip_check_array=True)
        if not len(frame):
            raise ValueError(f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required.")
        return frame

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _table(X: Any) -> Any:
    """Return a list of rows, which may mix words and numbers, as an array of objects; frames as those of pandas."""
    X = X.to_pandas() if hasattr(X, "to_pandas") else X
    return np.array(X, dtype=object) if isinstance(X, list | tuple) else X
