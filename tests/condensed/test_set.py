"""Condensed sets, and how learners are shown them."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdc import AutoCondenser, Condenser, KMeansCondenser, KMedoids, RandomSubset
from skdc.condensed import CondensedSet
from skdc.discrepancies import RandomFeatureMMD
from skdc.learners import KernelRidgeClassifier
from skdc.provenance import Provenance

SOFT = np.array([[0.75, 0.25, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
ROWS = np.arange(6.0).reshape(3, 2)
CLASSES = np.array(["a", "b", "c"])


def shared(y="abc", weight=(1.0, 2.0, 3.0)):
    return CondensedSet(ROWS, np.array(list(y)), np.array(weight), SOFT, CLASSES)


def test_soft_labels_are_weighted_copies_for_who_takes_weights():
    X, y, fit_params = shared().for_learner(LogisticRegression())
    assert_array_equal(X, ROWS[[0, 0, 1, 2, 2, 2]])
    assert_array_equal(y, list("abbabc"))
    assert_allclose(fit_params.pop("sample_weight"), [0.75, 0.25, 2, 0.75, 0.75, 1.5])
    assert not fit_params
    _, _, unweighted = replace(shared(), sample_weight=None).for_learner(LogisticRegression())
    assert_allclose(unweighted["sample_weight"], [0.75, 0.25, 1, 0.25, 0.25, 0.5])


def test_soft_labels_are_probabilities_for_who_takes_them():
    learner = KernelRidgeClassifier()
    X, y, fit_params = shared().for_learner(learner)
    assert X is ROWS and y is SOFT
    assert_array_equal(fit_params["sample_weight"], [1, 2, 3])
    assert learner.classes is None  # it is only asked what it takes
    assert_array_equal(shared().train(clone(learner)).classes_, CLASSES)


def test_soft_labels_are_labels_for_who_takes_neither():
    X, y, fit_params = shared().for_learner(KNeighborsClassifier(1))
    assert X is ROWS and not fit_params
    assert_array_equal(y, list("abc"))


def test_a_class_without_a_share_is_not_lost():
    without = replace(shared(), y_soft=np.c_[SOFT[:, :2] + SOFT[:, 2:] / 2, np.zeros(3)])
    for learner in (LogisticRegression(), KernelRidgeClassifier()):
        _, y, fit_params = without.for_learner(learner)
        assert_array_equal(y, list("abc"))
        assert_array_equal(fit_params["sample_weight"], [1, 2, 3])


def test_frames_are_copied_as_frames():
    frame = pd.DataFrame({"size": [1, 2, 3], "shape": list("xyz")}, index=[7, 8, 9])
    X, _, _ = replace(shared(), X=frame).for_learner(LogisticRegression())
    pd.testing.assert_frame_equal(X, frame.iloc[[0, 0, 1, 2, 2, 2]])


def test_what_is_shown_is_not_what_is_kept():
    condensed = shared()
    X, y, fit_params = condensed.for_learner(LogisticRegression())
    X[:], y[:], fit_params["sample_weight"][:] = 0, "z", 0
    assert_array_equal(condensed.X, np.arange(6.0).reshape(3, 2))
    assert_array_equal(condensed.y, list("abc"))
    assert_array_equal(condensed.sample_weight, [1, 2, 3])


@pytest.mark.parametrize("condenser", [KMeansCondenser(n_per_class=2), KMedoids(n_per_class=2)], ids=["made", "chosen"])
def test_a_fitted_condenser_has_its_set(condenser):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    y = pd.Series(np.repeat(["no", "yes"], 15), name="answer")
    weight = rng.uniform(0, 2, 30) * (np.arange(30) > 3)
    fitted = clone(condenser).set_params(random_state=0).fit(frame, y, sample_weight=weight)
    condensed = fitted.condensed_
    for one, other in zip(fitted, condensed, strict=True):
        assert one is other
    assert condensed.y.name == "answer" and list(condensed.X) == ["a", "b"]
    assert condensed.sample_weight is fitted.sample_weight_ and condensed.y_soft is None
    assert_array_equal(condensed.classes, ["no", "yes"])
    if "indices_" in vars(fitted):  # of what was passed, where the first rows have no weight
        assert fitted.indices_.min() > 3
        pd.testing.assert_frame_equal(condensed.X, frame.iloc[fitted.indices_])
        assert condensed.y.tolist() == y.iloc[fitted.indices_].tolist()


def test_the_set_of_a_stream_is_solved_for_when_it_is_read():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0), encoder=None, n_per_class=2, random_state=0)
    condenser.partial_fit(X[:30], y[:30])
    first = condenser.condensed_
    condenser.partial_fit(X[30:], y[30:])
    assert not np.array_equal(first.X, condenser.condensed_.X)
    assert_array_equal(condenser.condensed_.X, condenser.X_syn_)


def test_auto_has_the_set_of_the_best():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 2)), np.arange(80) % 2
    auto = AutoCondenser(KNeighborsClassifier(1), candidates=[RandomSubset()], n_per_class=3, random_state=0)
    auto.fit(X, y)
    assert next(iter(auto)) is auto.condensed_.X is auto.best_condenser_.condensed_.X
    assert_array_equal(auto.condensed_.X, X[auto.indices_])


def test_before_fit_there_is_no_set():
    assert not hasattr(KMedoids(), "condensed_")
    with pytest.raises(NotFittedError):
        tuple(KMedoids())


def test_a_dataset_has_rows_targets_and_weights():
    rows, targets, weights = shared().to_dataset().tensors
    assert rows.dtype == targets.dtype == weights.dtype == torch.float32
    assert_array_equal(rows, ROWS)
    assert_array_equal(targets, SOFT)
    assert_array_equal(weights, [1, 2, 3])
    rows[:] = 0
    assert ROWS[2, 1] == 5


@pytest.mark.parametrize(
    "y",
    [
        np.array(list("cab")),
        np.array(list("cab"), dtype=object),
        pd.Series(list("cab"), dtype="string"),
        pd.Series(pd.Categorical(list("cab"), categories=list("zcba"))),
    ],
)
def test_labels_of_a_dataset_are_places_among_the_classes(y):
    for condensed in (
        CondensedSet(ROWS, y, classes=CLASSES),
        CondensedSet(ROWS, y, y_soft=np.eye(3)[[0, 1, 1]], classes=CLASSES),  # of which c has no share
    ):
        _, targets = condensed.to_dataset().tensors
        assert targets.dtype == torch.int64 and targets.tolist() == [2, 0, 1]
    numbers = CondensedSet(ROWS, pd.Series([10, 5, 10], dtype="Int64"), classes=np.array([5, 10]))
    assert numbers.to_dataset().tensors[1].tolist() == [1, 0, 1]


def test_continuous_targets_of_a_dataset_are_floats():
    for y in (np.array([0.5, 1, 2]), pd.Series([1, 2, 3], dtype="Int64"), np.eye(3)):
        targets = CondensedSet(ROWS, y).to_dataset().tensors[1]
        assert targets.dtype == torch.float32
        assert_array_equal(targets, np.asarray(y, dtype=float))
    assert len(CondensedSet(ROWS, None).to_dataset().tensors) == 1


def test_rows_of_a_dataset():
    nullable = pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": [True, False]})
    for rows in (nullable, nullable.astype(float), csr_array([[1, 1], [2, 0]]), np.array([[1, 1], [2, 0]], np.uint8)):
        found = CondensedSet(rows, None).to_dataset().tensors[0]
        assert found.dtype == torch.float32 and found.tolist() == [[1, 1], [2, 0]]
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    found = CondensedSet(images, None).to_dataset().tensors[0]
    assert found.dtype == torch.uint8 and found.shape == images.shape and found.tolist() == images.tolist()
    assert CondensedSet(images / 255, None).to_dataset().tensors[0].dtype == torch.float32


@pytest.mark.parametrize(
    "condensed, message",
    [
        (
            CondensedSet(pd.DataFrame({"n": [1], "w": ["a"]}), None),
            "column 'w' of X has dtype .*, of which torch has none; enc",
        ),
        (CondensedSet(pd.DataFrame({"at": pd.to_datetime(["2020"])}), None), r"column 'at' of X has dtype datetime64"),
        (CondensedSet(np.array([["a"]]), None), "X has dtype <U1, of which torch has none; encode the rows first"),
        (CondensedSet(ROWS, np.array(list("abc"))), r"y has dtype <U1, .* classes=numpy.unique\(condensed.y\)"),
        (
            CondensedSet(ROWS, np.array(list("abz")), classes=CLASSES),
            r"y holds 'z', but the classes are \['a', 'b', 'c'\]",
        ),
        (CondensedSet(np.array([[np.nan]]), None), "X has values that are missing; fill them first"),
        (CondensedSet(np.array([[1e39]]), None), r"X holds 1e\+39, which float32 does not; scale it first"),
    ],
    ids=lambda part: None,
)
def test_what_torch_has_not_is_refused(condensed, message):
    with pytest.raises((TypeError, ValueError), match=message):
        condensed.to_dataset()


def provenance(condenser, **others):
    held = {
        "parameters": {"n_per_class": 2},
        "recipe": {"solver": "Draw()"},
        "seed": 0,
        "version": "0.1.0",
        "n_rows": 3,
    }
    held |= {
        "n_points": 3,
        "n_per_class": {"a": 1},
        "rows_per_class": {"a": 9.0},
        "fingerprint": condenser,
        "seconds": 1.5,
    }
    return Provenance(condenser=condenser, **{**held, "privacy": None, "storage": {"points": 3}, **others})


def test_rows_that_are_chosen_of_a_set_keep_their_soft_labels():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.repeat(list("abc"), 10)
    soft = rng.dirichlet(np.ones(3), 30)
    condensed = CondensedSet(X, y, rng.uniform(0.5, 2, 30), soft, CLASSES)
    smaller = condensed.shrink(KMedoids(n_per_class=2, random_state=0))
    fitted = KMedoids(n_per_class=2, random_state=0).fit(X, y, sample_weight=condensed.sample_weight)
    assert_array_equal(smaller.X, X[fitted.indices_])
    assert_array_equal(smaller.y, list("aabbcc"))
    assert_array_equal(smaller.y_soft, soft[fitted.indices_])
    assert_array_equal(smaller.classes, CLASSES)
    assert_array_equal(smaller.sample_weight, fitted.sample_weight_)
    unweighted = KMedoids(n_per_class=2, random_state=0).fit(X, y)
    assert not np.allclose(fitted.sample_weight_, unweighted.sample_weight_)
    assert_array_equal(
        replace(condensed, sample_weight=None).shrink(unweighted).sample_weight, unweighted.sample_weight_
    )
    made = condensed.shrink(KMeansCondenser(n_per_class=2, random_state=0))
    assert made.y_soft is None and made.X.shape == (6, 2)


def test_a_condenser_is_not_changed_by_what_it_shrinks():
    condenser = RandomSubset(n_per_class=1)
    replace(shared(), y_soft=None).shrink(condenser)
    assert not hasattr(condenser, "condensed_")


def test_the_provenance_of_a_smaller_set_says_both(monkeypatch):
    private = provenance("first", privacy={"epsilon": 1.0}, n_rows=1000)
    second = provenance("second", n_rows=3, n_points=1, seconds=0.5, seed=7)
    fit = RandomSubset.fit

    def with_provenance(self, *given, **others):
        fit(self, *given, **others)
        self.condensed_ = replace(self.condensed_, provenance=second)
        return self

    monkeypatch.setattr(RandomSubset, "fit", with_provenance)
    found = replace(shared(), provenance=private).shrink(RandomSubset(1)).provenance
    assert found.condenser == "second, of the set by first" and found.seed == 7 and found.n_points == 1
    assert found.n_rows == 1000 and found.fingerprint == "first" and found.privacy == {"epsilon": 1.0}
    assert found.seconds == 2.0 and found.rows_per_class == {"a": 9.0}
    assert found.parameters == {"n_per_class": 2, "shrunk": asdict(replace(private, scaling=None))}
    assert json.loads(json.dumps(asdict(found))) == asdict(found)
