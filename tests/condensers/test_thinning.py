"""Kernel thinning as a condenser."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from skdc import Condenser, KernelHerding, RandomSubset
from skdc.condensers.selection.thinning import KernelThinning
from skdc.discrepancies import MMD
from skdc.parameterizations import Subset
from skdc.solvers.selection.halving import Halving
from skdc.spaces import Standardized


def squared_mmd(X, rows, gamma=1e-3):
    """Return the squared MMD of some rows to all, in the bandwidth of digits."""
    difference = np.full(len(X), 1 / len(X))
    difference[rows] -= 1 / len(rows)
    return difference @ rbf_kernel(X, gamma=gamma) @ difference


def test_thinning_is_a_halving_of_the_mmd(iris):
    X, y = iris
    named = KernelThinning(
        5,
        bandwidth=[0.5, 2.0],
        oversampling=1,
        delta=0.5,
        n_passes=1,
        max_rows=30,
        space=Standardized(),
        by=None,
        reweight=MMD(),
        random_state=0,
    )
    spelled = Condenser(
        MMD(bandwidth=[0.5, 2.0], space=Standardized(), by=None),
        parameterization=Subset(),
        solver=Halving(1, 0.5, 1, 30, reweight=MMD()),
        n_per_class=5,
        random_state=0,
    )
    for condenser in (named, spelled):
        condenser.fit(X, y)
    np.testing.assert_array_equal(named.indices_, spelled.indices_)
    np.testing.assert_array_equal(named.sample_weight_, spelled.sample_weight_)


@pytest.mark.parametrize("size", [20, 100, 700])
def test_thinning_is_nearer_than_random_rows_and_about_as_near_as_herding(size, digits):
    X, _ = digits
    settings = {"n_samples": size, "random_state": 0}
    chosen = {}
    for condenser in (
        KernelThinning(bandwidth=22.4, **settings),
        KernelThinning(bandwidth=22.4, oversampling=4, delta=0.5, n_passes=1, **settings),
        KernelHerding(bandwidth=22.4, **settings),
        RandomSubset(**settings),
    ):
        name = "published" if getattr(condenser, "delta", None) else type(condenser).__name__
        chosen[name] = squared_mmd(X, condenser.fit(X).indices_)
    assert chosen["KernelThinning"] < chosen["RandomSubset"] / 2
    assert chosen["published"] < chosen["RandomSubset"] / 2
    assert chosen["KernelThinning"] < 1.2 * chosen["KernelHerding"]


def test_classes_keep_their_rows(digits):
    X, y = digits
    thinning = KernelThinning(n_per_class=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(np.bincount(y[thinning.indices_]), [3] * 10)
    np.testing.assert_array_equal(thinning.X_syn_, X[thinning.indices_])
    np.testing.assert_array_equal(thinning.y_syn_, y[thinning.indices_])
