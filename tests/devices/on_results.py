"""What outlives a fit on a device, and what takes a device beside the condensers."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from skdc import Condenser, KernelHerding, KMedoids, RandomSubset
from skdc.devices import find_device
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.evaluation import robustness_table
from skdc.learners import NetworkClassifier
from skdc.learners.teachers import fitted_teacher
from skdc.networks import MLP
from skdc.solvers import Descent

from ..condensers.quick import PATHS, QUICK
from ..sources import row_source, seeded
from .data import X, Y

SMALL = MLP(width=8, depth=1)


def test_names(device):
    assert find_device("auto").type == find_device(device).type == device
    assert find_device(f"{device}:0").index == 0
    with pytest.raises(ValueError, match=f"'cpu', '{device}:0'"):
        find_device("meta")


def run_without_device(code, fitted, tmp_path):
    """Run code in a process without the device, in which `loaded` is what comes out of a pickle."""
    path = tmp_path / "pickled"
    path.write_bytes(pickle.dumps(fitted))
    code = f"import pathlib, pickle; loaded = pickle.loads(pathlib.Path({str(path)!r}).read_bytes()); {code}"
    none = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run([sys.executable, "-c", code], env=none, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_condensers_are_loaded_without_the_device(device, tmp_path):
    fitted = [QUICK[name]().set_params(n_per_class=2, device=device).fit(X, Y) for name in PATHS]
    run_without_device("assert all(len(condenser.X_syn_) == 6 for condenser in loaded)", fitted, tmp_path)


def test_streams_go_on_without_the_device(device, tmp_path):
    stream = Condenser(RandomFeatureMMD(bandwidth=1.0), solver=Descent(n_steps=3), n_per_class=2, device=device)
    stream.partial_fit(X[::2], Y[::2], classes=[0, 1, 2])
    assert pickle.loads(pickle.dumps(stream))._stream.device.type == device, "where it is there, it stays"
    rows = f"{X[1::2].tolist()}, {Y[1::2].tolist()}"
    run_without_device(f"loaded.set_params(device='cpu').partial_fit({rows}).X_syn_", stream, tmp_path)


def test_networks_go_on_without_the_device(device, tmp_path):
    network = NetworkClassifier(SMALL, max_epochs=3, random_state=0)
    expected = network.fit(X, Y).predict_proba(X)
    network.set_params(device=device).fit(X, Y)
    assert_allclose(network.predict_proba(X), expected, atol=1e-5)
    run_without_device(f"assert loaded.device == 'cpu'; loaded.predict({X.tolist()})", network, tmp_path)


@pytest.mark.parametrize("cls", [KernelHerding, KMedoids, RandomSubset])
def test_sparse_rows_stay_on_the_cpu(cls, same):
    same(cls(2, random_state=0), csr_array(np.where(X > 1, X, 0)), Y)


def test_the_default_teacher_is_on_the_device_of_the_fit(device):
    source = row_source(X, Y)
    source.device = find_device(device)
    teacher = fitted_teacher(MMD(), None, source, seeded())
    assert next(teacher.estimator.module_.parameters()).device.type == device
    assert teacher(source.rows.X).device.type == device


def test_learners_on_the_device_are_attacked(device):
    pytest.importorskip("art")
    condenser = RandomSubset(5, random_state=0).fit(X, Y)
    network = NetworkClassifier(SMALL, max_epochs=20, random_state=0)
    here, there = (
        robustness_table(condenser, X, Y, learners={"network": network.set_params(device=name)}, n_attacked=20)
        for name in ("cpu", device)
    )
    for table in (here, there):
        del table.scores["network"]["HopSkipJump"]  # the library draws its start anew each time
    assert there.scores == here.scores and "PGD" in there.scores["network"]
