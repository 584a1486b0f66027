"""Normal scores against ranks, what they do to heavy tails, and the way back."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata

from skdc import GreedyKernelPoints, KMeansCondenser, KMedoids
from skdc.preprocessing import NormalScores, TabularEncoder


def test_scores_are_those_of_mean_ranks():
    x = np.random.default_rng(0).integers(0, 20, 300).astype(float)
    expected = norm.ppf((rankdata(x) - 0.5) / 300)
    assert_allclose(NormalScores().fit_transform(x[:, None])[:, 0], expected, atol=1e-9)


def test_a_row_of_weight_two_is_the_row_twice():
    rng = np.random.default_rng(0)
    X, weight = rng.lognormal(size=(50, 2)), rng.integers(0, 4, 50)
    weighted, repeated = NormalScores().fit(X, None, weight), NormalScores().fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [lambda rng: rng.standard_cauchy(5000), lambda rng: rng.lognormal(0, 4, 5000), lambda rng: rng.poisson(0.1, 5000)],
    ids=["Cauchy", "lognormal", "mostly zero"],
)
def test_nothing_is_far_and_values_come_back(make):
    X = make(np.random.default_rng(0)).astype(float)[:, None]
    X[:5] = 999999
    encoder = NormalScores().fit(X)
    codes = encoder.transform(X)
    assert np.abs(codes).max() < 4
    assert_allclose(encoder.inverse_transform(codes), X, rtol=1e-9, atol=1e-9)
    beyond = encoder.transform([[-1e30], [1e30]])
    assert_array_equal(encoder.inverse_transform(beyond), [[X.min()], [X.max()]])


def test_units_do_not_count():
    X = np.random.default_rng(0).normal(size=(60, 1))
    for unit in (1e-150, 1e-20, 1e30, 1e150):
        assert_allclose(NormalScores().fit_transform(unit * X), NormalScores().fit_transform(X), rtol=1e-9)


def test_masses_next_to_nothing():
    encoder = NormalScores().fit([[0.0], [1.0], [2.0], [3.0]], None, [1e-300, 1.0, 1.0, 1e-300])
    codes = encoder.transform([[0.0], [1.0], [2.0], [3.0]])
    assert np.isfinite(codes).all() and (np.diff(codes[:, 0]) >= 0).all()


@pytest.mark.parametrize("n_knots", [1, 0, 2.5, True])
def test_bad_knots(n_knots):
    with pytest.raises(ValueError, match="n_knots"):
        NormalScores(n_knots).fit([[1.0], [2.0]])


def outlying(rng):
    """Return a frame whose columns have sentinels, and the labels of two groups."""
    y = np.arange(400) % 2
    X = pd.DataFrame(rng.normal(size=(400, 3)) + 2 * y[:, None], columns=list("abc"))
    far = rng.choice(400, 12, replace=False)
    X.iloc[far, rng.integers(0, 3, 12)] = 999999.0
    return X, y, far


@pytest.mark.parametrize("condenser", [GreedyKernelPoints(), KMedoids(), KMeansCondenser()], ids=repr)
def test_rows_far_from_everything_are_not_sought(condenser, rng):
    X, y, far = outlying(rng)
    chosen = condenser.set_params(n_per_class=10, random_state=0).fit(X, y).indices_
    assert np.isin(chosen, far).sum() <= 2, "3% of the rows are far"


def test_sentinels_do_not_blur_the_others(rng):
    X, _, far = outlying(rng)
    near = np.setdiff1d(np.arange(400), far)
    codes, clean = TabularEncoder().fit(X).transform(X), TabularEncoder().fit(X.iloc[near]).transform(X.iloc[near])
    assert np.abs(codes[near] - clean).mean() < 0.1


def test_a_refit_that_fails_changes_nothing():
    encoder = NormalScores().fit([[0.0], [1.0], [5.0]])
    before = vars(encoder).copy()
    with pytest.raises(ValueError, match="sample_weight"):
        encoder.fit([[0.0, 1.0], [1.0, 2.0]], sample_weight=[1.0])
    assert vars(encoder) == before
