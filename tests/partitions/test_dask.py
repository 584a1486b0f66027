"""Collections of Dask, on whatever scheduler is current, and workers that die."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdc import AutoCondenser, KernelThinning, KMeansCondenser, Partitions, RandomSubset
from skdc.partitions import PieceError, from_dask

dask = pytest.importorskip("dask", reason="the extra 'dask' is not installed")
array, bag, frame = (pytest.importorskip(f"dask.{name}") for name in ("array", "bag", "dataframe"))

N, FEW = 2001, 300
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
X = RNG.normal(size=(N, 4)) + 3 * np.eye(3, 4)[Y]
WEIGHT = RNG.uniform(0.5, 2, N)
TABLE = pd.DataFrame(X, columns=[*"abcd"]).assign(kind=np.array(["x", "y", "z"])[Y])


def condenser(**settings):
    return KMeansCondenser(3, random_state=0, **settings)


def of(partitions):
    """Return what a condenser makes of partitions of which a sample is held."""
    partitions.max_rows = FEW
    return condenser().fit(partitions)


@pytest.fixture(params=["threads", "synchronous"])
def scheduler(request):
    with dask.config.set(scheduler=request.param):
        yield


def test_arrays_that_are_cut_otherwise_are_cut_alike(scheduler):
    whole = of(Partitions.from_arrays(X, Y, WEIGHT, chunk=500))
    lazy = array.from_array(X, chunks=(700, 3)), array.from_array(Y, chunks=400), array.from_array(WEIGHT, chunks=N)
    found = of(from_dask(*lazy))
    assert_allclose(found.X_syn_, whole.X_syn_, rtol=1e-6, atol=1e-8)
    assert_allclose(found.sample_weight_, whole.sample_weight_, rtol=1e-9)


def test_frames_and_their_columns(scheduler):
    lazy = frame.from_pandas(TABLE, npartitions=5)
    whole = of(Partitions.from_arrays(TABLE.drop(columns="kind"), TABLE["kind"], chunk=500))
    for given in ((lazy, "kind"), (lazy.drop(columns="kind"), lazy["kind"])):
        found = of(from_dask(*given))
        pd.testing.assert_frame_equal(found.X_syn_, whole.X_syn_, rtol=1e-6)
        assert found.condensed_.y.name == "kind"


def test_bags_hold_pairs(scheduler):
    found = of(from_dask(bag.from_sequence(zip(X, Y, strict=True), npartitions=4)))
    assert_allclose(found.X_syn_, of(Partitions.from_arrays(X, Y)).X_syn_, rtol=1e-6, atol=1e-8)
    with pytest.raises(PieceError, match="pairs"):
        of(from_dask(bag.from_sequence(X, npartitions=2)))


def test_fit_takes_collections_as_they_are():
    found = condenser().fit(array.from_array(X, chunks=500), array.from_array(Y, chunks=500))
    assert_array_equal(found.X_syn_, condenser().fit(X, Y).X_syn_)
    table = frame.from_pandas(TABLE, npartitions=3)
    assert_array_equal(condenser().fit(table, "kind").y_syn_, np.repeat(["x", "y", "z"], 3))


def test_a_search_looks_at_the_sample():
    partitions = Partitions.from_arrays(X, Y, chunk=500, max_rows=FEW)
    auto = AutoCondenser(candidates=[KernelThinning()], time_budget=None, n_per_class=4, random_state=0).fit(partitions)
    assert auto.condensed_.provenance.n_seen <= FEW + 8
    if hasattr(auto, "indices_"):
        assert_array_equal(X[auto.indices_], auto.X_syn_)


def broken(part):
    if len(part) and part.index[0] > 1000:
        raise OSError("the disk is gone")
    return part


@pytest.mark.parametrize(
    "given, error, words",
    [
        ((frame.from_pandas(TABLE, npartitions=2), Y), TypeError, "y is a ndarray, which is in memory"),
        ((frame.from_pandas(TABLE, npartitions=2), "no"), PieceError, "no column 'no'"),
        ((array.from_array(X), array.from_array(Y[1:])), ValueError, "2001 rows, y has 2000"),
        (
            (frame.from_pandas(TABLE, npartitions=2), frame.from_pandas(TABLE["kind"], npartitions=3)),
            ValueError,
            "2 partitions, y has 3",
        ),
        (
            (frame.from_pandas(TABLE, npartitions=4).map_partitions(broken, meta=TABLE[:0]), "kind"),
            PieceError,
            "partition [23] cannot be read: OSError: the disk is gone",
        ),
    ],
)
def test_what_is_wrong_is_said(given, error, words):
    with pytest.raises(error, match=words):
        condenser().fit(*given)
    with pytest.raises(TypeError, match="collection of Dask, got ndarray"):
        from_dask(X, Y)


# Workers


@contextmanager
def cluster():
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as workers, distributed.Client(workers):
        yield


class Reader:
    """Reads a piece; the process that does so dies once, after it has read some."""

    def __init__(self, start, path=None, after=0):
        self.start, self.path, self.after = start, path, after

    def __call__(self):
        if self.path is not None:
            path = Path(self.path)
            with path.open("a") as file:
                file.write("x")
            if len(path.read_text()) == self.after:
                os.kill(os.getpid(), signal.SIGKILL)
        return X[self.start : self.start + 250], Y[self.start : self.start + 250]


def pieces(path=None, after=0):
    starts = range(0, N, 250)
    readers = [Reader(start, path if start == 500 else None, after) for start in starts]
    return Partitions(readers, max_rows=FEW)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of distributed, about the worker that dies
def test_a_cluster_gives_the_same_bits_also_if_a_worker_dies(tmp_path):
    chooser = KernelThinning(3, random_state=0)
    wanted, thinned = condenser().fit(pieces()), chooser.fit(pieces()).indices_
    drawn = RandomSubset(5, random_state=0).fit(pieces()).indices_
    with cluster():
        assert_array_equal(condenser().fit(pieces()).X_syn_, wanted.X_syn_)
        # In the first pass, in one of Lloyd's, and where chosen rows are merged.
        for i, after in enumerate((1, 5)):
            found = condenser().fit(pieces(tmp_path / f"k-means {i}", after))
            assert_array_equal(found.X_syn_, wanted.X_syn_)
            assert_array_equal(found.sample_weight_, wanted.sample_weight_)
        assert_array_equal(chooser.fit(pieces(tmp_path / "thinning", 4)).indices_, thinned)
        assert_array_equal(RandomSubset(5, random_state=0).fit(pieces()).indices_, drawn)
        with pytest.raises(PieceError, match="piece 1 cannot be read: ZeroDivisionError"):
            condenser().fit(Partitions([(X, Y), lambda: 1 / 0]))
