"""Gradients and trajectories, against closed forms, finite differences and training written out."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from torch import nn

from skdc.discrepancies import L1, Cosine, MeanDistance, SquaredL2
from skdc.learners import (
    AlternatingNetworks,
    DataTrainedNetworks,
    Experts,
    OnlineNetworks,
    PretrainedNetworks,
    RandomNetworks,
)
from skdc.networks import MLP, training_loss
from skdc.sources import Batch
from skdc.spaces import NetworkFeatures, NetworkGradients, TrainingTrajectories
from skdc.step import Step

from ..sources import finite_differences, row_source, seeded, softmax_regression


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def two_layers(activation):
    def build(input_shape, n_outputs):
        return nn.Sequential(nn.Linear(input_shape[0], 5), activation(), nn.Linear(5, n_outputs))

    return build


# Gradients


def test_gradients_of_softmax_regression_are_in_closed_form(source, points):
    space = NetworkGradients(AlternatingNetworks(linear)).fit(source, seeded())
    weight, bias = (p.detach().numpy() for p in space.pool_.network_.parameters())
    for blocks, rows in zip(space.represent(source.rows, points, Step(seeded())), (source.rows, points), strict=True):
        X, y, mass = rows.X.numpy(), rows.y.numpy(), rows.mass.numpy()
        expected = (mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)).T @ X
        assert len(blocks) == 1
        np.testing.assert_allclose(blocks[0].values.detach(), expected, rtol=1e-10, atol=1e-13)


def test_gradients_of_linear_regression_are_in_closed_form(regression):
    space = NetworkGradients(AlternatingNetworks(linear)).fit(regression, seeded())
    weight, bias = (p.detach().numpy() for p in space.pool_.network_.parameters())
    rows = regression.rows
    blocks, _ = space.represent(rows, rows, Step(seeded()))
    residual = rows.X.numpy() @ weight.T + bias - rows.y.numpy()
    expected = (rows.mass.numpy()[:, None] * residual).T @ rows.X.numpy()  # 2 / n_outputs = 1
    np.testing.assert_allclose(blocks[0].values.detach(), expected, rtol=1e-10)


def test_gradients_have_a_block_a_weight_and_a_row_an_output_unit(source, points):
    space = NetworkGradients(AlternatingNetworks(MLP(width=7, depth=2))).fit(source, seeded())
    blocks, _ = space.represent(source.rows, points, Step(seeded()))
    assert [block.values.shape for block in blocks] == [(7, 4), (7, 7), (3, 7)]


def test_gradients_of_kernels_have_a_row_a_channel(rng):
    def convolution(input_shape, n_outputs):
        return nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, n_outputs))

    source = row_source(rng.normal(size=(8, 4, 4)), np.arange(8) % 2)
    space = NetworkGradients(AlternatingNetworks(convolution)).fit(source, seeded())
    blocks, _ = space.represent(source.rows, source.rows, Step(seeded()))
    assert [block.values.shape for block in blocks] == [(3, 4), (2, 27)]


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("by", ["class", None])
def test_gradient_matching_has_the_right_gradient(activation, by, source, points):
    space = NetworkGradients(AlternatingNetworks(two_layers(activation)))
    discrepancy = Cosine(space=space, by=by).fit(source, seeded(3))

    def loss(X):
        rows = replace(points, X=torch.as_tensor(X))
        return float(discrepancy.loss(Batch(source.rows), rows, Step(seeded())).detach())

    moving = points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=moving), Step(seeded())).backward()
    expected = finite_differences(loss, points.X.numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-7)


def test_the_network_is_trained_on_the_synthetic_set_between_matches(source, points):
    space = NetworkGradients(AlternatingNetworks(linear, n_matches=2, n_updates=3, step_size=0.2))
    generator = seeded()
    space.fit(source, generator)
    weight, bias = (p.detach().numpy().copy() for p in space.pool_.network_.parameters())
    X, y, mass = points.X.numpy(), points.y.numpy(), points.mass.numpy()
    velocities = np.zeros_like(weight), np.zeros_like(bias)
    for _ in range(3):
        residual = mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)
        velocities = 0.5 * velocities[0] + residual.T @ X, 0.5 * velocities[1] + residual.sum(axis=0)
        weight, bias = weight - 0.2 * velocities[0], bias - 0.2 * velocities[1]
    space.after_step(points, source, Step(generator))
    trained = [p.detach().clone() for p in space.pool_.network_.parameters()]
    np.testing.assert_allclose(trained[0], weight, rtol=1e-10)
    np.testing.assert_allclose(trained[1], bias, rtol=1e-10)
    # It has served twice: the next is the second that the generator gives.
    space.after_step(points, source, Step(generator))
    again = seeded()
    first, second = (
        NetworkGradients(AlternatingNetworks(linear)).fit(source, again).pool_.network_[1].weight for _ in range(2)
    )
    torch.testing.assert_close(space.pool_.network_[1].weight, second, rtol=0, atol=0)
    assert not torch.equal(first, second)


POOLS = [
    AlternatingNetworks(two_layers(nn.Tanh), n_matches=2, n_updates=3),
    DataTrainedNetworks(two_layers(nn.Tanh), n_matches=2, n_updates=3, batch_size=9),
    RandomNetworks(two_layers(nn.Tanh)),
    PretrainedNetworks(two_layers(nn.Tanh), n_networks=1, n_stages=2, n_steps=4),
    OnlineNetworks(two_layers(nn.Tanh), n_networks=2),
    Experts(two_layers(nn.Tanh), n_experts=1, n_segments=2, n_expert_steps=2),
]


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: type(pool).__name__)
def test_gradients_are_those_of_the_network_that_a_pool_shows(pool, source, points):
    space = NetworkGradients(clone(pool)).fit(source, seeded())
    for _ in range(3):
        network = copy.deepcopy(space.pool_.network_).requires_grad_(True)
        loss = training_loss(network(source.rows.X), source.rows.y, source.rows.mass, "classification")
        expected = torch.autograd.grad(loss, [network[0].weight, network[2].weight])
        for found, gradient in zip(space.represent(source.rows, points, Step(seeded()))[0], expected, strict=True):
            torch.testing.assert_close(found.values, gradient, rtol=1e-10, atol=1e-12)
        space.after_step(points, source, Step(seeded()))


def test_weights_that_the_builder_has_frozen_are_not_compared(source, points):
    def half(input_shape, n_outputs):
        network = two_layers(nn.Tanh)(input_shape, n_outputs)
        network[0].requires_grad_(False)
        return network

    space = NetworkGradients(AlternatingNetworks(half, n_updates=3)).fit(source, seeded())
    before = [p.clone() for p in space.pool_.network_.parameters()]
    assert [block.values.shape for block in space.represent(source.rows, points, Step(seeded()))[0]] == [(3, 5)]
    space.after_step(points, source, Step(seeded()))
    same = [torch.equal(*pair) for pair in zip(before, space.pool_.network_.parameters(), strict=True)]
    assert same == [True, True, False, False]


def with_everything(input_shape, n_outputs):
    return nn.Sequential(
        nn.Linear(input_shape[0], 6),
        nn.BatchNorm1d(6),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(6, 5),
        nn.Linear(5, n_outputs),
    )


@pytest.mark.parametrize("layers, n_blocks", [("all", 3), ("hidden", 2)])
def test_layers_say_which_weights_are_compared(layers, n_blocks, source, points):
    space = NetworkGradients(RandomNetworks(with_everything), layers=layers).fit(source, seeded())
    network = copy.deepcopy(space.pool_.network_).requires_grad_(True)
    torch.manual_seed(3)
    loss = training_loss(network(source.rows.X), source.rows.y, source.rows.mass, "classification")
    weights = [network[place].weight for place in (0, 4, 5)[:n_blocks]]
    torch.manual_seed(3)
    found = space.represent(source.rows, points, Step(seeded()))[0]
    for block, gradient in zip(found, torch.autograd.grad(loss, weights), strict=True):
        torch.testing.assert_close(block.values, gradient, rtol=1e-10, atol=1e-12)


def test_hidden_layers_must_be_there(source, points):
    space = NetworkGradients(RandomNetworks(linear), layers="hidden").fit(source, seeded())
    with pytest.raises(ValueError, match=r"NetworkGradients compares gradients of hidden layers.*or say layers='all'"):
        space.represent(source.rows, points, Step(seeded()))
    with pytest.raises(ValueError, match=r"layers='last'\): layers must be 'all' or 'hidden'"):
        NetworkGradients(layers="last").fit(source, seeded())


@pytest.mark.parametrize("discrepancy", [Cosine, L1, SquaredL2])
def test_gradients_of_hidden_layers_have_the_right_gradient(discrepancy, source, points):
    space = NetworkGradients(RandomNetworks(two_layers(nn.Tanh)), layers="hidden")
    fitted = discrepancy(space=space).fit(source, seeded(3))

    def loss(X):
        return fitted.loss(Batch(source.rows), replace(points, X=torch.as_tensor(X)), Step(seeded()))

    moving = points.X.clone().requires_grad_()
    loss(moving).backward()
    expected = finite_differences(lambda X: float(loss(X).detach()), points.X.numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-7)


def test_a_builder_that_gives_one_network_twice_is_refused(source, points):
    network = two_layers(nn.Tanh)((4,), 3)
    space = NetworkGradients(AlternatingNetworks(lambda shape, n: network, n_matches=1)).fit(source, seeded())
    space.represent(source.rows, points, Step(seeded()))
    space.after_step(points, source, Step(seeded()))
    with pytest.raises(ValueError, match=r"NetworkGradients compares gradients.*a fresh network each time"):
        space.represent(source.rows, points, Step(seeded()))


# Trajectories


def trajectories(network, **settings):
    lengths = {"n_experts": 2, "n_segments": 3, "n_expert_steps": 1}
    return TrainingTrajectories(Experts(network, **lengths | settings), n_student_steps=4)


def test_the_student_is_softmax_regression_written_out(source, points):
    space = trajectories(linear).fit(source, seeded())
    origin = space.experts_.paths_[1, 2]
    student = space.train_student(origin, points).detach()
    step_size = float(space.log_step_size_.detach().exp())
    expected = softmax_regression(
        origin.numpy(), points.X.numpy(), points.y.numpy(), points.mass.numpy(), step_size, n_steps=4
    )
    np.testing.assert_allclose(student, expected, rtol=1e-10)


@pytest.mark.parametrize(("n_expert_steps", "expected"), [(2, 0.3 * 2 / 4), (40, 0.3 * 2)])
def test_the_student_starts_with_the_way_of_an_expert(n_expert_steps, expected, source):
    # 4 student steps go as far as the expert's of size 0.3, each at most twice as far as one of them.
    space = trajectories(linear, expert_step_size=0.3, n_expert_steps=n_expert_steps).fit(source, seeded())
    assert float(space.log_step_size_.detach().exp()) == pytest.approx(expected)


def test_the_loss_is_that_of_the_paper(source, points):
    space = trajectories(linear, n_segments=2, n_expert_steps=2)
    discrepancy = SquaredL2(space=space, by=None).fit(source, seeded())
    seen = set()
    for seed in range(20):
        loss = float(discrepancy.loss(Batch(source.rows), points, Step(seeded(seed))).detach())
        candidates = {}
        for expert, path in enumerate(space.experts_.paths_):
            for start in range(2):
                student = space.train_student(path[start], points).detach()
                ratio = (student - path[start + 1]).square().sum() / (path[start] - path[start + 1]).square().sum()
                candidates[expert, start] = float(ratio)
        matches = [key for key, value in candidates.items() if value == pytest.approx(loss, rel=1e-9)]
        assert len(matches) == 1
        seen.update(matches)
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_trajectory_matching_has_the_right_gradient(activation, source, points):
    space = trajectories(two_layers(activation), expert_step_size=0.3)
    discrepancy = SquaredL2(space=space, by=None).fit(source, seeded(1))

    def loss(X, log_step_size):
        space.log_step_size_ = torch.as_tensor(log_step_size)
        rows = replace(points, X=torch.as_tensor(X))
        return float(discrepancy.loss(Batch(source.rows), rows, Step(seeded(2))).detach())

    log_step_size, moving = space.log_step_size_, points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=moving), Step(seeded(2))).backward()
    at = log_step_size.detach().numpy()
    by_rows = finite_differences(lambda X: loss(X, at), points.X.numpy(), step=1e-6)
    by_step = finite_differences(lambda s: loss(points.X.numpy(), s), at.reshape(()), step=1e-6)
    assert np.abs(by_rows).max() > 1e-3
    assert np.abs(by_step) > 1e-3
    np.testing.assert_allclose(moving.grad, by_rows, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(log_step_size.grad, by_step, rtol=1e-5)


def test_nothing_to_match_is_refused(source):
    with pytest.raises(ValueError, match=r"TrainingTrajectories\(n_student_steps=0\): it must be at least 1"):
        TrainingTrajectories(n_student_steps=0).fit(source, seeded())


@pytest.mark.parametrize("pool", [MLP(), RandomNetworks(MLP())], ids=["builder", "pool"])
def test_what_has_no_paths_is_refused(pool, source):
    with pytest.raises(TypeError, match=r"TrainingTrajectories\(experts=.*MLP\(\).*give Experts\(\)"):
        TrainingTrajectories(pool).fit(source, seeded())


def test_spaces_that_share_experts_have_them_trained_once(source, points):
    pool = Experts(linear, n_experts=2, n_segments=2, n_expert_steps=3)
    terms = [SquaredL2(space=TrainingTrajectories(pool, n), by=None) for n in (2, 3)]
    objective = clone(terms[0] + terms[1] + MeanDistance(space=NetworkFeatures(pool))).fit(source, seeded())
    first, second, third = objective.spaces()
    assert first.experts_ is second.experts_ is third.pool_
    # One space more changes nothing of what the first is shown.
    alone = clone(terms[0]).fit(source, seeded())
    torch.testing.assert_close(alone.space_.experts_.paths_, first.experts_.paths_, rtol=0, atol=0)
