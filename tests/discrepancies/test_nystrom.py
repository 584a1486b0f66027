"""The Nystrom error against pseudo-inverses, projections and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel

from skdc.discrepancies import MMD, nystrom
from skdc.discrepancies.nystrom import NystromError
from skdc.kernels import Energy, Gaussian, InverseMultiquadric, Laplace, Linear, NeuralTangent, Polynomial
from skdc.utils.estimator_checks import check_discrepancy

from ..sources import block, row_source, seeded


def fitted(discrepancy, X):
    return discrepancy.fit(row_source(X), seeded())


def by_pseudo_inverse(kernel, X, S, weight):
    projected = kernel(X, S) @ np.linalg.pinv(kernel(S, S), hermitian=True) @ kernel(S, X)
    return np.average((kernel(X, X) - projected).diagonal(), weights=weight)


@pytest.mark.parametrize("kernel", [None, Laplace(), InverseMultiquadric(), Linear(), Polynomial(), NeuralTangent()])
def test_it_is_a_discrepancy(kernel):
    check_discrepancy(NystromError(kernel))


@pytest.mark.parametrize(
    "discrepancy, kernel",
    [
        (NystromError(bandwidth=1.5), lambda x, y: rbf_kernel(x, y, gamma=0.5 / 1.5**2)),
        (NystromError(Linear()), linear_kernel),
    ],
    ids=["gaussian", "linear"],
)
def test_it_is_the_trace_error_by_the_pseudo_inverse(discrepancy, kernel, rng):
    X, S, weight = rng.normal(size=(20, 3)), rng.normal(size=(2, 3)), rng.uniform(0.5, 2, 20)
    X -= np.average(X, axis=0, weights=weight)  # the origin of the linear kernel is the mean of the data
    value = discrepancy(X, S, sample_weight=weight, sample_weight_y=[1.0, 9.0])
    assert value == pytest.approx(by_pseudo_inverse(kernel, X, S, weight), rel=1e-8)


def test_it_is_what_the_features_of_scikit_learn_leave_out(rng):
    X = rng.normal(size=(40, 3))
    nystroem = Nystroem(gamma=0.5, n_components=7, random_state=0).fit(X)
    left_out = 1 - (nystroem.transform(X) ** 2).sum(axis=1).mean()
    assert NystromError(bandwidth=1.0)(X, nystroem.components_) == pytest.approx(left_out, rel=1e-7)


def test_of_rows_on_a_line_it_is_what_is_off_the_line():
    X, S = np.array([[3.0, 1.0], [-1.0, 3.0], [-2.0, -4.0]]), np.array([[2.0, 0.0], [-7.0, 0.0]])
    assert NystromError(Linear())(X, S) == pytest.approx((1 + 9 + 16) / 3)


def test_it_is_nothing_for_the_data_themselves_and_more_with_fewer_points(rng):
    X = rng.normal(size=(25, 3))
    values = [NystromError()(X, X[:m]) for m in (1, 5, 12, 24, 25)]
    assert np.all(np.diff(values) < 0)
    assert 0 <= values[-1] < 1e-9


def test_points_that_coincide_count_once_and_weights_of_points_do_not(rng):
    X, S = rng.normal(size=(20, 2)), rng.normal(size=(4, 2))
    value = NystromError()(X, S)
    assert NystromError()(X, np.concatenate([S, S[:2], S[:2]])) == pytest.approx(value, abs=1e-8)
    assert NystromError()(X, S, sample_weight_y=[1.0, 2.0, 3.0, 4.0]) == value


def test_it_depends_on_the_span_alone(rng):
    X, S = rng.normal(size=(20, 4)), rng.normal(size=(2, 4))
    mixed = np.array([[2.0, -1.0], [0.5, 3.0]]) @ S
    linear = fitted(NystromError(Linear()), X)
    values = [linear.between(block(X), block(points), seeded()) for points in (S, mixed)]
    torch.testing.assert_close(*values)


def test_pieces_give_value_and_gradient_of_the_whole(rng, monkeypatch):
    discrepancy = fitted(NystromError(), rng.normal(size=(30, 3)))
    p = block(rng.normal(size=(30, 3)), np.arange(1.0, 31.0))
    points = torch.as_tensor(rng.normal(size=(4, 3)))
    results = []
    for entries in (1 << 24, 28):
        monkeypatch.setattr(nystrom, "MATRIX_ENTRIES", entries)
        values = points.clone().requires_grad_()
        value = discrepancy.between(p, replace(block(points), values=values), seeded())
        results.append((value, *torch.autograd.grad(value, values)))
    for whole, in_pieces in zip(*results, strict=True):
        torch.testing.assert_close(whole, in_pieces)


def test_single_precision_is_accurate_where_points_nearly_coincide(rng):
    X = rng.normal(size=(30, 2))
    S = np.concatenate([X[:5], X[:5] + 1e-4])
    double, single = (
        NystromError(bandwidth=1.0).fit(row_source(X, dtype=dtype), seeded())
        for dtype in (torch.float64, torch.float32)
    )
    p, q = block(X.astype(np.float32)), block(S.astype(np.float32))
    expected = double.residual(p.values, q.values)
    found = single.residual(p.values.float(), q.values.float())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_its_witness_is_the_distance_to_the_span(rng):
    X, S = rng.normal(size=(20, 2)), rng.normal(size=(3, 2))
    discrepancy = fitted(NystromError(Gaussian(1.0)), X)
    witness = discrepancy.witness(block(X), block(S), torch.as_tensor(np.concatenate([S, [[50.0, 50.0]]])))
    np.testing.assert_allclose(witness, [0, 0, 0, 1], atol=1e-8)
    at = torch.as_tensor(X)
    by_autograd = super(NystromError, discrepancy).witness(block(X), block(S), at)
    mine = discrepancy.witness(block(X), block(S), at)
    torch.testing.assert_close(mine - mine.mean(), by_autograd - by_autograd.mean())


@pytest.mark.parametrize(
    "kernel, bandwidth, error, words",
    [
        (Energy(), "median", ValueError, "positive definite on masses that sum to zero only"),
        ("gaussian", "median", TypeError, "object of skdc.kernels"),
        (Laplace(), 2.0, ValueError, "give it to the kernel itself"),
        (None, -1.0, ValueError, "positive"),
    ],
    ids=["energy", "word", "two bandwidths", "negative"],
)
def test_kernels_that_cannot_work_are_refused(kernel, bandwidth, error, words, rng):
    with pytest.raises(error, match=words):
        fitted(NystromError(kernel, bandwidth), rng.normal(size=(5, 2)))


def test_the_default_kernel_is_that_of_mmd(rng):
    X = rng.normal(size=(30, 2))
    assert fitted(NystromError(), X).kernel_.bandwidth_ == fitted(MMD(), X).kernel_.bandwidth_
