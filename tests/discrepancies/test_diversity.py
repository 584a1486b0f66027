"""Graph cut, log-determinant and least distance against NumPy and each other."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from skdc.discrepancies import MMD, Dispersion, GraphCut, LogDeterminant
from skdc.exceptions import PartsError
from skdc.kernels import Energy, Laplace
from skdc.sources import Batch
from skdc.utils.estimator_checks import check_discrepancy

from ..sources import row_source, seeded
from .clouds import assert_weight_is_multiplicity


@pytest.mark.parametrize("discrepancy", [GraphCut(Laplace(), representation=3.0), LogDeterminant(), Dispersion()])
def test_it_is_a_discrepancy(discrepancy):
    check_discrepancy(discrepancy)


@pytest.mark.parametrize("discrepancy", [GraphCut(representation=2.0), LogDeterminant()], ids=repr)
def test_a_weight_is_a_multiplicity(discrepancy, rng):
    assert_weight_is_multiplicity(discrepancy, rng)


def test_a_graph_cut_is_the_function_of_the_paper(rng):
    X, S, tradeoff = rng.normal(size=(5001, 3)), rng.normal(size=(7, 3)), 0.4
    kernel = {"gamma": 0.5 / 1.5**2}
    cut = rbf_kernel(X, S, **kernel).sum() - tradeoff * rbf_kernel(S, S, **kernel).sum()
    value = GraphCut(bandwidth=1.5, representation=5001 / (2 * tradeoff * 7))(X, S)
    assert -value * tradeoff * 7**2 == pytest.approx(cut, rel=1e-6)


def test_with_even_representation_it_is_an_mmd_up_to_a_constant(rng):
    X, S, T = rng.normal(size=(40, 2)), rng.normal(size=(5, 2)), rng.normal(size=(9, 2))
    weight = rng.uniform(0.5, 2, 40)
    cuts, mmds = ([d(X, side, sample_weight=weight) for side in (S, T)] for d in (GraphCut(), MMD()))
    assert cuts[0] - cuts[1] == pytest.approx(mmds[0] - mmds[1], rel=1e-6)


def test_a_log_determinant_is_that_of_numpy(rng):
    X, S, weight = rng.normal(size=(30, 2)), rng.normal(size=(6, 2)), rng.uniform(0.5, 2, 6)
    root = np.sqrt(weight / weight.sum() / 0.05)
    matrix = np.eye(6) + root[:, None] * rbf_kernel(S, gamma=0.5 / 0.8**2) * root
    value = LogDeterminant(bandwidth=0.8, ridge=0.05)(X, S, sample_weight_y=weight)
    assert value == pytest.approx(-np.linalg.slogdet(matrix)[1], rel=1e-6)


def test_a_dispersion_is_the_least_distance_class_by_class():
    source = row_source(np.array([[0.0], [5.0], [1.0], [9.0]]), np.array([0, 0, 1, 1]))
    for by, expected in (("class", (5 + 8) / 2), (None, 1)):
        fitted = Dispersion(by=by).fit(source, seeded())
        value = fitted.value(Batch(source.rows), source.rows, seeded())
        assert float(value) == pytest.approx(-expected, rel=1e-5)
    X = np.arange(9.0)[:, None]
    assert Dispersion()(X, [[3.0]]) == 0
    assert Dispersion()(X, [[3.0], [3.0], [8.0]]) == 0


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (GraphCut(representation=-1.0), "at least 0"),
        (LogDeterminant(ridge=0.0), "positive"),
        (GraphCut(Energy()), "no similarity"),
        (LogDeterminant(Energy()), "no similarity"),
        (Dispersion(by="group"), "no sensitive group"),
        (LogDeterminant(by="group"), "no sensitive group"),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused(discrepancy, message, rng):
    with pytest.raises((ValueError, PartsError), match=message):
        discrepancy(rng.normal(size=(9, 2)), rng.normal(size=(3, 2)))
