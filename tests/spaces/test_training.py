"""Gradients and trajectories, against closed forms, finite differences and training written out."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from joblib import Memory
from scipy.special import softmax
from torch import nn

from skdc.discrepancies import Cosine, SquaredL2
from skdc.networks import MLP
from skdc.sources import Batch
from skdc.spaces import NetworkGradients, TrainingTrajectories
from skdc.spaces.trajectories import train_experts

from ..sources import finite_differences, row_source, seeded


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def two_layers(activation):
    def build(input_shape, n_outputs):
        return nn.Sequential(nn.Linear(input_shape[0], 5), activation(), nn.Linear(5, n_outputs))

    return build


# Gradients


def test_gradients_of_softmax_regression_are_in_closed_form(source, points):
    space = NetworkGradients(network=linear).fit(source, seeded())
    weight, bias = (p.detach().numpy() for p in space.network_.parameters())
    for blocks, rows in zip(space.represent(source.rows, points, seeded()), (source.rows, points), strict=True):
        X, y, mass = rows.X.numpy(), rows.y.numpy(), rows.mass.numpy()
        expected = (mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)).T @ X
        assert len(blocks) == 1
        np.testing.assert_allclose(blocks[0].values.detach(), expected, rtol=1e-10, atol=1e-13)


def test_gradients_of_linear_regression_are_in_closed_form(regression):
    space = NetworkGradients(network=linear).fit(regression, seeded())
    weight, bias = (p.detach().numpy() for p in space.network_.parameters())
    rows = regression.rows
    blocks, _ = space.represent(rows, rows, seeded())
    residual = rows.X.numpy() @ weight.T + bias - rows.y.numpy()
    expected = (rows.mass.numpy()[:, None] * residual).T @ rows.X.numpy()  # 2 / n_outputs = 1
    np.testing.assert_allclose(blocks[0].values.detach(), expected, rtol=1e-10)


def test_gradients_have_a_block_a_weight_and_a_row_an_output_unit(source, points):
    space = NetworkGradients(network=MLP(width=7, depth=2)).fit(source, seeded())
    blocks, _ = space.represent(source.rows, points, seeded())
    assert [block.values.shape for block in blocks] == [(7, 4), (7, 7), (3, 7)]


def test_gradients_of_kernels_have_a_row_a_channel(rng):
    def convolution(input_shape, n_outputs):
        return nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(27, n_outputs))

    source = row_source(rng.normal(size=(8, 4, 4)), np.arange(8) % 2)
    space = NetworkGradients(network=convolution).fit(source, seeded())
    blocks, _ = space.represent(source.rows, source.rows, seeded())
    assert [block.values.shape for block in blocks] == [(3, 4), (2, 27)]


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
@pytest.mark.parametrize("by", ["class", None])
def test_gradient_matching_has_the_right_gradient(activation, by, source, points):
    space = NetworkGradients(network=two_layers(activation))
    discrepancy = Cosine(space=space, by=by).fit(source, seeded(3))

    def loss(X):
        rows = replace(points, X=torch.as_tensor(X))
        return float(discrepancy.loss(Batch(source.rows), rows, seeded()).detach())

    moving = points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=moving), seeded()).backward()
    expected = finite_differences(loss, points.X.numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-7)


def test_the_network_is_trained_on_the_synthetic_set_between_matches(source, points):
    space = NetworkGradients(network=linear, n_matches=2, n_train_steps=3, network_step_size=0.2)
    generator = seeded()
    space.fit(source, generator)
    weight, bias = (p.detach().numpy().copy() for p in space.network_.parameters())
    X, y, mass = points.X.numpy(), points.y.numpy(), points.mass.numpy()
    velocities = np.zeros_like(weight), np.zeros_like(bias)
    for _ in range(3):
        residual = mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)
        velocities = 0.5 * velocities[0] + residual.T @ X, 0.5 * velocities[1] + residual.sum(axis=0)
        weight, bias = weight - 0.2 * velocities[0], bias - 0.2 * velocities[1]
    space.after_step(points, source, generator)
    trained = [p.detach().clone() for p in space.network_.parameters()]
    np.testing.assert_allclose(trained[0], weight, rtol=1e-10)
    np.testing.assert_allclose(trained[1], bias, rtol=1e-10)
    # It has served twice: the next is the second that the generator gives.
    space.after_step(points, source, generator)
    again = seeded()
    first, second = (NetworkGradients(network=linear).fit(source, again).network_[1].weight for _ in range(2))
    torch.testing.assert_close(space.network_[1].weight, second, rtol=0, atol=0)
    assert not torch.equal(first, second)


# Trajectories


def trajectories(network, **settings):
    lengths = {"n_experts": 2, "n_segments": 3, "n_expert_steps": 1, "n_student_steps": 4}
    return TrainingTrajectories(**{"network": network} | lengths | settings)


def softmax_regression(parameters, X, y, mass, step_size, n_steps):
    """Return the parameters (weight, then bias) after steps of gradient descent on all rows."""
    n_outputs, n_features = y.shape[1], X.shape[1]
    weight, bias = parameters[:-n_outputs].reshape(n_outputs, n_features), parameters[-n_outputs:]
    for _ in range(n_steps):
        residual = mass[:, None] * (softmax(X @ weight.T + bias, axis=1) - y)
        weight, bias = weight - step_size * residual.T @ X, bias - step_size * residual.sum(axis=0)
    return np.concatenate([weight.ravel(), bias])


def test_the_student_is_softmax_regression_written_out(source, points):
    space = trajectories(linear).fit(source, seeded())
    origin = space.paths_[1, 2]
    student = space.train_student(origin, points).detach()
    step_size = float(space.log_step_size_.detach().exp())
    expected = softmax_regression(
        origin.numpy(), points.X.numpy(), points.y.numpy(), points.mass.numpy(), step_size, n_steps=4
    )
    np.testing.assert_allclose(student, expected, rtol=1e-10)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_experts_are_softmax_regression_written_out(n_steps, source):
    # All 27 rows make one batch of 128, whatever the order.
    space = trajectories(linear, n_expert_steps=n_steps, expert_step_size=0.3).fit(source, seeded())
    rows = source.rows
    assert space.paths_.shape == (2, 4, 15)
    for path in space.paths_.numpy():
        for before, after in pairwise(path):
            expected = softmax_regression(before, rows.X.numpy(), rows.y.numpy(), rows.mass.numpy(), 0.3, n_steps)
            np.testing.assert_allclose(after, expected, rtol=1e-9, atol=1e-12)


def test_experts_see_every_row_once_an_epoch():
    seen = []

    class Noting(nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(input_shape[0], n_outputs)

        def forward(self, rows):
            seen.append(rows[:, 0].clone())
            return super().forward(rows)

    X = np.arange(300.0)[:, None]
    # Batches of 128, 128 and 44 rows: 3 segments of 2 steps are two epochs.
    train_experts(X, X, np.ones(300), "regression", Noting, "", 1, 3, 2, 1e-6, seed=0)
    assert [len(rows) for rows in seen] == [128, 128, 44] * 2
    for epoch in (seen[:3], seen[3:]):
        np.testing.assert_array_equal(torch.cat(epoch).sort().values, X[:, 0])
    assert not torch.equal(seen[0], seen[3])


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
        loss = float(discrepancy.loss(Batch(source.rows), points, seeded(seed)).detach())
        candidates = {}
        for expert, path in enumerate(space.paths_):
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
        return float(discrepancy.loss(Batch(source.rows), rows, seeded(2)).detach())

    log_step_size, moving = space.log_step_size_, points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=moving), seeded(2)).backward()
    at = log_step_size.detach().numpy()
    by_rows = finite_differences(lambda X: loss(X, at), points.X.numpy(), step=1e-6)
    by_step = finite_differences(lambda s: loss(points.X.numpy(), s), at.reshape(()), step=1e-6)
    assert np.abs(by_rows).max() > 1e-3
    assert np.abs(by_step) > 1e-3
    np.testing.assert_allclose(moving.grad, by_rows, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(log_step_size.grad, by_step, rtol=1e-5)


@pytest.mark.parametrize("as_memory", [False, True])
def test_experts_are_read_from_the_memory(as_memory, tmp_path, source, monkeypatch):
    memory = Memory(tmp_path, verbose=0) if as_memory else str(tmp_path)

    small = MLP(width=4, depth=1)
    small = partial(MLP.__call__, small)

    def fit(seed):
        return trajectories(MLP(width=4, depth=1), memory=memory).fit(source, seeded(seed))

    first = fit(0)

    def refuse(shape, n_outputs):
        raise AssertionError("experts are trained again")

    # The network is built once for the space, and once to tell it from others.
    counted = iter([small, small, refuse, small, small, refuse])
    monkeypatch.setattr(MLP, "__call__", lambda self, *size: next(counted)(*size))
    again = fit(0)
    torch.testing.assert_close(again.paths_, first.paths_, rtol=0, atol=0)
    # Other experts are not in the memory.
    with pytest.raises(AssertionError, match="trained again"):
        fit(1)


def test_the_memory_tells_networks_apart(tmp_path, source):
    # Builders that have no name of their own, as a user writes them.
    sizes = [
        trajectories(lambda shape, n, width=width: MLP(width, depth=1)(shape, n), memory=tmp_path).fit(source, seeded())
        for width in (2, 3)
    ]
    assert [space.paths_.shape[2] for space in sizes] == [(4 + 1) * width + (width + 1) * 3 for width in (2, 3)]


class Curve(nn.Module):
    """A network that does not print what it computes."""

    def __init__(self, curve, shape, n_outputs):
        super().__init__()
        self.first, self.last, self.gate = (
            nn.Linear(shape[0], 4),
            nn.Linear(4, n_outputs),
            nn.Parameter(torch.zeros(())),
        )
        self.curve = curve

    def forward(self, x):
        hidden = self.first(x)
        return self.last(hidden + self.gate * self.curve(hidden))


def test_the_memory_tells_networks_apart_that_print_alike(tmp_path, source):
    def paths(curve, memory=None):
        space = trajectories(lambda shape, n: Curve(curve, shape, n), memory=memory)
        return space.fit(source, seeded()).paths_

    kept = [paths(curve, tmp_path) for curve in (torch.relu, torch.cos, torch.relu)]
    for found, curve in zip(kept, (torch.relu, torch.cos, torch.relu), strict=True):
        torch.testing.assert_close(found, paths(curve), rtol=0, atol=0)
    assert not torch.equal(kept[0], kept[1])


def test_the_memory_tells_networks_apart_by_all_rows(tmp_path, rng):
    X, y = rng.normal(size=(1290, 4)), np.arange(1290) % 2
    odd = rng.choice(np.setdiff1d(np.arange(1290), np.arange(0, 1290, 10)), 3, replace=False)
    X[odd] *= 30  # rows that a few evenly spaced ones do not show
    source = row_source(X, y)

    def paths(curve, memory=None):
        space = trajectories(lambda shape, n: nn.Sequential(nn.Linear(4, 4), curve(), nn.Linear(4, n)), memory=memory)
        return space.fit(source, seeded()).paths_

    def silent(shape, n_outputs, curve):
        # Of the first outputs, which are all zero, nothing is to be seen.
        network = nn.Sequential(nn.Linear(4, 4), curve(), nn.Linear(4, n_outputs))
        nn.init.zeros_(network[2].weight)
        return network

    for curve in (nn.ReLU, nn.ReLU6):
        torch.testing.assert_close(paths(curve, tmp_path), paths(curve), rtol=0, atol=0)
    kept = [
        trajectories(partial(silent, curve=curve), memory=tmp_path).fit(source, seeded()).paths_
        for curve in (nn.ReLU, nn.ReLU6)
    ]
    assert not torch.equal(*kept)


@pytest.mark.parametrize("name", ["n_experts", "n_segments", "n_expert_steps", "n_student_steps"])
def test_nothing_to_match_is_refused(name, source):
    with pytest.raises(ValueError, match=rf"TrainingTrajectories\({name}=0\): it must be at least 1"):
        trajectories(linear, **{name: 0}).fit(source, seeded())
