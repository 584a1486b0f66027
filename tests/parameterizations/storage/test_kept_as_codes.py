"""Storages of images: what a file keeps of them, by how many bytes, and what comes back of it."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import skdc
from skdc import Condenser
from skdc.codes import PlainNumbers
from skdc.discrepancies import MMD
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import (
    Fixed,
    Frequencies,
    Hallucinated,
    LowResolution,
    NeuralFields,
    Palette,
    Quantized,
    SparseCodes,
)
from skdc.solvers import Descent, Draw

from ...sources import row_source, seeded

DIGITS = load_digits(n_class=3)
GREY, LABELS = DIGITS.images[:60].astype(np.uint8), DIGITS.target[:60]
COLOURED = np.random.default_rng(0).random((60, 7, 10, 3)).astype(np.float32)
STORAGES = [
    NeuralFields(width=5, depth=1),
    NeuralFields(width=4),
    LowResolution(2, inner=NeuralFields(width=3, channels="first")),
    Palette(5),
    Palette(32, inner=Fixed()),
    LowResolution(2, inner=Palette(9, channels="first")),
    Hallucinated(3),
    Hallucinated(2, inner=LowResolution(2)),
    Hallucinated(2, inner=Palette(5)),
    LowResolution(2, inner=Hallucinated(4)),
    SparseCodes(10, 2, patch=3),
    Hallucinated(3, inner=SparseCodes(5, 2)),
]
each_storage = pytest.mark.parametrize("storage", STORAGES, ids=repr)
quantized_too = pytest.mark.parametrize("around", [None, 3, 8], ids=lambda bits: f"{bits} bits" if bits else "plain")


def around_it(storage, bits):
    return storage if bits is None else Quantized(bits, storage)


def test_rows_of_a_table_that_maps_make_are_kept_too(tmp_path, iris):
    points = Points(Quantized(6, Hallucinated(3)))
    condenser = Condenser(MMD(), points, Descent(n_steps=3), n_per_class=5, random_state=0).fit(*iris)
    assert_kept(condenser, iris[0], tmp_path)


def numbers(values):
    return PlainNumbers(values.detach().numpy())


@quantized_too
@each_storage
def test_a_code_decodes_to_the_rows_in_the_bytes_that_are_told(storage, around, rng):
    assert_code(around_it(storage, around), rng)


@pytest.mark.parametrize(
    "storage",
    [Frequencies(9, inner=Hallucinated(4)), Hallucinated(3, inner=Quantized(4)), Palette(5, inner=Quantized(2))],
    ids=repr,
)
def test_others_inside_have_a_code_too(storage, rng):
    assert_code(storage, rng)


def assert_code(storage, rng):
    source = row_source(rng.normal(size=(40, 8, 9)).cumsum(1))
    codec = Points(storage).build(source, np.array([11]), seeded()).codec
    with torch.no_grad():
        for i, values in enumerate(codec.parameters()):
            values += 0.1 * torch.randn(values.shape, generator=seeded(i), dtype=values.dtype)
    code = codec.code(numbers)
    np.testing.assert_allclose(code.decode(), codec.decode().detach(), atol=1e-9)
    assert code.nbytes == storage.n_bytes(11, (8, 9), 8)


@quantized_too
@pytest.mark.parametrize("images", [GREY, COLOURED], ids=["grey", "coloured"])
@each_storage
def test_a_file_holds_no_more_and_gives_the_same_rows(storage, images, around, tmp_path):
    points = Points(around_it(storage, around))
    condenser = Condenser(MMD(), points, Descent(n_steps=3), n_per_class=4, random_state=0)
    assert_kept(condenser.fit(images, LABELS), images, tmp_path)


def test_torch_is_not_needed_to_read_them(tmp_path):
    for i, storage in enumerate(STORAGES):
        points = Points(Quantized(4, storage))
        fitted = Condenser(MMD(), points, Descent(n_steps=1), n_per_class=4, random_state=0).fit(GREY, LABELS)
        fitted.condensed_.save(tmp_path / f"{i}.skdc")
        np.save(tmp_path / f"{i}.npy", fitted.X_syn_)
    code = (
        "import sys, pathlib, numpy, skdc; "
        "paths = sorted(pathlib.Path(sys.argv[1]).glob('*.skdc')); "
        "same = [(skdc.load(path).X == numpy.load(path.with_suffix('.npy'))).all() for path in paths]; "
        "assert all(same) and 'torch' not in sys.modules, same; print(len(same))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, str(len(STORAGES))), done.stderr


@each_storage
def test_rows_that_are_chosen_are_kept_so_too(storage, tmp_path):
    chosen = Condenser(None, Subset(Quantized(4, storage)), Draw(), n_bytes=1500, random_state=0).fit(GREY, LABELS)
    assert_kept(chosen, GREY, tmp_path)


def assert_kept(condenser, images, tmp_path):
    path = tmp_path / "set.skdc"
    condenser.condensed_.save(path)
    held = path.read_bytes()
    assert len(held) - 8 - int.from_bytes(held[:8], "little") == condenser.storage_["bytes"]
    again = skdc.load(path).X
    np.testing.assert_array_equal(again, condenser.X_syn_)
    assert again.dtype == images.dtype and again.shape[1:] == images.shape[1:]
    assert images.min() <= again.min() and again.max() <= images.max()
