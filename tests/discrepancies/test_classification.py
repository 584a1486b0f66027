"""Cross-entropies of what classifiers make of a set, against scikit-learn and torch."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import log_loss, mean_squared_error

from skdc import Condenser
from skdc.discrepancies import MMD, CenterCrossEntropy, MeanDistance, NetworkLoss
from skdc.learners import AlternatingNetworks, PretrainedNetworks, RandomNetworks
from skdc.networks import MLP
from skdc.solvers import Descent
from skdc.sources import Batch
from skdc.spaces import Augmented, Identity, NetworkFeatures, NetworkGradients, RandomNetwork, Standardized
from skdc.step import Step
from skdc.utils.estimator_checks import penalty_checks

from ..sources import finite_differences, row_source, seeded, synthetic

SMALL = MLP(width=6, depth=1)
CODES = np.array([0, 0, 1, 2, 2])


@pytest.fixture
def source(rng):
    y = np.repeat(["ash", "elm", "oak"], [12, 9, 6])
    X = 20 + rng.normal(size=(27, 3)) + np.repeat([0, 1, 2], [12, 9, 6])[:, None]
    return row_source(X, y, weight=rng.uniform(0.5, 2, 27))


@pytest.fixture
def points(source, rng):
    return synthetic(source, 20 + rng.normal(size=(5, 3)), CODES, rng.uniform(0.5, 2, 5))


@pytest.fixture
def pool():
    return PretrainedNetworks(SMALL, n_networks=2, n_stages=2, n_steps=20, step_size=0.02)


def center_scores(values, shown, weight, codes=CODES, n_classes=3):
    """Return the inner products of rows with the weighted class means of points."""
    centers = [np.average(shown[codes == c], axis=0, weights=weight[codes == c]) for c in range(n_classes)]
    return values @ np.array(centers).T


def probabilities(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


# Class means as a classifier


@pytest.mark.parametrize("space", [None, RandomNetwork(SMALL)], ids=["rows", "features"])
def test_the_cross_entropy_is_that_of_class_means(space, source, points):
    discrepancy = CenterCrossEntropy(space=space, weight=2.0).fit(source, seeded())
    shown, values = (discrepancy.space_.embed(rows).numpy() for rows in (points, source.rows))
    predicted = probabilities(center_scores(values, shown, points.weight.numpy()))
    expected = 2 * log_loss(source.key, predicted, sample_weight=source.weight)
    assert float(discrepancy.loss(Batch(source.rows), points, Step(seeded()))) == pytest.approx(expected, rel=1e-9)
    assert float(discrepancy.value(Batch(source.rows), points, seeded())) == pytest.approx(expected, rel=1e-9)


def test_without_a_space_rows_are_in_the_units_of_the_data_around_their_mean(source, points):
    discrepancy = CenterCrossEntropy().fit(source, seeded())
    mean = np.average(source.X, axis=0, weights=source.weight)
    scores = center_scores(source.X - mean, source.decode(points.X) - mean, points.weight.numpy())
    expected = log_loss(source.key, probabilities(scores), sample_weight=source.weight)
    assert float(discrepancy.loss(Batch(source.rows), points, Step(seeded()))) == pytest.approx(expected, rel=1e-9)


def test_weights_of_points_are_multiplicities(source, points):
    discrepancy = CenterCrossEntropy().fit(source, seeded())
    weighted = replace(points, weight=torch.tensor([1.0, 3.0, 2.0, 1.0, 2.0]).double())
    repeated = points.take(torch.tensor([0, 1, 1, 1, 2, 2, 3, 4, 4]))
    repeated = replace(repeated, weight=torch.ones(9).double())
    one, other = (discrepancy.loss(Batch(source.rows), rows, Step(seeded())) for rows in (weighted, repeated))
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_rows_of_a_class_without_points_are_left_out(source, points):
    discrepancy = CenterCrossEntropy().fit(source, seeded())
    kept = points.take(torch.tensor([0, 1, 3, 4]))
    kept = replace(kept, X=kept.X.clone().requires_grad_())
    found = discrepancy.loss(Batch(source.rows), kept, Step(seeded()))
    told = source.key != 1
    values, shown = (discrepancy.space_.embed(rows).detach().numpy() for rows in (source.rows, kept))
    codes = np.array([0, 0, 1, 1])
    scores = center_scores(values[told], shown, kept.weight.numpy(), codes, n_classes=2)
    # They keep their share of the mass.
    share = source.weight[told].sum() / source.weight.sum()
    expected = share * log_loss(source.key[told], probabilities(scores), sample_weight=source.weight[told])
    assert float(found.detach()) == pytest.approx(expected, rel=1e-9)
    found.backward()
    assert kept.X.grad.isfinite().all()
    assert kept.X.grad.any()


def test_sensitive_groups_are_classified_by_their_class(rng):
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    plain, grouped = row_source(X, y), row_source(X, y, groups=np.arange(20) % 5)
    rows = synthetic(plain, rng.normal(size=(4, 3)), np.array([0, 0, 1, 1]))
    one, other = (
        CenterCrossEntropy().fit(s, seeded()).loss(Batch(s.rows), rows, Step(seeded())) for s in (plain, grouped)
    )
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_far_rows_have_a_finite_cross_entropy(source, points):
    discrepancy = CenterCrossEntropy().fit(source, seeded())
    far = replace(source.rows, X=1e3 * source.rows.X)
    shown = replace(points, X=1e3 * points.X)
    values = [discrepancy.space_.embed(rows).numpy() for rows in (far, shown)]
    scores = center_scores(*values, points.weight.numpy())
    # Scores are far apart: the cross-entropy is the lead of the best class.
    expected = np.average(scores.max(axis=1) - scores[np.arange(27), source.key], weights=source.weight)
    assert float(discrepancy.loss(Batch(far), shown, Step(seeded()))) == pytest.approx(expected, rel=1e-9)


def test_the_gradient_of_the_centers_is_that_of_the_value(source, points):
    discrepancy = CenterCrossEntropy().fit(source, seeded())

    def loss(X):
        return float(discrepancy.loss(Batch(source.rows), replace(points, X=torch.as_tensor(X)), Step(seeded())))

    X = points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=X), Step(seeded())).backward()
    expected = finite_differences(loss, points.X.numpy().copy())
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(X.grad, expected, rtol=1e-6, atol=1e-8)


def test_parameters_of_the_cross_entropy_are_cloned():
    copy = clone(3 * CenterCrossEntropy(space=RandomNetwork(SMALL), weight=0.5))
    assert repr(copy) == repr(CenterCrossEntropy(space=RandomNetwork(SMALL), weight=1.5))
    assert copy.by is None


# Loss of the networks of a space


def fitted(discrepancy, source):
    """Return a clone of a sum, fitted."""
    return clone(discrepancy).fit(source, seeded())


def test_the_loss_is_that_of_the_network_through_which_sets_are_seen(pool, source, points):
    space = NetworkFeatures(pool)
    hybrid = fitted(MeanDistance(space=space) + 3 * NetworkLoss(space, weight=0.5), source)
    distance, penalty = hybrid.leaves()
    assert penalty.space_ is distance.space_ is not space
    losses, generator = set(), seeded(1)
    for _ in range(30):
        outputs = distance.space_.pool_.network_(points.X)
        expected = 1.5 * log_loss(CODES, outputs.softmax(1), sample_weight=points.weight)
        total, alone = (float(part.loss(Batch(source.rows), points, Step(seeded()))) for part in (hybrid, distance))
        assert float(penalty.loss(Batch(source.rows), points, Step(seeded()))) == pytest.approx(expected, rel=1e-9)
        assert total == pytest.approx(alone + expected, rel=1e-9)
        losses.add(round(expected, 9))
        for part in hybrid.spaces():
            part.after_step(points, source, Step(generator))
    # There are two networks at two stages.
    assert len(hybrid.spaces()) == 1
    assert len(losses) == 4


def test_the_loss_of_continuous_targets_is_in_units_of_their_variance(rng):
    X, y = rng.normal(size=(30, 3)), 500 + 40 * rng.normal(size=(30, 2)) * [1, 5]
    source = row_source(X, y, regression=True)
    weight = rng.uniform(0.5, 2, 4)
    targets = 500 + 40 * rng.normal(size=(4, 2))
    rows = synthetic(source, rng.normal(size=(4, 3)), weight=weight, y=targets)
    space = NetworkFeatures(RandomNetworks(SMALL))
    _, penalty = fitted(MeanDistance(space=space) + NetworkLoss(space), source).leaves()
    outputs = penalty.space_.pool_.network_(rows.X).numpy()
    expected = mean_squared_error((targets - y.mean(axis=0)) / y.std(axis=0), outputs, sample_weight=weight)
    assert float(penalty.loss(Batch(source.rows), rows, Step(seeded()))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=name)
        for name, check in penalty_checks(NetworkLoss(NetworkFeatures(PretrainedNetworks(SMALL, 1, 1, 20, 0.02))))
    ],
)
def test_published_checks(check):
    check()


def test_points_move_to_where_the_networks_know_them(source, monkeypatch):
    # The networks are asked that the fit has seen; what it keeps has none.
    monkeypatch.setattr("skdc.fitting.base.settled", lambda part: part)
    space = NetworkFeatures(PretrainedNetworks(SMALL, n_networks=1, n_stages=1, n_steps=60, step_size=0.02))
    losses = []
    for weight in (1e-9, 10.0):
        discrepancy = MeanDistance(space=space) + weight * NetworkLoss(space)
        condenser = Condenser(discrepancy, solver=Descent(n_steps=60), n_per_class=2, random_state=0)
        condenser.fit(source.X, source.schema.classes[source.key])
        # The same seed trains the same network.
        network = condenser.discrepancy_.leaves()[1].space_.pool_.network_
        units = row_source(source.X, dtype=torch.float32)
        predicted = network(units.encode(condenser.X_syn_)).double().softmax(1).numpy()
        losses.append(log_loss(np.repeat([0, 1, 2], 2), predicted))
    assert losses[1] < 0.7 * losses[0]


# What cannot be


@pytest.mark.parametrize("kind", [CenterCrossEntropy, NetworkLoss], ids=lambda kind: kind.__name__)
def test_classes_are_needed(kind, rng):
    part, X = kind(space=RandomNetwork(SMALL)), rng.normal(size=(6, 2))
    with pytest.raises(ValueError, match=f"{kind.__name__} trains on targets, but y is None"):
        (MMD() + part).fit(row_source(X), seeded())
    with pytest.raises(ValueError, match=f"{kind.__name__} needs at least two classes"):
        (MMD() + part).fit(row_source(X, np.zeros(6)), seeded())


def test_continuous_targets_have_no_class_means(rng):
    source = row_source(rng.normal(size=(6, 2)), rng.normal(size=6), regression=True)
    with pytest.raises(ValueError, match="compares with the means of classes, but y is continuous; use MeanDistance"):
        CenterCrossEntropy().fit(source, seeded())


def test_class_means_need_a_cloud(source):
    with pytest.raises(ValueError, match="CenterCrossEntropy compares clouds, but NetworkGradients yields aligned"):
        CenterCrossEntropy(space=NetworkGradients(AlternatingNetworks(SMALL))).fit(source, seeded())


def test_by_itself_it_has_no_classes(rng):
    with pytest.raises(ValueError, match="CenterCrossEntropy trains on targets, but y is None"):
        CenterCrossEntropy()(rng.normal(size=(6, 2)), rng.normal(size=(3, 2)))


@pytest.mark.parametrize(
    "space", [Identity(), Standardized(), Augmented(Identity())], ids=lambda space: type(space).__name__
)
def test_a_space_without_a_network_is_refused(space, source):
    message = re.escape(f"asks the network of a space such as NetworkFeatures, which {space!r} is not")
    with pytest.raises(ValueError, match=message):
        (MMD() + NetworkLoss(space)).fit(source, seeded())


@pytest.mark.parametrize("weight", [0, -1.0])
@pytest.mark.parametrize("kind", [CenterCrossEntropy, NetworkLoss], ids=lambda kind: kind.__name__)
def test_weights_are_positive(kind, weight, source):
    message = rf"{kind.__name__}\(weight={weight}\): the weight must be positive"
    with pytest.raises(ValueError, match=message):
        (MMD() + kind(space=RandomNetwork(SMALL), weight=weight)).fit(source, seeded())


def test_the_loss_of_a_network_alone_is_refused(source):
    with pytest.raises(ValueError, match="does not look at the data; add it to a discrepancy"):
        NetworkLoss(RandomNetwork(SMALL)).fit(source, seeded())
