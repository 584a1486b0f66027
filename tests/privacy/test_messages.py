"""What private fits say of what they cannot take, before anything is released."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from skdc import Condenser, PrivateGradientMatching, PrivateKernelInducingPoints, PrivateMeanEmbedding
from skdc.discrepancies import RandomFeatureMMD, SquaredL2
from skdc.learners import RandomNetworks
from skdc.parameterizations import Points
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger
from skdc.solvers import Descent, PrivateDescent
from skdc.spaces import NetworkRidgePredictions

pytest.importorskip("dp_accounting")
X = np.random.default_rng(0).uniform(-2, 2, size=(60, 4))
y = np.arange(60) % 2


def summed(cls, known=(-3, 3), **others):
    given = {} if cls is PrivateGradientMatching else {"bandwidth": 1.0}
    privacy = GaussianMechanism(feature_range=known, ledger=PrivacyLedger())
    return cls(2, **given | {"n_steps": 3, "privacy": privacy} | others)


def drawn(**others):
    return Condenser(privacy=ClassGaussians(feature_range=(-3, 3), n_rows=100, ledger=PrivacyLedger(), **others))


SUMS = [PrivateMeanEmbedding, PrivateKernelInducingPoints, PrivateGradientMatching]


def refused(condenser, kind, words, targets=y):
    with pytest.raises(kind, match=words):
        condenser.fit(X, targets)
    assert not condenser.privacy.ledger.releases


@pytest.mark.parametrize("cls", SUMS)
def test_an_encoder_that_is_a_word(cls):
    refused(summed(cls, encoder="onehot"), TypeError, "encoder='onehot' must be 'auto', None or a transformer")


@pytest.mark.parametrize("private", [True, False])
def test_a_stream_takes_no_encoder_that_is_a_word(private):
    privacy = GaussianMechanism(feature_range=(-3, 3)) if private else None
    parts = RandomFeatureMMD(bandwidth=1.0, n_features=20), Points(start="noise"), Descent(n_steps=3)
    with pytest.raises(TypeError, match="encoder='onehot' must be"):
        Condenser(*parts, privacy, encoder="onehot").partial_fit(X, y)


MAKERS = [*(lambda cls=cls: summed(cls) for cls in SUMS), drawn]


@pytest.mark.parametrize("make", [*MAKERS, lambda: drawn(classes=[0, 1]), lambda: drawn(classes=["a", "b"])])
@pytest.mark.parametrize("dtype", [int, float])
def test_classes_that_are_one_hot(make, dtype):
    refused(make(), ValueError, r"several labels a row.*pass y.argmax\(axis=1\)", np.eye(2, dtype=dtype)[y])


class Draws(nn.Linear):
    def forward(self, x):
        return super().forward(x) * torch.empty(1).bernoulli_(0.5)


class Branches(nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else -super().forward(x)


NETWORKS = {
    "batch norm": (lambda n: nn.Sequential(nn.Linear(4, 9), nn.BatchNorm1d(9), nn.Linear(9, n)), "BatchNorm1d makes"),
    "rrelu": (lambda n: nn.Sequential(nn.Linear(4, 9), nn.RReLU(), nn.Linear(9, n)), "RReLU"),
    "draws": (lambda n: Draws(4, n), "draws in place"),
    "branches": (lambda n: Branches(4, n), "branches that depend on values"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_cannot_show_one_row(name):
    build, words = NETWORKS[name]
    condenser = summed(PrivateGradientMatching, network=lambda shape, n: build(n))
    refused(condenser, ValueError, f"ClippedGradients takes the gradient at each row by itself.*{words}")


@pytest.mark.parametrize("name", ["batch norm", "rrelu"])
def test_networks_under_a_descent_by_rows(name):
    pool = RandomNetworks(lambda shape, n: NETWORKS[name][0](n))
    condenser = Condenser(
        SquaredL2(space=NetworkRidgePredictions(pool), by=None),
        Points(start="noise", labels="learned"),
        PrivateDescent(n_steps=3),
        GaussianMechanism(feature_range=(-3, 3), ledger=PrivacyLedger()),
        n_per_class=2,
    )
    refused(condenser, ValueError, "PrivateDescent takes the gradient at each row by itself.*batch norm, RReLU")


def test_networks_that_draw_for_each_row_are_taken():
    for layer in (nn.Dropout(), nn.LayerNorm(9), nn.BatchNorm1d(9).eval()):
        network = nn.Sequential(nn.Linear(4, 9), layer, nn.Linear(9, 2))
        fitted = summed(PrivateGradientMatching, network=lambda shape, n, network=network: deepcopy(network)).fit(X, y)
        assert fitted.X_syn_.shape == (4, 4)


def test_a_range_that_the_kernel_does_not_reach():
    condenser = summed(PrivateKernelInducingPoints, known=(0, 1e100))
    refused(
        condenser, ValueError, r"RandomFourierKernel\(bandwidth=1.0\) gives no numbers of rows between 0 and 1e\+100"
    )
