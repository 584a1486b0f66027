"""Decoders in files are read by numpy alone, by a script that shares no code with skdc: the rows are those of torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skdc
from skdc import CondensedGenerator, Condenser
from skdc.discrepancies import MMD
from skdc.generators import DiffusionGenerator, StyleGenerator, UpConvolutions, VariationalGenerator
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent

AUTOENCODER = VariationalGenerator(
    3, decoder=UpConvolutions((6, 5), width=4), n_steps=60, step_size=0.01, batch_size=32
)
STYLES = {"n_components": 2, "width": 1, "n_steps": 5, "n_search_steps": 3, "batch_size": 32}
GENERATORS = {
    "convolutions": AUTOENCODER,
    "styles": StyleGenerator(**STYLES),
    "inputs": StyleGenerator(latents="inputs", truncation=0.7, **STYLES),
    "both": StyleGenerator(latents="both", **STYLES),
    "noise": DiffusionGenerator(AUTOENCODER, MLP(width=6, depth=1), 4, n_steps=20, batch_size=32),
    "skip": DiffusionGenerator(AUTOENCODER, MLP(width=6, depth=1), 4, skip=True, n_steps=20, batch_size=32),
}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    X = np.tensordot(rng.normal(size=(400, 3)), rng.normal(size=(3, 6, 5)), 1) + 0.1 * rng.normal(size=(400, 6, 5))
    return X, np.arange(400) % 3


def read_by_hand(condensed, folder):
    condensed.save(folder / "set.skdc")
    paths = Path(__file__).with_name("by_hand.py"), folder / "set.skdc", folder / "rows.npy"
    done = subprocess.run([sys.executable, "-I", *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "rows.npy")


@pytest.mark.parametrize("name", GENERATORS)
def test_rows_of_latents(name, images, tmp_path):
    points = Points(Latents(GENERATORS[name]))
    fitted = Condenser(MMD(), points, Descent(n_steps=3), n_per_class=80, random_state=0).fit(*images)
    rows = read_by_hand(fitted.condensed_, tmp_path)
    np.testing.assert_allclose(rows, fitted.X_syn_, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(skdc.load(tmp_path / "set.skdc").X, fitted.X_syn_)


def test_rows_that_are_drawn(images, tmp_path):
    condenser = CondensedGenerator(50, discrepancy=MMD(), generator=AUTOENCODER, n_steps=3, random_state=0)
    fitted = condenser.fit(*images)
    rows = read_by_hand(fitted.condensed_, tmp_path)
    np.testing.assert_allclose(rows, fitted.X_syn_, rtol=1e-9, atol=1e-9)
