"""Refusals say what is meant: of several labels a row, and of one range for a frame."""

import numpy as np
import pandas as pd
import pytest

from skdc import Condenser, DistributionMatching, PrivateMeanEmbedding, SoftLabelRandom, UncertaintySubset
from skdc.discrepancies import CenterCrossEntropy, DualityGap, LabeledTransport
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.solvers import Descent
from skdc.spaces import NetworkFeatures

from .quick import QUICK

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
ONE_HOT = np.eye(2)[np.arange(60) % 2]


@pytest.mark.parametrize(
    "condenser",
    [
        DistributionMatching(network=MLP(4, 1), n_steps=2),
        SoftLabelRandom(),
        UncertaintySubset(),
        Condenser(CenterCrossEntropy(space=NetworkFeatures())),
        Condenser(DualityGap()),
        Condenser(LabeledTransport(), solver=Descent(n_steps=2)),
        Condenser(parameterization=Points(labels="probabilities")),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_what_needs_classes_says_what_several_labels_a_row_may_be(condenser):
    with pytest.raises(ValueError, match=r"several labels a row \(if .* one-hot classes, pass y.argmax\(axis=1\)\)"):
        condenser.set_params(n_samples=4).fit(X, ONE_HOT)


@pytest.mark.parametrize("mechanism", [GaussianMechanism, ClassGaussians])
@pytest.mark.parametrize("column", [[*"ab"] * 30, pd.date_range("2020", periods=60)], ids=["words", "dates"])
def test_one_range_for_a_frame_of_words_asks_for_a_dictionary(mechanism, column):
    frame = pd.DataFrame({"age": X[:, 0], "other": column})
    condenser = Condenser(privacy=mechanism(epsilon=1.0, feature_range=(0, 100)))
    if mechanism is GaussianMechanism:
        condenser = PrivateMeanEmbedding(bandwidth=1.0, privacy=mechanism(epsilon=1.0, feature_range=(0, 100)))
    with pytest.raises(ValueError, match=r"column 'other' holds none; give a dictionary \{column: \(low, high\)"):
        condenser.fit(frame, np.arange(60) % 2)


@pytest.mark.parametrize(
    "name", ["GeneralCondenser", "RFAD", "UnrolledTraining", "DistributionMatching", "WMDD", "CAFE"]
)
def test_classes_are_asked_for_by_who_needs_them(name):
    condenser = QUICK[name]().set_params(n_per_class=None, n_samples=6)
    with pytest.raises(ValueError) as caught:
        condenser.fit(X, X[:, 0])
    message = str(caught.value)
    assert message.startswith(f"{name}: ") and "y is continuous" in message and "a row of the data" not in message, (
        message
    )
