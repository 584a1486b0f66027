"""Histograms of oriented gradients."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from skdc import Condenser, KernelInducingPoints
from skdc.discrepancies import SquaredL2
from skdc.kernels import Gaussian, OrientedGradients
from skdc.learners import KernelRidgeClassifier
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions


def histograms_by_hand(image, n_orientations, cell, contrast):
    """Return the votes of an image of shape (H, W) in windows twice as wide as cells are apart."""
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    gx, gy = (correlate(image, kernel, mode="nearest") for kernel in (sobel, sobel.T))
    angles = 2 * np.pi * np.arange(n_orientations) / n_orientations
    along = np.stack([np.maximum(gx * np.cos(a) + gy * np.sin(a), 0) for a in angles])
    half, (height, width) = cell // 2, image.shape
    padded = np.pad(along, ((0, 0), (half, half), (half, half)))
    starts = [range(0, size + 2 * half - 2 * cell + 1, cell) for size in (height, width)]
    votes = np.array(
        [[padded[:, i : i + 2 * cell, j : j + 2 * cell].mean((1, 2)) for j in starts[1]] for i in starts[0]]
    )
    votes = votes.transpose(2, 0, 1)
    if contrast is not None:
        votes = votes / np.sqrt(contrast**2 + (votes**2).sum(0, keepdims=True))
    return votes.ravel()


@pytest.mark.parametrize("contrast", [None, 0.3])
@pytest.mark.parametrize("n_orientations, cell", [(8, 4), (5, 2), (1, 4)])
def test_histograms_are_those_of_the_formula(n_orientations, cell, contrast, rng):
    images = rng.normal(size=(6, 12, 16))
    kernel = OrientedGradients(None, n_orientations, cell, contrast, image_shape=(12, 16), scale=1.0)
    kernel.fit(torch.as_tensor(images.reshape(6, -1)), torch.ones(6, dtype=torch.float64))
    found = kernel.histograms(torch.as_tensor(images.reshape(6, -1)))
    expected = [histograms_by_hand(image, n_orientations, cell, contrast) for image in images]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_channels_add_up(rng):
    images = rng.normal(size=(5, 8, 8, 3))
    last = OrientedGradients(image_shape=(8, 8, 3), scale=1.0)
    first = OrientedGradients(image_shape=(3, 8, 8), scale=1.0)
    grey = OrientedGradients(image_shape=(8, 8), scale=1.0)
    mass = torch.ones(5, dtype=torch.float64)
    rows = torch.as_tensor(images.reshape(5, -1))
    swapped = torch.as_tensor(images.transpose(0, 3, 1, 2).reshape(5, -1))
    channels = [torch.as_tensor(images[..., c].reshape(5, -1)) for c in range(3)]
    found = last.fit(rows, mass).histograms(rows)
    torch.testing.assert_close(found, first.fit(swapped, mass).histograms(swapped))
    torch.testing.assert_close(found, sum(grey.fit(channel, mass).histograms(channel) for channel in channels))


def test_the_scale_is_that_of_weighted_rows(rng):
    rows = torch.as_tensor(rng.normal(size=(7, 64)))
    weight = torch.tensor([1.0, 2, 1, 3, 1, 1, 1], dtype=torch.float64)
    twice = rows.repeat_interleave(weight.long(), 0)
    kernel, other = OrientedGradients(image_shape=(8, 8)), OrientedGradients(image_shape=(8, 8))
    kernel.fit(rows, weight)
    other.fit(twice, torch.ones(len(twice), dtype=torch.float64))
    assert kernel.scale_ == pytest.approx(other.scale_)
    torch.testing.assert_close(kernel(rows, rows), other(rows, rows))


def test_brightness_changes_nothing_and_an_edge_that_moves_little():
    edge = torch.zeros(16, 16, dtype=torch.float64)
    edge[:, 8:] = 1
    rows = torch.stack([edge, edge + 3, edge.roll(1, 1), edge.roll(5, 1), edge.T]).flatten(1)
    kernel = OrientedGradients(image_shape=(16, 16)).fit(rows, torch.ones(5, dtype=torch.float64))
    same, near, far, across = kernel(rows, rows)[0, 1:].tolist()
    assert same == pytest.approx(1) and 1 > near > far and near > across


@pytest.fixture
def images(rng):
    X = rng.normal(size=(300, 8, 8)) + 50
    y = np.arange(300) % 3
    X[y == 1, :, 4:] += 3
    X[y == 2, 4:] += 3
    return X, y


def test_the_learner_predicts_as_the_points_were_judged(images):
    X, y = images
    space = KernelRidgePredictions(OrientedGradients(image_shape=(8, 8)))
    fitted = Condenser(
        SquaredL2(space=space, by=None), Points(labels="learned"), Descent(n_steps=20), n_per_class=3, random_state=0
    ).fit(X, y)
    learner = fitted.learner_
    error = np.square(learner.decision_function(X) - (np.eye(3)[y] - 1 / 3)).sum(axis=1).mean()
    judged = fitted.history_["loss"][-1]
    assert error == pytest.approx(judged, rel=0.1)
    assert (np.asarray(learner.shift_) == 0).all(), "an image less the mean image has other edges"
    assert learner.score(X, y) > 0.95


def test_edges_tell_more_than_pixels_of_a_few_images(rng):
    X, y = 0.3 * rng.normal(size=(300, 12, 12)), np.arange(300) % 2
    for image, place, down in zip(X, rng.integers(1, 11, 300), y, strict=True):
        (image.T if down else image)[place] += 2
    scores = {
        name: KernelRidgeClassifier(kernel, 0.01).fit(X[:10], y[:10]).score(X[10:], y[10:])
        for name, kernel in {"pixels": Gaussian(), "edges": OrientedGradients(image_shape=(12, 12))}.items()
    }
    assert scores["edges"] > 0.9 > scores["pixels"]


def test_sums_see_the_origin_too(images):
    X, y = images
    both = OrientedGradients(image_shape=(8, 8)) + Gaussian()
    fitted = KernelInducingPoints(3, kernel=both, n_steps=10, random_state=0).fit(X, y)
    assert (np.asarray(fitted.learner_.shift_) == 0).all() and fitted.learner_.score(X, y) > 0.9


@pytest.mark.parametrize(
    "kernel, message",
    [
        (OrientedGradients(), r"OrientedGradients needs images, but rows of shape \(64,\) are none"),
        (OrientedGradients(image_shape=(8, 8), contrast=0), r"contrast=0\): it must be positive, or None"),
        (OrientedGradients(image_shape=(8, 8), cell=0), "n_orientations and cell must be at least 1"),
    ],
    ids=repr,
)
def test_what_makes_no_histograms_is_refused(kernel, message, images):
    with pytest.raises(ValueError, match=message):
        KernelInducingPoints(3, kernel=kernel, n_steps=2).fit(*images)
