"""The discrepancy from rows of a query against NumPy."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

from skdc import Condenser
from skdc.augmentation import Flip
from skdc.discrepancies import MMD, QueryMMD
from skdc.exceptions import PartsError
from skdc.kernels import Gaussian, Laplace
from skdc.learners import RandomNetworks
from skdc.networks import MLP
from skdc.sets import LabeledSet
from skdc.solvers import Descent
from skdc.spaces import Augmented, Identity, Joint, LastLayerGradients, NetworkFeatures, RandomNetwork, Standardized
from skdc.utils._toys import blobs
from skdc.utils.estimator_checks import check_discrepancy

from ..sources import row_source, seeded
from .clouds import assert_weight_is_multiplicity


def test_it_is_a_discrepancy():
    check_discrepancy(QueryMMD(blobs()[0][::2]))


def test_it_is_that_of_numpy_whatever_the_data(rng):
    X, query, S, weight = (
        rng.normal(size=(30, 2)),
        rng.normal(size=(1001, 2)),
        rng.normal(size=(6, 2)),
        rng.uniform(size=6),
    )
    mass, kernel = weight / weight.sum(), {"gamma": 0.5 / 0.8**2}
    squared = rbf_kernel(query, **kernel).mean() - 2 * rbf_kernel(query, S, **kernel).mean(0) @ mass
    squared += mass @ rbf_kernel(S, **kernel) @ mass
    distance = QueryMMD(query, kernel=Gaussian(0.8))
    assert distance(X, S, sample_weight_y=weight) == pytest.approx(squared, rel=1e-6)
    assert distance(10 * X, S, sample_weight_y=weight) == pytest.approx(squared, rel=1e-6)
    assert QueryMMD(query)(X, query) == pytest.approx(0, abs=1e-6)


def test_other_kernels(rng):
    X, query, S = rng.normal(size=(30, 1)), rng.normal(size=(20, 1)), rng.normal(size=(6, 1))
    kernel = {"gamma": 1 / 0.7}
    squared = sum(
        sign * laplacian_kernel(a, b, **kernel).mean() for a, b, sign in ((query, query, 1), (query, S, -2), (S, S, 1))
    )
    assert QueryMMD(query, kernel=Laplace(0.7))(X, S) == pytest.approx(squared, rel=1e-5)


def test_the_bandwidth_is_that_of_the_data(rng):
    X, query, S = rng.normal(size=(100, 2)), 0.01 * rng.normal(size=(30, 2)), rng.normal(size=(6, 2))
    assert QueryMMD(query)(X, S) == pytest.approx(QueryMMD(query)(np.r_[X, X], S), rel=0.05)
    assert QueryMMD(query)(10 * X, S) < QueryMMD(query)(X, S) / 5


def test_a_weight_is_a_multiplicity(rng):
    assert_weight_is_multiplicity(QueryMMD(rng.normal(size=(5, 2))), rng)


def test_points_move_to_the_query(rng):
    X, query = rng.normal(size=(200, 2)), rng.normal(size=(50, 2)) + [2, 0]
    distance = QueryMMD(query, kernel=Gaussian(1.0))
    fitted = Condenser(distance, solver=Descent(n_steps=300), n_samples=10, random_state=0).fit(X)
    before, after = (distance(X, S) for S in (X[:10], fitted.X_syn_))
    assert after < before / 20


def test_it_adds_to_others(rng):
    X, query, S = rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 1, rng.normal(size=(6, 2))
    both = MMD(by=None, bandwidth=1.0) + QueryMMD(query, kernel=Gaussian(1.0), weight=0.5)
    apart = MMD(by=None, bandwidth=1.0)(X, S) + 0.5 * QueryMMD(query, kernel=Gaussian(1.0))(X, S)
    assert both(X, S) == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("space", [Joint(), LastLayerGradients()], ids=repr)
def test_spaces_that_look_at_targets_are_refused(space, rng):
    X, y = rng.normal(size=(60, 3)), np.repeat(["a", "b"], 30)
    with pytest.raises(PartsError, match="looks at targets, which a query has not"):
        Condenser(QueryMMD(X[:5], space=space), solver=Descent(n_steps=2), n_samples=4).fit(X, y)


@pytest.mark.parametrize("space", [Standardized(), RandomNetwork()], ids=repr)
def test_spaces_that_show_rows_alone_show_the_query(space, rng):
    X, S = rng.normal(size=(200, 3)), rng.normal(size=(9, 3))
    near, far = (QueryMMD(query, space=space)(X, S) for query in (S, S + 4))
    assert near == pytest.approx(0, abs=1e-5)
    assert far > 0.1


def test_the_witness_is_large_where_the_query_is(rng):
    X, query = rng.normal(size=(50, 1)), np.array([[3.0]])
    source = row_source(X)
    fitted = QueryMMD(query, kernel=Gaussian(1.0)).fit(source, seeded())

    def shown(rows):
        n = len(rows)
        given = torch.ones(n, dtype=torch.float64), torch.zeros(n, dtype=torch.int64), source.encode(np.array(rows))
        return fitted.space_.block(LabeledSet(*given, torch.zeros(n, 0)))

    values = fitted.witness(fitted.space_.block(source.rows), shown([[0.0]]), shown([[3.0], [0.0]]).values)
    np.testing.assert_allclose(values, 2 * (np.exp([0, -4.5]) - np.exp([-4.5, 0])), rtol=1e-5)


def test_a_query_is_changed_as_points_are(rng):
    images = rng.uniform(size=(40, 1, 8, 8))
    distance = QueryMMD(images[:3], space=Augmented(Identity(), Flip()))
    fitted = Condenser(distance, solver=Descent(n_steps=100), n_samples=3, random_state=0).fit(images)
    assert QueryMMD(images[:3])(images, fitted.X_syn_) < QueryMMD(images[:3])(images, images[:3] * 0 + 0.5) / 3


def test_networks_that_are_drawn_anew_see_the_query_each_time(rng):
    X = np.concatenate([rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 3])
    distance = QueryMMD(X[60:], space=NetworkFeatures(RandomNetworks(MLP(width=16, depth=1))))
    condenser = Condenser(distance, solver=Descent(n_steps=200, step_size=0.1), n_samples=4, random_state=0)
    fitted = condenser.fit(X, np.repeat([0, 1], 60))
    assert np.linalg.norm(fitted.X_syn_.mean(axis=0) - X[60:].mean(axis=0)) < 1.5
