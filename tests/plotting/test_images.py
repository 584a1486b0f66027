"""Images of a set: which are drawn, where, in which shades, and with which labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdc import KMeansCondenser, RandomSubset
from skdc.condensed import CondensedSet
from skdc.plotting import ImagesDisplay


def small_axes(inches=3.0):
    return plt.figure(figsize=(inches, inches), layout="constrained").subplots()


def corners(display):
    """Return the left and the upper end of each image."""
    return np.array([(image.get_extent()[0], image.get_extent()[3]) for image in display.images_])


def test_a_class_is_a_line_and_the_heaviest_image_is_first(digits):
    X, y = digits
    condenser = KMeansCondenser(n_per_class=4, random_state=0).fit(X, y)
    display = ImagesDisplay.from_condenser(condenser, X, image_shape=(8, 8), ax=small_axes())
    labels, weight = condenser.y_syn_[display.order_], condenser.sample_weight_[display.order_]
    assert_array_equal(labels, np.repeat(np.arange(10), 4))
    assert all(np.all(np.diff(weight[labels == digit]) <= 0) for digit in range(10))
    assert_array_equal([text.get_text() for text in display.texts_], [str(digit) for digit in range(10)])
    for line, text in enumerate(display.texts_):
        left, top = corners(display)[4 * line]
        assert text.get_position()[0] < left and top > text.get_position()[1] > top - 20
    expected = condenser.X_syn_[display.order_] / 16
    assert_allclose([np.asarray(image.get_array())[..., 0].ravel() for image in display.images_], expected)


def test_bars_are_as_long_as_weights(digits):
    X, y = digits
    condenser = KMeansCondenser(n_per_class=2, random_state=0).fit(X, y)
    display = ImagesDisplay.from_condenser(condenser, image_shape=(8, 8))
    (bars,) = display.ax_.collections
    lengths = np.array([np.ptp(segment[:, 0]) for segment in bars.get_segments()])
    weight = condenser.sample_weight_[display.order_]
    assert_allclose(lengths / lengths.max(), weight / weight.max())
    assert f"{weight.max():.3g}" in display.ax_.get_xlabel()
    alike = ImagesDisplay(np.zeros((2, 4, 4)), sample_weight=np.ones(2)).plot()
    assert not alike.ax_.collections and not alike.ax_.get_xlabel()


@pytest.mark.parametrize("last", [True, False])
def test_colours_are_those_of_the_images(rng, last):
    images = rng.integers(20, 200, (3, 6, 5, 3), dtype=np.uint8)
    given = images if last else images.transpose(0, 3, 1, 2)
    display = ImagesDisplay(given, ["b", "a", "b"]).plot()
    assert_array_equal(display.order_, [1, 0, 2])
    for image, place in zip(display.images_, display.order_, strict=True):
        assert_allclose(image.get_array(), images[place] / 255)


def test_shades_are_shared_and_those_of_the_data(rng):
    images = np.array([0.0, 5.0]).reshape(2, 1, 1) * np.ones((2, 4, 4))
    assert_allclose(ImagesDisplay(images).images[:, 0, 0, 0], [0, 1])
    within_data = ImagesDisplay.from_condenser(CondensedSet(images, None), np.array([[-5.0], [15.0]]))
    assert_allclose(within_data.images[:, 0, 0, 0], [0.25, 0.5])
    assert_allclose(ImagesDisplay(images / 20).images[:, 0, 0, 0], [0, 0.25])  # between 0 and 1 as they are
    assert_allclose(ImagesDisplay(images, value_range=(1, 3)).images[:, 0, 0, 0], [0, 1])


def test_images_without_labels_fill_the_place(rng):
    display = ImagesDisplay(rng.random((30, 8, 8))).plot(small_axes())
    assert len(display.images_) == 30 and not display.texts_
    left, top = corners(display).T
    assert 4 <= len(np.unique(left)) <= 8 and 4 <= len(np.unique(top)) <= 8


@pytest.mark.parametrize("inches", [3.0, 8.0])
@pytest.mark.parametrize("n_classes", [1, 10, 101])
def test_images_and_labels_do_not_overlap(rng, inches, n_classes):
    images = rng.random((3 * n_classes, 8, 8))
    display = ImagesDisplay(images, np.repeat(np.arange(n_classes), 3)).plot(small_axes(inches))
    display.figure_.draw_without_rendering()
    assert len(display.texts_) == n_classes
    boxes = [artist.get_window_extent() for artist in (*display.images_, *display.texts_)]
    extents = np.array([[*box.min, *box.max] for box in boxes])
    low, high = extents[:, None, :2] + 0.5, extents[:, None, 2:] - 0.5
    meets = np.all((low < extents[:, 2:] - 0.5) & (high > extents[:, :2] + 0.5), axis=2)
    assert meets.sum() == len(boxes), "each meets itself alone"
    assert (extents[:, 2:] - extents[:, :2]).min(axis=0)[1] > 4, "in pixels, of which an inch has a hundred"


def test_what_is_left_out_is_said(rng):
    images, labels = rng.random((40, 4, 4)), np.repeat(np.arange(8), 5)
    display = ImagesDisplay(images, labels).plot(n_per_class=2, max_classes=3)
    assert display.ax_.get_title() == "6 of 40 images, 3 of 8 classes"
    assert_array_equal(display.order_, [0, 1, 5, 6, 10, 11])
    assert ImagesDisplay(images, labels).plot().ax_.get_title() == ""


def test_a_set_by_itself_is_drawn(digits):
    X, y = digits
    condenser = RandomSubset(n_per_class=1, random_state=0).fit(X.reshape(-1, 8, 8), y)
    axes = small_axes()
    display = ImagesDisplay.from_condenser(condenser.condensed_, ax=axes)
    assert display.ax_ is axes and display.figure_ is axes.figure and len(display.images_) == 10


def test_what_is_no_image_is_refused(iris):
    condenser = RandomSubset(n_per_class=1, random_state=0).fit(*iris)
    with pytest.raises(ValueError, match="ImagesDisplay needs images, but rows of shape"):
        ImagesDisplay.from_condenser(condenser)
    with pytest.raises(ValueError, match="images of 5 channels have no colours"):
        ImagesDisplay(np.zeros((2, 5, 8, 8)), channels="first")
    with pytest.raises(ValueError, match=r"labels of shape \(3,\) do not go with 2 images"):
        ImagesDisplay(np.zeros((2, 8, 8)), [1, 2, 3])
    with pytest.raises(ValueError, match="must be finite"):
        ImagesDisplay(np.full((2, 8, 8), np.nan))
    with pytest.raises(ValueError, match="images is empty"):
        ImagesDisplay(np.zeros((0, 8, 8)))
