"""The contract of an estimator: what goes in comes out, in its own units."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import validate_data

from skdc import (
    AddressableMemories,
    CondensedEstimator,
    CondensedGenerator,
    Condenser,
    GeneralCondenser,
    GenerativePrior,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    LabelDistillation,
    LabelSolve,
    RandomSubset,
    SoftLabelPruning,
    TabularCondenser,
)
from skdc.discrepancies import MMD, RandomFeatureMMD, Sinkhorn, SquaredL2
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions

from .quick import DIFFUSION, QUICK, TRAINED, every_condenser, some_condensers

selections = pytest.mark.parametrize("condenser", [RandomSubset(random_state=0), KernelHerding()], ids=repr)

# Three classes of 10, 20 and 30 rows, far apart, away from the origin.
y = np.repeat(["a", "b", "c"], [10, 20, 30])
CENTRES = np.repeat([0.0, 20.0, 40.0], [10, 20, 30])[:, None]
X = 100 + CENTRES + np.random.default_rng(0).normal(size=(60, 3))
TARGET = X[:, 0] - X[:, 1] + 1000
INSTEAD = r"CondensingPipeline.*CondensedEstimator"


# Their teachers are of classes.
DECOUPLED = {"StatisticsMatching", "StaggeredMatching", "SoftLabelPruning", "PatchSelection"}
# Features and latents do not show continuous targets; hard rows are those of a class, and so are centres;
# cross-entropies compare probabilities; and the teachers of these tell classes apart.
CLASSES_ONLY = {
    "DistributionMatching",
    "LearningVectorQuantization",
    "M3D",
    "NCFM",
    "WMDD",
    "OptimalTransportMatching",
    "DataDAM",
    "UncertaintySubset",
    "CoverageCentricSelection",
    "MessagePassingSelection",
    "CAFE",
    "RFAD",
    "GeneralCondenser",
    "AddressableMemories",
    "UnrolledTraining",
    "SoftLabelRandom",
    "TabularCondenser",
    "BestOf",
    "GenerativePrior",
    "LatentQuantization",
    "MinimaxDiffusion",
    "InfluenceGuidance",
    "CondensedGenerator",
    *DECOUPLED,
}
# These train on targets.
TARGETS_ONLY = {
    "GradientMatching",
    "CurvatureMatching",
    "TrajectoryMatching",
    "KernelInducingPoints",
    "CondensedNeighbors",
    "DecrementalReduction",
    "EditedNeighbors",
    "GradMatch",
    "LearningVectorQuantization",
    "UncertaintySubset",
    "CoverageCentricSelection",
    "MessagePassingSelection",
    "GreedyKernelPoints",
    "ImprovedDistributionMatching",
    "M3D",
    "NCFM",
    "WMDD",
    "CAFE",
    "FRePo",
    "GeneralCondenser",
    "RFAD",
    "RCIG",
    "AddressableMemories",
    "UnrolledTraining",
    "LabelDistillation",
    "LabelSolve",
    "SoftLabelRandom",
    "TabularCondenser",
    "BestOf",
    *DECOUPLED,
}
for_regression = some_condensers([name for name in QUICK if name not in CLASSES_ONLY])
for_the_trained_well = some_condensers([name for name in QUICK if name not in TRAINED])
without_targets = some_condensers([name for name in QUICK if name not in TARGETS_ONLY])


@every_condenser
def test_gives_exactly_a_pair(condenser):
    condenser = clone(condenser)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        iter(condenser)
    assert condenser.fit(X, y) is condenser
    first, second = list(condenser), clone(condenser).fit_transform(X, y)
    assert len(first) == len(second) == 2
    for mine, theirs in zip(first, second, strict=True):
        assert_array_equal(mine, theirs)
    assert first[0] is condenser.X_syn_ or np.array_equal(first[0], condenser.X_syn_)


def test_pair_is_not_taken_for_rows():
    pair = RandomSubset(random_state=0).fit_transform(X, y)
    assert isinstance(pair, tuple)
    for misuse in (np.asarray, np.shape, lambda pair: pair.shape, StandardScaler().fit):
        with pytest.raises(TypeError, match=INSTEAD):
            misuse(pair)


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that must not be trained."""

    def fit(self, X, y):
        X = validate_data(self, X)
        raise AssertionError(f"trained on {len(X)} rows")


@every_condenser
def test_never_trains_on_all_rows_in_a_plain_pipeline(condenser):
    with pytest.raises(TypeError, match=INSTEAD):
        make_pipeline(StandardScaler(), clone(condenser), Recorder()).fit(X, y)
    with pytest.raises(TypeError, match=INSTEAD):
        FeatureUnion([("raw", StandardScaler()), ("few", clone(condenser))]).fit_transform(X, y)
    sized = clone(condenser).set_params(n_per_class=10)  # for some, the data say how many
    X_syn, y_syn = make_pipeline(StandardScaler(), sized).fit(X, y)[-1]
    assert len(X_syn) == len(y_syn) == 30


def test_transform_gives_rows_back_and_checks_them():
    frame = pd.DataFrame(X, columns=["p", "q", "r"])
    condenser = RandomSubset(random_state=0).fit(frame, y)
    assert condenser.transform(frame) is frame
    with pytest.raises(ValueError, match="feature names should match"):
        condenser.transform(frame.rename(columns={"p": "z"}))
    with pytest.raises(NotFittedError):
        RandomSubset().transform(X)


@pytest.mark.parametrize("encoder", [None, StandardScaler()], ids=["plain", "encoder"])
def test_transform_checks_features(encoder):
    condenser = KMeansCondenser(encoder=encoder, n_per_class=2, random_state=0).fit(X, y)
    assert_array_equal(condenser.transform(X[:7]), X[:7])
    with pytest.raises(ValueError, match=r"X has 2 features, but \w+ is expecting 3 features"):
        condenser.transform(X[:, :2])


def test_transform_checks_the_shape_of_images():
    images = np.random.default_rng(0).random((20, 8, 8))
    condenser = RandomSubset(random_state=0).fit(images, np.arange(20) % 2)
    assert condenser.transform(images[:3]).shape == (3, 8, 8)
    with pytest.raises(ValueError, match=r"\(8, 4\).*\(8, 8\)"):
        condenser.transform(images[:, :, :4])


@without_targets
def test_without_targets(condenser):
    condenser = clone(condenser).fit(X)
    X_syn, y_syn = condenser
    assert X_syn.shape == (60, 3) and y_syn is None
    assert condenser.y_syn_ is condenser.y_soft_ is condenser.y_learned_ is None
    assert not hasattr(condenser, "classes_")
    assert_allclose(condenser.sample_weight_, 1)
    assert clone(condenser).set_params(n_samples=0.1).fit(X).X_syn_.shape == (6, 3)


@for_regression
@pytest.mark.parametrize("targets", [TARGET, 1e8 * TARGET, 1e-8 * TARGET, np.c_[TARGET, -TARGET]])
def test_regression(condenser, targets):
    condenser = clone(condenser).set_params(n_samples=12).fit(X, targets)
    X_syn, y_syn = condenser
    assert X_syn.shape == (12, 3) and y_syn.shape == (12,) + targets.shape[1:] and y_syn.dtype == np.float64
    assert_array_equal(y_syn, condenser.y_syn_)
    assert np.all(y_syn >= targets.min(axis=0)) and np.all(y_syn <= targets.max(axis=0))
    assert condenser.y_soft_ is None and not hasattr(condenser, "classes_")
    learned = not hasattr(condenser, "indices_")
    assert (condenser.y_learned_ is not None) == learned
    if learned:  # as they were optimised, and so maybe out of range
        within = np.clip(condenser.y_learned_, targets.min(axis=0), targets.max(axis=0))
        assert_array_equal(within, y_syn)


@for_regression
def test_several_labels_a_row(condenser):
    targets = np.stack([X[:, 0] > 0, X[:, 1] > 0.5, y == "a"], axis=1).astype(np.int32)
    condenser = clone(condenser).set_params(n_samples=12).fit(X, targets)
    X_syn, y_syn = condenser
    assert X_syn.shape == (12, 3) and y_syn.shape == (12, 3)
    assert y_syn.dtype.kind == "i" and set(np.unique(y_syn)) == {0, 1}
    assert condenser.y_soft_ is None and not hasattr(condenser, "classes_")
    frame = pd.DataFrame(targets, columns=["warm", "high", "first"]).astype("int8")
    _, labels = clone(condenser).set_params(task="classification").fit(X, frame)
    assert labels.columns.tolist() == ["warm", "high", "first"] and (labels.dtypes == "int8").all()
    assert_array_equal(labels, y_syn)
    mixed = frame.astype({"warm": bool})
    assert [*clone(condenser).fit(X, mixed)][1].dtypes.tolist() == mixed.dtypes.tolist()
    for dtype in (bool, np.uint8, np.float32):
        fitted = clone(condenser).set_params(task="classification").fit(X, targets.astype(dtype))
        assert fitted.y_syn_.dtype == [*fitted][1].dtype == dtype
        assert_array_equal(fitted.y_syn_, y_syn)
    numbers = clone(condenser).set_params(task="regression").fit(X, targets).y_syn_
    assert numbers.dtype == np.float64, "indicators are numbers for those who say so"


@every_condenser
def test_rows_that_are_all_alike(condenser):
    condenser = clone(condenser).set_params(n_per_class=2)
    if condenser.get_params().get("teacher") is not None:
        condenser.set_params(teacher=DecisionTreeClassifier())  # naive Bayes has no deviation to divide by
    if "generator" in condenser.get_params():
        with pytest.raises(ValueError, match="give it data that vary"):
            condenser.fit(np.full((60, 3), 2.5), y)
        return
    assert (condenser.fit(np.full((60, 3), 2.5), y).X_syn_ == 2.5).all()


@for_regression
def test_constant_target(condenser):
    condenser = clone(condenser).set_params(n_samples=5).fit(X, np.full(60, 0.5))
    assert np.isfinite(condenser.X_syn_).all()
    assert_allclose(condenser.y_syn_, 0.5, atol=0.2)  # three quick steps of 0.05


@without_targets
def test_one_class(condenser):
    condenser = clone(condenser).fit(X, np.full(60, "only"))
    assert condenser.X_syn_.shape == (10, 3) and condenser.y_syn_.tolist() == ["only"] * 10
    assert condenser.classes_.tolist() == ["only"]


@pytest.mark.parametrize("condenser", [RandomSubset(random_state=0), Condenser(solver=Descent(n_steps=1))], ids=repr)
@pytest.mark.parametrize(
    "size, counts",
    [
        ({}, [10, 10, 10]),
        ({"n_per_class": 3}, [3, 3, 3]),
        ({"n_per_class": np.int64(3)}, [3, 3, 3]),
        ({"n_per_class": {"c": 3, "a": 1, "b": 2}}, [1, 2, 3]),
        ({"n_samples": 12}, [2, 4, 6]),
        ({"n_samples": 3}, [1, 1, 1]),
        ({"n_samples": 0.2}, [2, 4, 6]),
        ({"n_samples": 0.001}, [1, 1, 1]),
        ({"n_samples": 0.999}, [10, 20, 30]),
    ],
    ids=str,
)
def test_sizes(condenser, size, counts):
    labels, n_rows = np.unique(clone(condenser).set_params(**size).fit(X, y).y_syn_, return_counts=True)
    assert labels.tolist() == ["a", "b", "c"] and n_rows.tolist() == counts


def test_default_sizes():
    rng = np.random.default_rng(0)
    few = np.repeat(["a", "b"], [4, 56])
    assert np.unique(RandomSubset().fit(X, few).y_syn_, return_counts=True)[1].tolist() == [4, 10]
    for targets in (None, rng.normal(size=150)):
        assert len(RandomSubset().fit(rng.normal(size=(150, 2)), targets).X_syn_) == 100
    # Shares follow the weights, not the rows.
    heavy = np.where(y == "a", 6.0, 1.0)
    sizes = np.unique(RandomSubset(n_samples=11).fit(X, y, sample_weight=heavy).y_syn_, return_counts=True)[1]
    assert sizes.tolist() == [6, 2, 3]


def learned(**parameters):
    """Return a condenser that learns labels of points, quick."""
    space = KernelRidgePredictions(regularization=1e-3)
    parts = SquaredL2(space=space, by=None), Points(labels="learned"), Descent(n_steps=20)
    return Condenser(*parts, random_state=0, **parameters)


@pytest.mark.parametrize("condenser", [learned(n_per_class=2), KernelInducingPoints(n_per_class=2, random_state=0)])
def test_learned_labels(condenser):
    condenser = clone(condenser).fit(X, y)
    soft, raw = condenser.y_soft_, condenser.y_learned_
    assert soft.shape == raw.shape == (6, 3)
    assert soft.min() >= 0
    assert_allclose(soft.sum(axis=1), 1, rtol=1e-12)
    assert np.abs(raw.sum(axis=1) - 1).max() > 1e-6, "learned targets are raw: they need not sum to one"
    assert condenser.y_syn_.tolist() == [*"aabbcc"], "the class for which a row was asked, whatever was learned"
    # The projection on the simplex is the nearest point of it: no other one is nearer.
    for corner in np.eye(3):
        assert np.all(((raw - soft) * (corner - soft)).sum(axis=1) <= 1e-9)


@pytest.mark.parametrize(
    "condenser",
    [
        learned(n_per_class=1),
        KernelInducingPoints(n_per_class=1, random_state=0),
        LabelSolve(n_per_class=1, random_state=0),
        LabelDistillation(n_per_class=1, n_networks=2, n_steps=5, random_state=0),
    ],
)
def test_a_rare_class_keeps_the_labels_of_its_rows(condenser):
    rng = np.random.default_rng(0)
    rows, labels = np.r_[rng.normal(size=(200, 3)), rng.normal(size=(5, 3)) + 1], np.repeat([0, 1], [200, 5])
    fitted = clone(condenser).fit(rows, labels)
    assert fitted.y_syn_.tolist() == [0, 1]
    model = CondensedEstimator(condenser, LogisticRegression()).fit(rows, labels)
    assert model.classes_.tolist() == [0, 1]
    assert model.estimator_.fit(*fitted).predict(fitted.X_syn_).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("targets", [y, (y > "a").astype(int), TARGET, np.c_[TARGET, -TARGET]])
def test_learner_is_what_comes_out(dtype, targets):
    rows, weight = X.astype(dtype), np.linspace(0.5, 2, 60)
    condenser = KernelInducingPoints(n_steps=20, n_samples=9, random_state=0).fit(rows, targets, sample_weight=weight)
    again = clone(condenser.learner_).fit(
        condenser.X_syn_, condenser.y_learned_, sample_weight=condenser.sample_weight_
    )
    predicted = condenser.learner_.predict(rows)
    assert predicted.shape == targets.shape
    assert_array_equal(again.predict(rows), predicted)
    # It takes rows and targets as they are: far from the origin, in their units.
    assert condenser.learner_.score(rows, targets) > 0.5


@every_condenser
def test_weights_carry_priors(condenser):
    weight = np.linspace(1, 3, 60)
    fitted = clone(condenser).set_params(n_per_class={"a": 2, "b": 3, "c": 4}).fit(X, y, sample_weight=weight)
    assert_allclose(fitted.sample_weight_.mean(), 1, rtol=1e-12)
    mass = [part.sum() for part in np.split(fitted.sample_weight_, [2, 5])]
    priors = [weight[y == label].sum() for label in "abc"]
    assert_allclose(mass / np.sum(mass), priors / np.sum(priors), rtol=1e-5)


def test_weights_of_k_means_are_cluster_masses():
    weight = np.linspace(1, 3, 60)
    fitted = KMeansCondenser(n_per_class=3, random_state=0).fit(X, y, sample_weight=weight)
    for label in "abc":
        rows, centers = X[y == label], fitted.X_syn_[fitted.y_syn_ == label]
        nearest = ((rows[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        mass = np.bincount(nearest, weight[y == label], 3)
        assert_allclose(fitted.sample_weight_[fitted.y_syn_ == label], 9 * mass / weight.sum(), rtol=1e-5)


@every_condenser
@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_weights_have_no_unit(condenser, unit):
    weight = np.linspace(1, 3, 60)
    expected = clone(condenser).fit(X, y, sample_weight=weight)
    fitted = clone(condenser).fit(X, y, sample_weight=unit * weight)
    assert_allclose(fitted.X_syn_, expected.X_syn_, atol=1e-4)
    assert_allclose(fitted.sample_weight_, expected.sample_weight_, rtol=1e-5)


# Random subsets, pivots, pairs, seeds of k-means, batches of a training: where these are drawn the two agree in law.
# Rules of neighbours look at rows in a drawn order, or have no vote for a copy of a row itself.
DRAWN = {
    "LearningVectorQuantization",
    "CondensedNeighbors",
    "DecrementalReduction",
    "EditedNeighbors",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "KernelThinning",
    "KMeansCondenser",
    "LatentQuantization",
    "MinimaxDiffusion",
    "InfluenceGuidance",
    "CondensedGenerator",
    "WassersteinCoreset",
    "UncertaintySubset",
    "CoverageCentricSelection",
    "MessagePassingSelection",
    "SoftLabelRandom",
    "ImprovedDistributionMatching",
    "M3D",
    "NCFM",
    "WMDD",
    *DECOUPLED,
}


@some_condensers([name for name in QUICK if name not in DRAWN])
def test_a_row_of_weight_two_is_the_row_twice(condenser):
    condenser = clone(condenser).set_params(n_per_class=2)
    twice = np.arange(60) % 3 == 0
    weighted = clone(condenser).fit(X, y, sample_weight=1.0 + twice)
    repeated = clone(condenser).fit(np.r_[X, X[twice]], np.r_[y, y[twice]])
    assert_allclose(weighted.X_syn_, repeated.X_syn_, rtol=0, atol=1e-4)
    # Weights that are solved for (GradMatch) magnify the rounding of the gradients.
    assert_allclose(weighted.sample_weight_, repeated.sample_weight_, rtol=1e-4)


def assert_same_set(first, second):
    for name in ("X_syn_", "y_syn_", "y_soft_", "sample_weight_", "classes_"):
        assert_array_equal(getattr(first, name, None), getattr(second, name, None), err_msg=name)


@every_condenser
@pytest.mark.parametrize("encoder", [None, StandardScaler()], ids=["plain", "encoder"])
def test_rows_without_weight_are_not_there(condenser, encoder):
    condenser = clone(condenser).set_params(encoder=encoder, n_per_class=2)
    weight = np.linspace(1, 3, 60)
    weight[::5] = 0
    there = weight > 0
    # Rows that would show: far away, and of a class that nothing else has.
    rows, labels = np.where(there[:, None], X, 1e3 * X), np.where(there, y, "z")
    whole = clone(condenser).fit(rows, labels, sample_weight=weight)
    assert_same_set(whole, clone(condenser).fit(X[there], y[there], sample_weight=weight[there]))
    if hasattr(whole, "indices_"):
        assert there[whole.indices_].all(), "indices_ are positions in what was passed"
        assert_array_equal(whole.X_syn_, X[whole.indices_])


def test_targets_without_weight_do_not_make_the_task():
    targets, weight = (y > "a").astype(float), np.ones(60)
    targets[0], weight[0] = 0.5, 0
    assert RandomSubset().fit(X, targets, sample_weight=weight).classes_.tolist() == [0, 1]


@selections
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64, bool])
def test_selection_is_exact(condenser, dtype):
    rows = X.astype(dtype) if dtype is not bool else X > 120
    integers = (1e6 * TARGET).astype(int)
    fitted = clone(condenser).fit(rows, y)
    assert fitted.X_syn_.dtype == dtype and len(set(fitted.indices_)) == 30
    assert_array_equal(fitted.X_syn_, rows[fitted.indices_])
    assert_array_equal(fitted.y_syn_, y[fitted.indices_])
    assert not np.shares_memory(fitted.X_syn_, rows)
    for targets in (TARGET, TARGET.astype(np.float32), integers):
        fitted = clone(condenser).set_params(task="regression", n_samples=7).fit(rows, targets)
        assert_array_equal(fitted.y_syn_, targets[fitted.indices_])
        assert_array_equal(list(fitted)[1], fitted.y_syn_)


@every_condenser
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64, ">f8"])
def test_dtype(condenser, dtype):
    fitted = clone(condenser).set_params(n_per_class=2).fit(X.astype(dtype), y)
    chosen = hasattr(fitted, "indices_")
    dtype = np.dtype(dtype)
    within = getattr(fitted.recipe_.parameterization, "within", "data")
    assert fitted.X_syn_.dtype == (dtype if chosen or dtype.kind == "f" or within is not None else np.float64)
    assert fitted.y_syn_.dtype == y.dtype


@for_the_trained_well
@pytest.mark.parametrize("offset, scale", [(1e6, 1e-3), (-1e6, 1e-3), (0, 1e-8), (0, 1e8)])
def test_units(condenser, offset, scale):
    rows = offset + scale * (X - 100)
    if isinstance(condenser, Condenser) and isinstance(condenser.discrepancy, RandomFeatureMMD):
        condenser = clone(condenser).set_params(discrepancy__bandwidth=scale)
    fitted = clone(condenser).set_params(n_per_class=10).fit(rows, y)
    for label in "abc":
        real, synthetic = rows[y == label], fitted.X_syn_[fitted.y_syn_ == label]
        assert len(synthetic) == 10, f"not all rows of {label}"
        # Classes have standard deviation 1 and lie 20 apart, in units of the scale.
        assert np.all(np.abs(synthetic - real.mean(axis=0)) < 8 * scale)
        spread = np.sqrt(synthetic.var(axis=0).mean())  # a column may meet the end of its range
        distinct = len(np.unique(synthetic, axis=0)) == len(synthetic)
        assert distinct and spread > 0.2 * scale, "rows have collapsed in the rounding of an offset"


def bytes_beside_rows(fitted):
    """Return the bytes of labels and weights of six rows of three classes."""
    weight = fitted.sample_weight_
    of_classes = all(np.ptp(weight[fitted.y_syn_ == label]) == 0 for label in "abc")
    weights = 0 if np.ptp(weight) == 0 else 3 * 8 if of_classes else 6 * 8
    return 2 + (0 if fitted.y_soft_ is None else 6 * 3 * 8) + weights  # six labels of two bits


@every_condenser
def test_history_and_storage(condenser):
    fitted = clone(condenser).set_params(n_per_class=2).fit(X, y)
    assert isinstance(fitted.n_iter_, int) and fitted.n_iter_ >= 1
    assert all(isinstance(values, np.ndarray) and np.isfinite(values).all() for values in fitted.history_.values())
    if "n_steps" in fitted.get_params():
        assert fitted.n_iter_ == fitted.n_steps and fitted.history_["loss"].shape == (fitted.n_steps,)
    beside = bytes_beside_rows(fitted)
    if isinstance(fitted, AddressableMemories):
        assert fitted.storage_["bytes"] == (6 * 1 + 1 * 3) * 8 + (3 + 2 * 3) * 8 + beside
        return
    if isinstance(fitted, GenerativePrior):  # a direction and a mean of each class, and their counts
        assert fitted.storage_["shared_bytes"] == 3 * (3 + 3 + 1) * 4 + 3 * 3 * 8
        assert fitted.storage_["bytes"] == 6 * 8 + fitted.storage_["shared_bytes"] + beside
        return
    if isinstance(fitted, CondensedGenerator):
        # How many rows each class has, twice; mean and deviation of its latent; and origin and ends of features.
        beside_numbers = 2 * 3 + 3 * (1 + 1)
        n_numbers = DIFFUSION.autoencoder.n_numbers((3,), 3)
        assert fitted.storage_["shared_bytes"] == 4 * (n_numbers + beside_numbers) + 3 * 3 * 8
        assert fitted.storage_["bytes"] == fitted.storage_["shared_bytes"] + beside
        return
    if isinstance(fitted, SoftLabelPruning):  # of soft labels two in eight bits, and whose they are
        assert 6 * 3 * 8 + 6 * 2 < fitted.storage_["bytes"] < 6 * 3 * 8 + 6 * 8
        return
    taken = 6 * 3 * 8 + beside
    assert fitted.storage_ == {"points": 6, "bytes": taken, "shared_bytes": 0, "bytes_decoded": taken}
    single = clone(fitted).fit(X.astype(np.float32), y)
    assert single.storage_["bytes"] == 6 * 3 * 4 + bytes_beside_rows(single)


@every_condenser
def test_feature_names(condenser):
    condenser = clone(condenser).set_params(n_per_class=1).fit(X, y)
    assert condenser.n_features_in_ == 3 and not hasattr(condenser, "feature_names_in_")
    assert condenser.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert condenser.get_feature_names_out(["p", "q", "r"]).tolist() == ["p", "q", "r"]
    condenser.fit(pd.DataFrame(X, columns=["p", "q", "r"]), y)
    assert condenser.feature_names_in_.tolist() == condenser.get_feature_names_out().tolist() == ["p", "q", "r"]
    assert not hasattr(condenser.fit(X, y), "feature_names_in_"), "a second fit must forget the first"


@for_the_trained_well
def test_shows_itself(condenser):
    for shown in (clone(condenser), clone(condenser).set_params(n_per_class=1).fit(X, y)):
        assert type(condenser).__name__ in shown._repr_html_()
        assert len(repr(shown)) < 200
    assert repr(type(condenser)()) == f"{type(condenser).__name__}()"


def test_metadata_requests_survive():
    with sklearn.config_context(enable_metadata_routing=True):
        condenser = RandomSubset(random_state=0).set_fit_request(sample_weight=True, sensitive_features="sex")
        for survivor in (clone(condenser), condenser.fit(X, y), clone(condenser.fit(X, y))):
            assert survivor.get_metadata_routing().fit.requests == {
                "sample_weight": True,
                "sensitive_features": "sex",
            }


def test_nested_parameters():
    condenser = Condenser(MMD(bandwidth=2.0))
    condenser.set_params(discrepancy__bandwidth=3.0, n_samples=5)
    assert condenser.get_params()["discrepancy__bandwidth"] == 3.0
    condenser.set_params(discrepancy=0.5 * MMD() + Sinkhorn())
    condenser.set_params(discrepancy__mmd__weight=4.0, discrepancy__sinkhorn__blur=0.2)
    assert condenser.get_params()["discrepancy__mmd__weight"] == 4.0
    assert condenser.discrepancy.terms[1][1].blur == 0.2
    condenser.set_params(solver=Descent(n_steps=2)).set_params(solver__n_steps=1)
    assert condenser.fit(X, y).n_iter_ == 1
    with pytest.raises(ValueError, match="Invalid parameter 'colour'"):
        condenser.set_params(colour="red")


@every_condenser
def test_clone_of_fitted(condenser):
    fitted = clone(condenser).fit(X, y)
    assert vars(clone(fitted)).keys() == vars(clone(condenser)).keys()
    assert repr(clone(fitted)) == repr(condenser)


# What a condenser does that is given nothing


def test_classes_get_a_set_for_many_learners_by_default():
    images = X[:, None, :]
    default, general = (cls(n_per_class=2, random_state=0).fit(images, y) for cls in (Condenser, GeneralCondenser))
    assert_array_equal(default.X_syn_, general.X_syn_)
    matched, asked = Condenser(MMD(), n_per_class=2, random_state=0), Condenser(solver=Descent(), n_per_class=2)
    assert_array_equal(matched.fit(images, y).X_syn_, asked.set_params(random_state=0).fit(images, y).X_syn_)
    assert not np.array_equal(matched.X_syn_, default.X_syn_)


def test_frames_get_rows_for_many_learners_by_default():
    frame = pd.DataFrame(X)
    default, tabular = (cls(n_per_class=2, random_state=0).fit(frame, y) for cls in (Condenser, TabularCondenser))
    assert_array_equal(default.indices_, tabular.indices_)
    assert_array_equal(default.y_soft_, tabular.y_soft_)
    # In columns of one unit, or of any, whatever holds them.
    same = Condenser(n_per_class=2, random_state=0).fit(X * [1, 1e9, 1e-9], y)
    assert_array_equal(same.indices_, default.indices_)
    assert_array_equal(same.X_syn_, (X * [1, 1e9, 1e-9])[same.indices_])
    wide = pd.DataFrame(np.hstack([X] * 34))
    default, general = (cls(n_per_class=2, random_state=0).fit(wide, y) for cls in (Condenser, GeneralCondenser))
    assert_array_equal(default.X_syn_, general.X_syn_)


@pytest.mark.parametrize("wide, target", [(1, None), (34, np.zeros(60, int))], ids=["none", "one class"])
def test_data_without_classes_are_matched_by_default(wide, target):
    solver = Descent()
    rows = np.hstack([X] * wide)
    default, matched = (Condenser(solver=s, n_samples=4, random_state=0).fit(rows, target) for s in (None, solver))
    assert_array_equal(default.X_syn_, matched.X_syn_)


@pytest.mark.parametrize(
    "target, words", [(None, "trains on targets"), (TARGET, "classes")], ids=["none", "continuous"]
)
def test_a_set_for_many_learners_needs_classes(target, words):
    with pytest.raises(ValueError, match=words):
        GeneralCondenser(n_samples=4).fit(X, target)
