"""Numbers of few bits."""

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.exceptions import PartsError
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Edits, Fixed, Free, LowRank, Quantized
from skdc.solvers import Descent, Draw

from ...sources import row_source, seeded


def test_bytes_come_out_as_they_are_in_eight_bits(rng):
    X, y = rng.integers(0, 256, (1001, 5, 6)).astype(np.uint8), np.arange(1001) % 3
    fitted = Condenser(None, Subset(Quantized(8)), Draw(), n_per_class=50, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fitted.X_syn_, X[fitted.indices_])


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_whole_numbers_of_few_values_come_out_as_they_are(dtype, rng):
    X = np.column_stack([rng.integers(0, 4, 1001), 1000 + rng.integers(0, 3, 1001), rng.integers(-1, 2, 1001)])
    X = X.astype(dtype)
    fitted = Condenser(None, Subset(Quantized(2)), Draw(), n_samples=101, encoder=None, random_state=0).fit(X)
    np.testing.assert_allclose(fitted.X_syn_, X[fitted.indices_], atol=1e-4 if dtype is np.float64 else 0)


def test_there_are_as_many_levels_as_bits_tell(rng):
    X = rng.normal(size=(1001, 2)) * [1, 100]
    fitted = Condenser(None, Subset(Quantized(3)), Draw(), n_samples=400, encoder=None, random_state=0).fit(X)
    for column in fitted.X_syn_.T:
        levels = np.unique(column)
        assert 6 <= len(levels) <= 8
        gaps = np.diff(levels)
        np.testing.assert_allclose(gaps / gaps.min(), np.rint(gaps / gaps.min()), atol=1e-3)


def test_ends_are_where_rounding_costs_least(rng):
    X = rng.standard_t(3, size=(2000, 1))
    fitted = Condenser(None, Subset(Quantized(3)), Draw(), n_samples=1900, encoder=None, random_state=0).fit(X)
    rows = X[fitted.indices_]
    step = np.ptp(X) / 7
    naive = X.min() + step * np.rint((rows - X.min()) / step)
    assert np.square(fitted.X_syn_ - rows).mean() < 0.5 * np.square(naive - rows).mean()


def test_gradients_pass_as_if_nothing_were_rounded(rng):
    source = row_source(rng.normal(size=(40, 3)))
    live = Points(Quantized(2), within=None).build(source, np.array([6]), seeded())
    rows = live.codec.decode()
    assert len(rows.detach()[:, 0].unique()) <= 4
    rows.square().sum().backward()
    torch.testing.assert_close(live.codec.inner.values.grad, 2 * rows.detach())


def test_numbers_are_brought_back_to_their_levels(rng):
    source = row_source(rng.normal(size=(40, 3)))
    live = Points(Quantized(2)).build(source, np.array([6]), seeded())
    with torch.no_grad():
        live.codec.inner.values += 100
        live.project()
    assert (live.codec.inner.values <= live.codec.low0 + 3 * live.codec.step0 + 1e-9).all()


def test_levels_of_a_basis_change_with_the_rows(rng):
    source = row_source(rng.normal(size=(40, 5)))
    live = Points(Quantized(8, LowRank(2)), within=None).build(source, np.array([6]), seeded())
    other = 50 * torch.as_tensor(rng.normal(size=(6, 5)))
    with torch.no_grad():
        live.codec.encode(other)
    left, values, right = torch.linalg.svd(other, full_matrices=False)
    best = (left[:, :2] * values[:2]) @ right[:2]
    assert (live.codec.decode().detach() - best).norm() < 0.05 * best.norm()


def test_a_set_of_few_bits_is_near_one_of_many(iris):
    X, y = iris
    few, many = (
        Condenser(MMD(), Points(Quantized(bits)), Descent(n_steps=50), n_per_class=5, encoder=None, random_state=0)
        .fit(X, y)
        .X_syn_
        for bits in (8, 16)
    )
    assert np.abs(few - many).max() < 0.1 * X.std(axis=0).max()


def test_a_feature_that_is_the_same_everywhere(rng):
    X = np.column_stack([rng.normal(size=60), np.full(60, 7.0)])
    fitted = Condenser(MMD(), Points(Quantized(4)), Descent(n_steps=2), n_samples=6, encoder=None, random_state=0).fit(
        X
    )
    assert (fitted.X_syn_[:, 1] == 7).all()


@pytest.mark.parametrize("bits", [0, 17, 2.5, "4"])
def test_bits_that_cannot_be_are_refused(bits, iris):
    with pytest.raises(ValueError, match=r"Quantized\(bits=.*numbers have 1 to 16 bits"):
        Condenser(None, Subset(Quantized(bits)), Draw(), n_per_class=3, encoder=None).fit(*iris)


def test_rows_with_edits_are_kept_as_they_come_out(iris):
    with pytest.raises(PartsError, match="keeps rows as they come out, so that fewer bits would save nothing"):
        Condenser(MMD(), Points(Quantized(4, Edits())), n_per_class=3, encoder=None).fit(*iris)


@pytest.mark.parametrize("inner", [None, Free(), Fixed()], ids=repr)
def test_what_is_inside_of_rows_is_the_same(inner, rng):
    X = rng.normal(size=(60, 4))
    rows = Condenser(None, Subset(Quantized(3, inner)), Draw(), n_samples=9, encoder=None, random_state=0).fit(X).X_syn_
    plain = Condenser(None, Subset(Quantized(3)), Draw(), n_samples=9, encoder=None, random_state=0).fit(X).X_syn_
    np.testing.assert_array_equal(rows, plain)


@pytest.mark.parametrize("inner", [Quantized(3), LowRank(2, inner=Quantized(3))], ids=repr)
def test_numbers_have_bits_in_one_place(inner, iris):
    with pytest.raises(PartsError, match="numbers have bits in two places; leave one Quantized out"):
        Condenser(MMD(), Points(Quantized(4, inner)), n_per_class=3, encoder=None).fit(*iris)
