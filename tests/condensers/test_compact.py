"""Condensers of images whose sets are stored in few bytes."""

from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.svm import SVC

import skdc
from skdc import AddressableMemories, EfficientCondensation, FieldCondensation, FrequencyCondensation, RandomSubset
from skdc.augmentation import Flip, SiameseAugmentation
from skdc.networks import MLP

SMALL = MLP(width=16)
CONDENSERS = [
    FrequencyCondensation(network=SMALL, n_kept=12, n_steps=4, random_state=0),
    FrequencyCondensation(network=SMALL, n_kept=12, bits=None, masks="class", n_steps=4, random_state=0),
    EfficientCondensation(network=SMALL, n_train_steps=4, n_steps=4, random_state=0),
    EfficientCondensation(network=SMALL, bits=5, n_train_steps=4, n_steps=4, random_state=0),
    AddressableMemories(network=SMALL, rank=8, factor=2, n_train_steps=4, n_backward=4, n_steps=4, random_state=0),
    AddressableMemories(network=SMALL, rank=8, bits=4, n_train_steps=4, n_backward=4, n_steps=4, random_state=0),
    FieldCondensation(network=SMALL, width=4, n_steps=4, random_state=0),
    FieldCondensation(network=SMALL, width=4, bits=None, n_steps=4, random_state=0),
]
each = pytest.mark.parametrize("condenser", CONDENSERS, ids=repr)


@pytest.fixture(scope="module")
def digits():
    images, y = load_digits(return_X_y=True)
    return images.reshape(-1, 8, 8).astype(np.uint8), y


@pytest.fixture(scope="module")
def fitted_to_digits(digits):
    """Fit condensers, each once for all tests."""
    return cache(lambda condenser: clone(condenser).set_params(n_per_class=3).fit(*digits))


@each
def test_images_come_out_and_a_file_gives_them_back(condenser, digits, fitted_to_digits, tmp_path):
    X, y = digits
    fitted = fitted_to_digits(condenser)
    assert fitted.X_syn_.shape == (30, 8, 8) and fitted.X_syn_.dtype == np.uint8
    assert fitted.X_syn_.max() <= X.max() and np.bincount(fitted.y_syn_).tolist() == [3] * 10
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    np.testing.assert_array_equal(again.X, fitted.X_syn_)
    assert again.coded is not None
    second = clone(condenser).set_params(n_per_class=3).fit(X, y)
    np.testing.assert_array_equal(second.X_syn_, fitted.X_syn_)


@each
def test_a_step_moves_what_is_stored(condenser, digits):
    X, y = digits
    few, more = (clone(condenser).set_params(n_per_class=3, n_steps=n, step_size=0.2).fit(X, y).X_syn_ for n in (1, 8))
    assert (few != more).any()


@pytest.mark.parametrize(
    "condenser, name, value",
    [
        (CONDENSERS[0], "n_kept", 20),
        (CONDENSERS[0], "bits", 2),
        (CONDENSERS[0], "masks", "class"),
        (CONDENSERS[0], "augmentation", SiameseAugmentation()),
        (CONDENSERS[2], "factor", 4),
        (CONDENSERS[2], "bits", 2),
        (CONDENSERS[2], "augmentation", Flip()),
        (CONDENSERS[2], "n_matches", 1),
        (CONDENSERS[2], "n_train_steps", 1),
        (CONDENSERS[4], "factor", 1),
        (CONDENSERS[4], "rank", 4),
        (CONDENSERS[4], "momentum", 0.0),
        (CONDENSERS[6], "width", 6),
        (CONDENSERS[6], "depth", 1),
        (CONDENSERS[6], "bits", 5),
        (CONDENSERS[6], "augmentation", SiameseAugmentation()),
    ],
    ids=repr,
)
def test_every_field_changes_the_set(condenser, name, value, digits, fitted_to_digits):
    other = clone(condenser).set_params(n_per_class=3, **{name: value}).fit(*digits)
    assert (other.X_syn_ != fitted_to_digits(condenser).X_syn_).any()


@pytest.mark.parametrize("condenser", [CONDENSERS[0], CONDENSERS[2], CONDENSERS[6]], ids=repr)
def test_tables_have_no_pixels(condenser, iris):
    with pytest.raises(ValueError, match=r"needs images, but rows of shape \(4,\) are none.*a table has no pixels"):
        clone(condenser).fit(*iris)


def test_a_budget_buys_more_frequencies_than_pixels(digits):
    X, y = digits
    train, test = slice(0, 1200), slice(1200, None)
    budget = {"n_bytes": 2000, "random_state": 0}
    pixels = RandomSubset(**budget).fit(X[train], y[train])
    compact = FrequencyCondensation(n_kept=20, **budget).fit(X[train], y[train])
    scores = [
        SVC().fit(f.X_syn_.reshape(len(f.X_syn_), -1), f.y_syn_).score(X[test].reshape(-1, 64), y[test])
        for f in (pixels, compact)
    ]
    assert compact.storage_["bytes"] <= 2000 and compact.storage_["points"] > 4 * pixels.storage_["points"]
    assert scores[1] > scores[0] + 0.02
