"""Division: what is chosen of pieces, and that it costs little."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skdc import FacilityLocation, GreedyKernelPoints, KMeansCondenser, KMedoids
from skdc.discrepancies import QuantizationError
from skdc.exceptions import StoppedWarning
from skdc.parameterizations import Subset, starts
from skdc.solvers import Greedy, lloyd
from skdc.solvers.selection import division, snap
from skdc.solvers.selection.division import Most
from skdc.solvers.selection.growth import Growth
from skdc.solvers.selection.medoids import Medoids
from skdc.solvers.selection.ridge import RidgeGrowth
from skdc.sources import cuts

from ...sources import row_source, seeded, squares


def clusters(rng, n, d=8):
    """Return rows of clusters of uneven masses and spreads, and which each is of."""
    centers, spread = 3 * rng.normal(size=(7, d)), rng.uniform(0.3, 1.5, 7)
    c = rng.choice(7, n, p=np.arange(1, 8) / 28)
    return centers[c] + spread[c, None] * rng.normal(size=(n, d)), c


def cost(X, rows, weight=None):
    return np.average(np.sqrt(squares(X, X[rows]).min(1)), weights=weight)


@pytest.fixture
def small_pieces(monkeypatch):
    """Divide what is larger than a test's pieces."""
    for kind in (Medoids, RidgeGrowth):
        monkeypatch.setattr(kind, "most", Most(whole=20, chosen=20, rows=300, spare=1000))


def chosen_rows(X, size, weight=None, n_passes=0):
    """Return rows chosen in pieces of at most four of sixteen."""
    source, generator = row_source(X, weight=weight), seeded()
    live = Subset().build(source, np.array([size]), generator)
    objective = QuantizationError(exponent=1, by=None).fit(source, generator)
    solver = Greedy(n_passes=n_passes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Medoids, "most", Most(whole=4, chosen=4, rows=16, spare=1000))
        solver.solve(objective, live, source, generator, lambda step, n_steps, loss: None)
    return live.indices


def test_each_of_many_classes_gets_the_rows_asked_for(small_pieces, rng):
    X, _ = clusters(rng, 2020)
    y = np.repeat(np.arange(101), 20)[rng.permutation(2020)]
    sizes = {c: 1 + c % 20 for c in range(101)}
    condenser = FacilityLocation(sizes, by=None, task="classification", random_state=0)
    rows = condenser.fit(X, y, sample_weight=rng.exponential(size=2020)).indices_
    assert np.bincount(y[rows]).tolist() == list(sizes.values())
    assert len(np.unique(rows)) == sum(sizes.values())


def test_a_row_of_weight_two_counts_as_the_row_twice():
    x, double = np.arange(48.0)[:, None], np.arange(48) < 16
    once = chosen_rows(x, 16, np.where(double, 2.0, 1.0))
    twice = chosen_rows(np.concatenate([x, x[double]]), 16)
    assert (x[once] < 16).sum() == (np.concatenate([x, x[double]])[twice] < 16).sum() == 8


@pytest.mark.parametrize("n_passes", [0, 2])
def test_medoids_are_nearly_as_near_as_undivided(small_pieces, rng, n_passes):
    X, _ = clusters(rng, 3000)
    condenser = KMedoids(n_samples=150, n_passes=n_passes, random_state=0)
    divided = cost(X, condenser.fit(X).indices_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Medoids, "most", None)
        whole = cost(X, condenser.fit(X).indices_)
    random = np.mean([cost(X, rng.choice(3000, 150, replace=False)) for _ in range(3)])
    assert whole < divided < 1.05 * whole < 0.97 * random


def test_masses_are_those_of_the_rows_near(small_pieces, rng):
    X, _ = clusters(rng, 1001)
    weight = rng.exponential(size=1001)
    condenser = KMedoids(n_samples=60, random_state=0).fit(X, sample_weight=weight)
    mass = condenser.sample_weight_ / condenser.sample_weight_.sum()
    nearest = np.bincount(squares(X, condenser.X_syn_).argmin(1), weight / weight.sum(), 60)
    assert np.abs(mass - nearest).sum() < 0.2  # a row near a cut may have its nearest beyond it


def test_the_first_rows_are_spread_as_all_are(small_pieces, rng):
    X, _ = clusters(rng, 3000)
    rows = FacilityLocation(n_samples=150, random_state=0).fit(X).indices_
    random = np.mean([cost(X, rng.choice(3000, 30, replace=False)) for _ in range(10)])
    assert cost(X, rows[:30]) < random


def test_it_takes_sparse_rows(small_pieces, rng):
    from scipy.sparse import csr_array

    X = rng.exponential(size=(601, 9)) * (rng.random((601, 9)) < 0.3)
    sparse = KMedoids(n_samples=60, random_state=0).fit(csr_array(X))
    random = np.mean([cost(X, rng.choice(601, 60, replace=False)) for _ in range(5)])
    assert cost(X, sparse.indices_) < 0.9 * random


def test_ridge_rows_are_divided_with_all_classes(small_pieces, rng):
    X, c = clusters(rng, 1001)
    y = c % 3
    condenser = GreedyKernelPoints(n_samples=60, random_state=0).fit(X, y)
    assert condenser.learner_.score(X, y) > 0.97


def test_small_problems_are_not_divided(monkeypatch, rng):
    monkeypatch.setattr(division, "near_pieces", None)
    X, c = clusters(rng, 600)
    KMedoids(n_per_class=30, random_state=0).fit(X, c % 2)
    GreedyKernelPoints(n_per_class=30, random_state=0).fit(X, c % 2)


def test_most_of_few_rows_are_chosen_in_pieces(monkeypatch, rng):
    cells = []
    monkeypatch.setattr(RidgeGrowth, "most", Most(whole=20, chosen=20, rows=300, spare=1000))
    init = RidgeGrowth.__init__
    monkeypatch.setattr(
        RidgeGrowth, "__init__", lambda self, cell, *more: [cells.append(cell), init(self, cell, *more)][1]
    )
    X, c = clusters(rng, 250)
    for n_samples, most in ((125, 250), (126, 40)):
        cells.clear()
        rows = GreedyKernelPoints(n_samples=n_samples, random_state=0).fit(X, c % 3).indices_
        assert len(set(rows)) == n_samples
        assert max(len(cell) for cell in cells) <= most and (len(cells) == 1) == (n_samples == 125)


def test_a_stop_leaves_what_is_chosen_and_draws_the_rest(small_pieces, rng):
    X, _ = clusters(rng, 1001)
    told = []

    def tell(step, n_steps, value):
        told.append(step)
        return step >= 35

    source, generator = row_source(X), seeded()
    live = Subset().build(source, np.array([90]), generator)
    objective = QuantizationError(exponent=1, by=None).fit(source, generator)
    with pytest.warns(StoppedWarning, match="of 90 rows are drawn at random"):
        Greedy().solve(objective, live, source, generator, tell)
    assert told[:35] == sorted(told[:35]) and 35 <= max(told) <= 90
    assert len(np.unique(live.indices)) == 90


def test_growths_without_limit_are_those_that_look_at_each_row_once():
    assert Growth.most is None


@pytest.mark.parametrize("voting", ["centroid", "nearest"])
def test_k_means_of_pieces_is_nearly_as_near(monkeypatch, rng, voting):
    X, _ = clusters(rng, 3000)

    def inertia():
        condenser = KMeansCondenser(n_samples=150, voting=voting, random_state=0).fit(X)
        assert len(np.unique(condenser.X_syn_, axis=0)) == 150
        assert condenser.sample_weight_.sum() == pytest.approx(150)
        return squares(X, condenser.X_syn_).min(1).mean()

    whole = inertia()
    monkeypatch.setattr(cuts, "_MOST_POINTS", 50)
    monkeypatch.setattr(cuts, "_MOST_PAIRS", 1000)
    for module in (lloyd, starts, snap):
        monkeypatch.setattr(module, "PLACED_TOGETHER", 50)
    assert whole < inertia() < 1.08 * whole


MEASURED = """
import numpy as np
from pathlib import Path
from skdc import KMedoids

def resident(kind):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) / 1024

X = np.random.default_rng(0).normal(size=(40_000, 20)).astype(np.float32)
KMedoids(n_samples=2, random_state=0).fit(X[:100])
before = resident("VmRSS")
KMedoids(n_samples={size}, n_passes=1, random_state=0).fit(X)
print(resident("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
@pytest.mark.parametrize("size", [200, 600])
def test_medoids_of_many_rows_take_little_memory(size):
    command = [sys.executable, "-c", MEASURED.format(size=size)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(told.stdout) < 500  # MiB; the matrix of all pairs of 32,768 rows takes 4096
