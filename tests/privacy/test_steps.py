"""What stands before a private condenser sees the rows as they are: it neither learns from them nor keeps them."""

import numpy as np
import pytest
from joblib import Memory
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skdc import (
    CondensedEstimator,
    Condenser,
    CondensingPipeline,
    KMedoids,
    PrivateMeanEmbedding,
    make_condensing_pipeline,
)
from skdc.discrepancies import MMD
from skdc.parameterizations import Points
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger

pytest.importorskip("dp_accounting")
X = np.random.default_rng(0).uniform(-2, 2, size=(60, 4))
y = np.arange(60) % 2
FITTED = FrozenEstimator(StandardScaler().fit(X))


def summed(ledger=None):
    privacy = GaussianMechanism(feature_range=(-3, 3), ledger=ledger)
    return PrivateMeanEmbedding(2, bandwidth=1.0, n_steps=3, privacy=privacy)


def drawn(ledger=None):
    return Condenser(MMD(), privacy=ClassGaussians(feature_range=(-3, 3), n_rows=100, ledger=ledger), n_per_class=1)


def both(*steps):
    return [FeatureUnion([(str(k), step) for k, step in enumerate(steps)])]


def columns(step, remainder="drop"):
    return [ColumnTransformer([("a", step, [0, 1])], remainder=remainder)]


LEARNS = [
    [StandardScaler()],
    [FITTED, PCA(2)],
    [KMedoids(10)],
    [make_pipeline(FunctionTransformer(), StandardScaler())],
    [make_pipeline(make_pipeline(StandardScaler()))],
    [CondensingPipeline([("a", StandardScaler())])],
    both(FunctionTransformer(), PCA(1)),
    columns(StandardScaler()),
    columns(FITTED, StandardScaler()),
]
KNOWS = [
    [],
    ["passthrough"],
    [FITTED],
    [Normalizer(), FunctionTransformer()],
    [make_pipeline(FunctionTransformer(), FITTED)],
    both(FunctionTransformer(), Normalizer()),
    columns("passthrough", FunctionTransformer()),
]


def name_of(steps):
    return str(steps)[:40]


@pytest.mark.parametrize("steps", LEARNS, ids=name_of)
@pytest.mark.parametrize("make", [summed, drawn])
def test_a_step_that_learns_before_a_private_condenser_is_refused(make, steps):
    ledger = PrivacyLedger()
    with pytest.raises(ValueError, match=r"(?s)would learn from the rows, .*without noise.*FrozenEstimator"):
        make_condensing_pipeline(*steps, make(ledger), LogisticRegression()).fit(X, y)
    assert not ledger.releases


def test_the_private_condenser_may_lie_deep():
    tail = CondensedEstimator(summed(), LogisticRegression())
    for steps in (
        [StandardScaler(), tail],
        [make_pipeline(StandardScaler(), tail)],
        [StandardScaler(), make_pipeline(FITTED, tail)],
        [CondensingPipeline([("a", StandardScaler()), ("b", summed()), ("c", LogisticRegression())])],
    ):
        with pytest.raises(ValueError, match="would learn from the rows"):
            make_condensing_pipeline(*steps).fit(X, y)


@pytest.mark.parametrize("steps", KNOWS, ids=name_of)
def test_steps_that_learn_nothing_are_taken_and_those_after_see_the_set(steps):
    pipe = make_condensing_pipeline(*steps, summed(), StandardScaler(), KMedoids(1), LogisticRegression())
    assert pipe.fit(X, y).predict(X).shape == (60,)


def test_an_encoder_that_learns_nothing_is_taken():
    plain = FunctionTransformer(lambda rows: rows, inverse_func=lambda rows: rows)
    assert summed().set_params(encoder=plain).fit(X, y).X_syn_.shape == (4, 4)


@pytest.mark.parametrize("make_memory", [str, lambda path: Memory(str(path), verbose=0)], ids=["path", "memory"])
@pytest.mark.parametrize("kind", [CondensingPipeline, Pipeline])
def test_a_memory_of_a_pipeline_inside_is_refused(kind, make_memory, tmp_path):
    two, memory = [("a", FunctionTransformer()), ("b", FunctionTransformer())], make_memory(tmp_path)
    tail = [*two, ("c", CondensedEstimator(summed(), LogisticRegression()))]
    for steps in (
        [kind(two, memory=memory), summed(), LogisticRegression()],
        [FeatureUnion([("a", kind(two, memory=memory))]), summed()],
        [kind(tail, memory=memory)],
    ):
        with pytest.raises(ValueError, match="files that others may read"):
            make_condensing_pipeline(*steps).fit(X, y)
    assert not list(tmp_path.rglob("*.pkl"))


def test_what_comes_after_a_private_set_may_be_kept(tmp_path):
    after = Pipeline([("a", StandardScaler()), ("b", LogisticRegression())], memory=str(tmp_path))
    make_condensing_pipeline(summed(), after, memory=Memory(None)).fit(X, y)


def test_a_teacher_with_a_memory_is_refused(tmp_path):
    teacher = Pipeline([("a", StandardScaler()), ("b", LogisticRegression())], memory=str(tmp_path))
    condenser = drawn().set_params(parameterization=Points(labels="teacher", teacher=teacher))
    with pytest.raises(ValueError, match="files that others may read"):
        condenser.fit(X, y)
