"""What is said of numbers that are not finite."""

import numpy as np
from scipy.sparse import csr_array

from skdc.finite import not_finite


def test_where_numbers_are_not_finite():
    rows = np.arange(24.0).reshape(4, 6)
    assert not_finite(rows) == not_finite(csr_array(rows)) == not_finite(rows[:0]) == ""
    rows[[1, 3], 2] = np.inf
    assert not_finite(rows) == not_finite(csr_array(rows)) == "infinity in 2 of 4 rows, such as row 1, in column 2"
    assert not_finite(rows[:, 2]) == not_finite(rows.reshape(4, 2, 3)) == "infinity in 2 of 4 rows, such as row 1"
    rows[3] = np.nan
    assert not_finite(rows, [*"abcdef"]) == (
        "NaN in 1 of 4 rows, such as row 3, in columns 'a', 'b', 'c', 'd', 'e' and 1 more"
    )
