"""Whole discrepancies in a grid search."""

import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skdc import Condenser, make_condensing_pipeline
from skdc import discrepancies as d
from skdc.solvers import Descent


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*lbfgs failed to converge")
def test_a_grid_over_whole_discrepancies(tmp_path):
    X, y = load_digits(n_class=3, return_X_y=True)
    candidates = [
        d.MMD(),
        d.EnergyDistance(),
        d.RandomFeatureMMD(n_features=50),
        d.CharacteristicFunction(n_frequencies=50),
        d.Moments(),
        d.Wasserstein(),
        d.Sinkhorn(),
        d.SlicedWasserstein(),
        d.GaussianWasserstein(),
        d.QuantileMatching(),
        d.KernelStein(),
        0.5 * d.MMD() + d.Sinkhorn(),
        d.MMD() + 0.1 * d.Diversity(),
    ]
    condenser = Condenser(solver=Descent(n_steps=20), n_per_class=3, random_state=0)
    pipe = make_condensing_pipeline(StandardScaler(), condenser, LogisticRegression(), memory=str(tmp_path))
    grid = {"condenser__discrepancy": candidates, "logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipe, grid, cv=3, n_jobs=2, error_score="raise").fit(X[:300], y[:300])
    # Of each fold the scaler and each discrepancy once, whatever C; then both for the best one on all rows.
    assert len(list(tmp_path.rglob("output.pkl"))) == 3 * (1 + len(candidates)) + 2
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 2 * len(candidates)
    assert scores.min() > 0.8
    best = search.best_estimator_[1].discrepancy
    assert repr(best) in {repr(candidate) for candidate in candidates}
    nested = clone(pipe).set_params(condenser__discrepancy=candidates[-2])
    within = GridSearchCV(nested, {"condenser__discrepancy__mmd__weight": [0.1, 10.0]}, cv=3, error_score="raise")
    weights = {
        params["condenser__discrepancy__mmd__weight"] for params in within.fit(X[:300], y[:300]).cv_results_["params"]
    }
    assert weights == {0.1, 10.0}
