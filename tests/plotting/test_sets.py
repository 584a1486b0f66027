"""A set in a plane: where rows and points stand, which style a class has, and how large a weight is."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skdc import KMeansCondenser, KMedoids, RandomSubset
from skdc.condensed import CondensedSet
from skdc.plotting import SetDisplay
from skdc.plotting.figures import COLORS, styles


def points(drawn):
    return np.concatenate([np.asarray(part.get_offsets()) for part in drawn])


def test_two_columns_stay_as_they_are(iris):
    pd = pytest.importorskip("pandas")
    X, y = iris[0][:, 2:], iris[1]
    frame = pd.DataFrame(X, columns=["length", "width"])
    condenser = KMedoids(n_per_class=5, random_state=0).fit(frame, y)
    display = SetDisplay.from_condenser(condenser, frame, y)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    for label in range(3):
        assert_array_equal(display.real_[label].get_offsets(), X[y == label])
        assert_array_equal(
            display.condensed_[label].get_offsets(), condenser.X_syn_.to_numpy()[condenser.y_syn_ == label]
        )
    named = SetDisplay.from_condenser(KMedoids(n_samples=3, random_state=0).fit(X), X)
    assert named.names == ("x0", "x1")


def test_other_rows_stand_where_their_principal_components_are(digits):
    X, y = digits[0] + 0.0, digits[1]
    condenser = KMeansCondenser(n_per_class=2, random_state=0).fit(X, y)
    display = SetDisplay.from_condenser(condenser, X, y)
    scaler = StandardScaler().fit(X)
    pca = PCA(2, random_state=0).fit(scaler.transform(X))
    assert_allclose(display.real, pca.transform(scaler.transform(X)), atol=1e-6)
    assert_allclose(display.condensed, pca.transform(scaler.transform(condenser.X_syn_)), atol=1e-6)
    assert display.ax_.get_xlabel() == f"component 1 ({pca.explained_variance_ratio_[0]:.0%})"


def test_images_share_one_scale(digits):
    X, y = digits
    X = np.hstack([X, X]).reshape(len(X), 16, 8)
    condenser = RandomSubset(n_per_class=1, random_state=0).fit(X, y)
    display = SetDisplay.from_condenser(condenser, X, y)
    pca = PCA(2, random_state=0).fit(X.reshape(len(X), -1))
    assert_allclose(np.abs(display.condensed), np.abs(pca.transform(condenser.X_syn_.reshape(10, -1))), atol=1e-6)


def test_sparse_rows_stand_where_dense_ones_do(rng):
    X = np.where(rng.random((60, 30)) < 0.2, rng.random((60, 30)), 0)
    condensed = CondensedSet(csr_matrix(X[:4]), None)
    display = SetDisplay.from_condenser(condensed, csr_matrix(X))
    assert_allclose(np.abs(display.real), np.abs(PCA(2).fit_transform(X)), atol=1e-6)
    assert_allclose(display.condensed, display.real[:4], atol=1e-8)


def test_frames_with_words_are_encoded():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"city": rng.choice(["Oslo", "Rome"], 80), "age": rng.integers(18, 80, 80), "x": rng.random(80)}
    )
    condenser = RandomSubset(n_samples=10, random_state=0).fit(frame)
    display = SetDisplay.from_condenser(condenser, frame)
    assert_allclose(display.condensed, display.real[condenser.indices_], atol=1e-9)


def test_the_area_of_a_point_is_its_weight():
    large = plt.figure(figsize=(8, 8)).subplots()
    display = SetDisplay([[0, 0]], [[0, 0], [1, 1], [2, 2]], sample_weight=[1, 2, 3]).plot(large)
    sizes = display.condensed_[0].get_sizes()
    assert_allclose(sizes / sizes[0], [1, 2, 3])
    small = SetDisplay([[0, 0]], [[0, 0]]).plot(plt.figure(figsize=(2, 2)).subplots())
    assert small.condensed_[0].get_sizes()[0] < sizes[1]
    one = SetDisplay([[0, 0]], np.zeros((1000, 2)), sample_weight=[1e6] + [1] * 999).plot()
    assert one.condensed_[0].get_sizes().max() <= 500


def test_classes_have_colours_and_markers_of_their_own():
    found = styles(20)
    assert len({(style["color"], style["marker"]) for style in found}) == 20
    assert {style["color"] for style in found[:8]} == set(COLORS)
    real, labels = np.random.default_rng(0).random((30, 2)), np.repeat(["a", "b", "c"], 10)
    display = SetDisplay(real, real[::10], labels, labels[::10]).plot()
    for of_data, of_set, style in zip(display.real_, display.condensed_, found, strict=False):
        assert {to_hex(part.get_facecolor()[0]).upper() for part in (of_data, of_set)} == {style["color"]}
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_many_classes_have_one_colour_and_continuous_targets_a_scale(digits):
    X = digits[0]
    many = np.arange(len(X)) % 101
    condenser = RandomSubset(n_per_class=1, task="classification", random_state=0).fit(X, many)
    display = SetDisplay.from_condenser(condenser, X, many)
    assert len(display.condensed_) == 1 and len(display.condensed_[0].get_facecolor()) == 1
    assert display.ax_.get_title() == "101 points of 101 classes over\n1,797 real rows"
    target = X.sum(axis=1) + 0.5
    regression = RandomSubset(n_samples=9, random_state=0).fit(X, target)
    display = SetDisplay.from_condenser(regression, X, target)
    assert_allclose(display.condensed_[0].get_array(), regression.y_syn_)
    assert_allclose(display.real_[0].get_array(), target)
    assert display.condensed_[0].get_clim() == display.real_[0].get_clim() == (target.min(), target.max())


def test_many_rows_are_thinned_at_random_and_the_title_says_so(rng):
    X = rng.random((20_000, 2))
    condenser = KMeansCondenser(n_samples=5, random_state=0).fit(X[:500])
    display = SetDisplay.from_condenser(condenser, X, max_rows=300)
    assert len(points(display.real_)) == 300
    assert display.ax_.get_title() == "5 points over\n300 of 20,000 real rows"
    again, other = (SetDisplay.from_condenser(condenser, X, max_rows=300, random_state=seed) for seed in (0, 1))
    assert_array_equal(again.real, display.real)
    assert not np.array_equal(other.real, display.real)
    assert set(map(tuple, display.real)) <= set(map(tuple, X))


def test_the_legend_stands_off_the_data(digits):
    X, y = digits
    display = SetDisplay.from_condenser(KMeansCondenser(n_per_class=1, random_state=0).fit(X, y), X, y)
    display.figure_.draw_without_rendering()
    assert not display.ax_.get_legend().get_window_extent().overlaps(display.ax_.get_window_extent())


def test_what_cannot_be_drawn_is_refused(iris):
    X, y = iris
    with pytest.raises(NotFittedError):
        SetDisplay.from_condenser(KMedoids(), X, y)
    condenser = RandomSubset(n_per_class=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="rows of X have 3 numbers, those of the set 4"):
        SetDisplay.from_condenser(condenser, X[:, :3], y)
    with pytest.raises(ValueError, match="X has 150 rows, y has 149"):
        SetDisplay.from_condenser(condenser, X, y[1:])
    with pytest.raises(ValueError, match="one column have no plane"):
        SetDisplay.from_condenser(RandomSubset(n_samples=2, random_state=0).fit(X[:, :1]), X[:, :1])
    with pytest.raises(ValueError, match=r"real of shape \(2, 3\) is no set of points in a plane"):
        SetDisplay(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"sample_weight of shape \(3,\) does not go with 2 rows"):
        SetDisplay(np.zeros((4, 2)), np.zeros((2, 2)), sample_weight=[1, 2, 3])
