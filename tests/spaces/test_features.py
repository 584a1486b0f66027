"""What the layers of networks show, against layers written out; and both sets changed alike, against sets by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from skdc.augmentation import Brightness, Crop, Cutout, Flip, OneOf, Rotate, SiameseAugmentation
from skdc.discrepancies import MMD, Cosine, MeanDistance
from skdc.kernels import Gaussian
from skdc.learners import AlternatingNetworks, Experts, PretrainedNetworks, RandomNetworks
from skdc.networks import MLP, ConvNet, build_network, layer_inputs, penultimate
from skdc.sources import Batch
from skdc.spaces import (
    AttentionMaps,
    Augmented,
    Identity,
    KernelRidgePredictions,
    NetworkFeatures,
    NetworkGradients,
    RandomNetwork,
    TrainingTrajectories,
)
from skdc.step import Step

from ..sources import finite_differences, row_source, seeded, squares, synthetic

SMALL = MLP(width=6, depth=1)
DEEP = MLP(width=6, depth=3)
CONVOLUTIONS = ConvNet(width=4, depth=3)
CHANGE = OneOf([Rotate(degrees=40), Crop(share=0.3), Cutout(), Brightness(), Flip()])


@pytest.fixture
def pictures(rng):
    """Return weighted grey images of two classes."""
    return row_source(rng.normal(size=(12, 8, 8)), np.arange(12) % 2, weight=rng.uniform(0.5, 2, 12))


def hidden_layers(network, x):
    """Return what comes out of the ReLUs of an MLP, from its parameters alone."""
    parameters, layers = [p.detach() for p in network.parameters()], []
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = (x.flatten(1) @ weight.T + bias).clamp_min(0)
        layers.append(x)
    return layers


def feature_maps(network, images):
    """Return what comes out of the blocks of a ConvNet, from its parameters alone."""
    parameters, maps = [p.detach() for p in network.parameters()], []
    for i in range(0, len(parameters) - 2, 4):
        kernel, bias, gain, offset = parameters[i : i + 4]
        images = functional.conv2d(images, kernel, bias, padding=1)
        images = functional.instance_norm(images, weight=gain, bias=offset)
        images = functional.avg_pool2d(images.clamp_min(0), 2)
        maps.append(images)
    return maps


# Layers


def built(builder, input_shape):
    return build_network(builder, input_shape, 3, seeded(), torch.empty(0, dtype=torch.float64))


def test_inputs_of_layers_are_the_hidden_layers_of_an_mlp(rng):
    network, x = built(DEEP, (2, 2)), torch.as_tensor(rng.normal(size=(5, 2, 2)))
    for found, expected in zip(layer_inputs(network, x), hidden_layers(network, x), strict=True):
        torch.testing.assert_close(found, expected)


def test_inputs_of_layers_are_the_blocks_of_a_convnet(rng):
    network, x = built(CONVOLUTIONS, (8, 8)), torch.as_tensor(rng.normal(size=(5, 8, 8)))
    *maps, last = feature_maps(network, x[:, None])
    *found, flat = layer_inputs(network, x)
    for one, expected in zip(found, maps, strict=True):
        torch.testing.assert_close(one, expected)
    torch.testing.assert_close(flat, last.flatten(1))


@pytest.mark.parametrize("network", [nn.Linear(3, 2), nn.ReLU()], ids=repr)
def test_a_network_without_a_hidden_layer_shows_its_output(network, rng):
    network, x = network.double(), torch.as_tensor(rng.normal(size=(4, 3)))
    (found,) = layer_inputs(network, x)
    torch.testing.assert_close(found, network(x))


def test_looking_at_layers_leaves_no_hook_behind(rng):
    network, x = built(DEEP, (3,)), torch.as_tensor(rng.normal(size=(4, 3)))
    layer_inputs(network, x)
    with pytest.raises(RuntimeError):
        layer_inputs(network, x[:, :2])
    assert not any(module._forward_pre_hooks for module in network.modules())


# Features


def test_network_features_show_the_last_hidden_layer(source):
    space = NetworkFeatures(RandomNetworks(DEEP)).fit(source, seeded())
    expected = hidden_layers(space.pool_.network_, source.rows.X)[-1]
    torch.testing.assert_close(space.embed(source.rows), expected)


def test_squared_distances_of_all_layers_are_sums_of_mean_squared_differences(pictures):
    space = NetworkFeatures(RandomNetworks(CONVOLUTIONS), layers="all").fit(pictures, seeded())
    found = space.embed(pictures.rows).numpy()
    maps = feature_maps(space.pool_.network_, pictures.rows.X[:, None])
    layers = [layer.flatten(1).numpy() for layer in maps]
    assert [layer.shape[1] for layer in layers] == [64, 16, 4]
    expected = sum(squares(layer, layer) / layer.shape[1] for layer in layers)
    np.testing.assert_allclose(squares(found, found), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_normalized_features_have_the_same_direction_and_length_one(layers, source):
    plain = NetworkFeatures(RandomNetworks(DEEP), layers).fit(source, seeded()).embed(source.rows)
    unit = NetworkFeatures(RandomNetworks(DEEP), layers, normalize=True).fit(source, seeded()).embed(source.rows)
    torch.testing.assert_close(unit, plain / plain.norm(dim=1, keepdim=True))


def test_rows_that_no_unit_sees_are_normalized_to_zero(source):
    space = NetworkFeatures(RandomNetworks(SMALL), normalize=True).fit(source, seeded())
    with torch.no_grad():
        space.pool_.network_[1].bias.fill_(-1e3)
    X = source.rows.X.clone().requires_grad_()
    values = space.embed(replace(source.rows, X=X))
    values.sum().backward()
    assert not values.any()
    assert X.grad.isfinite().all()


def test_features_go_on_to_another_network(source):
    generator = seeded()
    space = NetworkFeatures(PretrainedNetworks(SMALL, n_networks=4, n_stages=1, n_steps=1)).fit(source, generator)
    seen = set()
    for _ in range(40):
        values = space.embed(source.rows)
        torch.testing.assert_close(values, penultimate(space.pool_.network_, source.rows.X))
        seen.add(float(values.sum()))
        space.after_step(source.rows, source, Step(generator))
    assert len(seen) == 4
    assert not space.frozen()


@pytest.mark.parametrize("other", [NetworkFeatures(RandomNetworks(SMALL)), NetworkFeatures()], ids=["given", "default"])
def test_random_network_is_network_features_of_random_networks(other, source):
    builder = SMALL if other.networks is not None else None
    spaces, generators = (RandomNetwork(builder), other), (seeded(), seeded())
    for space, generator in zip(spaces, generators, strict=True):
        space.fit(source, generator)
    for _ in range(3):
        one, another = (space.embed(source.rows) for space in spaces)
        torch.testing.assert_close(one, another, rtol=0, atol=0)
        for space, generator in zip(spaces, generators, strict=True):
            space.after_step(source.rows, source, Step(generator))


def test_unknown_layers_are_refused(source):
    with pytest.raises(ValueError, match=r"NetworkFeatures\(layers='first'\): layers must be 'last' or 'all'"):
        NetworkFeatures(layers="first").fit(source, seeded())


# Attention


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_attention_maps_are_powers_summed_over_channels(power, pictures):
    space = AttentionMaps(RandomNetworks(CONVOLUTIONS), power).fit(pictures, seeded())
    found = space.embed(pictures.rows).numpy()
    # What the last block gives is flattened before the last layer is fed.
    maps = [values.numpy() for values in feature_maps(space.pool_.network_, pictures.rows.X[:, None])[:-1]]
    attention = [(np.abs(values) ** power).sum(axis=1).reshape(12, -1) for values in maps]
    expected = np.hstack([values / np.linalg.norm(values, axis=1, keepdims=True) for values in attention])
    assert expected.shape == (12, 16 + 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_default_power_is_that_of_the_paper(pictures):
    pool = RandomNetworks(CONVOLUTIONS)
    default, fourth = (AttentionMaps(pool, *power).fit(pictures, seeded()).embed(pictures.rows) for power in ((), (4,)))
    torch.testing.assert_close(default, fourth, rtol=0, atol=0)


def test_attention_goes_on_to_another_network(pictures):
    generator = seeded()
    space = AttentionMaps(RandomNetworks(CONVOLUTIONS)).fit(pictures, generator)
    first = space.embed(pictures.rows)
    space.after_step(pictures.rows, pictures, Step(generator))
    assert not torch.allclose(space.embed(pictures.rows), first)


@pytest.mark.parametrize("power", [0, -1.0, np.nan])
def test_the_power_is_positive(power, pictures):
    with pytest.raises(ValueError, match=rf"AttentionMaps\(power={power}\): the power must be positive"):
        AttentionMaps(RandomNetworks(CONVOLUTIONS), power).fit(pictures, seeded())


@pytest.mark.parametrize("network", [SMALL, ConvNet(width=4, depth=1)], ids=repr)
def test_attention_needs_two_convolutions(network, pictures):
    with pytest.raises(ValueError, match="needs a network with two convolutions or more, but this has none to look at"):
        AttentionMaps(RandomNetworks(network)).fit(pictures, seeded())


# Both sets changed alike

LAYOUTS = {
    "HW": ((8, 6), None, lambda X: X[:, None], lambda images: images[:, 0]),
    "CHW": ((3, 8, 6), None, lambda X: X, lambda images: images),
    "HWC": ((8, 6, 3), None, lambda X: X.permute(0, 3, 1, 2), lambda images: images.permute(0, 2, 3, 1)),
    "flat HW": ((48,), (8, 6), lambda X: X.reshape(-1, 1, 8, 6), lambda images: images.reshape(-1, 48)),
    "flat HWC": (
        (144,),
        (8, 6, 3),
        lambda X: X.reshape(-1, 8, 6, 3).permute(0, 3, 1, 2),
        lambda images: images.permute(0, 2, 3, 1).reshape(-1, 144),
    ),
}


def images_like(row_shape, rng):
    """Return a source of rows of a shape, far from zero, and points."""
    source = row_source(7 + 3 * rng.normal(size=(14, *row_shape)), np.arange(14) % 2, weight=rng.uniform(0.5, 2, 14))
    return source, synthetic(source, 7 + rng.normal(size=(4, *row_shape)), [0, 0, 1, 1], rng.uniform(0.5, 2, 4))


@pytest.mark.parametrize("comparison", [MeanDistance, MMD], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_sets_are_changed_alike(layout, comparison, rng):
    row_shape, image_shape, to_images, to_rows = LAYOUTS[layout]
    source, points = images_like(row_shape, rng)
    space = Augmented(RandomNetwork(SMALL), CHANGE, image_shape)
    changing, plain = (comparison(space=part).fit(source, seeded()) for part in (space, RandomNetwork(SMALL)))
    values = []
    for seed in range(8):
        change = CHANGE.draw(seeded(seed))
        real, synthetic_rows = (replace(rows, X=to_rows(change(to_images(rows.X)))) for rows in (source.rows, points))
        expected = plain.loss(Batch(real), synthetic_rows, Step(seeded()))
        torch.testing.assert_close(changing.loss(Batch(source.rows), points, Step(seeded(seed))), expected)
        values.append(float(expected))
    assert len(set(values)) > 4


def test_channels_can_be_told(rng):
    source, points = images_like((4, 5, 4), rng)
    change = Flip()
    losses = {}
    for channels, axis in (("first", 3), ("last", 2)):
        space = Augmented(RandomNetwork(SMALL), change, channels=channels)
        mirrored = [replace(rows, X=rows.X.flip(axis)) for rows in (source.rows, points)]
        plain = MeanDistance(space=RandomNetwork(SMALL)).fit(source, seeded())
        expected = {
            float(plain.loss(Batch(source.rows), points, Step(seeded()))),
            float(plain.loss(Batch(mirrored[0]), mirrored[1], Step(seeded()))),
        }
        fitted = MeanDistance(space=space).fit(source, seeded())
        losses[channels] = {float(fitted.loss(Batch(source.rows), points, Step(seeded(seed)))) for seed in range(10)}
        np.testing.assert_allclose(sorted(losses[channels]), sorted(expected), rtol=1e-12)
    assert losses["first"] != losses["last"]


def test_spaces_that_split_before_see_a_change_of_each_class(rng):
    source, points = images_like((8, 6), rng)
    changing = Cosine(space=Augmented(NetworkGradients(AlternatingNetworks(SMALL)), CHANGE)).fit(source, seeded())
    plain = Cosine(space=NetworkGradients(AlternatingNetworks(SMALL)), by=None).fit(source, seeded())
    generator, by_class = seeded(5), []
    for code in (0, 1):
        change = CHANGE.draw(generator)
        p, q = (rows.take(rows.key == code) for rows in (source.rows, points))
        p, q = (replace(rows, X=change(rows.X[:, None])[:, 0]) for rows in (p, q))
        by_class.append(plain.loss(Batch(p), q, Step(seeded())))
    torch.testing.assert_close(changing.loss(Batch(source.rows), points, Step(seeded(5))), torch.stack(by_class).mean())


def test_the_default_is_siamese_augmentation(rng):
    source, points = images_like((8, 6), rng)
    spaces = (Augmented(RandomNetwork(SMALL)), Augmented(RandomNetwork(SMALL), SiameseAugmentation(flip=False)))
    one, other = (MeanDistance(space=space).fit(source, seeded()) for space in spaces)
    values = [
        [float(part.loss(Batch(source.rows), points, Step(seeded(seed)))) for seed in range(20)]
        for part in (one, other)
    ]
    assert values[0] == values[1]
    assert len(set(values[0])) > 15


def test_what_is_embedded_alone_is_not_changed(rng):
    source, _ = images_like((8, 6), rng)
    space, plain = (
        part.fit(source, seeded()) for part in (Augmented(RandomNetwork(SMALL), Brightness(5)), RandomNetwork(SMALL))
    )
    torch.testing.assert_close(space.embed(source.rows), plain.embed(source.rows), rtol=0, atol=0)
    shown, expected = space.block(source.rows), plain.block(source.rows)
    for name in ("values", "weight", "key"):
        torch.testing.assert_close(getattr(shown, name), getattr(expected, name), rtol=0, atol=0)


def test_the_gradient_goes_through_the_change(rng):
    source, points = images_like((4, 5), rng)
    space = Augmented(Identity(), Rotate(degrees=40))
    discrepancy = MMD(Gaussian(bandwidth=20.0), space=space).fit(source, seeded())

    def loss(X):
        return float(discrepancy.loss(Batch(source.rows), replace(points, X=torch.as_tensor(X)), Step(seeded(2))))

    X = points.X.clone().requires_grad_()
    discrepancy.loss(Batch(source.rows), replace(points, X=X), Step(seeded(2))).backward()
    expected = finite_differences(loss, points.X.numpy().copy())
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(X.grad, expected, rtol=1e-6, atol=1e-8)


def test_the_network_within_is_another_one_each_step(rng):
    source, points = images_like((8, 6), rng)
    space, plain = Augmented(RandomNetwork(SMALL), Brightness()), RandomNetwork(SMALL)
    generators = seeded(), seeded()
    for part, generator in zip((space, plain), generators, strict=True):
        part.fit(source, generator)
        part.after_step(points, source, Step(generator))
    torch.testing.assert_close(space.embed(source.rows), plain.embed(source.rows), rtol=0, atol=0)
    assert not space.frozen()
    assert not Augmented(Identity()).frozen()


@pytest.mark.parametrize(
    "space",
    [
        RandomNetwork(SMALL),
        NetworkGradients(AlternatingNetworks(SMALL)),
        KernelRidgePredictions(),
        TrainingTrajectories(Experts(SMALL, 1, 1, 1)),
    ],
    ids=lambda space: type(space).__name__,
)
def test_the_space_within_says_what_it_yields_learns_and_shows(space, rng):
    source, points = images_like((8, 6), rng)
    augmented = Augmented(space, Brightness()).fit(source, seeded())
    assert (augmented.yields, augmented.splits) == (space.yields, space.splits)
    for found, expected in zip(augmented.parameters(), space.parameters(), strict=True):
        assert found["lr"] == expected["lr"]
        assert all(one is other for one, other in zip(found["params"], expected["params"], strict=True))
    assert augmented.attributes(points, source).keys() == space.attributes(points, source).keys()


@pytest.mark.parametrize(
    "row_shape, settings, message",
    [
        ((20,), {}, "Augmented needs images, but rows of shape \\(20,\\) are none"),
        ((2, 3, 8, 8), {}, "are none; for flattened images give image_shape="),
        ((20,), {"image_shape": (4, 4)}, "image_shape=\\(4, 4\\) has 16 values, but a row has 20"),
        ((3, 8, 3), {}, "cannot tell the channels"),
        ((3, 8, 8), {"channels": "middle"}, "channels='middle' must be 'first', 'last' or None"),
    ],
    ids=["a table", "four axes", "another size", "channels", "a word"],
)
def test_what_is_no_image_is_refused(row_shape, settings, message, rng):
    source = row_source(rng.normal(size=(6, *row_shape)), np.arange(6) % 2)
    with pytest.raises(ValueError, match=message):
        MeanDistance(space=Augmented(Identity(), Flip(), **settings)).fit(source, seeded())
