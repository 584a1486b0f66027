"""Semantic deduplication keeps the contract of condensers on rows of embeddings."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skdc
from skdc import CondensedEstimator, RandomSubset, SemanticDeduplication, at_most, make_condensing_pipeline
from skdc.sources import RowSource


@pytest.fixture
def data():
    """Return rows of two classes in 20 directions, of which each comes twice."""
    draws = np.random.default_rng(0)
    X, y = draws.normal(size=(60, 20)), np.repeat(["b", "a"], 30)
    X[y == "a"] += 1
    return np.concatenate([X, 1.5 * X]), np.concatenate([y, y])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_dtypes_stay(data, dtype):
    X, y = data
    fitted = SemanticDeduplication().fit((10 * X).astype(dtype), y)
    assert fitted.X_syn_.dtype == dtype
    assert_array_equal(np.unique(fitted.y_syn_, return_counts=True)[1], [30, 30])
    assert_array_equal(fitted.X_syn_, (10 * X).astype(dtype)[fitted.indices_])


def test_mapped_files_are_read_and_not_written(data, tmp_path):
    X, y = data
    np.save(tmp_path / "rows.npy", X.astype(np.float16))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    fitted = SemanticDeduplication().fit(mapped, y)
    assert len(fitted.indices_) == 60
    assert type(fitted.X_syn_) is np.ndarray


def test_frames_come_out_as_frames(data):
    X, y = data
    frame, target = pd.DataFrame(X).add_prefix("e"), pd.Series(y, name="kind")
    fitted = SemanticDeduplication(encoder=None).fit(frame, target)
    X_syn, y_syn = fitted.condensed_.X, fitted.condensed_.y
    pd.testing.assert_frame_equal(X_syn, frame.iloc[fitted.indices_])
    assert y_syn.name == "kind"
    assert len(y_syn) == 60


def test_sizes_can_be_asked_for(data):
    X, y = data
    assert_array_equal(np.unique(SemanticDeduplication(4).fit(X, y).y_syn_, return_counts=True)[1], [4, 4])
    sizes = np.unique(SemanticDeduplication({"a": 3, "b": at_most(5)}).fit(X, y).y_syn_, return_counts=True)[1]
    assert_array_equal(sizes, [3, 5])
    assert len(SemanticDeduplication(n_samples=0.1).fit(X).indices_) == 12
    assert 1 < len(SemanticDeduplication(n_bytes="2 kB").fit(X, y).indices_) < 13


def test_targets_that_are_no_classes_do_not_count(data):
    X, _ = data
    targets = np.arange(120) / 7
    fitted = SemanticDeduplication().fit(X, targets)
    assert_array_equal(fitted.y_syn_, targets[fitted.indices_])
    assert len(fitted.indices_) == 60


def test_weights_carry_the_masses_of_classes(data):
    X, y = data
    weight = np.where(y == "a", 3.0, 1.0)
    fitted = SemanticDeduplication().fit(X, y, sample_weight=weight)
    mass = fitted.sample_weight_[fitted.y_syn_ == "a"].sum() / fitted.sample_weight_.sum()
    np.testing.assert_allclose(mass, 0.75)


def test_sets_are_saved_and_pickled(data, tmp_path):
    X, y = data
    fitted = SemanticDeduplication(random_state=0).fit(X.astype(np.float16), y)
    fitted.condensed_.save(tmp_path / "set.skdc")
    assert_array_equal(skdc.load(tmp_path / "set.skdc").X, fitted.X_syn_)
    again = clone(pickle.loads(pickle.dumps(fitted))).fit(X.astype(np.float16), y)
    assert_array_equal(again.indices_, fitted.indices_)


def test_texts_in_pipelines():
    texts = ["a red apple", "one red apple", "a green pear", "nuts and bolts", "bolts and nails", "nuts and the bolts"]
    kinds = ["fruit"] * 3 + ["tools"] * 3
    deduplication = SemanticDeduplication(max_similarity=0.7, random_state=0)
    model = make_condensing_pipeline(TfidfVectorizer(), deduplication, LogisticRegression()).fit(texts, kinds)
    assert model[1].X_syn_.shape[0] < 6
    assert model.score(texts, kinds) > 0.8
    embedded = make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0))
    last = CondensedEstimator(condenser=deduplication, estimator=LogisticRegression())
    assert last.fit(embedded.fit_transform(texts), kinds).score(embedded.transform(texts), kinds) > 0.5


@pytest.mark.parametrize("task", ["classification", "regression", "none"])
def test_rows_that_no_objective_looks_at_are_not_cast(task, data, monkeypatch):
    X, y = data
    target, kind = {"classification": y, "regression": np.arange(120.0)}.get(task), task.replace("none", "auto")
    before = RandomSubset(n_samples=100, task=kind, random_state=0).fit(X, target)
    cast = []
    encode = RowSource.encode
    monkeypatch.setattr(RowSource, "encode", lambda self, X: cast.append(len(X)) or encode(self, X))
    fitted = RandomSubset(n_samples=100, task=kind, random_state=0).fit(X, target)
    assert sum(cast) == 0
    assert_array_equal(fitted.X_syn_, X[fitted.indices_])
    assert_array_equal(fitted.indices_, before.indices_)
    if target is not None:
        assert_array_equal(fitted.y_syn_, target[fitted.indices_])
