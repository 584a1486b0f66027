"""Every discrepancy in use on the digits: it beats random rows, or is listed with the reason why it does not."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ttest_rel

import skdc
from skdc import Condenser
from skdc.discrepancies import GromovWasserstein, NearestNeighborKL
from skdc.parameterizations import Points
from skdc.solvers import Descent

EXAMPLE = Path(skdc.__file__).parents[1] / "examples" / "plot_discrepancies.py"
# What does not beat random rows for logistic regression, as docs/benchmarks/discrepancies.md says.
NO_BETTER = {"GromovWasserstein()", "NearestNeighborKL()", "FDivergence(critic_rate=0.01)"}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_discrepancies_beat_random_rows_on_digits(monkeypatch):
    monkeypatch.setenv("SKDC_DEMO_SEEDS", "5")
    monkeypatch.setenv("SKDC_DEMO_ALL", "1")
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    scores = runpy.run_path(str(EXAMPLE))["scores"]
    plt.close("all")
    logistic = {name: of_models[:, 0] for name, of_models in scores.items()}
    random = logistic.pop("random rows")
    better = {name: ttest_rel(found, random, alternative="greater").pvalue < 0.05 for name, found in logistic.items()}
    assert {name for name, is_better in better.items() if not is_better} == NO_BETTER


@pytest.mark.parametrize("seed", range(3))
def test_gromov_wasserstein_finds_a_triangle_from_noise(seed):
    # Three places, 3, 4 and 5 apart: it knows their distances, and not where they are, which a classifier needs.
    X = 7 + np.repeat([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], 10, axis=0)
    solver = Descent(step_size=0.1, n_steps=300)
    condenser = Condenser(GromovWasserstein(by=None), Points(start="noise"), solver, n_samples=3, random_state=seed)
    np.testing.assert_allclose(sorted(pdist(condenser.fit(X).X_syn_)), [3, 4, 5], rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_nearest_neighbor_kl_leaves_out_no_cluster(seed, rng):
    # In two dimensions, where distances to neighbours tell densities; in the 64 of the digits they do not.
    centres = np.array([[0.0, 0.0], [20.0, 20.0]])
    X = np.repeat(centres, 40, axis=0) + rng.normal(size=(80, 2))
    solver = Descent(step_size=0.1, n_steps=300)
    condenser = Condenser(NearestNeighborKL(by=None), Points(start="noise"), solver, n_samples=2, random_state=seed)
    found = condenser.fit(X).X_syn_
    np.testing.assert_allclose(found[found[:, 0].argsort()], centres, atol=1)
