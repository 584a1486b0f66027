"""Soft labels of few classes and few bits: of every named condenser that has such, in the bytes that are told."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB

import skdc
import skdc.condensers as condensers
from skdc import (
    RCIG,
    RFAD,
    FRePo,
    KernelInducingPoints,
    LabelDistillation,
    LabelSolve,
    PatchSelection,
    PrivateKernelInducingPoints,
    SoftLabelPruning,
    SoftLabelRandom,
    StaggeredMatching,
    StatisticsMatching,
    TrajectoryMatching,
    UnrolledTraining,
)
from skdc.condensers import NamedCondenser
from skdc.networks import MLP
from skdc.privacy import GaussianMechanism

from ..codes.test_codes import size_without_header

SMALL = {"network": MLP(width=8, depth=1), "n_steps": 2}
LEARNED = {**SMALL, "labels": "learned"}
TAUGHT = {**SMALL, "n_train_steps": 2, "teacher": GaussianNB(var_smoothing=10.0)}
CONDENSERS = [
    KernelInducingPoints(n_steps=2),
    FRePo(n_networks=2, **LEARNED),
    RFAD(**LEARNED),
    RCIG(**LEARNED),
    UnrolledTraining(n_train_steps=3, n_backward=3, **LEARNED),
    LabelDistillation(n_networks=2, **SMALL),
    TrajectoryMatching(n_experts=1, n_segments=1, n_student_steps=2, labels="probabilities", **SMALL),
    LabelSolve(),
    StatisticsMatching(**TAUGHT),
    StaggeredMatching(n_rounds=2, **TAUGHT),
    SoftLabelPruning(**TAUGHT),
    PatchSelection(teacher=GaussianNB(var_smoothing=10.0)),
    SoftLabelRandom(teacher=GaussianNB(var_smoothing=10.0)),
    PrivateKernelInducingPoints(
        bandwidth=30.0,
        labels="learned",
        n_frequencies=20,
        n_steps=2,
        privacy=GaussianMechanism(epsilon=10.0, feature_range=(0, 16)),
    ),
]


def test_all_that_have_soft_labels_are_tried():
    named = [getattr(condensers, name) for name in condensers.__all__]
    named = [kind for kind in named if issubclass(kind, NamedCondenser) and kind is not NamedCondenser]
    having = {kind.__name__ for kind in named if {"labels", "top_labels"} & set(kind().get_params(deep=False))}
    assert having == {type(condenser).__name__ for condenser in CONDENSERS}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: type(condenser).__name__)
def test_the_largest_labels_are_kept_in_their_bytes(condenser, tmp_path):
    X, y = (part[:400] for part in load_digits(return_X_y=True))
    fitted = clone(condenser).set_params(n_per_class=2, label_bits=4, top_labels=3, random_state=0).fit(X, y)
    learned = fitted.y_soft_ if fitted.y_learned_ is None else fitted.y_learned_
    assert ((learned != 0).sum(axis=1) == 3).all() and ((fitted.y_soft_ != 0).sum(axis=1) <= 3).all()
    soft = fitted.condensed_.coded_labels.nbytes
    assert soft == 20 * 3 * 4 // 8 + 20 * 3 * 4 // 8, "three numbers of four bits, and which of ten classes they are of"
    fitted.condensed_.save(tmp_path / "set.skdc")
    assert size_without_header(tmp_path / "set.skdc") == fitted.storage_["bytes"]
    np.testing.assert_array_equal(skdc.load(tmp_path / "set.skdc").y_soft, fitted.y_soft_)


def test_the_best_labels_are_cut_to_those_that_are_kept():
    X, y = (part[:200] for part in load_digits(return_X_y=True))
    condenser = LabelSolve(n_per_class=2, random_state=0)
    best = condenser.fit(X, y).y_learned_
    few = clone(condenser).set_params(top_labels=2).fit(X, y).y_learned_
    largest = np.argsort(-np.abs(best), axis=1)[:, :2]
    expected = np.zeros_like(best)
    np.put_along_axis(expected, largest, np.take_along_axis(best, largest, 1), 1)
    np.testing.assert_allclose(few, expected)
