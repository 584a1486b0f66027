"""Images whose pixels are colours of a palette that all share."""

from importlib import import_module

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Fixed, LowRank, Palette, Quantized
from skdc.solvers import Descent, Draw

from ...sources import row_source, seeded

MODULE = import_module("skdc.parameterizations.storage.palette")
COLORS = np.array([[255, 0, 0], [0, 128, 0], [250, 250, 250], [0, 0, 0], [17, 18, 19]], np.uint8)


def built(storage, images, n_rows=5):
    return Points(storage, within=None).build(row_source(images), np.array([n_rows]), seeded()).codec


@pytest.mark.parametrize("n_colors", [5, 6, 8])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_images_of_few_colours_are_exact(n_colors, dtype, rng):
    images = COLORS[rng.integers(0, 5, (40, 5, 6))].astype(dtype)
    chosen = Condenser(None, Subset(Palette(n_colors)), Draw(), n_samples=7, random_state=0).fit(images)
    assert_allclose(chosen.X_syn_, images[chosen.indices_], atol=0 if dtype == np.uint8 else 1e-5)
    assert chosen.storage_["bytes"] == -(-7 * 30 * 3 // 8) + n_colors * 3 * 8


def test_a_palette_starts_at_the_means_of_pixels_that_are_near(rng):
    levels = np.array([0.0, 10.0, 20.0])
    images = levels[rng.integers(0, 3, (50, 4, 4))] + rng.normal(size=(50, 4, 4))
    codec, source = built(Palette(3), images), row_source(images)
    found = np.sort(codec.palette.decode().detach().numpy().ravel()) * source.spread * source.units.scale
    nearest = np.abs(images[..., None] - levels).argmin(-1)
    means = np.array([images[nearest == i].mean() for i in range(3)])
    assert_allclose(np.diff(found), np.diff(means), rtol=1e-6)


def test_each_pixel_is_seen_in_the_nearest_colour_and_moves_as_if_it_were_free(rng):
    codec = built(Palette(4, channels="last"), rng.random((30, 4, 5, 3)))
    pixels, palette = codec.pixels.values, codec.palette.decode()
    index = ((pixels[..., None, :] - palette) ** 2).sum(-1).argmin(-1)
    rows = codec.decode()
    assert_array_equal(rows.detach(), palette[index].detach())
    gradient = torch.randn(rows.shape, generator=seeded(), dtype=rows.dtype)
    rows.backward(gradient)
    assert_array_equal(pixels.grad, gradient)
    of_colours = torch.stack([gradient[index == i].sum(0) for i in range(4)])
    assert_allclose(codec.palette.values.grad, of_colours)


def test_a_pixel_changes_its_colour_half_way_between_two(rng):
    codec = built(Palette(2), rng.random((30, 3, 3)))
    with torch.no_grad():
        codec.palette.values.copy_(torch.tensor([[0.0], [2.0]]))
        codec.pixels.values.fill_(0.999)
        assert (codec.decode() == 0).all()
        codec.pixels.values[0, 0, 0] += 0.002
        assert codec.decode()[0].flatten().tolist() == [2.0] + [0.0] * 8


def test_many_pixels_are_compared_as_few_are(rng, monkeypatch):
    codec = built(Palette(7), rng.random((30, 6, 5)))
    whole = codec.decode()
    monkeypatch.setattr(MODULE, "_DISTANCES", 50)
    assert torch.equal(codec.decode(), whole)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_palette_of_few_bits(bits, rng):
    codec = built(Quantized(bits, Palette(12, channels="last")), rng.random((30, 4, 4, 3)))
    held = codec.code(None)
    assert len(np.unique(held.palette.decode())) <= 2**bits
    assert_allclose(held.decode(), codec.decode().detach(), atol=1e-12)
    codec.decode().sum().backward()
    assert codec.inner.pixels.values.grad.all() and codec.inner.palette.values.grad.any()


def test_a_palette_moves_but_for_a_fixed_one(rng):
    images = rng.random((30, 4, 4))
    start, still, moved = (
        set(Condenser(MMD(), points, Descent(0.5, n_steps=n), n_samples=9, random_state=0).fit(images).X_syn_.flat)
        for points, n in [(Points(Palette(3)), 1), (Points(Palette(3, inner=Fixed())), 20), (Points(Palette(3)), 20)]
    )
    assert len(still) == len(moved) == 3 and not moved & still and not start & still


def test_pixels_and_palette_lower_the_loss(rng):
    images = rng.normal(size=(60, 6, 6)).cumsum(1)
    losses = Condenser(MMD(), Points(Palette(4)), n_samples=4, random_state=0).fit(images).history_["loss"]
    assert losses[-1] < 0.9 * losses[0]


def test_a_basis_has_a_palette_of_its_own(rng):
    codec = built(LowRank(3, inner=Palette(90)), rng.normal(size=(40, 5, 6)), 8)
    assert_allclose(codec.basis.decode().detach(), codec.basis.pixels.values.detach(), atol=1e-3)


@pytest.mark.parametrize("n_colors", [0, 1, 2**16 + 1, 2.5])
def test_palettes_that_cannot_be_are_refused(n_colors, rng):
    message = rf"Palette\(n_colors={n_colors}\): a palette has 2 to 65536 colours"
    with pytest.raises(ValueError, match=message):
        built(Palette(n_colors), rng.random((9, 4, 4)))
    with pytest.raises(ValueError, match=message):
        Palette(n_colors).n_bytes(3, (4, 4), 8)


def test_tables_are_refused(iris):
    with pytest.raises(ValueError, match=r"Palette needs images, but rows of shape \(4,\) are none"):
        Condenser(MMD(), Points(Palette()), n_per_class=2).fit(*iris)
