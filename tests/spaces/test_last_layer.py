"""Gradients of single rows in the last layer of a network, against autograd and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from skdc.discrepancies import SquaredL2
from skdc.learners import AlternatingNetworks, GivenNetworks, PretrainedNetworks, RandomNetworks
from skdc.networks import MLP, ConvNet, training_loss
from skdc.sources import Batch
from skdc.spaces import last_layer
from skdc.spaces.last_layer import LastLayerGradients, LastLayerVariances
from skdc.step import Step

from ..sources import finite_differences, row_source, seeded

SMALL = MLP(width=5, depth=2)


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def tangents(input_shape, n_outputs):
    return nn.Sequential(nn.Linear(input_shape[0], 5), nn.Tanh(), nn.Linear(5, n_outputs))


def fitted(network, source, n_steps=0):
    """Return the space of a network as it is drawn, or trained on the data."""
    pool = PretrainedNetworks(network, 1, 1, n_steps, batch_size=9) if n_steps else RandomNetworks(network)
    return LastLayerGradients(pool).fit(source, seeded())


def by_autograd(space, rows):
    """Return the gradient of the loss of each row in the weights and biases of the last layer, row by row."""
    network = space.pool_.network_
    weight, bias = [p.requires_grad_() for p in network.parameters()][-2:]
    gradients = []
    for X, y in zip(rows.X, rows.y, strict=True):
        loss = training_loss(network(X[None]), y[None], X.new_ones(1), space.task_)
        of_weight, of_bias = torch.autograd.grad(loss, (weight, bias))
        gradients.append(torch.cat([of_weight, of_bias[:, None]], dim=1).flatten())
    network.requires_grad_(False)
    return torch.stack(gradients)


@pytest.mark.parametrize("n_steps", [0, 9])
@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_rows_are_the_gradients_of_their_losses(n_targets, n_steps, source, rng):
    if n_targets:
        source = row_source(rng.normal(size=(25, 4)), rng.normal(size=(25, n_targets)), regression=True)
    space = fitted(SMALL, source, n_steps)
    found = space.embed(source.rows)
    assert found.shape == (len(source), source.schema.n_outputs * 6)
    torch.testing.assert_close(found, by_autograd(space, source.rows))


def test_images_have_gradients_too(rng):
    source = row_source(rng.normal(size=(6, 4, 4)), np.arange(6) % 2)
    space = fitted(ConvNet(width=3, depth=1), source, 2)
    torch.testing.assert_close(space.embed(source.rows), by_autograd(space, source.rows))


def test_targets_need_not_be_probabilities(source):
    space = fitted(SMALL, source)
    rows = replace(source.rows, y=torch.randn(27, 3, generator=seeded(1), dtype=torch.float64))
    torch.testing.assert_close(space.embed(rows), by_autograd(space, rows))


def test_gradients_of_softmax_regression_are_in_closed_form(source):
    space = fitted(linear, source)
    weight, bias = (p.numpy() for p in space.pool_.network_.parameters())
    X, y = source.rows.X.numpy(), source.rows.y.numpy()
    error = softmax(X @ weight.T + bias, axis=1) - y
    expected = [np.outer(e, [*x, 1]).ravel() for e, x in zip(error, X, strict=True)]
    np.testing.assert_allclose(space.embed(source.rows), expected, rtol=1e-10)


def test_gradients_reach_the_rows(source, points):
    space = fitted(tangents, source, 3)
    weights = torch.randn(5, 18, generator=seeded(1), dtype=torch.float64)

    def total(X):
        return (weights * space.embed(replace(points, X=torch.as_tensor(X)))).sum()

    moving = points.X.clone().requires_grad_()
    total(moving).backward()
    expected = finite_differences(lambda X: float(total(X)), points.X.numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-8)


def test_rows_in_pieces_are_the_same(source, monkeypatch):
    space = fitted(SMALL, source)
    whole, calls = space.embed(source.rows), []
    monkeypatch.setattr(last_layer, "_PIECE", 4)
    space.pool_.network_.register_forward_hook(lambda module, inputs, outputs: calls.append(len(outputs)))
    torch.testing.assert_close(space.embed(source.rows), whole)
    assert max(calls) == 4


def test_any_pool_gives_the_network(source):
    network = linear((4,), 3).double()
    space = LastLayerGradients(GivenNetworks([network])).fit(source, seeded())
    expected = by_autograd(space, source.rows)
    torch.testing.assert_close(space.embed(source.rows), expected)
    assert not any(p.requires_grad for p in space.pool_.network_.parameters())


def test_the_space_stays_as_it_is(source):
    space = fitted(SMALL, source)
    first = space.embed(source.rows)
    space.after_step(source.rows, source, Step(seeded(1)))
    assert space.frozen() and torch.equal(space.embed(source.rows), first)


# Variances


def variances_by_rows(space, rows):
    """Return the variances of the gradients that autograd gives row by row, of shape (n_outputs, n_hidden + 1)."""
    gradients, mass = by_autograd(space, rows), rows.mass[:, None]
    mean = (mass * gradients).sum(0)
    return (mass * (gradients - mean).square()).sum(0).reshape(rows.y.shape[1], -1)


@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_variances_are_those_of_the_gradients_of_rows(n_targets, source, points, rng):
    if n_targets:
        source = row_source(rng.normal(size=(25, 4)), rng.normal(size=(25, n_targets)), regression=True)
        points = source.rows.take(torch.arange(5))
    space = LastLayerVariances(RandomNetworks(SMALL)).fit(source, seeded())
    for blocks, rows in zip(space.represent(source.rows, points, Step(seeded())), (source.rows, points), strict=True):
        assert [block.values.shape for block in blocks] == [(source.schema.n_outputs, 6)]
        torch.testing.assert_close(blocks[0].values, variances_by_rows(space, rows), rtol=1e-9, atol=1e-12)


def test_variances_of_many_classes_and_rows_of_uneven_weights(rng):
    y = np.arange(1001) % 101
    source = row_source(rng.normal(size=(1001, 4)), y, weight=rng.uniform(0.1, 9, 1001))
    space = LastLayerVariances(RandomNetworks(SMALL)).fit(source, seeded())
    found = space.represent(source.rows, source.rows, Step(seeded()))[0][0].values
    torch.testing.assert_close(found, variances_by_rows(space, source.rows), rtol=1e-9, atol=1e-12)
    one = source.rows.take(torch.tensor([7]))
    torch.testing.assert_close(space.represent(one, one, Step(seeded()))[0][0].values, torch.zeros(101, 6).double())


@pytest.mark.parametrize("by", ["class", None])
def test_variances_of_convolutions_have_the_right_gradient(by, rng):
    source = row_source(rng.normal(size=(9, 4, 4)), np.arange(9) % 2)
    points = source.rows.take(torch.arange(4))
    pool = AlternatingNetworks(ConvNet(width=3, depth=1))
    discrepancy = SquaredL2(space=LastLayerVariances(pool), by=by).fit(source, seeded(3))

    def loss(X):
        return discrepancy.loss(Batch(source.rows), replace(points, X=torch.as_tensor(X)), Step(seeded()))

    moving = (points.X + 0.1).requires_grad_()
    loss(moving).backward()
    expected = finite_differences(lambda X: float(loss(X)), moving.detach().numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-4, atol=1e-8)


def test_variances_are_those_of_another_network_after_a_step(source, points):
    space, generator = LastLayerVariances(RandomNetworks(SMALL)), seeded()
    shown = [space.fit(source, generator).represent(source.rows, points, Step(generator))[0][0].values]
    space.after_step(points, source, Step(generator))
    shown.append(space.represent(source.rows, points, Step(generator))[0][0].values)
    assert not space.frozen() and not torch.allclose(*shown)


# Refusals


def without_linear(input_shape, n_outputs):
    return nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, n_outputs, 4), nn.Flatten())


def test_a_network_without_a_linear_layer_is_refused(source):
    with pytest.raises(ValueError, match="no linear layer"):
        fitted(without_linear, source)
    with pytest.raises(ValueError, match=r"LastLayerVariances.*no linear layer"):
        LastLayerVariances(RandomNetworks(without_linear)).fit(source, seeded())


@pytest.mark.parametrize("y, message", [(None, "trains on targets, but y is None"), (np.zeros(9), "one class only")])
def test_targets_are_needed(y, message, rng):
    with pytest.raises(ValueError, match=message):
        LastLayerGradients().fit(row_source(rng.normal(size=(9, 2)), y), seeded())
