"""Changes of images against scipy, torch and shifts by hand, and what each of them must keep."""

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from skdc import augmentation
from skdc.augmentation import (
    Augmentation,
    Brightness,
    Contrast,
    Crop,
    CropCurriculum,
    Cutout,
    Flip,
    OneOf,
    ResizedCrop,
    Rotate,
    Saturation,
    Scale,
    SiameseAugmentation,
)
from skdc.step import Step

from .sources import seeded

SINGLE = [Flip(), Scale(), Rotate(), Crop(share=0.4), Cutout(), Brightness(), Saturation(), Contrast(), ResizedCrop()]
ALL = [*SINGLE, OneOf([Rotate(degrees=90), Brightness()]), SiameseAugmentation(flip=True), CropCurriculum()]


@pytest.fixture
def images(rng):
    return torch.as_tensor(rng.normal(size=(4, 3, 8, 8)))


@pytest.fixture
def wide(rng):
    return torch.as_tensor(rng.normal(size=(4, 3, 8, 12)))


@pytest.fixture
def drawing(monkeypatch):
    """Return a function that makes an augmentation draw given numbers."""

    def draw(part, *numbers):
        left = iter(numbers)
        monkeypatch.setattr(augmentation, "_uniform", lambda generator, low=0.0, high=1.0: next(left))
        change = part.draw(seeded())
        assert next(left, None) is None
        return change

    return draw


# All changes


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_two_sets_are_changed_alike(part, images):
    for seed in range(10):
        change = part.draw(seeded(seed))
        together = change(images)
        for rows in (slice(0, 1), slice(1, 4)):
            torch.testing.assert_close(change(images[rows]), together[rows], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_a_change_depends_on_the_generator_alone(part, images):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = [part.draw(seeded(seed))(images) for seed in range(12)]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    for seed, changed in enumerate(first):
        torch.testing.assert_close(part.draw(seeded(seed))(images), changed, rtol=0, atol=0)
    assert not all(torch.equal(changed, first[0]) for changed in first)


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_the_next_change_is_another_one(part, images):
    generator = seeded()
    changed = [part.draw(generator)(images) for _ in range(12)]
    assert not all(torch.equal(other, changed[0]) for other in changed)


@pytest.mark.parametrize("part", ALL, ids=repr)
def test_a_change_leaves_its_images_as_they_were(part, images):
    before = images.clone()
    for seed in range(10):
        part.draw(seeded(seed))(images)
        assert torch.equal(images, before)


@pytest.mark.parametrize("part", SINGLE, ids=repr)
def test_gradients_go_to_the_pixels(part, rng):
    small = torch.as_tensor(rng.normal(size=(2, 3, 4, 5))).requires_grad_()
    change = part.draw(seeded(3))
    assert torch.autograd.gradcheck(change, small)
    (gradient,) = torch.autograd.grad(change(small).square().sum(), small)
    assert gradient.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("part", SINGLE, ids=repr)
def test_shape_and_dtype_stay(part, dtype, wide):
    for seed in range(4):
        changed = part.draw(seeded(seed))(wide.to(dtype))
        assert changed.shape == wide.shape
        assert changed.dtype == dtype


@pytest.mark.parametrize(
    "part, tolerance",
    [
        (Scale(factor=1), 1e-12),
        (Rotate(degrees=0), 1e-12),
        (Crop(share=0), 0),
        (Cutout(share=0), 0),
        (Brightness(spread=0), 0),
    ],
    ids=repr,
)
def test_a_change_of_no_size_leaves_images_alone(part, tolerance, wide):
    for seed in range(5):
        torch.testing.assert_close(part.draw(seeded(seed))(wide), wide, rtol=0, atol=tolerance)


# Places


@pytest.mark.parametrize("size", [5, 8])
@pytest.mark.parametrize("turns", [-1, 1, 2])
def test_rotations_by_right_angles_are_those_of_torch(turns, size, rng, drawing):
    images = torch.as_tensor(rng.normal(size=(2, 3, size, size)))
    rotated = drawing(Rotate(), 90.0 * turns)(images)
    torch.testing.assert_close(rotated, torch.rot90(images, turns, dims=(2, 3)), rtol=0, atol=1e-12)


def moved_by_scipy(images, matrix):
    """Return what shows at each place (down, right of the middle) the pixel that a matrix takes it to; zero outside."""
    middle = (np.array(images.shape[2:]) - 1) / 2
    offset = middle - matrix @ middle
    moved = [
        ndimage.affine_transform(plane, matrix, offset, order=1, mode="grid-constant")
        for plane in images.flatten(0, 1).numpy()
    ]
    return torch.as_tensor(np.stack(moved)).view_as(images)


@pytest.mark.parametrize("degrees", [-70.0, 13.0])
def test_rotations_are_those_of_scipy(degrees, images, drawing):
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    expected = moved_by_scipy(images, np.array([[cosine, sine], [-sine, cosine]]))
    torch.testing.assert_close(drawing(Rotate(), degrees)(images), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width, height", [(0.8, 1.3), (1.5, 0.6)])
def test_stretches_are_those_of_scipy(width, height, wide, drawing):
    expected = moved_by_scipy(wide, np.diag([height, width]))
    torch.testing.assert_close(drawing(Scale(), width, height)(wide), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("right, down", [(3, 1), (-3, 2), (2, -1), (-1, -2), (0, 3)])
def test_a_crop_is_a_shift_by_whole_pixels_and_zeros_come_in(right, down, wide, drawing):
    expected = torch.zeros_like(wide)
    for row in range(8):
        for column in range(12):
            if 0 <= row - down < 8 and 0 <= column - right < 12:
                expected[:, :, row, column] = wide[:, :, row - down, column - right]
    # Shares are rounded to whole pixels.
    changed = drawing(Crop(), (right + 0.3) / 12, (down - 0.3) / 8)(wide)
    np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("number, mirrored", [(0.49, True), (0.51, False)])
def test_a_flip_mirrors_left_and_right(number, mirrored, wide, drawing):
    expected = wide.numpy()[:, :, :, ::-1] if mirrored else wide.numpy()
    np.testing.assert_array_equal(drawing(Flip(), number)(wide), expected)


def test_a_flip_mirrors_every_other_time(images):
    generator = seeded()
    mirrored = sum(torch.equal(Flip().draw(generator)(images), images.flip(-1)) for _ in range(400))
    assert stats.binomtest(mirrored, 400).pvalue > 1e-3


@pytest.mark.parametrize(
    "down, right, rows, columns",
    [
        (0.5, 0.5, slice(2, 6), slice(3, 9)),
        (0.25, 0.75, slice(0, 4), slice(6, 12)),
        (0.0, 0.0, slice(0, 2), slice(0, 3)),
        (0.99, 0.5, slice(6, 8), slice(3, 9)),
    ],
    ids=["middle", "at a corner", "beyond a corner", "beyond the lower side"],
)
def test_a_cutout_is_a_rectangle_of_zeros(down, right, rows, columns, wide, drawing):
    expected = wide.clone()
    expected[:, :, rows, columns] = 0
    assert torch.equal(drawing(Cutout(share=0.5), down, right)(wide), expected)


def test_every_pixel_is_cut_at_some_time_and_none_always(wide):
    gone = torch.stack([(Cutout(share=0.5).draw(seeded(seed))(wide) == 0)[0, 0] for seed in range(60)])
    assert gone.any(0).all()
    assert not gone.all(0).any()


# Grey levels and colours


def test_brightness_is_one_number_added_to_all_pixels(images, drawing):
    torch.testing.assert_close(drawing(Brightness(), 0.7)(images) - images, torch.full_like(images, 0.7))


def test_saturation_keeps_the_grey_level_of_each_pixel(images, drawing):
    changed = drawing(Saturation(), 1.7)(images)
    grey = images.mean(1, keepdim=True)
    torch.testing.assert_close(changed.mean(1, keepdim=True), grey)
    torch.testing.assert_close(changed - grey, 1.7 * (images - grey))
    torch.testing.assert_close(drawing(Saturation(), 0.0)(images), grey.expand_as(images))


def test_contrast_keeps_the_mean_of_each_image(images, drawing):
    changed = drawing(Contrast(), 1.4)(images)
    mean = images.flatten(1).mean(1)[:, None, None, None]
    torch.testing.assert_close(changed.flatten(1).mean(1), images.flatten(1).mean(1))
    torch.testing.assert_close(changed - mean, 1.4 * (images - mean))


@pytest.mark.parametrize(
    "part, number, low, high",
    [
        (Brightness(spread=0.6), lambda x, changed: (changed - x).mean(), -0.3, 0.3),
        (Saturation(factor=1.5), lambda x, changed: spread(changed, 1) / spread(x, 1), 0, 1.5),
        (Contrast(least=0.2), lambda x, changed: spread(changed, (1, 2, 3)) / spread(x, (1, 2, 3)), 0.2, 1.2),
    ],
    ids=["brightness", "saturation", "contrast"],
)
def test_sizes_are_drawn_evenly_from_their_interval(part, number, low, high, images):
    generator = seeded()
    drawn = np.array([float(number(images, part.draw(generator)(images))) for _ in range(300)])
    assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def spread(images, dim):
    return images.std(dim).mean()


@pytest.mark.parametrize(
    "part, low, high",
    [(Rotate(degrees=20), -20, 20), (Scale(factor=1.6), 1 / 1.6, 1.6), (Crop(share=0.3), -0.3, 0.3)],
    ids=repr,
)
def test_places_are_drawn_from_an_interval_around_where_they_are(part, low, high, monkeypatch):
    intervals = []

    def noting(generator, low=0.0, high=1.0):
        intervals.append((low, high))
        return low

    monkeypatch.setattr(augmentation, "_uniform", noting)
    part.draw(seeded())
    assert set(intervals) == {(low, high)}


# One of several


class Named(Augmentation):
    def __init__(self, name):
        self.name = name

    def draw(self, generator):
        return lambda images: self.name


def test_each_of_several_is_as_likely():
    generator, part = seeded(), OneOf([Named(i) for i in range(4)])
    counts = np.bincount([part.draw(generator)(None) for _ in range(800)], minlength=4)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("flip", [False, True])
def test_siamese_augmentation_mirrors_if_asked(flip, images):
    part = SiameseAugmentation(flip=flip)
    changed = [part.draw(seeded(seed))(images) for seed in range(150)]
    assert any(torch.equal(images.flip(-1), other) for other in changed) == flip


def test_siamese_augmentation_has_all_changes_in_their_published_sizes(monkeypatch):
    kinds = []
    monkeypatch.setattr(augmentation, "OneOf", lambda changes: kinds.extend(changes) or Named(None))
    SiameseAugmentation().draw(seeded())
    # Those of the code of Zhao and Bilen: `ParamDiffAug`.
    published = [
        Crop(share=0.125),
        Cutout(share=0.5),
        Scale(factor=1.2),
        Rotate(degrees=15),
        Brightness(spread=1.0),
        Contrast(least=0.5),
        Saturation(factor=2.0),
    ]
    assert sorted(type(kind).__name__ for kind in kinds) == sorted(type(kind).__name__ for kind in published)
    sizes = {type(kind): kind.get_params() for kind in kinds}
    assert sizes == {type(kind): kind.get_params() for kind in published}


@pytest.mark.parametrize(
    "part, message",
    [
        (Scale(0), "factor must be at least 1"),
        (Crop(-0.1), "share must be from 0 to 1"),
        (Cutout(2), "share must be from 0 to 1"),
        (OneOf([]), "there must be at least one"),
    ],
    ids=repr,
)
def test_sizes_that_make_no_sense_are_refused(part, message):
    with pytest.raises(ValueError, match=message):
        part.draw(seeded())


def test_a_quarter_turn_keeps_the_shape_of_things_in_images_that_are_not_square(drawing):
    bar = torch.zeros(1, 1, 6, 12, dtype=torch.float64)
    bar[..., 2:4, 4:8] = 1  # four wide, two high, in the middle
    turned = torch.zeros_like(bar)
    turned[..., 1:5, 5:7] = 1
    torch.testing.assert_close(drawing(Rotate(), 90.0)(bar), turned, rtol=0, atol=1e-9)


# Crops


def test_a_box_is_cut_out_and_stretched(wide):
    # The right half of the width, and the lower half of the height.
    box = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]).expand(4, 2, 3)
    found = augmentation.resampled(wide, box)
    expected = torch.nn.functional.interpolate(wide[:, :, 4:, 6:], size=(8, 12), mode="bilinear")
    # The seam sees pixels beyond it, which the part alone has not.
    torch.testing.assert_close(found[:, :, 1:, 1:], expected[:, :, 1:, 1:])


@pytest.mark.parametrize("least, aspect", [(1.0, 1.0), (0.3, 1.0), (0.08, 4 / 3)])
def test_boxes_are_within_the_image_and_of_the_area_asked_for(least, aspect):
    boxes = ResizedCrop(least, aspect).boxes(1001, seeded())
    width, height = boxes[:, 0, 0], boxes[:, 1, 1]
    assert (boxes[:, :, 2].abs() <= 1 - torch.stack([width, height], 1) + 1e-12).all()
    if aspect == 1:
        assert (width * height).min() >= least - 1e-12
        assert float((width * height).mean()) == pytest.approx((1 + least) / 2, abs=0.02)
    ratio = width / height
    assert ratio.max() <= aspect**2 and ratio.min() >= aspect**-2
    assert least == 1 or float(ratio.log().std()) > 0 or aspect == 1


def test_a_crop_of_all_is_the_image(wide):
    torch.testing.assert_close(ResizedCrop(1.0, 1.0).draw(seeded())(wide), wide)


def test_the_least_area_falls_along_a_cosine():
    curriculum = CropCurriculum(first=0.9, last=0.1)
    found = [curriculum.at(Step(seeded(), step=step, n_steps=4)).least_area for step in range(5)]
    np.testing.assert_allclose(found, [0.1 + 0.4 * (1 + np.cos(np.pi * step / 4)) for step in range(5)])
    plain = Crop()
    assert plain.at(Step(seeded())) is plain


@pytest.mark.parametrize("part", [ResizedCrop(0.0), ResizedCrop(1.5), ResizedCrop(aspect=0.5)], ids=repr)
def test_crops_that_cannot_be_are_refused(part):
    with pytest.raises(ValueError, match=r"least_area must be in \(0, 1\], aspect at least 1"):
        part.draw(seeded())
