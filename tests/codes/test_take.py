"""Codes of a part of the rows: they give the same rows, bit by bit, in fewer bytes."""

import os
from dataclasses import fields

import numpy as np
import pytest

import skdc
from skdc import Condenser
from skdc.codes import (
    Affine,
    Code,
    Cropped,
    Denoised,
    DrawnLatents,
    Flattened,
    Inputs,
    LinearRows,
    ModulatedConvolution,
    Normalized,
    PlainNumbers,
    Products,
    Rectified,
    Rescaled,
    Reshaped,
    Stacked,
    StyledImages,
    TopLabels,
    TransposedConvolution,
    UniformLevels,
    WithGroups,
    packed_bits,
)
from skdc.condensed import coded
from skdc.discrepancies import MMD
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import (
    Frequencies,
    Hallucinated,
    Latents,
    LowRank,
    LowResolution,
    NeuralFields,
    Palette,
    Quantized,
    SparseCodes,
)
from skdc.solvers import Descent, Draw

STORAGES = [
    Frequencies(9),
    Quantized(3, Frequencies(9, "class")),
    Frequencies(9, inner=LowRank(4)),
    LowRank(3),
    LowResolution(2),
    Quantized(5),
    Latents(LinearGenerator(3)),
    Latents(LinearGenerator(3, by="all"), inner=Quantized(6)),
    NeuralFields(3, depth=1),
    NeuralFields(3, depth=2),
    Palette(5),
    Hallucinated(3),
    Quantized(4, Hallucinated(4)),
    SparseCodes(7, 2, patch=3),
]
# Those of networks are tried in test_layers.py.
LAYERS = {Affine, Cropped, Flattened, Inputs, Rectified, Rescaled, Reshaped, TransposedConvolution, WithGroups}
LAYERS |= {Denoised, Normalized, ModulatedConvolution, StyledImages}
PLACES = [[0, 1, 4, 5, 9, 11], [], [3], [2, 3, 7], list(range(12))]


@pytest.fixture
def images(rng):
    """Return smooth images of three classes, of float64, of which each digit would be seen."""
    waves = np.sin(np.linspace(0, 3, 30).reshape(5, 6) * rng.uniform(0.5, 2, (60, 1, 1)))
    return waves + 0.05 * rng.normal(size=(60, 5, 6)), np.arange(60) % 3


def parts_of(code):
    """Yield a code and those that it is made of."""
    yield code
    for field in fields(code):
        value = getattr(code, field.name)
        if isinstance(value, Code):
            yield from parts_of(value)


def fitted_to(images, storage):
    return Condenser(MMD(), Points(storage), Descent(n_steps=2), n_per_class=4, random_state=0).fit(*images)


def labels_of_few_classes(rng):
    places = np.stack([rng.permutation(5)[:2] for _ in range(12)])
    return TopLabels(5, packed_bits(places.ravel(), 3), PlainNumbers(rng.uniform(size=(12, 2))))


@pytest.mark.parametrize("storage", STORAGES, ids=repr)
def test_a_part_of_a_code_gives_the_rows_at_its_places(storage, images):
    fitted = fitted_to(images, storage)
    code = fitted.condensed_.coded
    rows = code.decode()
    for places in PLACES:
        part = code.take(np.array(places, int))
        np.testing.assert_array_equal(part.decode(), rows[places])
        again = part.take(np.arange(0, len(places), 2))
        np.testing.assert_array_equal(again.decode(), rows[places[::2]])
        assert len(places) > 3 or part.nbytes < code.nbytes
    shared = {id(values) for values in code.arrays()} & {id(values) for values in code.take(np.array([0])).arrays()}
    assert bool(shared) == bool(fitted.storage_["shared_bytes"]), "what all rows share is kept whole"


@pytest.mark.parametrize("places", PLACES, ids=len)
def test_a_part_of_stacked_codes_and_of_labels(places, rng):
    levels = UniformLevels(packed_bits(np.arange(14), 5), 5, (7, 2), np.float32(0), np.float32([0.5, 2]))
    gaussians = rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=(2, 3, 3)).astype(np.float32)
    drawn = DrawnLatents(7, 3, np.uint32([8, 4]), *gaussians)
    for code in (Stacked(levels, PlainNumbers(rng.normal(size=(5, 2))), 7), labels_of_few_classes(rng), drawn):
        part = code.take(np.array(places, int))
        np.testing.assert_array_equal(part.decode(), code.decode()[places])
        again = part.take(np.arange(0, len(places), 2))
        np.testing.assert_array_equal(again.decode(), code.decode()[places[::2]])


def test_products_of_many_numbers_do_not_depend_on_the_rows_beside(rng):
    latents, matrix = PlainNumbers(rng.normal(size=(300, 50))), rng.normal(size=(2, 217, 50)).astype(np.float32)
    linear = LinearRows((217,), latents, matrix[:, :, 0], matrix, np.array([200, 100], np.uint32))
    for code in (linear, Products(latents, PlainNumbers(matrix[0].T))):
        rows = code.decode()
        for places in ([3], [5, 203], list(range(0, 300, 7))):
            np.testing.assert_array_equal(code.take(np.array(places)).decode(), rows[places])
    turned = Products(PlainNumbers(np.asfortranarray(latents.values)), PlainNumbers(np.asfortranarray(matrix[0].T)))
    np.testing.assert_array_equal(turned.decode(), code.decode())


def test_all_codes_are_tried(images, rng):
    tried = {type(part) for storage in STORAGES for part in parts_of(fitted_to(images, storage).condensed_.coded)}
    others = {DrawnLatents, Stacked, TopLabels, *LAYERS}
    assert tried | others == set(coded._HELD)


@pytest.mark.parametrize("storage", [Quantized(4, Frequencies(9)), LowRank(3), SparseCodes(7, 2)], ids=repr)
def test_a_set_that_shrinks_keeps_its_codes(storage, rng, tmp_path):
    X, y = rng.normal(size=(200, 8, 8)), np.arange(200) % 2
    parts = None, Subset(storage), Draw()
    whole = Condenser(*parts, n_per_class=50, random_state=0).fit(X, y).condensed_
    short = whole.shrink(20)
    sizes = []
    for part in (whole, short):
        part.save(tmp_path / "set")
        again = skdc.load(tmp_path / "set")
        np.testing.assert_array_equal(again.X, part.X)
        assert type(again.coded) is type(whole.coded)
        sizes.append(os.path.getsize(tmp_path / "set"))
    np.testing.assert_array_equal(short.X, whole.X[np.r_[:20, 50:70]])
    told, first = short.provenance.storage, whole.provenance.storage
    header = sizes[1] - told["bytes"]
    assert 0 < header < 5000 and told["shared_bytes"] == first["shared_bytes"]
    grows = (first["bytes"] - first["shared_bytes"]) / 100
    assert told["bytes"] == pytest.approx(first["shared_bytes"] + 40 * grows, abs=2)
    assert told["bytes_decoded"] == 40 * 64 * 8 + 5


def test_few_rows_are_kept_decoded_where_what_they_share_is_more(rng):
    X, y = rng.normal(size=(200, 8, 8)), np.arange(200) % 2
    whole = Condenser(None, Subset(LowRank(20)), Draw(), n_per_class=50, random_state=0).fit(X, y).condensed_
    assert whole.shrink(20).coded is not None
    short = whole.shrink(2)
    assert short.coded is None and short.provenance.storage["bytes"] == 4 * 64 * 8 + 1
