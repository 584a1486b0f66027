"""Condensers of a teacher: what they come to, what they count, and that each parameter matters."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skdc import (
    Condenser,
    PatchSelection,
    SoftLabelPruning,
    SoftLabelRandom,
    StaggeredMatching,
    StatisticsMatching,
    UncertaintySubset,
)
from skdc.augmentation import CropCurriculum
from skdc.discrepancies import NetworkLoss, StatisticsDistance
from skdc.learners import LabelLoss, NetworkClassifier, PretrainedNetworks
from skdc.networks import MLP, ConvNet
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import LayerStatistics

X, Y = make_blobs(150, n_features=4, centers=3, cluster_std=3.0, random_state=0)
SMALL = MLP(width=6, depth=1, norm="batch")
QUICK = {"network": SMALL, "n_train_steps": 20, "n_steps": 12, "teacher": GaussianNB(), "random_state": 0}


def matched(cls=StatisticsMatching, **given):
    return cls(**{"n_per_class": 5, **QUICK, **given}).fit(X, Y)


@pytest.mark.parametrize("by", ["class", None])
def test_points_come_to_have_the_statistics(by):
    fitted = matched(by=by, classification_weight=0, n_steps=150)
    loss = fitted.history_["loss"]
    assert loss[-1] < 0.2 * loss[0]


def test_it_is_the_recipe_written_out():
    space = LayerStatistics(PretrainedNetworks(SMALL, n_networks=2, n_stages=1, n_steps=20))
    condenser = Condenser(
        StatisticsDistance(space=space) + 0.5 * NetworkLoss(space, of="classes"),
        Points(labels="teacher", teacher=GaussianNB()),
        Descent(0.05, n_steps=12, batch_size=1),
        n_per_class=5,
        random_state=0,
    )
    found = matched(n_networks=2, classification_weight=0.5)
    np.testing.assert_array_equal(found.X_syn_, condenser.fit(X, Y).X_syn_)
    np.testing.assert_allclose(found.y_soft_, GaussianNB().fit(X, Y).predict_proba(found.X_syn_), atol=1e-6)


OTHERS = {
    "network": MLP(width=7, norm="batch"),
    "n_networks": 2,
    "n_train_steps": 40,
    "by": None,
    "classification_weight": 0.3,
    "start": "noise",
    "teacher": LogisticRegression(),
    "label_bits": 3,
    "top_labels": 1,
    "step_size": 0.2,
    "n_steps": 5,
    "n_rounds": 2,
    "n_epochs": 1,
}
CASES = [
    (cls, name)
    for cls in (StatisticsMatching, StaggeredMatching, SoftLabelPruning)
    for name in OTHERS
    if name in cls().get_params()
]


@pytest.mark.parametrize("cls, name", CASES)
def test_each_parameter_changes_the_set(cls, name):
    plain, other = matched(cls), matched(cls, **{name: OTHERS[name]})
    assert not (np.array_equal(plain.X_syn_, other.X_syn_) and np.array_equal(plain.y_soft_, other.y_soft_))


def test_rows_start_at_the_median_and_early_ones_go_further():
    given = {"n_epochs": 2, "n_rounds": 5, "n_per_class": 5, "step_size": 0.3}
    fitted = matched(StaggeredMatching, n_steps=50, **given)
    recipe = fitted.recipe()
    still = Condenser(recipe.discrepancy, recipe.parameterization, Descent(1e-12, n_steps=1, batch_size=1))
    start = still.set_params(n_per_class=5, random_state=0).fit(X, Y).X_syn_
    moved = np.linalg.norm(fitted.X_syn_ - start, axis=1).reshape(3, 5).mean(axis=0)
    assert moved[0] > 2 * moved[4]
    middle = UncertaintySubset(5, difficulty=LabelLoss(SMALL, n_networks=1, n_epochs=2), keep="middle", random_state=0)
    rows = {tuple(row) for row in np.round(X, 4)}
    assert all(tuple(row) in rows for row in np.round(start, 4)) and len(middle.fit(X, Y).indices_) == 15


def test_labels_are_counted_as_they_are_stored():
    full, pruned = matched(), matched(SoftLabelPruning)
    np.testing.assert_array_equal(full.X_syn_, pruned.X_syn_)
    # 15 points of two bits of a label; three float64, or two of 8 bits and 2 bits that tell their classes.
    assert full.storage_["bytes"] - pruned.storage_["bytes"] == 15 * 3 * 8 - (15 * 2 + -(-15 * 2 * 2 // 8))
    kept = np.sort(full.y_soft_, axis=1)[:, 1:]
    expected = kept / kept.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.sort(pruned.y_soft_, axis=1)[:, 1:], expected, atol=1 / 128)
    assert ((pruned.y_soft_ > 0).sum(axis=1) <= 2).all()


def test_images_by_default_and_with_crops(rng):
    y = np.arange(24) % 3
    images = rng.uniform(size=(24, 16, 16)) + (np.arange(16) // 5 == y[:, None])[:, None]
    network = ConvNet(width=4, depth=2, norm="batch")
    given = {
        **QUICK,
        "network": network,
        "teacher": NetworkClassifier(SMALL, max_epochs=2),
        "n_per_class": 3,
        "n_steps": 4,
    }
    plain, cropped = (
        StatisticsMatching(augmentation=crops, **given).fit(images, y).X_syn_
        for crops in (None, CropCurriculum(last=0.2))
    )
    assert plain.shape == (9, 16, 16) and not np.array_equal(plain, cropped)


def test_the_easiest_rows_of_a_teacher_are_no_better_than_random_ones():
    # What the docstring says: they are the easiest of their class, and alike.
    easy = PatchSelection(10, teacher=GaussianNB(), random_state=0).fit(X, Y)
    drawn = SoftLabelRandom(10, teacher=GaussianNB(), random_state=0).fit(X, Y)
    spread = [np.mean([one.X_syn_[one.y_syn_ == c].var(axis=0).mean() for c in range(3)]) for one in (easy, drawn)]
    assert spread[0] < spread[1]
