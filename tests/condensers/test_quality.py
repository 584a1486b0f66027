"""Named condensers beat random rows on the digits, for two learners, with 95% confidence."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import ttest_rel
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import skdc
from skdc import (
    CondensedGenerator,
    Condenser,
    CoverageCentricSelection,
    DataDAM,
    DeterminantalSelection,
    EditedNeighbors,
    EfficientCondensation,
    FieldCondensation,
    FrequencyCondensation,
    LabelDistillation,
    LabelSolve,
    MaxMinDiversification,
    MessagePassingSelection,
    PatchSelection,
    PrivateGradientMatching,
    PrivateKernelInducingPoints,
    PrivateMeanEmbedding,
    QuerySelection,
    RandomlyPivotedCholesky,
    RandomSubset,
    SiameseGradientMatching,
    SoftLabelRandom,
    UncertaintySubset,
)
from skdc.condensed import CondensedSet
from skdc.condensers import NamedCondenser
from skdc.discrepancies import MMD
from skdc.learners import KernelRidgeClassifier, NetworkClassifier
from skdc.networks import MLP, ConvNet

SEEDS = range(5)
# Hard rows are no small training set, easy ones neither, nor those at the rim, or far from each other; pivots are
# landmarks for kernels; few pixels tell little of a digit, and save bytes; a set that is a generator shows rows that
# are drawn; rows that no neighbour doubts are random ones, and so are those that a pruning leaves where labels are
# right. The docstrings say so.
WORSE = (
    RandomSubset,
    UncertaintySubset,
    CoverageCentricSelection,
    MessagePassingSelection,
    EditedNeighbors,
    PatchSelection,
    RandomlyPivotedCholesky,
    DeterminantalSelection,
    MaxMinDiversification,
    EfficientCondensation,
    CondensedGenerator,
)
# They must be told the range of the rows, and lose to random rows where rows are few: see tests/privacy.
PRIVATE = (PrivateGradientMatching, PrivateKernelInducingPoints, PrivateMeanEmbedding)
# It is told what the rows are to be like: see tests/condensers/test_query.py.
OF_A_QUERY = (QuerySelection,)
RELABELED = (LabelDistillation, LabelSolve, SoftLabelRandom)
ELSEWHERE = (*WORSE, *RELABELED, *PRIVATE, *OF_A_QUERY)
CONDENSERS = [pytest.param(partial(Condenser, MMD()), id="MMD")] + [
    pytest.param(cls, id=cls.__name__)
    for cls in (getattr(skdc, name) for name in skdc.__all__)
    if isinstance(cls, type) and issubclass(cls, NamedCondenser) and cls not in ELSEWHERE
]


def digits(seed):
    """Return training rows, test rows, and their labels."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=seed)


def accuracies(cls, split, seed):
    """Return the test accuracy of logistic regression and of an MLP trained on ten rows a class with hard labels."""
    X_train, X_test, y_train, y_test = digits(split)
    condenser = cls(n_per_class=10, random_state=seed)
    if cls in (DataDAM, FieldCondensation, FrequencyCondensation, SiameseGradientMatching):
        X_train = X_train.reshape(-1, 8, 8)
    if cls is DataDAM:  # which looks at convolutions
        condenser.set_params(network=ConvNet(width=16, depth=2))
    X_syn, y_syn = condenser.fit(X_train, y_train)
    learners = [LogisticRegression(max_iter=1000), MLPClassifier(max_iter=2000, random_state=seed)]
    return [learner.fit(X_syn.reshape(len(X_syn), -1), y_syn).score(X_test, y_test) for learner in learners]


def assert_better(found, random):
    """Assert that accuracies are higher than others of the same splits, with 95% confidence."""
    test = ttest_rel(found, random, alternative="greater")
    assert np.all(test.pvalue < 0.05), f"{np.mean(found, 0)} against {np.mean(random, 0)}, p = {test.pvalue}"


@pytest.fixture(scope="module")
def random_rows():
    return [np.mean([accuracies(RandomSubset, seed, draw) for draw in range(3)], axis=0) for seed in SEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("cls", CONDENSERS)
def test_beats_random_rows(cls, random_rows):
    assert_better([accuracies(cls, seed, seed) for seed in SEEDS], random_rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cls, learner",
    [
        pytest.param(LabelSolve, KernelRidgeClassifier(regularization=0.1), id="LabelSolve"),
        pytest.param(
            LabelDistillation,
            NetworkClassifier(MLP(depth=0), max_epochs=300, random_state=0),
            id="LabelDistillation",
        ),
        pytest.param(SoftLabelRandom, NetworkClassifier(MLP(), max_epochs=300, random_state=0), id="SoftLabelRandom"),
    ],
)
def test_new_targets_beat_the_labels_of_the_same_rows(cls, learner):
    soft, hard = [], []
    for seed in range(10):  # a network scatters by more than its targets gain in some split
        X_train, X_test, y_train, y_test = digits(seed)
        condenser = cls(n_per_class=10, random_state=seed).fit(X_train, y_train)
        targets = condenser.y_learned_ if cls is LabelSolve else condenser.y_soft_
        for found, given in ((hard, None), (soft, targets)):
            condensed = CondensedSet(condenser.X_syn_, condenser.y_syn_, None, given, condenser.classes_)
            found.append(condensed.train(clone(learner)).score(X_test, y_test))
    assert_better(soft, hard)
