"""Images that are stored as networks of sines."""

from importlib import import_module

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points
from skdc.parameterizations.storage import NeuralFields

from ...sources import row_source, seeded

MODULE = import_module("skdc.parameterizations.storage.neural_fields")


def built(storage, images, n_rows=5):
    return Points(storage, within=None).build(row_source(images), np.array([n_rows]), seeded()).codec


def smooth(rng, *shape):
    return rng.normal(size=shape).cumsum(1).cumsum(2)


def test_one_layer_by_hand(rng):
    codec = built(NeuralFields(width=2, depth=1), rng.normal(size=(9, 2, 4)), 1)
    with torch.no_grad():
        codec.first.copy_(torch.tensor([[[3.0, 0.0, 1.5], [0.0, 6.0, 0.0]]]))
        codec.last.copy_(torch.tensor([[[3.0, 6.0, 9.0]]]))
    down, across = np.array([-0.5, 0.5]), np.array([-0.75, -0.25, 0.25, 0.75])
    expected = np.sin(down + 0.5)[:, None] + 2 * np.sin(2 * across) + 3
    np.testing.assert_allclose(codec.decode().detach()[0], expected)


def siren(places, layers, frequencies):
    """Return what a network of sines gives, as its paper writes it."""
    h = places
    for (W, b), frequency in zip(layers[:-1], frequencies, strict=True):
        h = np.sin(frequency * (h @ W.T + b))
    W, b = layers[-1]
    return h @ W.T + b


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_is_a_siren(depth, rng):
    codec = built(NeuralFields(width=6, depth=depth, channels="last"), rng.random((9, 4, 7, 3)))
    frequencies = [30.0, 10.0, 10.0][:depth]
    held = [codec.first.detach().numpy(), *(codec.hidden.detach().numpy().swapaxes(0, 1) if depth > 1 else ())]
    units = [A.shape[-1] * frequency for A, frequency in zip(held, frequencies, strict=True)] + [7]
    held.append(codec.last.detach().numpy())
    y, x = ((2 * np.arange(n) + 1) / n - 1 for n in (4, 7))
    places = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
    for i, image in enumerate(codec.decode().detach()):
        layers = [(A[i, :, :-1] / unit, A[i, :, -1] / unit) for A, unit in zip(held, units, strict=True)]
        np.testing.assert_allclose(image, siren(places, layers, frequencies).reshape(4, 7, 3), atol=1e-12)


def test_numbers_start_as_those_of_a_siren(rng, monkeypatch):
    monkeypatch.setattr(MODULE, "_FIT_STEPS", 0)
    codec = built(NeuralFields(width=24, depth=3), rng.random((50, 4, 4)), 50)
    for values, frequency, of_weights in [
        (codec.first, 30, 1 / 2),
        (codec.hidden, 10, (6 / 24) ** 0.5 / 10),
        (codec.last, 10, (6 / 24) ** 0.5 / 10),
    ]:
        n = values.shape[-1]
        weights, offsets = values[..., :-1] / (n * frequency), values[..., -1] / (n * frequency)
        assert 0.95 * of_weights < weights.abs().max() <= of_weights
        assert 0.9 * (n - 1) ** -0.5 < offsets.abs().max() <= (n - 1) ** -0.5
        assert weights.mean().abs() < 0.05 * of_weights
    assert len(codec.first.unique(dim=0)) == 50, "each image has numbers of its own"


@pytest.mark.parametrize("shape", [(8, 8), (1, 12), (3, 5, 9)])
def test_images_are_fitted(shape, rng):
    images = smooth(rng, 30, *shape)
    source = row_source(images)
    live = Points(NeuralFields(), within=None).build(source, np.array([6]), seeded())
    rows = Points(within=None).build(source, np.array([6]), seeded())().X
    assert (live().X - rows).square().mean() < 0.1 * rows.var(0).mean()


def test_an_image_is_fitted_by_itself(rng, monkeypatch):
    images = torch.as_tensor(smooth(rng, 7, 5, 5))
    together = built(NeuralFields(4), images.numpy(), 7)
    monkeypatch.setattr(MODULE, "_FIT_ROWS", 3)
    apart = built(NeuralFields(4), images.numpy(), 7)
    assert (together.decode() - apart.decode()).abs().max() < 1e-6
    with torch.no_grad():
        apart.encode(torch.cat([images[:2], 5 * images[2:]]))
        together.encode(images)
    assert (together.decode() - apart.decode())[:2].abs().max() < 1e-6


def test_the_size_of_an_image_does_not_count():
    assert NeuralFields(6).n_bytes(1, (28, 28), 1) == NeuralFields(6).n_bytes(1, (4, 4), 1) == 67
    assert NeuralFields(6).n_bytes(3, (3, 32, 32), 4) == 3 * 81 * 4
    assert NeuralFields(5, depth=1).n_bytes(2, (9, 7), 1) == 2 * (5 * 3 + 6)


def test_images_move_as_networks(rng):
    images = smooth(rng, 40, 6, 6)
    fitted = Condenser(MMD(), Points(NeuralFields(4)), n_samples=4, random_state=0).fit(images)
    losses = fitted.history_["loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", ["width", "depth"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_networks_that_cannot_be_are_refused(name, value, rng):
    with pytest.raises(ValueError, match=rf"NeuralFields\({name}={value}\): the {name} must be a whole number"):
        built(NeuralFields(**{name: value}), rng.random((9, 4, 4)))


def test_tables_are_refused(iris):
    with pytest.raises(ValueError, match=r"NeuralFields needs images, but rows of shape \(4,\) are none"):
        Condenser(MMD(), Points(NeuralFields()), n_per_class=2).fit(*iris)
