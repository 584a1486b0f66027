"""Passes that are kept: a fit that was killed goes on, with the bits of one that was not."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdc import KernelThinning, KMeansCondenser, Partitions

SCRIPT = """
import os, signal, sys
import numpy as np
import skdc

condenser, folder, dies_after = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Reader:
    def __init__(self, i):
        self.i = i
    def __call__(self):
        with open(folder + "/reads", "a") as file:
            file.write("x")
        if os.path.getsize(folder + "/reads") == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng(self.i)
        y = rng.integers(0, 3, 300)
        return rng.normal(size=(300, 4)) + 3 * np.eye(3, 4)[y], y

made = getattr(skdc, condenser)(3, random_state=0, checkpoint=folder + "/fit.state")
made.fit(skdc.Partitions([Reader(i) for i in range(5)], max_rows=200))
np.savez(folder + "/set.npz", X=made.X_syn_, weight=made.sample_weight_)
"""


def run(condenser, folder, dies_after=-1):
    """Return the exit status of a fit in a process of its own, and how many pieces it has read."""
    folder.mkdir(exist_ok=True)
    (folder / "reads").write_text("")
    status = subprocess.run([sys.executable, "-c", SCRIPT, condenser, str(folder), str(dies_after)]).returncode
    return status, len((folder / "reads").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("condenser, dies_after", [("KMeansCondenser", 28), ("KernelThinning", 18)])
def test_a_fit_that_was_killed_goes_on(condenser, dies_after, tmp_path):
    assert run(condenser, tmp_path / "whole")[0] == 0
    status, n_read = run(condenser, tmp_path / "killed", dies_after)
    assert status == -9 and n_read == dies_after
    kept = sorted(path.name for path in (tmp_path / "killed").glob("fit.state.pass*"))
    assert len(kept) == dies_after // 5, "a file for each pass that was done"
    status, n_left = run(condenser, tmp_path / "killed")
    n_all = run(condenser, tmp_path / "whole")[1]
    assert status == 0 and n_left == n_all - 5 * (dies_after // 5)
    sets = [np.load(tmp_path / name / "set.npz") for name in ("whole", "killed")]
    for name in ("X", "weight"):
        assert_array_equal(sets[0][name], sets[1][name])
    assert not list((tmp_path / "killed").glob("fit.state*")), "the end of the fit removes them"


def test_passes_of_another_fit_are_not_taken(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(900, 3)), rng.integers(0, 2, 900)
    calls = []

    def fails():
        calls.append(1)
        if len(calls) > 2:
            raise OSError("gone")
        return X, y

    pieces = Partitions([(X, y), fails], max_rows=100)
    path = tmp_path / "state"
    with pytest.raises(ValueError, match="piece 1 cannot be read"):
        KMeansCondenser(2, random_state=0, checkpoint=path).fit(pieces)
    assert len(list(tmp_path.glob("state.pass*"))) == 2
    other = Partitions([(X, y), (X, y)], max_rows=100)
    with pytest.warns(UserWarning, match="other parameters"):
        found = KernelThinning(2, random_state=0, checkpoint=path).fit(other)
    assert_array_equal(found.indices_, KernelThinning(2, random_state=0).fit(other).indices_)
    assert not list(tmp_path.iterdir())
