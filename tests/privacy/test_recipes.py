import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skdc import PrivateGradientMatching, PrivateKernelInducingPoints, PrivateMeanEmbedding
from skdc.networks import MLP
from skdc.privacy import GaussianMechanism

pytest.importorskip("dp_accounting")
X, y = load_digits(return_X_y=True)
X = X / 16


def mechanism(epsilon, seed, sampling_rate=1.0):
    return GaussianMechanism(epsilon, feature_range=(0, 1), sampling_rate=sampling_rate, random_state=seed)


RECIPES = {
    "embedding": (PrivateMeanEmbedding(bandwidth=(1.0, 2.0), n_steps=100), 1.0),
    "kernel": (PrivateKernelInducingPoints(bandwidth=2.0, n_frequencies=100, n_steps=100), 1.0),
    "gradients": (PrivateGradientMatching(network=MLP(width=32, depth=1), n_steps=20), 0.1),
}


def accuracy(recipe, epsilon, seed):
    condenser, rate = RECIPES[recipe]
    private = clone(condenser).set_params(privacy=mechanism(epsilon, seed, rate), n_per_class=5, random_state=seed)
    return LogisticRegression(max_iter=1000).fit(*private.fit(X, y)).score(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_more_noise_is_worse_and_no_data_are_chance(recipe):
    weak, strong, none = (np.mean([accuracy(recipe, e, seed) for seed in range(3)]) for e in (100.0, 0.7, 1e-3))
    assert weak > 0.85 and weak > strong + 0.03 and none < 0.25 < strong


@pytest.mark.parametrize("recipe", RECIPES)
def test_without_the_range_they_ask_for_it(recipe):
    condenser, _ = RECIPES[recipe]
    with pytest.raises(ValueError, match=r"GaussianMechanism\(feature_range=None\).*give feature_range=\(low, high\)"):
        clone(condenser).fit(X, y)


@pytest.mark.parametrize("cls", [PrivateMeanEmbedding, PrivateKernelInducingPoints])
def test_widths_are_not_learned(cls):
    with pytest.raises(ValueError, match=r"private rows.*as a number"):
        cls(privacy=mechanism(1.0, 0)).fit(X, y)


@pytest.mark.parametrize("recipe", RECIPES)
def test_seeds_make_fits_that_can_be_made_again(recipe):
    condenser, rate = RECIPES[recipe]
    condenser = clone(condenser).set_params(n_steps=3, n_per_class=1, random_state=0)
    seeded = [clone(condenser).set_params(privacy=mechanism(1.0, 0, rate)).fit(X, y).X_syn_ for _ in range(2)]
    assert_array_equal(*seeded)
    free = [clone(condenser).set_params(privacy=mechanism(1.0, None, rate)).fit(X, y).X_syn_ for _ in range(2)]
    assert (free[0] != free[1]).any(), "the seed of the condenser does not make the noise known"
    assert min(rows.min() for rows in free) >= 0 and max(rows.max() for rows in free) <= 1


def test_no_warning_without_rows_outside():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(RECIPES["embedding"][0]).set_params(privacy=mechanism(1.0, 0), n_per_class=1).fit(X, y)
