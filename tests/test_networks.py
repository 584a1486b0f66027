"""Builders of networks against their layers written out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from skdc.learners import NetworkClassifier
from skdc.networks import (
    MLP,
    ConvNet,
    LinearNetwork,
    build_network,
    default_builder,
    penultimate,
    pieces_without_gradient,
    training_epochs,
    training_loss,
)

from .sources import row_source, seeded

LIKE = torch.empty(0, dtype=torch.float64)


def build(builder, input_shape, n_outputs=3, seed=0):
    return build_network(builder, input_shape, n_outputs, seeded(seed), LIKE)


def parameters(network):
    return [p.detach() for p in network.parameters()]


def conv_features(network, images):
    """Return the last feature maps of a ConvNet from its parameters alone."""
    values = parameters(network)
    for i in range(0, len(values) - 2, 4):
        kernel, bias, gain, offset = values[i : i + 4]
        images = functional.conv2d(images, kernel, bias, padding=1)
        images = functional.instance_norm(images, weight=gain, bias=offset)
        images = functional.avg_pool2d(images.clamp_min(0), 2)
    return images.flatten(1)


# Shapes and layouts


def test_mlp_is_its_layers(rng):
    network, x = build(MLP(width=6, depth=2), (2, 2)), torch.as_tensor(rng.normal(size=(5, 2, 2)))
    w1, b1, w2, b2, w3, b3 = (p.numpy() for p in parameters(network))
    hidden = np.maximum(np.maximum(x.numpy().reshape(5, 4) @ w1.T + b1, 0) @ w2.T + b2, 0)
    np.testing.assert_allclose(penultimate(network, x).detach(), hidden, rtol=1e-12)
    np.testing.assert_allclose(network(x).detach(), hidden @ w3.T + b3, rtol=1e-12)


def test_a_linear_network_starts_at_zero_and_one_step_size_serves_all_widths(rng):
    x = torch.as_tensor(rng.normal(size=(5, 4)))
    outputs = []
    for repeats in (1, 9):  # nine copies of each feature say no more than one
        network = build(LinearNetwork(), (4 * repeats,))
        rows = x.repeat(1, repeats)
        assert not network(rows).any()
        network(rows)[:, 0].sum().backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 0.1 * parameter.grad
        outputs.append(network(rows).detach())
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(outputs[0][:, 0], -0.1 * (x @ x.sum(0) / 4 + 5))


@pytest.mark.parametrize(
    "input_shape, to_images",
    [
        ((8, 8), lambda x: x[:, None]),
        ((1, 8, 8), lambda x: x),
        ((3, 8, 10), lambda x: x),
        ((8, 10, 3), lambda x: x.permute(0, 3, 1, 2)),
        ((9, 8, 1), lambda x: x.permute(0, 3, 1, 2)),
    ],
    ids=["HW", "1HW", "CHW", "HWC", "HW1"],
)
def test_convnet_is_its_layers_in_every_layout(input_shape, to_images, rng):
    network, x = build(ConvNet(width=4, depth=2), input_shape), torch.as_tensor(rng.normal(size=(5, *input_shape)))
    features = conv_features(network, to_images(x))
    torch.testing.assert_close(penultimate(network, x), features)
    weight, bias = parameters(network)[-2:]
    torch.testing.assert_close(network(x), features @ weight.T + bias)


def test_flattened_images_keep_convolution(rng):
    x = torch.as_tensor(rng.normal(size=(5, 8, 10, 3)))
    flat = build(ConvNet(width=4, depth=2, image_shape=(8, 10, 3)), (240,))
    torch.testing.assert_close(flat(x.flatten(1)), build(ConvNet(width=4, depth=2), (8, 10, 3))(x))


def test_channels_can_be_told(rng):
    x = torch.as_tensor(rng.normal(size=(5, 8, 8, 2)))
    last = build(ConvNet(width=4, depth=2, channels="last"), (8, 8, 2))
    first = build(ConvNet(width=4, depth=2, channels="first"), (2, 8, 8))
    torch.testing.assert_close(last(x), first(x.permute(0, 3, 1, 2)))


@pytest.mark.parametrize("shape", [(3, 8, 3), (2, 8, 8), (8, 8, 5), (1, 4, 4)])
def test_ambiguous_channels_are_refused(shape):
    with pytest.raises(ValueError, match=r"give channels='first'"):
        ConvNet(depth=1)(shape, 3)


@pytest.mark.parametrize(
    "builder, input_shape, message",
    [
        (ConvNet(channels="middle"), (3, 8, 8), "channels='middle' must be 'first', 'last' or None"),
        (ConvNet(image_shape=(8, 8)), (65,), r"image_shape=\(8, 8\) has 64 values, but a row has 65"),
        (ConvNet(depth=4), (8, 20), "4 blocks halve a 8x20 image below one pixel; use depth=3 or less"),
        (ConvNet(), (20,), "image_shape="),
        (ConvNet(), (3, 8, 8, 8), "image_shape="),
    ],
    ids=["channels", "image_shape", "too deep", "a table", "four axes"],
)
def test_rows_that_are_no_images_are_refused(builder, input_shape, message):
    with pytest.raises(ValueError, match=message):
        builder(input_shape, 3)


def test_the_depth_that_the_message_names_works(rng):
    x = torch.as_tensor(rng.normal(size=(2, 8, 20)))
    assert build(ConvNet(width=4, depth=3), (8, 20))(x).shape == (2, 3)


@pytest.mark.parametrize(
    "input_shape, expected",
    [
        ((20,), MLP()),
        ((7, 30), MLP()),
        ((8, 8), MLP()),
        ((16, 20), ConvNet(width=32, depth=3)),
        ((28, 28), ConvNet(width=32, depth=3)),
        ((3, 32, 32), ConvNet(width=32, depth=3)),
        ((64, 64, 1), ConvNet(width=32, depth=3)),
        ((2, 3, 4, 5), MLP()),
    ],
    ids=str,
)
def test_default_builder(input_shape, expected, rng):
    assert repr(default_builder(input_shape)) == repr(expected)
    x = torch.as_tensor(rng.normal(size=(2, *input_shape)))
    assert build(None, input_shape)(x).shape == (2, 3)


# Randomness


def test_a_network_depends_on_its_generator_alone():
    torch.manual_seed(1)
    one, other = build(MLP(width=4), (3,)), build(MLP(width=4), (3,), seed=5)
    torch.manual_seed(2)
    again = build(MLP(width=4), (3,))
    for first, second in zip(one.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(parameters(one)[0], parameters(other)[0])


def test_the_next_network_is_another_one():
    generator = seeded()
    first, second = (build_network(MLP(width=4), (3,), 2, generator, LIKE) for _ in range(2))
    assert not torch.equal(parameters(first)[0], parameters(second)[0])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    build(MLP(width=4), (3,))
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_a_network_takes_the_dtype_of_the_data():
    assert {p.dtype for p in build(MLP(width=4), (3,)).parameters()} == {torch.float64}


@pytest.mark.parametrize("built", [None, torch.zeros(3), MLP()], ids=["nothing", "a tensor", "a builder"])
def test_a_builder_must_return_a_module(built):
    with pytest.raises(TypeError, match=f"must return a torch.nn.Module, got {type(built).__name__}"):
        build(lambda input_shape, n_outputs: built, (3,))


def test_penultimate_without_a_linear_layer_is_the_output(rng):
    network, x = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).double(), torch.as_tensor(rng.normal(size=(4, 1, 5, 5)))
    torch.testing.assert_close(penultimate(network, x), network(x).reshape(4, 18))


def test_penultimate_leaves_no_hook_behind(rng):
    network, x = build(MLP(width=4), (3,)), torch.as_tensor(rng.normal(size=(4, 3)))
    penultimate(network, x)
    assert not any(module._forward_pre_hooks for module in network.modules())


# Training loss


def test_training_loss_is_cross_entropy_with_soft_targets(rng):
    outputs = torch.as_tensor(rng.normal(size=(6, 3)))
    targets = torch.as_tensor(rng.dirichlet(np.ones(3), 6))
    weight = torch.as_tensor(rng.integers(1, 5, 6).astype(float))
    expected = functional.cross_entropy(
        outputs.repeat_interleave(weight.long(), 0), targets.repeat_interleave(weight.long(), 0)
    )
    loss = training_loss(outputs, targets, weight / weight.sum(), "classification")
    torch.testing.assert_close(loss, expected)


def test_training_loss_is_the_squared_error_in_regression(rng):
    outputs, targets = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    weight = rng.uniform(size=6)
    expected = np.average(((outputs - targets) ** 2).mean(axis=1), weights=weight)
    loss = training_loss(*map(torch.as_tensor, (outputs, targets, weight / weight.sum())), "regression")
    np.testing.assert_allclose(loss, expected)


# Epochs of training


@pytest.fixture
def source(rng):
    return row_source(rng.normal(size=(27, 4)), np.arange(27) % 3)


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def trained(builder, source, n_epochs, seed=0, step_size=0.003, batch_size=128):
    """Return a network after some epochs on the rows of a source."""
    how = SimpleNamespace(network=builder, n_epochs=n_epochs, step_size=step_size, batch_size=batch_size)
    *_, network = training_epochs(how, source.rows, source.schema, seeded(seed))
    return network


def test_the_first_step_is_that_of_adam(source):
    # Adam's first step goes as far in each parameter, against the sign of the gradient.
    found = trained(linear, source, 1, step_size=0.01, batch_size=27)
    network = build_network(linear, (4,), 3, seeded(), source.rows.X)
    training_loss(network(source.rows.X), source.rows.y, source.rows.mass, "classification").backward()
    for moved, drawn in zip(found.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(moved, drawn.detach() - 0.01 * drawn.grad.sign(), rtol=0, atol=1e-6)


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
    trained(Noting, source, 2, step_size=1e-6, batch_size=50)
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

    trained(build, source, 2)(source.rows.X)
    assert modes == [True, True, False]


def test_training_is_a_matter_of_the_generator(source):
    first, again, other = (trained(MLP(5), source, 2, seed, batch_size=8)(source.rows.X) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_epochs": -1}, "n_epochs must not be negative"),
        ({"batch_size": 0}, "batch_size at least 1"),
        ({"step_size": 0.0}, "step_size positive"),
        ({"n_epochs": 3, "step_size": 1e200}, r"training diverged: step_size=1e\+200 .* is too large"),
    ],
    ids=["epochs", "batch", "step", "divergence"],
)
def test_training_that_cannot_work_is_refused(settings, message, source):
    with pytest.raises(ValueError, match=message):
        trained(MLP(5), source, **{"n_epochs": 1} | settings)


# Batch norm


@pytest.mark.parametrize("builder, shape", [(MLP(width=4, norm="batch"), (3,)), (ConvNet(4, 2, norm="batch"), (8, 8))])
def test_running_averages_start_at_the_first_batch(builder, shape, rng):
    network = build(builder, shape).train()
    norm = next(layer for layer in network if isinstance(layer, nn.modules.batchnorm._BatchNorm))
    before = network[: list(network).index(norm)]
    batches = [torch.as_tensor(3 + 2 * rng.normal(size=(n, *shape))) for n in (9, 5, 7)]
    seen = [before(batch).detach().transpose(0, 1).flatten(1) for batch in batches]
    means, variances = [rows.mean(1) for rows in seen], [rows.var(1) for rows in seen]
    network(batches[0])
    torch.testing.assert_close(norm.running_mean, means[0])
    torch.testing.assert_close(norm.running_var, variances[0])
    for batch in batches[1:]:
        network(batch)
    torch.testing.assert_close(norm.running_mean, sum(means) / 3)
    torch.testing.assert_close(norm.running_var, sum(variances) / 3)
    for _ in range(30):
        network(batches[0])
    mean = norm.running_mean.clone()
    network(batches[1])
    torch.testing.assert_close(norm.running_mean, 0.9 * mean + 0.1 * means[1])


def test_a_batch_of_one_row_is_seen_as_in_evaluation(rng):
    network, x = build(MLP(width=4, norm="batch"), (3,)).train(), torch.as_tensor(rng.normal(size=(6, 3)))
    network(x)
    alone = network(x[:1])
    torch.testing.assert_close(alone, network.eval()(x[:1]))


def test_networks_with_batch_norm_learn_from_batches_of_any_size(rng):
    X, y = rng.normal(size=(33, 3)), np.arange(33) % 3  # the last batch has one row
    learner = NetworkClassifier(MLP(width=4, norm="batch"), batch_size=32, max_epochs=2, random_state=0).fit(X, y)
    assert np.isfinite(learner.predict_proba(X)).all()


def test_another_norm_is_refused():
    for builder, words in ((MLP(norm="layer"), "'batch' or None"), (ConvNet(norm=None), "'instance' or 'batch'")):
        with pytest.raises(ValueError, match=words):
            builder((16, 16), 3)


# Pieces of rows


class Mixing(nn.Sequential):
    """A network that a user has written, which looks at several rows at once."""

    def forward(self, x):
        return super().forward(x - x.mean(0))


def test_rows_in_pieces_show_what_they_show_together(rng):
    network, x = build(ConvNet(width=48), (28, 28)).float().requires_grad_(False), rng.normal(size=(250, 28, 28))
    x = torch.as_tensor(x, dtype=torch.float32)
    pieces = pieces_without_gradient(network, x)
    assert len(pieces) == 5 and max(map(len, pieces)) * 48 * 28 * 28 <= 2**21
    np.testing.assert_array_equal(torch.cat(list(pieces)), x)
    apart = torch.cat([penultimate(network, piece) for piece in pieces])
    np.testing.assert_allclose(apart, penultimate(network, x), atol=1e-5)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Unflatten(1, (1, 32)), nn.Conv2d(1, 64, 3), nn.BatchNorm2d(64), nn.Flatten()),
        nn.Sequential(nn.Unflatten(1, (1, 32)), nn.Conv2d(1, 64, 3), nn.Dropout(), nn.Flatten()),
        Mixing(*ConvNet(width=64)((32, 32), 3)),
        MLP()((32, 32), 3),
    ],
    ids=["batch norm", "dropout", "own", "without convolution"],
)
def test_rows_stay_together_where_a_layer_may_see_several(network):
    assert len(pieces_without_gradient(network.requires_grad_(False), torch.zeros(250, 32, 32))) == 1


def test_rows_stay_together_where_a_gradient_is_asked_for():
    network, x = ConvNet(width=64)((32, 32), 3), torch.zeros(250, 32, 32)
    assert len(pieces_without_gradient(network, x)) == 1
    with torch.no_grad():
        assert len(pieces_without_gradient(network, x)) == 8
    network.requires_grad_(False)
    assert len(pieces_without_gradient(network, x)) == 8
    assert len(pieces_without_gradient(network, x.requires_grad_())) == 1
