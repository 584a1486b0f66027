"""Teachers against the estimators and networks that they are, in the units of the user and in those of a source."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from skorch import NeuralNetClassifier
from torch import nn

from skdc import SoftLabelRandom
from skdc.learners import GivenNetworks, NetworkClassifier, teachers
from skdc.learners.teachers import fitted_teacher, out_of_fold_teacher, trained_network
from skdc.networks import MLP, build_network
from skdc.parameterizations import Points, Subset
from skdc.sources import Sketch, SketchSource
from skdc.step import Step

from .sources import CPU, row_source, seeded

NAMES = np.array(["plum", "fig", "kiwi"])
NAMES_OF_FOUR = np.array(["ash", "beech", "cedar", "dogwood"])


@pytest.fixture
def fruit(rng):
    """Return weighted rows of three named classes, far from the origin and in large units."""
    codes = np.repeat([0, 1, 2], [30, 20, 10])
    X = 500 + 40 * (rng.normal(size=(60, 3)) + codes[:, None])
    return row_source(X, NAMES[codes], weight=rng.uniform(0.1, 3, 60))


@pytest.fixture
def ripe_fruit(rng):
    """Return rows of the three classes that lie apart, so that teachers are reliable."""
    codes = np.repeat([0, 1, 2], [30, 25, 20])
    X = 500 + 40 * (rng.normal(size=(75, 3)) + 2 * codes[:, None])
    return row_source(X, NAMES[codes], weight=rng.uniform(0.5, 2, 75))


@pytest.fixture(params=[1, 2])
def values(request, rng):
    """Return weighted rows with continuous targets, one or two."""
    X = 500 + 40 * rng.normal(size=(40, 3))
    y = 1000 + X @ rng.normal(size=(3, request.param)) + rng.normal(size=(40, request.param))
    return row_source(X, y, regression=True, weight=rng.uniform(0.1, 3, 40))


def labels_of(source):
    return source.schema.classes[source.key]


def taught(estimator, source, seed=0):
    return fitted_teacher(Points(labels="teacher"), estimator, source, seeded(seed))


class Backwards(ClassifierMixin, BaseEstimator):
    """Naive Bayes whose classes stand in falling order."""

    def fit(self, X, y):
        self.inner_ = GaussianNB().fit(X, y)
        self.classes_ = self.inner_.classes_[::-1]
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)[:, ::-1]


# Classes


@pytest.mark.parametrize("estimator", [Backwards(), KNeighborsClassifier(3)], ids=["falling", "rising"])
def test_probabilities_are_in_the_order_of_the_classes(estimator, fruit):
    plain = GaussianNB() if isinstance(estimator, Backwards) else KNeighborsClassifier(3)
    assert fruit.schema.classes.tolist() == ["fig", "kiwi", "plum"]
    expected = plain.fit(fruit.X, labels_of(fruit)).predict_proba(fruit.X)
    np.testing.assert_allclose(taught(estimator, fruit)(fruit.rows.X), expected, rtol=1e-9, atol=1e-12)


def test_weights_go_to_estimators_that_take_them(fruit):
    expected = GaussianNB().fit(fruit.X, labels_of(fruit), sample_weight=fruit.weight).predict_proba(fruit.X)
    unweighted = GaussianNB().fit(fruit.X, labels_of(fruit)).predict_proba(fruit.X)
    found = taught(GaussianNB(), fruit)(fruit.rows.X).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(found - unweighted).max() > 1e-3


def test_rows_need_not_be_those_of_the_data(fruit, rng):
    new = 500 + 60 * rng.normal(size=(7, 3))
    expected = KNeighborsClassifier(5).fit(fruit.X, labels_of(fruit)).predict_proba(new)
    np.testing.assert_allclose(taught(KNeighborsClassifier(5), fruit)(fruit.encode(new)), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_have_the_dtype_of_the_source_and_no_gradient(dtype, rng):
    source = row_source(rng.normal(size=(20, 3)), np.arange(20) % 2, dtype=dtype)
    found = taught(GaussianNB(), source)(source.rows.X.clone().requires_grad_())
    assert found.dtype == dtype
    assert not found.requires_grad


def test_the_estimator_that_is_given_stays_unfitted(fruit):
    estimator = GaussianNB()
    taught(estimator, fruit)
    assert not hasattr(estimator, "classes_")


def test_a_frozen_estimator_is_not_fitted_again(fruit, rng):
    elsewhere, labels = 500 + 40 * rng.normal(size=(30, 3)), NAMES[np.arange(30) % 3]
    frozen = LogisticRegression(max_iter=5000).fit((elsewhere - 500) / 40, labels)
    coefficients = frozen.coef_.copy()
    teacher = taught(FrozenEstimator(frozen), fruit)
    expected = frozen.predict_proba(fruit.X)
    # The rows come back to rounding of 1e-13 of their size, and logits are of their size.
    np.testing.assert_allclose(teacher(fruit.rows.X), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(frozen.coef_, coefficients)
    assert teacher.estimator.estimator is frozen


@pytest.mark.parametrize("random_state", [None, 7])
def test_the_generator_seeds_what_has_no_seed(random_state, fruit):
    forest = RandomForestClassifier(3, max_depth=2, random_state=random_state)
    first, again, other = (taught(forest, fruit, seed)(fruit.rows.X) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (random_state == 7)
    assert forest.random_state == random_state


# Out of fold


def out_of_fold(estimator, source, indices):
    return out_of_fold_teacher(Subset(labels="teacher"), estimator, source, seeded())(np.asarray(indices)).numpy()


def test_labels_are_those_of_estimators_that_have_not_seen_the_rows(ripe_fruit):
    fruit, indices = ripe_fruit, np.array([3, 40, 60, 20])
    others = np.setdiff1d(np.arange(75), indices)
    given = fruit.X[others], labels_of(fruit)[others]
    expected = GaussianNB().fit(*given, sample_weight=fruit.weight[others]).predict_proba(fruit.X[indices])
    np.testing.assert_allclose(out_of_fold(GaussianNB(), fruit, indices), expected, rtol=1e-9, atol=1e-12)
    # A teacher that learns its rows by heart would give each its own label.
    by_heart = KNeighborsClassifier(1)
    np.testing.assert_allclose(taught(by_heart, fruit)(fruit.rows.X), fruit.targets(), atol=1e-12)
    assert np.abs(out_of_fold(by_heart, fruit, np.arange(0, 75, 3)) - fruit.targets()[::3]).max() > 0.5


def test_no_class_is_left_without_rows(rng):
    codes = np.repeat([0, 1, 2, 3], [20, 6, 2, 1])
    source = row_source(3 * codes[:, None] + rng.normal(size=(29, 2)), NAMES_OF_FOUR[codes])
    seen = []

    class Noting(KNeighborsClassifier):
        def fit(self, X, y):
            seen.append(np.unique(y, return_counts=True))
            return super().fit(X, y)

    targets = out_of_fold(Noting(1), source, np.arange(29))
    assert len(seen) == 6 and all(len(labels) == 4 for labels, _ in seen)
    # The first shows how good the teacher is; each other leaves out some 4 of 20, 2 of 6, 1 of 2 and 0 of 1.
    assert [counts.tolist() for _, counts in seen] == [[16, 5, 2, 1]] + [[16, 4, 1, 1]] * 2 + [[16, 4, 2, 1]] + [
        [16, 6, 2, 1]
    ] * 2
    assert targets[-1].tolist() == [0, 0, 0, 1], "the only row of a class keeps its label"
    assert (targets.sum(axis=1) == 1).all()


def test_a_frozen_teacher_labels_as_it_is(fruit):
    frozen = FrozenEstimator(GaussianNB().fit(fruit.X, labels_of(fruit)))
    expected = frozen.predict_proba(fruit.X[:9])
    np.testing.assert_allclose(out_of_fold(frozen, fruit, np.arange(9)), expected, rtol=1e-9, atol=1e-12)


def test_values_out_of_fold(values):
    indices = np.array([1, 7, 8])
    others = np.setdiff1d(np.arange(40), indices)
    teacher = LinearRegression().fit(values.X[others], values.targets()[others], sample_weight=values.weight[others])
    found = values.decode_targets(torch.as_tensor(out_of_fold(LinearRegression(), values, indices)))
    np.testing.assert_allclose(found, teacher.predict(values.X[indices]), rtol=1e-9)


def test_subsets_are_labelled_out_of_fold(ripe_fruit):
    X, y = ripe_fruit.X, labels_of(ripe_fruit)
    condenser = SoftLabelRandom(teacher=KNeighborsClassifier(1), n_per_class=4, random_state=3).fit(X, y)
    others = np.setdiff1d(np.arange(75), condenser.indices_)
    expected = KNeighborsClassifier(1).fit(X[others], y[others]).predict_proba(X[condenser.indices_])
    np.testing.assert_array_equal(condenser.y_soft_.round(6), expected)


# Continuous targets


@pytest.mark.parametrize("estimator", [LinearRegression(), KNeighborsRegressor(4)], ids=lambda e: type(e).__name__)
def test_values_are_in_working_units(estimator, values):
    weight = {"sample_weight": values.weight} if isinstance(estimator, LinearRegression) else {}
    expected = type(estimator)(**estimator.get_params()).fit(values.X, values.targets(), **weight).predict(values.X)
    found = taught(estimator, values)(values.rows.X)
    assert found.shape == values.targets().shape
    np.testing.assert_allclose(values.decode_targets(found), expected, rtol=1e-9)
    assert found.abs().max() < 10


def test_a_frozen_regressor_of_other_units_keeps_them(values):
    frozen = KNeighborsRegressor(1).fit(values.X, 5 * values.targets())
    found = values.decode_targets(taught(FrozenEstimator(frozen), values)(values.rows.X))
    np.testing.assert_allclose(found, 5 * values.targets(), rtol=1e-9)


# Networks

QUICK = NetworkClassifier(MLP(width=4, depth=1), max_epochs=3, random_state=0)


def shown(teacher, source, seed=0):
    return trained_network(GivenNetworks([]), teacher, source, seeded(seed))


def built(builder, seed=0):
    return build_network(builder, (3,), 3, seeded(seed), torch.empty(0, dtype=torch.float64))


def linear(input_shape, n_outputs):
    return nn.Linear(*input_shape, n_outputs)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_a_module_sees_rows_in_the_units_of_the_user(dtype, tolerance, fruit):
    # In float32 rows of about 500 are known to 3e-5, and sums of a dozen of them to 1e-3.
    module = built(MLP(width=4, depth=1))
    source = row_source(fruit.X, labels_of(fruit), dtype=dtype)
    network = shown(module, source)
    expected = module(torch.as_tensor(fruit.X)).detach().to(dtype)
    torch.testing.assert_close(network(source.rows.X), expected, rtol=0, atol=tolerance)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_a_module_is_copied_and_ready_to_be_evaluated(fruit):
    module = built(lambda input_shape, n_outputs: nn.Sequential(nn.Linear(3, 8), nn.Dropout(), nn.Linear(8, 3)))
    network = shown(module, fruit)
    assert torch.equal(network(fruit.rows.X), network(fruit.rows.X))
    before = network(fruit.rows.X)
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(network(fruit.rows.X), before)
    assert module.training


@pytest.mark.parametrize("standardize", [True, False])
def test_a_network_classifier_shows_its_logits(standardize, fruit):
    classifier = NetworkClassifier(MLP(width=4, depth=1), max_epochs=3, random_state=0, standardize=standardize)
    expected = classifier.fit(fruit.X, labels_of(fruit), fruit.weight).predict_proba(fruit.X)
    for teacher in (classifier, FrozenEstimator(classifier)):
        found = shown(teacher, fruit)(fruit.rows.X).softmax(1)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_a_frozen_network_is_not_fitted_again(fruit):
    other = clone(QUICK).set_params(random_state=5).fit(fruit.X[::-1], labels_of(fruit))
    found = shown(FrozenEstimator(other), fruit)(fruit.rows.X).softmax(1)
    np.testing.assert_allclose(found, other.predict_proba(fruit.X), rtol=1e-6, atol=1e-9)


def test_other_skorch_networks_show_their_outputs(fruit):
    class Small(nn.Linear):
        def __init__(self):
            super().__init__(3, 3, dtype=torch.float64)

    net = NeuralNetClassifier(Small, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0).initialize()
    expected = net.module_(torch.as_tensor(fruit.X))
    torch.testing.assert_close(shown(FrozenEstimator(net), fruit)(fruit.rows.X), expected.detach())


def test_given_networks_are_seen_in_turn(fruit):
    generator = seeded()
    modules = [built(linear, seed) for seed in range(3)]
    pool = GivenNetworks(modules).fit(fruit, generator)
    expected = [module(torch.as_tensor(fruit.X)).detach() for module in modules]
    seen = set()
    for _ in range(40):
        found = pool.network_(fruit.rows.X)
        matches = [i for i, outputs in enumerate(expected) if torch.allclose(found, outputs, rtol=1e-9)]
        assert len(matches) == 1
        seen.update(matches)
        pool.after_step(fruit.rows, fruit, Step(generator))
    assert seen == {0, 1, 2}


def test_given_networks_must_be_networks(fruit):
    with pytest.raises(ValueError, match=r"GivenNetworks\(teachers=\[\]\) has no network; give at least one"):
        GivenNetworks([]).fit(fruit, seeded())
    with pytest.raises(ValueError, match=r"GivenNetworks needs the gradient of its teacher .*, which GaussianNB\(\)"):
        GivenNetworks([QUICK, GaussianNB()]).fit(fruit, seeded())
    with pytest.raises(ValueError, match="GivenNetworks needs the gradient of its teacher"):
        GivenNetworks([GridSearchCV(QUICK, {"lr": [0.1]})]).fit(fruit, seeded())
    with pytest.raises(ValueError, match="GivenNetworks cannot learn a teacher from a stream"):
        GivenNetworks([QUICK]).fit(SketchSource(Sketch(3, 0, seed=0), fruit.schema, CPU), seeded())


# The default


@pytest.mark.parametrize("n_rows, epochs", [(20, 500), (256, 500), (2560, 50), (51200, 5)])
def test_the_default_is_a_network_that_stops_early(n_rows, epochs, monkeypatch):
    # Batches are of 256 rows.
    seen = []

    def noting(network, X, y, sample_weight=None):
        network.classes_inferred_ = np.unique(y)
        seen.append((network.get_params()["max_epochs"], X.shape, sample_weight))
        return network

    monkeypatch.setattr(NetworkClassifier, "fit", noting)
    taught(None, row_source(np.zeros((n_rows, 2)) + np.arange(2), np.arange(n_rows) % 2))
    assert seen == [(epochs, (n_rows, 2), None)], "equal weights say nothing"


# What cannot teach


@pytest.mark.parametrize(
    "estimator, message",
    [
        (LinearSVC(), "a teacher of classification must have predict_proba, which LinearSVC() has not"),
        (LinearRegression(), "a teacher of classification must have predict_proba, which LinearRegression() has not"),
        (FrozenEstimator(LinearSVC()), "a teacher of classification must have predict_proba"),
    ],
    ids=repr,
)
def test_a_teacher_of_classes_must_know_probabilities(estimator, message, fruit):
    with pytest.raises(ValueError, match=re.escape(message)):
        taught(estimator, fruit)


def test_a_teacher_of_values_must_predict(values):
    with pytest.raises(ValueError, match=r"regression must have predict, which StandardScaler\(\) has not"):
        taught(StandardScaler(), values)
    with pytest.raises(ValueError, match="the default teacher is a classifier, but y is continuous; give teacher="):
        taught(None, values)


def test_a_teacher_must_know_all_classes(fruit):
    known = labels_of(fruit) != "kiwi"
    frozen = GaussianNB().fit(fruit.X[known], labels_of(fruit)[known])
    with pytest.raises(ValueError, match=r"knows the classes \[.*fig.*plum.*\], but y has .*kiwi.*; fit it on all"):
        taught(FrozenEstimator(frozen), fruit)


def test_a_teacher_needs_targets_and_rows(fruit):
    with pytest.raises(ValueError, match="Points trains on targets, but y is None"):
        taught(GaussianNB(), row_source(fruit.X))
    with pytest.raises(ValueError, match="Points needs at least two classes"):
        taught(GaussianNB(), row_source(fruit.X, np.zeros(60)))
    with pytest.raises(ValueError, match="Points cannot learn a teacher from a stream"):
        taught(GaussianNB(), SketchSource(Sketch(3, 0, seed=0), fruit.schema, CPU))


def test_what_a_teacher_gives_to_other_classes_is_shared_out(fruit):
    codes = np.repeat([0, 1, 2, 3], 15)
    teacher = GaussianNB().fit(fruit.X, np.append(NAMES, "melon")[codes])
    found = taught(FrozenEstimator(teacher), fruit)(fruit.rows.X).numpy()
    known = teacher.predict_proba(fruit.X)[:, [list(teacher.classes_).index(name) for name in fruit.schema.classes]]
    assert known.sum(axis=1).min() < 0.5
    np.testing.assert_allclose(found, known / known.sum(axis=1, keepdims=True))


class Counted(GaussianNB):
    """Naive Bayes that keeps what it was fitted to."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = np.unique(X[:, 0]), y, sample_weight
        return super().fit(X, y, sample_weight)


def test_of_very_many_rows_some_of_each_class_stand_for_all(rng, monkeypatch):
    monkeypatch.setattr(teachers, "MAX_ROWS", 300)
    codes, weight = np.repeat([0, 1, 2], [900, 100, 2]), rng.uniform(0.5, 2, 1002)
    source = row_source(rng.normal(size=(1002, 2)), NAMES[codes], weight=weight)
    rows, y, weights = taught(Counted(), source).estimator.seen_
    names = source.schema.labels
    assert (y == NAMES[2]).sum() == 2 and 280 <= len(y) <= 310
    assert 150 < len(rows) < len(y)  # heavy ones come again, and count for no more
    for c, name in enumerate(names):
        mass = source.weight[source.key == c].sum()
        assert weights[y == name].sum() == pytest.approx(mass, rel=1e-6)
