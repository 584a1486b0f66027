"""Crops that a teacher is surest of, against loops over rows."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator

from skdc import Condenser, PatchSelection
from skdc.augmentation import ResizedCrop
from skdc.exceptions import PartsError
from skdc.parameterizations import Points
from skdc.solvers import PatchChoice

WEIGHT = np.random.default_rng(5).normal(size=(64, 3)) / 2


class Linear(ClassifierMixin, BaseEstimator):
    """A classifier of known weights."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return softmax((X.reshape(len(X), -1) - 0.5) @ WEIGHT[:, : len(self.classes_)], axis=1)


@pytest.fixture
def images(rng):
    """Return images of classes that the linear classifier tells, of values from 0 to 1 in every pixel."""
    X = rng.uniform(size=(90, 8, 8))
    X[:2] = [np.zeros((8, 8)), np.ones((8, 8))]
    return X, Linear().fit(X, np.arange(3)).predict_proba(X).argmax(axis=1)


@pytest.fixture
def teacher():
    return FrozenEstimator(Linear().fit(None, np.arange(3)))


def test_whole_rows_are_those_of_least_loss(images, teacher):
    X, y = images
    fitted = PatchSelection(teacher=teacher, n_per_class=4, random_state=0).fit(X, y)
    p = teacher.predict_proba(X)
    for c in range(3):
        best = sorted(np.flatnonzero(y == c), key=lambda i: -p[i, c])[:4]
        np.testing.assert_allclose(fitted.X_syn_[fitted.y_syn_ == c], X[best], atol=1e-6)
    np.testing.assert_allclose(fitted.y_soft_, teacher.predict_proba(fitted.X_syn_), atol=1e-6)
    assert not hasattr(fitted, "indices_"), "they are rows that were made"


def test_few_candidates_are_random_rows(images, teacher):
    X, y = images
    fitted = [PatchSelection(4, teacher=teacher, n_candidates=4, random_state=s).fit(X, y) for s in range(4)]
    assert len(np.unique([one.X_syn_ for one in fitted], axis=0)) == 4, "four of a class are drawn, and all are taken"
    for one in fitted:
        for row, label in zip(*one, strict=True):
            assert np.abs(X[y == label] - row).max(axis=(1, 2)).min() < 1e-6


def test_four_halves_stand_side_by_side(images, teacher):
    X, y = images
    whole = ResizedCrop(1.0, 1.0)
    fitted = PatchSelection(2, teacher=teacher, factor=2, crop=whole, n_crops=1, random_state=0).fit(X, y)
    p = teacher.predict_proba(X)
    for c in range(3):
        best = sorted(np.flatnonzero(y == c), key=lambda i: -p[i, c])[:8]
        halves = X[best].reshape(8, 4, 2, 4, 2).mean(axis=(2, 4))
        for i, image in enumerate(fitted.X_syn_[fitted.y_syn_ == c]):
            expected = np.block([[halves[i], halves[2 + i]], [halves[4 + i], halves[6 + i]]])
            np.testing.assert_allclose(image, expected, atol=1e-5)


def test_of_each_row_the_best_crop_is_kept(images, teacher):
    X, y = images
    losses = []
    for n_crops in (1, 20):
        given = {"crop": ResizedCrop(0.3), "n_crops": n_crops, "n_candidates": 6, "random_state": 0}
        losses.append(PatchSelection(6, teacher=teacher, **given).fit(X, y).history_["loss"])
    assert (losses[1] < losses[0]).all()
    # Of the loss at what is kept: the rows of the set.
    fitted = PatchSelection(3, teacher=teacher, crop=ResizedCrop(0.3), random_state=0).fit(X, y)
    loss = -np.log(teacher.predict_proba(fitted.X_syn_)[np.arange(9), fitted.y_syn_])
    np.testing.assert_allclose(fitted.history_["loss"], loss.reshape(3, 3).mean(axis=1), rtol=1e-4)


def test_parts_of_images_that_do_not_divide(images, teacher):
    fitted = PatchSelection(2, teacher=teacher, factor=3, random_state=0).fit(*images)
    assert fitted.X_syn_.shape == (6, 8, 8) and fitted.X_syn_.min() >= 0 and fitted.X_syn_.max() <= 1


def test_tables_uneven_weights_and_many_classes(rng):
    y = np.r_[np.arange(101), rng.integers(101, size=900)]
    X = rng.normal(size=(1001, 64))
    teacher = FrozenEstimator(_Nearest().fit(X, y))
    weight = rng.uniform(0.1, 3, 1001)
    with pytest.warns(UserWarning, match="of which the data have"):
        fitted = PatchSelection(7, teacher=teacher, task="classification", random_state=0).fit(
            X, y, sample_weight=weight
        )
    assert np.bincount(fitted.y_syn_).tolist() == [7] * 101
    mass = np.bincount(y, weight)
    np.testing.assert_allclose(np.bincount(fitted.y_syn_, fitted.sample_weight_), 707 * mass / mass.sum(), rtol=1e-5)


class _Nearest(Linear):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centers_ = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        return softmax(-((X[:, None] - self.centers_) ** 2).sum(axis=2), axis=1)


@pytest.mark.parametrize(
    "parts, words",
    [
        ((Points(), PatchChoice()), r"use Points\(labels='teacher'\)"),
        ((Points(labels="teacher"), PatchChoice(n_crops=3)), "n_crops has no effect"),
        ((Points(labels="teacher"), PatchChoice(image_shape=(8, 8))), "image_shape and channels have no effect"),
    ],
)
def test_what_has_no_effect_is_refused(parts, words, images, teacher):
    points, solver = parts
    points = points.set_params(teacher=teacher) if points.labels == "teacher" else points
    with pytest.raises(PartsError, match=words):
        Condenser(None, points, solver, n_per_class=2).fit(*images)


@pytest.mark.parametrize("given", [{"factor": 0}, {"n_candidates": 0}, {"factor": 9}, {"n_crops": 0}], ids=str)
def test_numbers_that_cannot_be_are_refused(given, images, teacher):
    with pytest.raises(ValueError, match=r"at least 1|fewer pixels"):
        PatchSelection(2, teacher=teacher, **given).fit(*images)


def test_tables_have_no_crops(rng, teacher):
    with pytest.raises(ValueError, match="needs images"):
        PatchSelection(2, teacher=teacher, factor=2).fit(rng.normal(size=(30, 64)), np.arange(30) % 3)


def test_flattened_images(images, teacher):
    X, y = images
    given = {"teacher": teacher, "factor": 2, "n_per_class": 2, "random_state": 0}
    flat = PatchSelection(image_shape=(8, 8), **given).fit(X.reshape(90, -1), y)
    whole = PatchSelection(**given).fit(X, y)
    torch.testing.assert_close(torch.as_tensor(flat.X_syn_.reshape(-1, 8, 8)), torch.as_tensor(whole.X_syn_))
