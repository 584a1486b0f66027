"""Synthetic rows stay within the range of the data, in the dtype that went in."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA

from skdc import Condenser, GeneralCondenser, KernelInducingPoints, KMeansCondenser, LabelSolve, WassersteinCoreset
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.parameterizations import Points
from skdc.parameterizations.storage import (
    Edits,
    Free,
    Frequencies,
    Hallucinated,
    LowRank,
    LowResolution,
    Palette,
    Quantized,
)
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent
from skdc.sources import Sketch

from ..sources import row_source, seeded

RNG = np.random.default_rng(0)
Y = np.arange(60) % 2
# Most numbers are at the ends of their range, as pixels are; each feature has a range of its own.
IMAGES = (RNG.integers(-200, 400, size=(60, 4, 4)).clip(0, 200) + np.arange(16).reshape(4, 4)).astype(np.uint8)
WILD = Descent(step_size=0.5, n_steps=15)


def wild(parameterization, discrepancy=None, **parameters):
    return Condenser(discrepancy or MMD(), parameterization, WILD, n_per_class=3, random_state=0, **parameters)


MAKERS = {
    "points": wild(Points()),
    "noise": wild(Points(start="noise")),
    "edits": wild(Points(Edits(threshold=0.1))),
    "low rank": wild(Points(LowRank(rank=2))),
    "low resolution": wild(Points(LowResolution(image_shape=(4, 4)))),
    "frequencies": wild(Points(Frequencies(6, image_shape=(4, 4)))),
    "maps": wild(Points(Hallucinated(2))),
    "stream": wild(Points(), RandomFeatureMMD(bandwidth=1.0, n_features=20)),
    "default": GeneralCondenser(threshold=0.1, n_steps=10, n_per_class=3, random_state=0),
    "kernel ridge": KernelInducingPoints(labels="hard", step_size=0.5, n_steps=15, n_per_class=3, random_state=0),
    "means": KMeansCondenser(n_per_class=3, random_state=0),
    "barycenter": WassersteinCoreset(n_per_class=3, random_state=0),
    "kept rows": LabelSolve(n_per_class=3, random_state=0),
}


def free(condenser):
    """Return a condenser like another, of which the points may go anywhere."""
    recipe = clone(condenser).recipe()
    return wild(recipe.parameterization.set_params(within=None), recipe.discrepancy)


LONG = [pytest.param(dtype, marks=pytest.mark.slow) for dtype in (np.int16, np.uint64, np.float16, np.float64)]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, *LONG])
def test_arrays_keep_range_and_dtype(name, dtype):
    images = IMAGES.astype(dtype)
    for rows in (images, images.reshape(60, 16)):
        X_syn, _ = condenser = clone(MAKERS[name]).fit(rows, Y)
        assert X_syn.dtype == condenser.X_syn_.dtype == dtype
        assert_array_equal(X_syn, condenser.X_syn_)
        assert (rows.min(axis=0) <= X_syn).all() and (X_syn <= rows.max(axis=0)).all()


@pytest.mark.parametrize("storage", [Quantized(4, LowResolution(2)), Quantized(4), Palette(6)], ids=repr)
def test_images_of_few_bits_keep_the_range_of_all_pixels(storage):
    X_syn = wild(Points(storage)).fit(IMAGES, Y).X_syn_
    assert X_syn.dtype == np.uint8 and IMAGES.min() <= X_syn.min() and X_syn.max() <= IMAGES.max()


@pytest.mark.parametrize("name", ["points", "edits", "low rank", "low resolution", "stream"])
def test_points_would_leave_the_range(name):
    X_syn = free(MAKERS[name]).fit(IMAGES, Y).X_syn_
    assert X_syn.dtype == np.float64, "no whole numbers of a dtype hold any number"
    assert X_syn.min() < -1 or X_syn.max() > 216


@pytest.mark.parametrize("name", ["points", "stream", "means", "default"])
def test_arrays_of_true_and_false(name):
    rows = IMAGES.reshape(60, 16) > 100
    X_syn = clone(MAKERS[name]).fit(rows, Y).X_syn_
    assert X_syn.dtype == bool and 0 < X_syn.mean() < 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_ends_do_not_wrap(dtype):
    low, high = max(np.iinfo(dtype).min, -(2**60)), min(np.iinfo(dtype).max, 2**60 - 1)
    rows = np.where(RNG.random((60, 3)) < 0.5, low, high).astype(dtype)
    X_syn = KMeansCondenser(n_per_class=8, random_state=0).fit(rows, Y).X_syn_
    assert X_syn.dtype == dtype
    assert X_syn.min() >= low and X_syn.max() <= high
    assert X_syn.min() == pytest.approx(low, rel=1e-6) and X_syn.max() == pytest.approx(high, rel=1e-6)


def test_learned_labels_need_to_leave_the_range():
    condenser = KernelInducingPoints(step_size=0.5, n_steps=15, n_per_class=3, random_state=0)
    assert condenser.recipe().parameterization.within is None
    rows = IMAGES.reshape(60, 16)
    fitted = clone(condenser).fit(rows, Y)
    assert fitted.X_syn_.dtype == np.float64 and fitted.X_syn_.max() > rows.max()
    X_syn, _ = clone(condenser).fit(pd.DataFrame(rows), Y)  # but not in frames
    assert (X_syn.dtypes == np.uint8).all() and X_syn.to_numpy().max() <= rows.max()


def test_whole_numbers_are_rounded_not_cut_down():
    rows = np.repeat([[0, 10], [2, 12], [2, 12]], 20, axis=0)
    X_syn = KMeansCondenser(n_samples=1, random_state=0).fit(rows).X_syn_  # the mean is 4/3
    assert_array_equal(X_syn, [[1, 11]])


def test_ends_that_the_user_gives():
    rows = IMAGES.reshape(60, 16)
    bounded = wild(Points(within=(20.5, 99.5))).set_params(n_per_class=12)
    X_syn = bounded.fit(rows, Y).X_syn_
    assert X_syn.dtype == np.uint8 and X_syn.min() == 21 and X_syn.max() == 99
    X_syn = bounded.fit(rows.astype(float), Y).X_syn_
    assert X_syn.min() == pytest.approx(20.5) and X_syn.max() == pytest.approx(99.5)
    assert (X_syn >= 20.5).all() and (X_syn <= 99.5).all()
    low, high = np.linspace(0, 50, 16), np.linspace(100, 300, 16)
    X_syn = wild(Points(within=(low, high))).fit(rows.astype(float), Y).X_syn_
    assert (low <= X_syn).all() and (X_syn <= high).all() and X_syn.max() > 220
    X_syn = wild(Points(within=(0, np.inf))).fit(rows.astype(float), Y).X_syn_
    assert 0 <= X_syn.min() < 5 and X_syn.max() > 220
    X_syn = wild(Points(within=(-1000, 1000))).fit(rows, Y).X_syn_
    assert X_syn.dtype == np.uint8 and X_syn.min() == 0 and X_syn.max() <= 255, "no more than the dtype holds"


@pytest.mark.parametrize("within", ["pixels", (1, 0), (0, np.nan), 5, (0, 1, 2), ([0, 0], [1, 1]), ("a", "b")])
def test_other_ranges_are_refused(within):
    with pytest.raises(ValueError, match=r"\(within=.*must be 'data', None, or \(low, high\)"):
        wild(Points(within=within)).fit(IMAGES.reshape(60, 16), Y)


@pytest.mark.parametrize("storage", [Free(), Edits(0.0), LowRank(rank=2), LowResolution(image_shape=(2, 2))], ids=repr)
def test_points_are_projected_after_each_step_and_can_come_back(storage):
    source = row_source(RNG.normal(size=(30, 4)))
    live = Points(storage).build(source, np.array([5]), seeded())
    ends = [torch.as_tensor(end) for end in source.feature_range()]
    if isinstance(storage, LowResolution):  # pixels have one range
        ends = [ends[0].min(), ends[1].max()]
    with torch.no_grad():
        for parameter in live.parameters():
            parameter += 100
    live.project()
    rows = live().X * source.units.scale + torch.as_tensor(source.units.shift)
    assert (rows >= ends[0] - 1e-9).all() and (rows <= ends[1] + 1e-9).all()
    if not isinstance(storage, LowRank):
        assert max(parameter.abs().max() for parameter in live.parameters()) < 10, "they come back at once"
    live().X.sum().backward()
    assert all(parameter.grad.any() for parameter in live.parameters())


def test_a_start_at_noise_has_no_two_rows_in_a_corner():
    source = row_source(RNG.normal(size=(4, 2)))
    start = Points(start="noise").build(source, np.array([50]), seeded())().X.detach()
    assert len(start.unique(dim=0)) == 50


def test_a_warm_start_is_brought_into_the_range():
    condenser = wild(Points(), warm_start=True).fit(IMAGES, Y)
    condenser.set_params(solver=Descent(1e-9, n_steps=1)).fit(IMAGES // 2, Y)
    assert (condenser.X_syn_ <= IMAGES.max(axis=0) // 2).all()


def test_sketches_know_the_range_whatever_the_chunks():
    rows = RNG.normal(size=(60, 3))
    for cuts in ([], [20], [1, 2, 59]):
        whole = Sketch(2, 5, seed=0)
        for chunk in np.split(np.arange(60), cuts):
            piece = whole.empty_like()
            arrays = rows[chunk], np.eye(2)[Y[chunk]], np.ones(len(chunk)), Y[chunk]
            piece.update(*arrays, [np.ones((len(chunk), 1))])
            whole.merge(piece)
        assert_array_equal(whole.feature_range, [rows.min(axis=0), rows.max(axis=0)])


def test_streams_stay_within_all_chunks():
    for images in (IMAGES, IMAGES.astype(np.float64)):
        fitted = wild(Points(), RandomFeatureMMD(bandwidth=300.0, n_features=20)).fit(images, Y)
        stream = clone(fitted)
        for chunk in (np.arange(20), np.arange(20, 60)):
            stream.partial_fit(images[chunk], Y[chunk])
        assert stream.X_syn_.dtype == images.dtype
        assert (images.min(axis=0) <= stream.X_syn_).all() and (stream.X_syn_ <= images.max(axis=0)).all()
        assert_allclose(stream.X_syn_.astype(float), fitted.X_syn_, atol=1 if images.dtype == np.uint8 else 1e-6)


def test_private_points_stay_within_what_is_declared():
    pytest.importorskip("dp_accounting")
    mechanism = GaussianMechanism(epsilon=5.0, feature_range=(10, 240), random_state=0)
    rows = IMAGES.clip(50, 150).reshape(60, 16)
    condenser = wild(Points(start="noise"), RandomFeatureMMD(bandwidth=100.0), privacy=mechanism).fit(rows, Y)
    assert condenser.X_syn_.dtype == np.float64, "the dtype of the rows is private, too"
    assert condenser.X_syn_.min() >= 10 and condenser.X_syn_.max() <= 240
    assert condenser.X_syn_.max() > 150, "the range of the rows is private"


def test_encoded_rows_stay_within_the_range_of_the_rows():
    numbers = pd.DataFrame({"a": IMAGES[:, 0, 0], "b": IMAGES[:, 1, 1] / 10, "c": IMAGES[:, 2, 2] > 100})
    for rows in (numbers, numbers.to_numpy(dtype=float), IMAGES.reshape(60, 16)):
        X_syn, _ = wild(Points(), encoder=PCA(2)).fit(rows, Y)
        seen = np.asarray(rows, dtype=float)
        found = np.asarray(X_syn, dtype=float)
        assert (found >= seen.min(axis=0)).all() and (found <= seen.max(axis=0)).all()
        assert_array_equal(pd.DataFrame(X_syn).dtypes, pd.DataFrame(rows).dtypes)


def test_rows_of_no_weight_widen_nothing():
    rows = np.concatenate([IMAGES.reshape(60, 16) // 2, np.full((2, 16), 255, np.uint8)])
    weight = np.r_[np.ones(60), 0, 0]
    condenser = wild(Points()).fit(rows, np.r_[Y, 0, 1], sample_weight=weight)
    assert condenser.X_syn_.max() <= rows[:60].max()
    assert_allclose(condenser.X_syn_, wild(Points()).fit(rows[:60], Y).X_syn_)
