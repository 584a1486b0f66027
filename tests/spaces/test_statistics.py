"""Statistics of layers against numpy, in one pass for each network; and points that are compared with them."""

import numpy as np
import pytest
import torch
from torch import nn

from skdc import Condenser
from skdc.augmentation import CropCurriculum
from skdc.discrepancies import MMD, NetworkLoss, StatisticsDistance
from skdc.exceptions import PartsError
from skdc.learners import GivenNetworks, PretrainedNetworks, RandomNetworks
from skdc.networks import MLP, ConvNet, norm_inputs
from skdc.sources import Batch
from skdc.spaces import Augmented, LayerStatistics
from skdc.step import Step

from ..sources import PassedOver, row_source, seeded, synthetic

NORMED = MLP(width=5, depth=2, norm="batch")


def module(input_shape, n_outputs, builder=NORMED, seed=0):
    """Return a trained-looking network in evaluation: running averages are not those of the data."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = builder(input_shape, n_outputs).double()
        for norm in network.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
    return network.eval()


def fitted(source, *networks):
    return LayerStatistics(GivenNetworks(list(networks))).fit(source, seeded())


def moments(values, weight):
    """Return weighted mean and variance of the columns of all rows."""
    mean = np.average(values, axis=0, weights=weight)
    return mean, np.average((values - mean) ** 2, axis=0, weights=weight)


def of_block(block, key):
    rows = (block.key == key).numpy()
    return moments(block.values.numpy()[rows], block.weight.numpy()[rows])


def layers_of(space, source):
    """Return what is fed to the batch norms of all rows, of shape (n, pixels, channels)."""
    layers = norm_inputs(space.pool_.network_, source.rows.X)
    return [
        layer.detach().flatten(2).transpose(1, 2).numpy() if layer.ndim > 2 else layer.detach().numpy()[:, None]
        for layer in layers
    ]


def check_statistics(space, source):
    """Compare what is shown of the data, class by class, with means and variances of all rows and pixels."""
    blocks, _ = space.represent(source.rows, source.rows, Step(seeded()))
    layers = layers_of(space, source)
    assert len(blocks) == len(layers)
    for block, layer in zip(blocks, layers, strict=True):
        _, n_pixels, width = layer.shape
        weight = np.repeat(source.weight, n_pixels)
        center, variance = moments(layer.reshape(-1, width), weight)
        values = (layer.reshape(-1, width) - center) / np.sqrt(variance.mean())
        keys = np.repeat(source.key, n_pixels)
        for key in np.unique(source.key):
            for found, expected in zip(
                of_block(block, key), moments(values[keys == key], weight[keys == key]), strict=True
            ):
                np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
        whole = moments(block.values.numpy(), block.weight.numpy())
        np.testing.assert_allclose(whole[0], np.zeros(width), atol=1e-7)
        np.testing.assert_allclose(whole[1].mean(), 1, rtol=1e-7)


def test_a_table_has_the_weighted_moments_of_each_class(source):
    check_statistics(fitted(source, module((4,), 3)), source)


def test_the_variance_of_a_class_is_that_of_all_its_images(rng):
    # Images of a class differ by their brightness, which no image shows by itself.
    X = rng.normal(size=(14, 8, 8)) + 5 * rng.normal(size=(14, 1, 1))
    source = row_source(X, np.arange(14) % 2, weight=rng.uniform(0.5, 2, 14))
    space = fitted(source, module((8, 8), 2, ConvNet(width=3, depth=2, norm="batch")))
    check_statistics(space, source)
    block = space.represent(source.rows, source.rows, Step(seeded()))[0][0]
    layer = layers_of(space, source)[0]
    unit = np.sqrt(moments(layer.reshape(-1, 3), np.repeat(source.weight, 64))[1].mean())
    within = layer[source.key == 0].var(axis=1).mean(axis=0) / unit**2
    assert (of_block(block, 0)[1] > 1.5 * within).any()


def test_any_number_of_rows_and_classes_in_pieces(rng):
    y = np.r_[np.arange(101), rng.integers(101, size=900)]
    source = row_source(rng.normal(size=(1001, 4)) + y[:, None] / 50, y, weight=rng.uniform(0.1, 3, 1001))
    network = module((4,), 101)
    check_statistics(fitted(source, network), source)
    whole = fitted(source, network).represent(source.rows, source.rows, Step(seeded()))[0]
    pieces = fitted(PassedOver(source, 17), network).represent(source.rows, source.rows, Step(seeded()))[0]
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one.values, other.values)
        torch.testing.assert_close(one.weight, other.weight)


def test_each_network_takes_one_pass_however_often_it_is_seen(source):
    passed = PassedOver(source, 10)
    space, shown = fitted(passed, module((4,), 3), module((4,), 3, seed=1)), {}
    state = Step(seeded(), n_steps=20)
    for _ in range(20):
        space.after_step(source.rows, passed, state)
        first = space.represent(source.rows, source.rows, state)[0][0].values
        torch.testing.assert_close(shown.setdefault(id(space.pool_.network_), first), first)
    assert len(shown) == 2 and passed.n_passes == 2
    changing = LayerStatistics(RandomNetworks(MLP(width=3))).fit(passed, seeded())
    changing.after_step(source.rows, passed, state)
    assert passed.n_passes == 4
    check_statistics(changing, source)


@pytest.mark.parametrize("by", ["class", None])
def test_the_data_themselves_have_their_statistics(source, by):
    pool = GivenNetworks([module((4,), 3)])
    discrepancy = StatisticsDistance(space=LayerStatistics(pool), by=by).fit(source, seeded())
    value = float(discrepancy.value(Batch(source.rows), source.rows, seeded()))
    assert value == pytest.approx(0, abs=1e-7)
    half = source.rows.take(torch.arange(0, 27, 2))
    assert float(discrepancy.value(Batch(source.rows), half, seeded())) > 0.05


def test_the_value_is_that_of_numpy(source, points):
    space = LayerStatistics(GivenNetworks([module((4,), 3)]))
    discrepancy = StatisticsDistance(space=space, by="class").fit(source, seeded())
    found = float(discrepancy.value(Batch(source.rows), points, seeded()))
    expected, network = 0.0, discrepancy.space_.pool_.network_
    data, few = ([layer.detach().numpy() for layer in norm_inputs(network, rows.X)] for rows in (source.rows, points))
    for layer, shown in zip(data, few, strict=True):
        unit = np.sqrt(moments(layer, source.weight)[1].mean())
        for c in range(3):
            own, other = source.key == c, points.key.numpy() == c
            one = moments(layer[own] / unit, source.weight[own])
            two = moments(shown[other] / unit, points.weight.numpy()[other])
            expected += sum(np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(one, two, strict=True)) / 3
    assert found == pytest.approx(expected, rel=1e-6)


def test_networks_without_batch_norm_show_their_layers(source):
    check_statistics(fitted(source, module((4,), 3, MLP(width=6, depth=2))), source)


def test_what_sees_more_than_moments_is_refused(source):
    for space in (LayerStatistics(), Augmented(LayerStatistics())):
        with pytest.raises(PartsError, match="by means and variances alone; use StatisticsDistance"):
            MMD(space=space).fit(source, seeded())


def test_the_loss_is_of_the_network_that_is_seen_and_of_the_classes_asked_for(source, points):
    space = LayerStatistics(PretrainedNetworks(NORMED, n_networks=2, n_stages=1, n_steps=3))
    both = (StatisticsDistance(space=space) + NetworkLoss(space, of="classes")).fit(source, seeded())
    loss = both.leaves()[1]
    outputs = space.pool_.network_(points.X).detach()
    expected = float(points.mass @ torch.nn.functional.cross_entropy(outputs, points.key, reduction="none"))
    other = synthetic(source, source.decode(points.X), points.key, points.weight.numpy(), np.full((5, 3), 1 / 3))
    assert float(loss.penalty(other, None)) == pytest.approx(expected, rel=1e-9)
    targets = NetworkLoss(space)
    targets.attach(source)
    assert float(targets.penalty(other, None)) == pytest.approx(-float(other.mass @ outputs.log_softmax(1).mean(1)))


def test_points_are_changed_before_both_terms_see_them(rng):
    X, y = rng.normal(size=(20, 8, 8)), np.arange(20) % 2
    pool = PretrainedNetworks(ConvNet(width=3, depth=1, norm="batch"), n_networks=1, n_stages=1, n_steps=3)
    rows, losses = row_source(X, y), []
    for last in (1.0, 0.2):
        space = Augmented(LayerStatistics(pool), CropCurriculum(last=last, aspect=1.0))
        both = (StatisticsDistance(space=space) + NetworkLoss(space)).fit(rows, seeded())
        steps = [Step(seeded(), step=step, n_steps=10) for step in (0, 9)]
        losses.append(
            [[float(leaf.loss(Batch(rows.rows), rows.rows, step)) for leaf in both.leaves()] for step in steps]
        )
    (first, late), (same, cropped) = losses
    np.testing.assert_allclose(first, same, atol=1e-6)
    np.testing.assert_allclose(first, late, atol=1e-6)
    assert (np.abs(np.subtract(cropped, late)) > 1e-3).all()


def test_a_teacher_that_diverges_is_named_with_its_step_size(source):
    pool = PretrainedNetworks(NORMED, n_steps=20, step_size=1e30)
    with pytest.raises(ValueError, match=r"training of a network diverged: step_size=1e\+30 is too large"):
        Condenser(StatisticsDistance(space=LayerStatistics(pool)), n_per_class=2).fit(source.X, source.key)
