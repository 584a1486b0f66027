"""Columns of a set beside those of the data: differences that are known, and bars of known heights."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from scipy.stats import ks_2samp

from skdc import KMedoids, RandomSubset
from skdc.plotting import MarginalsDisplay
from skdc.plotting.columns import bins_of, columns_of, histogram

pd = pytest.importorskip("pandas")


def small_axes(inches=3.0):
    return plt.figure(figsize=(inches, inches), layout="constrained").subplots()


def bars(axis):
    """Return the lengths of the bars of the data and of the set."""
    of_data, of_set = axis.containers
    return [bar.get_width() for bar in of_data], [bar.get_width() for bar in of_set]


def test_differences_are_those_of_kolmogorov_and_smirnov_and_the_most_different_is_first(rng):
    X, X_syn = rng.random((100, 4)), rng.random((20, 4)) * [1, 0.2, 0.8, 0.5]
    display = MarginalsDisplay(X, X_syn)
    expected = {f"x{j}": ks_2samp(X[:, j], X_syn[:, j]).statistic for j in range(4)}
    assert display.differences == pytest.approx(expected)
    assert list(display.differences) == sorted(expected, key=expected.get, reverse=True)
    drawn = [axis.get_title().split()[0] for axis in display.plot(n_columns=2).axes_]
    assert drawn == list(display.differences)[:2]


def test_a_row_of_weight_two_is_the_row_twice(rng):
    X, X_syn = rng.random((50, 1)), rng.random((5, 1))
    weighted = MarginalsDisplay(X, X_syn, None, [1, 2, 1, 1, 3])
    repeated = MarginalsDisplay(X, np.repeat(X_syn, [1, 2, 1, 1, 3], axis=0))
    assert weighted.differences == pytest.approx(repeated.differences)
    heights = [display.plot().axes_[0].patches[1].get_data().values for display in (weighted, repeated)]
    assert_allclose(*heights)


def test_histograms_hold_the_shares_of_the_rows():
    display = MarginalsDisplay(np.array([[0.0], [0.0], [1.0], [2.0]]), np.array([[2.0], [1.0]])).plot()
    of_data, of_set = (part.get_data() for part in display.axes_[0].patches)
    assert_array_equal(of_data.edges, [-0.5, 0.5, 1.5, 2.5])  # a bin for each whole number
    assert_allclose(of_data.values, [0.5, 0.25, 0.25])
    assert_allclose(of_set.values, [0, 0.5, 0.5])


def test_few_far_values_do_not_blur_a_histogram(rng):
    values = np.append(rng.random(999), 1e6)
    (column,) = columns_of(values, np.ones(1000))
    edges = bins_of(column, column)
    assert edges[-1] < 2
    assert histogram(column, edges).sum() == pytest.approx(1)
    assert histogram(column, edges)[-1] >= 0.001, "what is beyond is in the outer bin"


def test_distribution_functions_end_at_one(rng):
    X = rng.random((30, 1))
    display = MarginalsDisplay(X, X[:7]).plot(cumulative=True)
    of_data, of_set = display.axes_[0].get_lines()
    assert_allclose(of_data.get_ydata()[-1], 1)
    assert_allclose(of_set.get_ydata(), [(X[:7] <= at).mean() for at in np.sort(X[:, 0])])


def test_categories_are_bars_of_their_shares_in_their_order():
    levels = ["low", "mid", "high"]
    X = pd.DataFrame({"size": pd.Categorical(["low", "low", "mid", "high"], levels, ordered=True)})
    display = MarginalsDisplay(X, X.iloc[[0, 3]]).plot()
    (axis,) = display.axes_
    assert [label.get_text() for label in axis.get_yticklabels()] == levels
    assert bars(axis) == ([0.5, 0.25, 0.25], [0.5, 0, 0.5])
    assert display.differences["size"] == pytest.approx(0.25)


def test_rare_categories_are_one_bar(rng):
    words = np.concatenate([np.repeat(list("abcdef"), 10), [f"rare {j}" for j in range(40)]])
    X = pd.DataFrame({"word": words})
    display = MarginalsDisplay(X, X.iloc[:30]).plot(plt.figure(figsize=(6, 6)).subplots())
    names = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    of_data, of_set = bars(display.axes_[0])
    assert names[:6] == list("abcdef") and names[-1] == "39 others"
    assert sum(of_data) == pytest.approx(1) and of_data[-1] == pytest.approx(0.39)
    assert sum(of_set) == pytest.approx(1) and of_set[-1] == pytest.approx(0, abs=1e-12)


def test_missing_shares_count_and_are_said():
    X = pd.DataFrame({"age": [1.0, np.nan, 3.0, np.nan], "city": ["a", None, "b", "a"], "all": [1, 2, 3, 4]})
    display = MarginalsDisplay(X, X.iloc[[0, 2]]).plot()
    assert display.differences["age"] == pytest.approx(0.5)
    assert display.differences["city"] == pytest.approx(0.25)
    said = {axis.get_title().split()[0]: axis.get_xlabel() for axis in display.axes_}
    assert said["age"] == "missing: 50%, set 0%" and said["all"] == ""


def frame_of_all_kinds(n=40):
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 100, n), unit="D")
    frame = pd.DataFrame(
        {
            "whole": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "date": days,
            "zone": days.tz_localize("Europe/Oslo"),
            "span": pd.to_timedelta(rng.integers(0, 50, n), unit="h"),
            "true": rng.random(n) < 0.5,
            "word": pd.array(rng.choice(["a", "b"], n), dtype="string"),
            "grade": pd.Categorical(rng.integers(1, 4, n)),
            "object": np.array(["x", "y"] * (n // 2), dtype=object),
            "empty": np.full(n, np.nan),
        }
    )
    frame.loc[3, ["whole", "date", "zone", "span", "word", "grade", "object"]] = None
    return frame


def test_columns_of_all_kinds_are_drawn():
    frame = frame_of_all_kinds()
    columns = {column.name: column for column in columns_of(frame, np.ones(40))}
    assert {name: column.kind for name, column in columns.items()} == {
        "whole": "numbers",
        "date": "dates",
        "zone": "dates",
        "span (days)": "numbers",
        "true": "categories",
        "word": "categories",
        "grade": "categories",
        "object": "categories",
        "empty": "numbers",
    }
    there = frame.drop(index=3)
    assert_allclose(columns["whole"].values, there["whole"].to_numpy(dtype=float))
    assert_allclose(columns["date"].values, (there["date"] - pd.Timestamp("1970-01-01")).dt.days)
    assert_allclose(columns["span (days)"].values, there["span"].dt.total_seconds() / 86_400)
    assert list(columns["grade"].values) == there["grade"].astype(str).tolist()
    lacking = {name: column.missing for name, column in columns.items()}
    assert lacking == pytest.approx({name: {"true": 0, "empty": 1}.get(name, 1 / 40) for name in columns})
    condenser = RandomSubset(n_samples=8, random_state=0).fit(frame)
    for cumulative in (False, True):
        display = MarginalsDisplay.from_condenser(condenser, frame, cumulative=cumulative)
        assert len(display.axes_) == 9
        display.figure_.draw_without_rendering()


def test_targets_are_columns_too(iris):
    X, y = load(iris)
    condenser = KMedoids(n_samples=9, random_state=0).fit(X, y)
    display = MarginalsDisplay.from_condenser(condenser, X, y)
    assert set(display.differences) == {*X.columns, "species"}
    condenser.condensed_.sample_weight[:] = np.arange(9)
    display = MarginalsDisplay.from_condenser(condenser, X, y)
    shares = pd.Series(np.arange(9) / 36).groupby(np.asarray(condenser.condensed_.y)).sum()
    assert display.differences["species"] == pytest.approx((shares - 1 / 3).abs().sum() / 2)
    array = MarginalsDisplay.from_condenser(KMedoids(n_samples=9, random_state=0).fit(*iris), *iris)
    assert set(array.differences) == {"x0", "x1", "x2", "x3", "target"}


def load(iris):
    X = pd.DataFrame(iris[0], columns=["a", "b", "c", "d"])
    return X, pd.Series(np.array(["setosa", "versicolor", "virginica"])[iris[1]], name="species")


def test_containers_of_all_kinds_are_drawn(iris, digits):
    polars = pytest.importorskip("polars")
    X, y = load(iris)
    frame = polars.from_pandas(X)
    condenser = RandomSubset(n_per_class=2, random_state=0).fit(frame, polars.Series("species", y.to_list()))
    display = MarginalsDisplay.from_condenser(condenser, frame, polars.Series("species", y.to_list()))
    pandas = MarginalsDisplay.from_condenser(RandomSubset(n_per_class=2, random_state=0).fit(X, y), X, y)
    assert display.differences == pytest.approx(pandas.differences)
    sparse = csr_matrix(digits[0])
    of_sparse = MarginalsDisplay.from_condenser(RandomSubset(n_samples=9, random_state=0).fit(sparse), sparse)
    images = digits[0].reshape(-1, 8, 8)
    of_images = MarginalsDisplay.from_condenser(RandomSubset(n_samples=9, random_state=0).fit(images), images)
    assert of_sparse.differences == pytest.approx(of_images.differences) and len(of_sparse.differences) == 64


def test_as_many_panels_as_can_be_read_are_drawn(digits):
    X = digits[0]
    condenser = RandomSubset(n_samples=20, random_state=0).fit(X)
    small = MarginalsDisplay.from_condenser(condenser, X, ax=small_axes())
    assert len(small.axes_) == 4
    assert small.legend_.get_title().get_text() == "4 of 64 columns, differences in brackets"
    assert len(MarginalsDisplay.from_condenser(condenser, X).axes_) == 9
    given = plt.figure().subplots(2, 2)
    assert MarginalsDisplay.from_condenser(condenser, X, ax=given).axes_ == list(given.flat)


def test_many_rows_are_thinned_and_the_legend_says_so(rng):
    X = rng.random((5000, 2))
    display = MarginalsDisplay.from_condenser(RandomSubset(n_samples=5, random_state=0).fit(X), X, max_rows=700)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["700 of 5,000 real rows", "5 points"]


def test_what_cannot_be_compared_is_refused(rng):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    with pytest.raises(ValueError, match=r"the columns of X_syn are not those of X: \['b', 'c'\]"):
        MarginalsDisplay(frame, frame.rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match="column 'b' holds categories in X, but numbers in X_syn"):
        MarginalsDisplay(frame, frame.assign(b=[1, 2]))
    with pytest.raises(ValueError, match="X_syn has 2 rows: its weights must be as many"):
        MarginalsDisplay(frame, frame, None, [1, 2, 3])
    with pytest.raises(ValueError, match="no place in a grid"):
        MarginalsDisplay(frame, frame).plot(plt.figure().add_axes((0, 0, 1, 1)))
