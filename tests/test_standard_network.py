"""The learner of published tables against its protocol, written out."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from skdc import KMeansCondenser, RandomSubset
from skdc.augmentation import SiameseAugmentation
from skdc.condensed import CondensedSet
from skdc.learners import NetworkClassifier, StandardConvNet
from skdc.networks import ConvNet, build_network

tiny = partial(StandardConvNet, width=4, depth=2, random_state=0)


def images(n=12, shape=(8, 8), seed=0):
    X = np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)
    return X, np.arange(n) % 3


def test_it_is_the_protocol_written_out():
    X, y = images()
    found = tiny(max_epochs=6, augmentation=None, standardize=False).fit(X, y)
    generator = torch.Generator().manual_seed(int(np.random.RandomState(0).randint(2**31 - 1)))
    rows = torch.as_tensor(X)
    network = build_network(ConvNet(4, 2, padding=2), (8, 8), 3, generator, rows)
    for epoch in range(6):
        if epoch in (0, 4):  # momentum starts anew in the published code; its buffers are kept here
            lr = 0.01 if epoch == 0 else 0.001
            buffers = {} if epoch == 0 else optimizer.state  # noqa: F821  # of the epochs before
            optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
            optimizer.state.update(buffers)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(rows), torch.as_tensor(y)).backward()
        optimizer.step()
    for one, other in zip(found.module_.parameters(), network.parameters(), strict=True):
        assert_allclose(one.detach(), other.detach(), atol=1e-6)


def test_the_network_is_the_published_one():
    X, y = images(3, (28, 28))
    grey = StandardConvNet(max_epochs=1, augmentation=None, random_state=0).fit(X, y).module_
    shapes = [tuple(p.shape) for p in grey.parameters() if p.ndim > 1]
    assert shapes == [(128, 1, 3, 3), (128, 128, 3, 3), (128, 128, 3, 3), (3, 128 * 4 * 4)]
    X, y = images(3, (16, 16, 3))
    colour = tiny(max_epochs=1).fit(X, y).module_
    assert colour[-1].in_features == 4 * 4 * 4  # without zeros around


def test_zeros_around_images_are_zeros():
    X = torch.as_tensor(images(5, (6, 9))[0])
    torch.manual_seed(0)
    padded = ConvNet(4, 2, padding=3)((6, 9), 2)
    plain = ConvNet(4, 2)((12, 15), 2)
    weights = zip(plain.state_dict(), padded.state_dict().values(), strict=True)
    plain.load_state_dict(dict(weights))
    assert_allclose(padded(X).detach(), plain(nn.functional.pad(X, [3] * 4)).detach(), atol=1e-6)
    with pytest.raises(ValueError, match="padding=-1 must be a whole number"):
        ConvNet(padding=-1)((8, 8), 2)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 5},
        {"depth": 1},
        {"lr": 0.1},
        {"momentum": 0.0},
        {"weight_decay": 0.5},
        {"max_epochs": 5},
        {"batch_size": 5},
        {"standardize": False},
        {"augmentation": None},
        {"augmentation": SiameseAugmentation(flip=True)},
    ],
    ids=str,
)
def test_each_setting_counts(change):
    X, y = images()
    plain = tiny(max_epochs=4).fit(X + 1, y)
    other = tiny(max_epochs=4).set_params(**change).fit(X + 1, y)
    assert np.abs(plain.predict_proba(X) - other.predict_proba(X)).max() > 1e-6


def test_step_sizes():
    X, y = images()
    net = tiny(max_epochs=9).fit(X, y)
    assert_allclose(net.history_[:, "event_lr"], [0.01] * 5 + [0.001] * 4)


def test_soft_labels_are_probabilities():
    X, y = images()
    hard = tiny(max_epochs=3).fit(X, y)
    soft = tiny(max_epochs=3, classes=[0, 1, 2]).fit(X, np.eye(3)[y])
    assert_allclose(hard.predict_proba(X), soft.predict_proba(X), atol=1e-6)
    told = CondensedSet(X, y, None, np.full((12, 3), 1 / 3), np.arange(3)).train(tiny(max_epochs=3))
    assert isinstance(told, NetworkClassifier)
    assert np.abs(told.predict_proba(X) - hard.predict_proba(X)).max() > 1e-4


def test_as_an_estimator():
    net = tiny(max_epochs=2, augmentation=SiameseAugmentation(flip=True))
    assert repr(clone(net)) == repr(net)
    assert {"width", "depth", "momentum", "weight_decay", "augmentation__flip"} <= set(net.get_params())
    assert repr(StandardConvNet(width=32)) == "StandardConvNet(width=32)"
    X, y = images()
    assert_array_equal(net.fit(X, y).predict_proba(X), clone(net).fit(X, y).predict_proba(X))
    with pytest.raises(ValueError, match="augmentation='flip' must be 'siamese'"):
        tiny(augmentation="flip").fit(X, y)
    with pytest.raises(ValueError, match="no images"):
        tiny().fit(X.reshape(12, -1), y)


@pytest.mark.slow
def test_digits():
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    scores = []
    for condenser in (KMeansCondenser(n_per_class=10), RandomSubset(n_per_class=10)):
        X_syn, y_syn = condenser.set_params(random_state=0).fit(X[:1200], y[:1200])
        scores.append(StandardConvNet(width=32, random_state=0).fit(X_syn, y_syn).score(X[1200:], y[1200:]))
    assert scores[0] > 0.93 and scores[0] > scores[1]
