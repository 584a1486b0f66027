"""Refusals say what is meant: of several labels a row, one range for a frame, words for threads and weights."""

import numpy as np
import pandas as pd
import pytest

from skdc import Condenser, DistributionMatching, KMedoids, PrivateMeanEmbedding, SoftLabelRandom, UncertaintySubset
from skdc.discrepancies import MMD, CenterCrossEntropy, DualityGap, LabeledTransport
from skdc.learners import KernelRidgeClassifier
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.preprocessing import NormalScores, TabularEncoder
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


@pytest.mark.parametrize("n_jobs", ["all", 1.5, 0])
def test_threads_are_a_whole_number(n_jobs):
    with pytest.raises(ValueError, match=rf"n_jobs={n_jobs!r} must be a whole number of threads, -1 for all"):
        KMedoids(3, n_jobs=n_jobs).fit(X)


WEIGHTED = [
    lambda weight: KMedoids(3).fit(X, sample_weight=weight),
    lambda weight: MMD()(X, X, sample_weight=weight),
    lambda weight: TabularEncoder().fit(pd.DataFrame(X), sample_weight=weight),
    lambda weight: NormalScores().fit(X, sample_weight=weight),
    lambda weight: KernelRidgeClassifier().fit(X, np.arange(60) % 2, weight),
]


@pytest.mark.parametrize("use", WEIGHTED)
@pytest.mark.parametrize("weight", ["balanced", {0: 1.0, 1: 2.0}, ["a"] * 60], ids=str)
def test_weights_are_numbers(use, weight):
    with pytest.raises(ValueError, match=r"sample_weight=.* must be one number a row, such as .*'balanced', y\) gives"):
        use(weight)
