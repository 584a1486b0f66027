"""Images that are stored small."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowResolution

from ...sources import row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


@pytest.mark.parametrize("shape, channels", [((4, 6), None), ((3, 4, 6), "first"), ((4, 6, 3), "last")])
def test_small_images_start_as_means_and_are_seen_at_full_size(shape, channels, rng):
    source = row_source(rng.normal(size=(12, *shape)), np.arange(12) % 3)
    sizes = np.array([2, 2, 2])
    live = Points(LowResolution(factor=2, channels=channels), within=None).build(source, sizes, seeded())
    # All pixels of small images have one origin.
    origin = (source.units.shift - source.units.shift.mean()) / source.units.scale
    rows = Points().build(source, sizes, seeded())().X.detach().numpy() + origin
    images = rows[:, None] if len(shape) == 2 else rows if shape[0] == 3 else rows.transpose(0, 3, 1, 2)
    means = images.reshape(6, -1, 2, 2, 3, 2).mean((3, 5))
    np.testing.assert_allclose(live.codec.small.values.detach(), means, atol=1e-12)
    seen = live().X.detach().numpy() + origin
    assert seen.shape == rows.shape
    # Linear between the middles of the small pixels, which are two pixels apart; beyond the outer ones it stays.
    across = np.array([[1, 0, 0], [0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75], [0, 0, 1]])
    down = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    expected = np.einsum("ih,nchw,jw->ncij", down, means, across)
    expected = expected[:, 0] if len(shape) == 2 else expected if shape[0] == 3 else expected.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(seen, expected, atol=1e-12)


def test_small_images_of_flat_rows_and_odd_sides(rng):
    source = row_source(rng.normal(size=(12, 15)))
    live = Points(LowResolution(factor=2, image_shape=(3, 5))).build(source, np.array([4]), seeded())
    assert live().X.shape == (4, 15) and live.codec.small.decode().shape == (4, 1, 2, 3)
    whole = Points(LowResolution(factor=1, image_shape=(3, 5))).build(source, np.array([4]), seeded())
    assert whole.codec.small.decode().shape == (4, 1, 3, 5)


def test_small_images_come_near_to_others_that_are_loaded(rng):
    source = row_source(rng.normal(size=(12, 4, 4)))
    live = Points(LowResolution(), within=None).build(source, np.array([4]), seeded())
    flat = live._units.working(torch.full((4, 4, 4), 3.0, dtype=torch.float64))
    live.load(replace(live(), X=flat))
    torch.testing.assert_close(live().X.detach(), flat)


@pytest.mark.parametrize(
    "storage, message",
    [
        (LowResolution(factor=0), r"LowResolution\(factor=0\): the factor must be at least 1"),
        (
            LowResolution(),
            r"LowResolution needs images, but rows of shape \(2,\) are none; for flattened images give image_shape=",
        ),
        (LowResolution(image_shape=(2, 2)), r"image_shape=\(2, 2\) has 4 values, but a row has 2"),
    ],
    ids=repr,
)
def test_rows_that_cannot_be_small_images_are_refused(storage, message, source):
    with pytest.raises(ValueError, match=message):
        Points(storage).build(source, SIZES, seeded())
