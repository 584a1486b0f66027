"""Gradients of single rows against autograd and closed forms, and the training of the network written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from skdc.networks import MLP, ConvNet, build_network, training_loss
from skdc.spaces import last_layer
from skdc.spaces.last_layer import LastLayerGradients

from ..sources import finite_differences, row_source, seeded

SMALL = MLP(width=5, depth=2)


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def tangents(input_shape, n_outputs):
    return nn.Sequential(nn.Linear(input_shape[0], 5), nn.Tanh(), nn.Linear(5, n_outputs))


def by_autograd(space, rows):
    """Return the gradient of the loss of each row in the weights and biases of the last layer, row by row."""
    network = space.network_
    weight, bias = [p.requires_grad_() for p in network.parameters()][-2:]
    gradients = []
    for X, y in zip(rows.X, rows.y, strict=True):
        loss = training_loss(network(X[None]), y[None], X.new_ones(1), space.task_)
        of_weight, of_bias = torch.autograd.grad(loss, (weight, bias))
        gradients.append(torch.cat([of_weight, of_bias[:, None]], dim=1).flatten())
    network.requires_grad_(False)
    return torch.stack(gradients)


@pytest.mark.parametrize("n_epochs", [0, 3])
@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_rows_are_the_gradients_of_their_losses(n_targets, n_epochs, source, rng):
    if n_targets:
        source = row_source(rng.normal(size=(25, 4)), rng.normal(size=(25, n_targets)), regression=True)
    space = LastLayerGradients(SMALL, n_epochs).fit(source, seeded())
    found = space.embed(source.rows)
    assert found.shape == (len(source), source.schema.n_outputs * 6)
    torch.testing.assert_close(found, by_autograd(space, source.rows))


def test_images_have_gradients_too(rng):
    source = row_source(rng.normal(size=(6, 4, 4)), np.arange(6) % 2)
    space = LastLayerGradients(ConvNet(width=3, depth=1), n_epochs=1).fit(source, seeded())
    torch.testing.assert_close(space.embed(source.rows), by_autograd(space, source.rows))


def test_targets_need_not_be_probabilities(source):
    space = LastLayerGradients(SMALL).fit(source, seeded())
    rows = replace(source.rows, y=torch.randn(27, 3, generator=seeded(1), dtype=torch.float64))
    torch.testing.assert_close(space.embed(rows), by_autograd(space, rows))


def test_gradients_of_softmax_regression_are_in_closed_form(source):
    space = LastLayerGradients(linear).fit(source, seeded())
    weight, bias = (p.numpy() for p in space.network_.parameters())
    X, y = source.rows.X.numpy(), source.rows.y.numpy()
    error = softmax(X @ weight.T + bias, axis=1) - y
    expected = [np.outer(e, [*x, 1]).ravel() for e, x in zip(error, X, strict=True)]
    np.testing.assert_allclose(space.embed(source.rows), expected, rtol=1e-10)


def test_gradients_reach_the_rows(source, points):
    space = LastLayerGradients(tangents, n_epochs=1).fit(source, seeded())
    weights = torch.randn(5, 18, generator=seeded(1), dtype=torch.float64)

    def total(X):
        return (weights * space.embed(replace(points, X=torch.as_tensor(X)))).sum()

    moving = points.X.clone().requires_grad_()
    total(moving).backward()
    expected = finite_differences(lambda X: float(total(X)), points.X.numpy(), step=1e-6)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-8)


def test_rows_in_pieces_are_the_same(source, monkeypatch):
    space = LastLayerGradients(SMALL).fit(source, seeded())
    whole, calls = space.embed(source.rows), []
    monkeypatch.setattr(last_layer, "_PIECE", 4)
    space.network_.register_forward_hook(lambda module, inputs, outputs: calls.append(len(outputs)))
    torch.testing.assert_close(space.embed(source.rows), whole)
    assert max(calls) == 4


def test_the_space_stays_as_it_is(source):
    space = LastLayerGradients(SMALL, n_epochs=1).fit(source, seeded())
    assert space.frozen() and not any(p.requires_grad for p in space.network_.parameters())


# Training


def test_the_first_step_is_that_of_adam(source):
    # Adam's first step goes as far in each parameter, against the sign of the gradient.
    space = LastLayerGradients(linear, n_epochs=1, step_size=0.01, batch_size=27).fit(source, seeded())
    network = build_network(linear, (4,), 3, seeded(), source.rows.X)
    training_loss(network(source.rows.X), source.rows.y, source.rows.mass, "classification").backward()
    for trained, drawn in zip(space.network_.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(trained, drawn.detach() - 0.01 * drawn.grad.sign(), rtol=0, atol=1e-6)


def test_each_epoch_sees_each_row_once():
    seen = []

    class Noting(nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(input_shape[0], n_outputs)

        def forward(self, rows):
            seen.append(rows[:, 0].clone())
            return super().forward(rows)

    X = np.arange(101.0)[:, None]
    source = row_source(X, X[:, 0], regression=True)
    LastLayerGradients(Noting, n_epochs=2, step_size=1e-6, batch_size=50).fit(source, seeded())
    # Batches of nearly the same size: no last one of a single row.
    assert [len(rows) for rows in seen] == [34, 34, 33] * 2
    for epoch in (seen[:3], seen[3:]):
        np.testing.assert_array_equal(torch.cat(epoch).sort().values, source.rows.X[:, 0])
    assert not torch.equal(seen[0], seen[3])


def test_training_is_done_in_training_mode_only(source):
    modes = []

    def build(input_shape, n_outputs):
        network = linear(input_shape, n_outputs)
        network.register_forward_hook(lambda module, inputs, outputs: modes.append(module.training))
        return network

    space = LastLayerGradients(build, n_epochs=2).fit(source, seeded())
    space.embed(source.rows)
    assert modes == [True, True, False]


def test_training_is_a_matter_of_the_generator(source):
    first, again, other = (LastLayerGradients(SMALL, 2, batch_size=8).fit(source, seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first.embed(source.rows), again.embed(source.rows))
    assert not torch.allclose(first.embed(source.rows), other.embed(source.rows))


# Refusals


def without_linear(input_shape, n_outputs):
    return nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, n_outputs, 4), nn.Flatten())


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"network": without_linear}, "no linear layer"),
        ({"n_epochs": -1}, "n_epochs must not be negative"),
        ({"batch_size": 0}, "batch_size at least 1"),
        ({"step_size": 0.0}, "step_size positive"),
        ({"n_epochs": 3, "step_size": 1e200}, r"training diverged: step_size=1e\+200 .* is too large"),
    ],
    ids=["no linear layer", "epochs", "batch", "step", "divergence"],
)
def test_what_cannot_work_is_refused(settings, message, source):
    with pytest.raises(ValueError, match=message):
        LastLayerGradients(**settings).fit(source, seeded())


@pytest.mark.parametrize("y, message", [(None, "trains on targets, but y is None"), (np.zeros(9), "one class only")])
def test_targets_are_needed(y, message, rng):
    with pytest.raises(ValueError, match=message):
        LastLayerGradients().fit(row_source(rng.normal(size=(9, 2)), y), seeded())
