"""What the spaces of rows, features and functions show, against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.kernels import Gaussian, NeuralTangent
from skdc.networks import MLP, penultimate
from skdc.solvers import Descent
from skdc.spaces import (
    Identity,
    Joint,
    KernelRidgePredictions,
    NetworkGradients,
    Perturbed,
    RandomNetwork,
    Standardized,
    TrainingTrajectories,
)
from skdc.step import Step

from ..sources import row_source, seeded, squares, synthetic

# Data


def test_identity_keeps_distances_in_the_units_of_the_data(source):
    embedded = Identity().fit(source, seeded()).embed(source.rows).numpy()
    np.testing.assert_allclose(squares(embedded, embedded), squares(source.X, source.X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.average(embedded, axis=0, weights=source.weight), 0, atol=1e-12)


def test_standardized_divides_by_the_weighted_deviations(source):
    embedded = Standardized().fit(source, seeded()).embed(source.rows).numpy()
    mean = np.average(source.X, axis=0, weights=source.weight)
    deviation = np.sqrt(np.average((source.X - mean) ** 2, axis=0, weights=source.weight))
    np.testing.assert_allclose(embedded, (source.X - mean) / deviation, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.1, 1e6 + 0.1, 1e9 + 0.1])
def test_standardized_leaves_constant_features_as_they_are(value, dtype, rng):
    X = rng.normal(size=(300, 3))
    X[:, 1] = value
    space = Standardized().fit(row_source(X, dtype=dtype), seeded())
    assert float(space.scale_[1]) == 1.0


def test_joint_gives_targets_the_variance_of_a_feature(regression):
    embedded = Joint().fit(regression, seeded()).embed(regression.rows).numpy()
    mean = np.average(embedded, axis=0, weights=regression.weight)
    variance = np.average((embedded - mean) ** 2, axis=0, weights=regression.weight)
    assert variance[:4].mean() == pytest.approx(variance[4:].sum())
    np.testing.assert_allclose(squares(embedded[:, :4], embedded[:, :4]), squares(regression.X, regression.X))


def test_joint_weighs_targets_in_the_units_of_the_user(regression):
    embedded = Joint(target_weight=0.3).fit(regression, seeded()).embed(regression.rows).numpy()
    targets = 0.3 * regression.targets()
    np.testing.assert_allclose(squares(embedded[:, 4:], embedded[:, 4:]), squares(targets, targets), atol=1e-9)


@pytest.mark.parametrize("constant", ["features", "targets"])
def test_joint_of_constants_is_finite(constant, rng):
    X = np.full((20, 2), 0.1) if constant == "features" else rng.normal(size=(20, 2))
    y = np.full(20, 0.7) if constant == "targets" else rng.normal(size=20)
    rows = row_source(X, y, regression=True)
    space = Joint().fit(rows, seeded())
    embedded = space.embed(rows.rows)
    assert embedded.isfinite().all()
    torch.testing.assert_close(space.unembed(embedded, rows.rows).y, rows.rows.y)


@pytest.mark.parametrize("space", [Identity(), Standardized(), Joint(), Joint(target_weight=2.0)], ids=repr)
def test_unembedding_undoes_embedding(space, regression):
    rows = regression.rows
    space = space.fit(regression, seeded())
    other = rows.take(torch.arange(24, -1, -1))
    back = space.unembed(space.embed(rows), other)
    torch.testing.assert_close(back.X, rows.X)
    torch.testing.assert_close(back.y, rows.y if isinstance(space, Joint) else other.y)
    torch.testing.assert_close(back.weight, other.weight)


def test_unembedding_keeps_the_shape_of_images(rng):
    rows = row_source(rng.normal(size=(6, 2, 3)))
    space = Standardized().fit(rows, seeded())
    torch.testing.assert_close(space.unembed(space.embed(rows.rows), rows.rows).X, rows.rows.X)


# Features


def test_random_network_shows_the_last_hidden_layer_and_is_redrawn(source):
    space, generator = RandomNetwork(network=MLP(width=6, depth=1)), seeded()
    first = space.fit(source, generator).embed(source.rows)
    torch.testing.assert_close(first, penultimate(space.pool_.network_, source.rows.X))
    weight, bias = (p.detach() for p in list(space.pool_.network_.parameters())[:2])
    torch.testing.assert_close(first, (source.rows.X @ weight.T + bias).clamp_min(0))
    space.after_step(source.rows, source, Step(generator))
    assert not torch.allclose(space.embed(source.rows), first)
    assert not space.frozen()
    assert Identity().frozen()


# Functions


@pytest.mark.parametrize("kernel", [Gaussian(bandwidth=3.0), NeuralTangent(scale=2.0)], ids=repr)
def test_predictions_are_kernel_ridge_regression(kernel, source, rng):
    codes = np.array([0, 0, 1, 2, 2])
    points = synthetic(source, 3 + rng.normal(size=(5, 4)), codes)
    space = KernelRidgePredictions(kernel=kernel, regularization=1e-2).fit(source, seeded())
    real, predicted = space.represent(source.rows, points, Step(seeded()))
    centred = source.X - np.average(source.X, axis=0, weights=source.weight)
    at = source.decode(points.X) - np.average(source.X, axis=0, weights=source.weight)
    gram = space.kernel_(torch.as_tensor(at), torch.as_tensor(at)).detach().numpy()
    ridge = KernelRidge(kernel="precomputed", alpha=1e-2 * np.trace(gram) / 5).fit(gram, np.eye(3)[codes] - 1 / 3)
    across = space.kernel_(torch.as_tensor(centred), torch.as_tensor(at)).detach().numpy()
    np.testing.assert_allclose(predicted[0].values.detach(), ridge.predict(across), rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(real[0].values, np.eye(3)[source.key] - 1 / 3)
    np.testing.assert_allclose(real[0].weight, source.weight)


def test_the_kernel_of_predictions_is_in_the_units_of_the_data(source, points):
    space = KernelRidgePredictions(kernel=Gaussian(bandwidth=3.0), regularization=1e-2).fit(source, seeded())
    _, predicted = space.represent(source.rows, points, Step(seeded()))
    X, S = source.X, source.decode(points.X)
    weight = points.weight.numpy()
    # Weighted ridge by its normal equations: minimise sum_i w_i (f(x_i) - y_i)^2 + ridge |f|^2.
    gram = np.exp(-squares(S, S) / 18)
    dual = np.linalg.solve(np.diag(weight) @ gram + 1e-2 * np.eye(5), weight[:, None] * (points.y.numpy() - 1 / 3))
    expected = np.exp(-squares(X, S) / 18) @ dual
    np.testing.assert_allclose(predicted[0].values.detach(), expected, rtol=1e-6, atol=1e-9)


def test_weights_of_points_are_multiplicities(source, points):
    weight = np.array([1.0, 3.0, 2.0, 1.0, 2.0])
    space = KernelRidgePredictions(kernel=Gaussian(bandwidth=3.0), regularization=1e-2).fit(source, seeded())
    weighted = replace(points, weight=torch.as_tensor(weight))
    repeated = points.take(torch.as_tensor(np.repeat(np.arange(5), weight.astype(int))))
    repeated = replace(repeated, weight=torch.ones(9).double())
    values = [space.represent(source.rows, rows, Step(seeded()))[1][0].values for rows in (weighted, repeated)]
    torch.testing.assert_close(*values, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_learner_predicts_what_the_space_shows(task, source, regression, points, rng):
    data = source if task == "classification" else regression
    rows = points
    if task == "regression":
        rows = synthetic(data, rng.normal(size=(5, 4)), y=data.targets()[:5], weight=rng.uniform(0.5, 2, 5))
    space = KernelRidgePredictions(kernel=Gaussian(bandwidth=3.0), regularization=1e-2).fit(data, seeded())
    shown = space.represent(data.rows, rows, Step(seeded()))[1][0].values.detach()
    learner = space.attributes(rows, data)["learner_"]
    if task == "classification":
        np.testing.assert_allclose(learner.decision_function(data.X), shown, rtol=1e-7, atol=1e-9)
        np.testing.assert_array_equal(learner.predict(data.X), shown.argmax(1))
    else:
        np.testing.assert_allclose(learner.predict(data.X), data.decode_targets(shown), rtol=1e-7)


# What cannot be shown


@pytest.mark.parametrize(
    "space", [NetworkGradients(), TrainingTrajectories(), KernelRidgePredictions()], ids=lambda s: type(s).__name__
)
def test_what_trains_needs_targets(space, rng):
    X = rng.normal(size=(6, 2))
    with pytest.raises(ValueError, match=f"{type(space).__name__} trains on targets, but y is None"):
        space.fit(row_source(X), seeded())
    with pytest.raises(ValueError, match=f"{type(space).__name__} needs at least two classes"):
        space.fit(row_source(X, np.zeros(6)), seeded())


def test_joint_needs_targets(rng):
    with pytest.raises(ValueError, match=r"Joint\(\) joins features with targets, but y is None"):
        Joint().fit(row_source(rng.normal(size=(6, 2))), seeded())


def test_predictions_need_a_positive_ridge(source):
    with pytest.raises(ValueError, match="regularization=0 must be positive"):
        KernelRidgePredictions(regularization=0).fit(source, seeded())


class _Turning(Identity):
    """Rows on whose first coordinate less and less depends, until only the others count."""

    def represent(self, real, synthetic, state):
        SEEN.append(("represent", state.step, state.n_steps))
        share = torch.ones(real.X.shape[1], dtype=real.X.dtype)
        share[0] = 1 - state.step / (state.n_steps - 1)
        rows = (replace(rows, X=rows.X * share) for rows in (real, synthetic))
        return super().represent(*rows, state)

    def after_step(self, synthetic, source, state):
        SEEN.append(("after_step", state.step, state.n_steps))


SEEN = []


def test_spaces_can_follow_a_schedule():
    SEEN.clear()
    condenser = Condenser(MMD(space=_Turning()), solver=Descent(n_steps=4), n_per_class=2, random_state=0)
    condenser.fit(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2)
    steps = [("represent", step, 4) for step in range(4)]
    assert [seen for step in steps for seen in (step, ("after_step", *step[1:]))] == SEEN


def test_wrapped_spaces_are_handed_the_step():
    SEEN.clear()
    space = Perturbed(_Turning(), n_steps=1)
    Condenser(MMD(space=space), solver=Descent(n_steps=3), n_per_class=1, random_state=0).fit(
        np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    )
    assert {seen for seen in SEEN if seen[0] == "represent"} == {("represent", step, 3) for step in range(3)}
    assert [seen for seen in SEEN if seen[0] == "after_step"] == [("after_step", step, 3) for step in range(3)]
