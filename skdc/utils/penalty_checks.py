"""Checks that any penalty must pass."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace

import torch
from sklearn.base import clone
from torch import Tensor

from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.objective import Hybrid
from skdc.discrepancies.penalties import Penalty
from skdc.sets import LabeledSet
from skdc.sources import Batch
from skdc.step import Step
from skdc.utils._running import Check, named, numpy_state, run
from skdc.utils._toys import generator, source, synthetic


def check_penalty(penalty: Penalty) -> None:
    """Check that a penalty adds to a discrepancy and moves the points.

    Parameters
    ----------
    penalty : Penalty
        Unfitted, quick, and for rows of three numbers and three classes.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.discrepancies import L2Norm
    >>> from skdc.utils.estimator_checks import check_penalty
    >>> check_penalty(L2Norm())
    """
    run(penalty_checks(penalty), penalty)


def penalty_checks(penalty: Penalty) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a penalty."""
    checks = [
        _check_clones,
        _check_weight_scales,
        _check_refused_alone,
        _check_adds_to_a_discrepancy,
        _check_same_seed_same_bits,
        _check_dtype_follows_rows,
        _check_gradient_descends,
        _check_finite_at_coincidence,
        _check_row_order,
        _check_weight_is_multiplicity,
    ]
    return named(checks, penalty)


def _fitted(penalty: Penalty, dtype: torch.dtype = torch.float64) -> Penalty:
    hybrid = clone(MMD() + penalty)
    return hybrid.fit(source(dtype), generator()).leaves()[1]


def _points(dtype: torch.dtype = torch.float64) -> LabeledSet:
    """Return points of uneven weight with learned labels."""
    rows = synthetic(source(dtype))
    y = torch.rand(rows.y.shape, generator=generator(), dtype=dtype) / 3
    weight = torch.linspace(1, 2, len(rows)).to(dtype)
    return replace(rows, weight=weight, y=y.requires_grad_())


def _value(penalty: Penalty, rows: LabeledSet) -> Tensor:
    return penalty.penalty(rows, generator())


def _gradients(penalty: Penalty, rows: LabeledSet) -> tuple[Tensor, list[Tensor]]:
    value, moving = _value(penalty, rows), [rows.X, rows.y]
    found = torch.autograd.grad(value, moving, allow_unused=True)
    return value, [torch.zeros_like(m) if g is None else g for m, g in zip(moving, found, strict=True)]


def _check_clones(penalty: Penalty) -> None:
    fitted = _fitted(penalty)
    assert repr(clone(fitted)) == repr(penalty), "clone must keep the parameters and drop what was fitted"
    loaded = pickle.loads(pickle.dumps(fitted))
    assert torch.equal(_value(loaded, _points()), _value(fitted, _points())), "what is fitted must be pickled too"


def _check_weight_scales(penalty: Penalty) -> None:
    assert (penalty * 3).weight == 3 * penalty.weight
    assert (penalty * 0.5).weight == 0.5 * penalty.weight


def _check_refused_alone(penalty: Penalty) -> None:
    for alone in (penalty, Hybrid([("alone", penalty)])):
        try:
            clone(alone).fit(source(), generator())
        except ValueError:
            continue
        raise AssertionError("a penalty that is minimised alone must be refused with a ValueError")


def _check_adds_to_a_discrepancy(penalty: Penalty) -> None:
    mmd, hybrid = MMD().fit(source(), generator()), clone(MMD() + 2 * penalty).fit(source(), generator())
    rows, points = source().rows, _points()
    together, alone = (part.loss(Batch(rows), points, Step(generator())) for part in (hybrid, mmd))
    expected = alone + 2 * penalty.weight * _value(hybrid.leaves()[1], points)
    torch.testing.assert_close(together, expected)


def _check_same_seed_same_bits(penalty: Penalty) -> None:
    state, torch_state = numpy_state(), torch.random.get_rng_state()
    fitted = _fitted(penalty)
    first = _value(fitted, _points())
    assert torch.equal(_value(fitted, _points()), first), "the same generator must give the same value"
    assert torch.equal(_value(_fitted(penalty), _points()), first), "a second fit must not depend on the first"
    assert numpy_state() == state, "numpy's global generator moved"
    assert torch.equal(torch.random.get_rng_state(), torch_state), "torch's global generator moved"


def _check_dtype_follows_rows(penalty: Penalty) -> None:
    for dtype in (torch.float32, torch.float64):
        value = _value(_fitted(penalty, dtype), _points(dtype))
        assert value.dtype == dtype and value.shape == (), f"{dtype} rows must give a {dtype} scalar"


def _check_gradient_descends(penalty: Penalty) -> None:
    fitted, rows = _fitted(penalty), _points()
    value, gradients = _gradients(fitted, rows)
    size = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    assert size.isfinite() and size > 0, "the gradient must reach the points, or their learned labels"
    step = 1e-3 / size.sqrt()
    X, y = (part.detach() - step * gradient for part, gradient in zip((rows.X, rows.y), gradients, strict=True))
    ahead = _value(fitted, replace(rows, X=X.requires_grad_(), y=y.requires_grad_()))
    assert ahead < value, f"a small step against the gradient takes it from {float(value)} to {float(ahead)}"


def _check_finite_at_coincidence(penalty: Penalty) -> None:
    for dtype in (torch.float32, torch.float64):
        fitted, rows = _fitted(penalty, dtype), _points(dtype)
        for X in (rows.X.detach()[:1].expand(rows.X.shape).clone(), torch.zeros_like(rows.X)):
            value, gradients = _gradients(fitted, replace(rows, X=X.requires_grad_()))
            finite = value.isfinite() and all(gradient.isfinite().all() for gradient in gradients)
            assert finite, f"value and gradient must be finite at coincident points, in {dtype}"


def _check_row_order(penalty: Penalty) -> None:
    fitted, rows = _fitted(penalty), _points()
    flipped = rows.take(torch.arange(len(rows)).flip(0))
    torch.testing.assert_close(_value(fitted, flipped), _value(fitted, rows))


def _check_weight_is_multiplicity(penalty: Penalty) -> None:
    fitted, rows = _fitted(penalty), _points()
    rows = replace(rows, weight=torch.ones_like(rows.weight))
    double = rows.weight.clone()
    double[0] = 2
    repeated = rows.take(torch.tensor([0, *range(len(rows))]))
    torch.testing.assert_close(_value(fitted, replace(rows, weight=double)), _value(fitted, repeated))
