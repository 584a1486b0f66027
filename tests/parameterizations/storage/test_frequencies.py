"""Images of which some frequencies are kept."""

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Frequencies, LowRank, Quantized
from skdc.solvers import Descent, Draw

from ...sources import row_source, seeded

SHAPES = [((5, 6), None), ((3, 5, 6), "first"), ((5, 6, 3), "last")]


def channels_first(rows, channels):
    return rows[:, None] if channels is None else rows if channels == "first" else rows.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shape, channels", SHAPES, ids=repr)
@pytest.mark.parametrize("masks", ["one", "class"])
def test_the_frequencies_that_carry_most_are_kept(shape, channels, masks, rng):
    y, weight = np.arange(101) % 3, rng.uniform(0.1, 3, 101)
    X = rng.normal(size=(101, *shape)) * rng.uniform(0.1, 3, shape) * (1 + y.reshape(-1, *[1] * len(shape)))
    fitted = Condenser(None, Subset(Frequencies(7, masks, channels=channels)), Draw(), n_per_class=4, random_state=0)
    fitted.fit(X, y, sample_weight=weight)
    origin = np.average(X, axis=0, weights=weight).mean()
    spectra = dctn(channels_first(X - origin, channels), norm="ortho", axes=(2, 3))
    for c in range(3):
        members = y == c if masks == "class" else slice(None)
        moments = np.average(spectra[members] ** 2, axis=0, weights=weight[members]).mean(axis=0)
        kept = np.zeros(30, bool)
        kept[np.argsort(-moments.ravel())[:7]] = True
        chosen = fitted.indices_[fitted.y_syn_ == c]
        expected = idctn(spectra[chosen] * kept.reshape(5, 6), norm="ortho", axes=(2, 3)) + origin
        seen = channels_first(fitted.X_syn_[fitted.y_syn_ == c], channels)
        low, high = (channels_first(end[None], channels) for end in (X.min(axis=0), X.max(axis=0)))
        np.testing.assert_allclose(seen, np.clip(expected, low, high), atol=1e-5 * np.abs(X).max())


def test_all_frequencies_are_the_image(rng):
    X = rng.normal(size=(20, 4, 4))
    fitted = Condenser(None, Subset(Frequencies(16)), Draw(), n_samples=5, random_state=0).fit(X)
    np.testing.assert_allclose(fitted.X_syn_, X[fitted.indices_], atol=1e-5)


def test_numbers_that_move_are_of_one_size(rng):
    X = rng.normal(size=(1001, 6, 6)) * np.outer(np.arange(1, 7), np.arange(1, 7))
    live = Points(Frequencies(20)).build(row_source(X), np.array([300]), seeded())
    sizes = live.codec.inner.values.detach().square().mean(0).sqrt()
    assert (sizes > 0.8).all() and (sizes < 1.25).all()


def test_origin_and_unit_of_the_data_change_nothing(rng):
    X, y = rng.normal(size=(60, 4, 4)), np.arange(60) % 2
    storage = Quantized(5, Frequencies(6))
    first, other = (
        Condenser(None, Subset(storage), Draw(), n_per_class=5, random_state=0).fit(rows, y)
        for rows in (X, 1e3 * X + 1e5)
    )
    np.testing.assert_array_equal(first.indices_, other.indices_)
    np.testing.assert_allclose(other.X_syn_, 1e3 * first.X_syn_ + 1e5, rtol=1e-6)


def test_rows_encode_and_decode_as_the_formula(rng):
    source = row_source(rng.normal(size=(40, 5, 6)))
    live = Points(Frequencies(9), within=None).build(source, np.array([8]), seeded())
    with torch.no_grad():
        live.codec.inner.values.normal_(generator=seeded())
    spectra = dctn(live.codec.decode().detach().numpy(), norm="ortho", axes=(1, 2)).reshape(8, 30)
    places = live.codec.spectrum.places[0].numpy()
    assert np.abs(np.delete(spectra, places, axis=1)).max() < 1e-9
    expected = live.codec.inner.values.detach() * live.codec.spectrum.size[0]
    np.testing.assert_allclose(spectra[:, places], expected, atol=1e-9)


@pytest.mark.parametrize(
    "storage, message",
    [
        (Frequencies(0), r"Frequencies\(n_kept=0\): images of 4 by 4 pixels have 1 to 16 frequencies"),
        (Frequencies(17), r"n_kept=17\): images of 4 by 4 pixels have 1 to 16 frequencies"),
        (Frequencies(4, "classes"), r"Frequencies\(masks='classes'\): masks must be 'one' or 'class'"),
        (Frequencies(4, image_shape=(3, 5)), r"image_shape=\(3, 5\) has 15 values, but a row has 16"),
    ],
    ids=repr,
)
def test_what_cannot_be_kept_is_refused(storage, message, rng):
    with pytest.raises(ValueError, match=message):
        Points(storage).build(row_source(rng.normal(size=(12, 4, 4))), np.array([3]), seeded())


def test_a_table_has_no_frequencies(iris):
    with pytest.raises(ValueError, match=r"Frequencies needs images, but rows of shape \(4,\) are none"):
        Condenser(None, Subset(Frequencies(2)), Draw(), n_per_class=3, encoder=None).fit(*iris)


def test_a_basis_has_frequencies_too(rng):
    source = row_source(rng.normal(size=(40, 5, 6)))
    live = Points(LowRank(3, inner=Frequencies(9)), within=None).build(source, np.array([8]), seeded())
    spectra = dctn(live.codec.basis.decode().detach().numpy(), norm="ortho", axes=(1, 2)).reshape(3, 30)
    assert (np.abs(spectra) > 1e-9).any(axis=0).sum() == 9


def test_classes_have_masks_whatever_groups_there_are(rng):
    X, y, groups = rng.normal(size=(60, 4, 4)), np.arange(60) % 3, np.arange(60) // 3 % 2
    parts = Points(Frequencies(5, "class")), Descent(n_steps=1)
    fair = Condenser(MMD(by="group"), *parts, n_per_class=4, random_state=0).fit(X, y, sensitive_features=groups)
    plain = Condenser(MMD(), *parts, n_per_class=4, random_state=0).fit(X, y)
    masks = plain.condensed_.coded.code.masks
    assert len(np.unique(masks, axis=0)) == 3
    np.testing.assert_array_equal(fair.condensed_.coded.code.masks, masks)


def test_one_pass_tells_the_frequencies(rng, monkeypatch):
    source, passes = row_source(rng.normal(size=(40, 5, 6)), np.arange(40) % 2), []
    real = type(source).map_reduce
    monkeypatch.setattr(type(source), "map_reduce", lambda *given: passes.append(1) or real(*given))
    for storage in (Frequencies(6), Quantized(4, Frequencies(6))):
        passes.clear()
        Points(storage).build(source, np.array([3, 3]), seeded())
        assert len(passes) == 1, storage
