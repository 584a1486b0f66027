"""Streams, sketches and private fits are on a device what they are on the CPU."""

import numpy as np
import pytest
from sklearn.base import clone

from skdc import Condenser, PrivateGradientMatching, PrivateKernelInducingPoints, PrivateMeanEmbedding, discrepancies
from skdc.discrepancies import MMD, Discrepancy, Moments, RandomFeatureMMD
from skdc.networks import MLP
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.solvers import Descent

from ..condensers.quick import SETTINGS, quick
from .conftest import assert_same_sets
from .data import X, Y, concrete

SUMS = [cls for cls in concrete(discrepancies, Discrepancy) if cls.compares == "means"]
FEW = Descent(n_steps=3)
KNOWN = {**SETTINGS, "bandwidth": 1.0, "scale": 1.0, "center": 0.0, "n_features": 20}


def moved(discrepancy, **others):
    return Condenser(discrepancy, solver=FEW, n_per_class=2, random_state=0, **others)


@pytest.mark.parametrize("cls", SUMS, ids=lambda cls: cls.__name__)
def test_sketch(cls, same):
    same(moved(quick(cls)), X, Y)


@pytest.mark.parametrize("cls", SUMS, ids=lambda cls: cls.__name__)
def test_stream(cls, device):
    fitted = [moved(quick(cls, KNOWN), device=name) for name in ("cpu", device)]
    for chunk in np.array_split(np.random.default_rng(0).permutation(len(X)), 3):
        for condenser in fitted:
            condenser.partial_fit(X[chunk], Y[chunk], classes=[0, 1, 2])
    assert_same_sets(fitted[1], fitted[0], 1e-3)


def test_sum_of_sketches(same):
    same(moved(RandomFeatureMMD() + Moments()), X, Y)


ONCE = GaussianMechanism(100.0, feature_range=(0, 8), random_state=0)
PRIVATE = [
    PrivateMeanEmbedding(2, bandwidth=1.0, n_steps=3, privacy=ONCE, random_state=0),
    PrivateKernelInducingPoints(2, bandwidth=2.0, n_frequencies=20, n_steps=3, privacy=ONCE, random_state=0),
    PrivateGradientMatching(
        2, network=MLP(width=8, depth=1), n_steps=3, privacy=clone(ONCE).set_params(sampling_rate=0.5), random_state=0
    ),
    moved(RandomFeatureMMD(bandwidth=1.0), privacy=ONCE),
    moved(MMD(), privacy=ClassGaussians(100.0, feature_range=(0, 8), n_rows=60, random_state=0)),
]


@pytest.mark.parametrize("condenser", PRIVATE, ids=lambda part: f"{type(part).__name__}-{type(part.privacy).__name__}")
def test_private(condenser, same):
    pytest.importorskip("dp_accounting")
    same(condenser, X, Y)
