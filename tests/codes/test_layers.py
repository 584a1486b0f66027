"""Networks in files: numpy alone makes of latents the rows that torch does."""

import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

import skdc
from skdc import Condenser
from skdc.codes import CodedRows, Layer, PlainNumbers, WithGroups
from skdc.discrepancies import MMD
from skdc.generators import (
    AdversarialGenerator,
    DiffusionGenerator,
    GivenGenerator,
    StyleGenerator,
    UpConvolutions,
    VariationalGenerator,
)
from skdc.generators.coded import network_code
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Latents, Quantized
from skdc.solvers import Descent, Draw

from ..sources import row_source, seeded
from .test_codes import PARTS, same, size_without_header

NETWORKS = {
    "table": (MLP(width=9, depth=2)((5,), 7), 5),
    "leaky": (nn.Sequential(nn.Linear(4, 6, bias=False), nn.Sequential(nn.LeakyReLU(0.3), nn.Linear(6, 2))), 4),
    "images": (UpConvolutions((3, 7, 10), width=4, channels="first")((6,), 210), 6),
    "channels last": (UpConvolutions((9, 6, 3), width=3)((2,), 162), 2),
    "other steps": (
        nn.Sequential(
            nn.Unflatten(1, (2, 3, 2)), nn.ConvTranspose2d(2, 3, (3, 5), (3, 2), (0, 2), bias=False), nn.Flatten()
        ),
        12,
    ),
}


@pytest.mark.parametrize("network, size", NETWORKS.values(), ids=NETWORKS)
def test_numpy_computes_what_torch_does(network, size, rng):
    latents = rng.normal(size=(6, size)).astype(np.float32)
    code = network_code(network.eval(), PlainNumbers(latents))
    rows = code.decode()
    with torch.no_grad():
        expected = network.double()(torch.as_tensor(latents).double())
        network.float()
    np.testing.assert_allclose(rows, expected, rtol=1e-12, atol=1e-12)
    for places in ([4], [0, 3], []):
        np.testing.assert_array_equal(code.take(np.array(places, int)).decode(), rows[places])


STYLES = StyleGenerator(5, width=2, n_steps=3, batch_size=16, n_search_steps=3)
DENOISER = DiffusionGenerator(
    VariationalGenerator(3, decoder=MLP(width=6, depth=1), n_steps=5), MLP(width=7), 4, n_steps=9, batch_size=16
)


def changed(part, **parameters):
    return type(part)(**part.get_params(deep=False) | parameters)


@pytest.mark.parametrize("n_classes", [1, 3])
@pytest.mark.parametrize(
    "part, row_shape",
    [
        (STYLES, (9, 6)),
        (changed(STYLES, latents="inputs", truncation=0.6), (8, 11, 3)),
        (changed(STYLES, latents="both"), (3, 5, 8)),
        (DENOISER, (4, 5)),
        (changed(DENOISER, skip=True), (6,)),
    ],
    ids=["styles", "inputs", "both", "noise", "skip"],
)
def test_numpy_makes_the_rows_of_a_generator(part, row_shape, n_classes, rng):
    y = np.sort(rng.integers(n_classes, size=40)) if n_classes > 1 else None
    source = row_source(rng.normal(size=(40, *row_shape)), y, dtype=torch.float32)
    live = part.fit(source, seeded())
    key = torch.tensor([0, 0, 2, 2, 2]).clamp_max(n_classes - 1)
    z = 2 * torch.randn(5, *live.latent_shape, generator=seeded(1))
    with torch.no_grad():
        expected = live.decode(z, key).numpy() + 0.5
    code = live.code(PlainNumbers(z.numpy()), key, torch.tensor(0.5))
    rows = code.decode()
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-5 * expected.std())
    np.testing.assert_array_equal(code.take(np.array([1, 3])).decode(), rows[[1, 3]])
    image = 4 * np.prod(row_shape) * (len(row_shape) == 1)  # the offset: that of images is counted
    assert code.nbytes - z.nelement() * 4 - image == part.decoder_bytes(row_shape, n_classes)


def test_memory_does_not_grow_with_the_rows_but_for_what_comes_out(rng):
    network = UpConvolutions((3, 32, 32), width=2, channels="first")((5,), 3 * 32 * 32)
    code = network_code(network, WithGroups(PlainNumbers(rng.normal(size=(6000, 3))), np.uint32([5000, 1000])))
    rows = CodedRows(code, 127.0, 100.0, 0, 255, "|u1")
    tracemalloc.start()
    images = rows.decode()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * images.nbytes + 128 * 2**20, "float64 of all rows would be 150 MB in one layer alone"
    np.testing.assert_array_equal(rows.take(np.array([17, 4999, 5999])).decode(), images[[17, 4999, 5999]])


def test_groups_are_told_by_indicators(rng):
    values = rng.normal(size=(5, 2))
    code = WithGroups(PlainNumbers(values), np.array([2, 0, 3], np.uint32))
    np.testing.assert_array_equal(code.decode(), np.column_stack([values, np.eye(3)[[0, 0, 2, 2, 2]]]))
    np.testing.assert_array_equal(code.take(np.array([1, 4])).decode(), code.decode()[[1, 4]])
    with pytest.raises(ValueError, match="there are groups of 6 rows, but 5 rows"):
        WithGroups(PlainNumbers(values), np.array([2, 0, 4], np.uint32)).decode()


class Doubled(nn.ReLU):
    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    return layer


@pytest.mark.parametrize(
    "layer",
    [nn.GELU(), Doubled(), hooked(), nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.Flatten(0)],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_numpy_has_not_are_told(layer):
    assert network_code(nn.Sequential(nn.Linear(3, 3), layer), PlainNumbers(np.zeros((2, 3)))) is None


SMALL = {"n_components": 3, "n_steps": 60, "batch_size": 32, "step_size": 0.01}
DEEP = {**SMALL, "decoder": UpConvolutions((8, 8, 3), width=4)}
TINY = {**SMALL, "decoder": MLP(width=4, depth=1)}


@pytest.fixture
def images(rng):
    """Return images that vary in two directions, of which the third class is rare."""
    X = 128 + 30 * np.tensordot(rng.normal(size=(310, 2)), rng.normal(size=(2, 8, 8, 3)), 1)
    return X.clip(0, 255).astype(np.uint8), np.repeat([0, 1, 2], [160, 130, 20])


@pytest.mark.parametrize(
    "storage",
    [
        Latents(VariationalGenerator(**DEEP)),
        Latents(AdversarialGenerator(**TINY), inner=Quantized(4)),
        Quantized(6, Latents(VariationalGenerator(**TINY))),
        Latents(GivenGenerator(nn.Sequential(nn.Linear(2, 192), nn.Unflatten(1, (8, 8, 3))), (2,), n_search_steps=2)),
        Latents(STYLES, inner=Quantized(8)),
        Latents(changed(STYLES, latents="inputs")),
        Latents(DENOISER),
    ],
    ids=["convolutions", "levels inside", "levels", "given", "styles", "inputs", "noise"],
)
def test_a_file_keeps_the_decoder(storage, images, tmp_path):
    fitted = Condenser(MMD(), Points(storage), Descent(n_steps=2), n_samples=200, random_state=0).fit(*images)
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    assert isinstance(again.coded.code, Layer)
    for name in PARTS:
        assert same(getattr(again, name), getattr(fitted.condensed_, name)), name
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc") < fitted.X_syn_.nbytes
    of_classes = 3 * 8  # their weights
    of_floats = 0 if storage.few_bits() else 2 * 192 * (8 - 1)  # ends of pixels, that are bytes in the file
    assert fitted.storage_["bytes"] - of_classes == Points(storage).n_bytes(200, row_source(*images).schema) - of_floats
    short = again.shrink({0: 90, 1: 70, 2: 10})
    np.testing.assert_array_equal(short.X, again.X[np.r_[:90, 103:173, 187:197]])
    short.save(tmp_path / "short.skdc")
    assert isinstance(skdc.load(tmp_path / "short.skdc").coded.code, Layer)
    assert size_without_header(tmp_path / "short.skdc") < size_without_header(tmp_path / "set.skdc")


def test_rows_of_a_table_come_from_the_decoder(rng, tmp_path):
    X, y = rng.normal(3, 10, (300, 6)), np.arange(300) % 2
    parts = None, Subset(Latents(VariationalGenerator(1, decoder=MLP(width=3, depth=1), n_steps=3))), Draw()
    fitted = Condenser(*parts, n_per_class=100, encoder=None, random_state=0).fit(X, y)
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    assert isinstance(again.coded.code, Layer) and same(again.X, fitted.X_syn_)
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")


@pytest.mark.parametrize("row_shape", [(6,), (2, 3)], ids=str)
def test_a_decoder_of_your_own_gives_rows_in_their_units(row_shape, rng):
    X = rng.normal(1000, 10, (300, *row_shape))
    module = nn.Sequential(nn.Linear(2, 6), nn.Unflatten(1, row_shape) if len(row_shape) > 1 else nn.Flatten()).double()
    nn.init.constant_(module[0].bias, 1000)
    generator = GivenGenerator(module, (2,), n_search_steps=0)
    parts = None, Subset(Latents(generator)), Draw()
    fitted = Condenser(*parts, n_samples=100, encoder=None, random_state=0).fit(X)
    code = fitted.condensed_.coded.code
    latents = code
    while isinstance(latents, Layer):
        latents = latents.inputs
    with torch.no_grad():
        expected = module(torch.as_tensor(latents.decode())).numpy()
    ends = (X.min(0), X.max(0)) if X.ndim == 2 else (X.min(), X.max())
    np.testing.assert_allclose(fitted.X_syn_, expected.clip(*ends), rtol=1e-6)
    assert Latents(generator).n_bytes(100, row_shape, 8) == code.nbytes


def test_a_few_rows_are_kept_as_they_are(images, tmp_path):
    points = Points(Latents(VariationalGenerator(**DEEP)))
    fitted = Condenser(MMD(), points, Descent(n_steps=2), n_per_class=2, random_state=0).fit(*images)
    assert fitted.condensed_.coded is None
    fitted.condensed_.save(tmp_path / "set.skdc")
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")
    assert fitted.storage_["shared_bytes"] == 0, "the decoder is not in the file"
