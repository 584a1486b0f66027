"""Checks that any discrepancy must pass."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace

import torch
from sklearn.base import clone
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.objective import train_critics
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch
from skdc.spaces.base import PointwiseSpace
from skdc.structures import Flat, PointsAlone
from skdc.utils._running import Check, named, numpy_state, run
from skdc.utils._toys import block, cloud, generator, source

_CRITIC_STEPS = 300


def check_discrepancy(discrepancy: Discrepancy) -> None:
    """Check that a discrepancy behaves like a distance between weighted sets.

    What cannot hold for all is asked of those that declare it: `nonnegative`, `symmetric`, `compares`.

    Parameters
    ----------
    discrepancy : Discrepancy
        Unfitted.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.discrepancies import MMD
    >>> from skdc.utils.estimator_checks import check_discrepancy
    >>> check_discrepancy(MMD())
    """
    run(discrepancy_checks(discrepancy), discrepancy)


def discrepancy_checks(discrepancy: Discrepancy) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a discrepancy."""
    checks = [
        _check_clones,
        _check_weight_scales,
        _check_same_seed_same_bits,
        _check_dtype_follows_values,
        _check_constant_is_constant,
        _check_device_follows_values,
    ]
    checks += [_check_gradient, _check_finite_at_coincidence] if not isinstance(discrepancy, Flat) else []
    if discrepancy.compares != "aligned":
        checks += [_check_row_order, _check_weight_is_multiplicity, _check_witness]
        checks += [_check_least_at_the_data] if not isinstance(discrepancy, PointsAlone) else []
    nonnegative, symmetric = discrepancy.nonnegative, discrepancy.symmetric
    checks += [_check_nonnegative] if nonnegative else []
    checks += [_check_symmetric] if symmetric else []
    checks += [_check_zero_at_itself] if nonnegative and symmetric else []
    return named(checks, discrepancy)


def _fitted(discrepancy: Discrepancy, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Discrepancy:
    discrepancy = clone(discrepancy)
    # Aligned blocks come from spaces of their own, without which there is nothing to fit.
    return discrepancy if discrepancy.compares == "aligned" else discrepancy.fit(source(dtype, device), generator())


def _shown(discrepancy: Discrepancy, *blocks: Block) -> list[Block]:
    """Return blocks of the space as `between` takes them."""
    if discrepancy.compares == "means":
        return [replace(rows, values=discrepancy.features(rows.values)) for rows in blocks]
    return list(blocks)


def _value(discrepancy: Discrepancy, p: Block, q: Block) -> Tensor:
    p, q = _shown(discrepancy, p, q)
    return discrepancy.between(p, q, generator())


def _distance(discrepancy: Discrepancy, p: Block, q: Block) -> Tensor:
    p, q = _shown(discrepancy, p, q)
    return discrepancy.distance(p, q, generator()).detach()


def _points(discrepancy: Discrepancy, n: int, seed: int) -> Tensor:
    """Return points of shape (n, 3); class probabilities where rows correspond, which suit labels and scores alike."""
    return (cloud(n, seed) / 10).softmax(1) if discrepancy.compares == "aligned" else cloud(n, seed)


def _clouds(discrepancy: Discrepancy, seed: int) -> tuple[Block, Block]:
    """Return two weighted clouds, of different sizes where that is possible."""
    sizes = (6, 6) if discrepancy.compares == "aligned" else (6, 4)
    p, q = (_points(discrepancy, n, 2 * seed + side) for side, n in enumerate(sizes))
    return block(p, torch.linspace(1, 2, len(p)).double()), block(q, torch.linspace(1, 2, len(q)).double())


def _check_clones(discrepancy: Discrepancy) -> None:
    fitted = _fitted(discrepancy)
    assert repr(clone(fitted)) == repr(discrepancy), "clone must keep the parameters and drop what was fitted"
    assert repr(pickle.loads(pickle.dumps(discrepancy))) == repr(discrepancy)
    p, q = _clouds(discrepancy, 0)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert torch.equal(_value(loaded, p, q), _value(fitted, p, q)), "what is fitted must be pickled too"


def _check_weight_scales(discrepancy: Discrepancy) -> None:
    assert (3 * discrepancy).weight == 3 * discrepancy.weight
    assert (discrepancy * 0.5).weight == 0.5 * discrepancy.weight


def _check_same_seed_same_bits(discrepancy: Discrepancy) -> None:
    state, torch_state = numpy_state(), torch.random.get_rng_state()
    (p, q), fitted = _clouds(discrepancy, 0), _fitted(discrepancy)
    first = _distance(fitted, p, q)
    assert torch.equal(_distance(fitted, p, q), first), "the same generator must give the same value"
    assert torch.equal(_distance(_fitted(discrepancy), p, q), first), "a second fit must not depend on the first"
    assert numpy_state() == state, "numpy's global generator moved"
    assert torch.equal(torch.random.get_rng_state(), torch_state), "torch's global generator moved"


def _check_dtype_follows_values(discrepancy: Discrepancy) -> None:
    for dtype in (torch.float32, torch.float64):
        p, q = (Block(b.weight.to(dtype), b.key, b.values.to(dtype)) for b in _clouds(discrepancy, 0))
        fitted = _fitted(discrepancy, dtype)
        for value in (_value(fitted, p, q), _distance(fitted, p, q)):
            assert value.dtype == dtype and value.shape == (), f"{dtype} rows must give a {dtype} scalar"


def _check_gradient(discrepancy: Discrepancy) -> None:
    fitted, p = _fitted(discrepancy), block(_points(discrepancy, 6, 0))
    values = _points(discrepancy, 6, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: _value(fitted, p, block(v)), values, rtol=1e-3, atol=1e-5)


def _check_finite_at_coincidence(discrepancy: Discrepancy) -> None:
    for dtype in (torch.float32, torch.float64):
        rows, fitted = _points(discrepancy, 6, 0).to(dtype), _fitted(discrepancy, dtype)
        alike, zeros = rows[:1].expand(6, 3).clone(), torch.zeros_like(rows)
        pairs = [(rows, rows.clone()), (rows, alike), (rows, zeros), (alike, alike.clone()), (alike, rows.clone())]
        for real, values in [*pairs, (rows[:1], rows[:1].clone()), (rows[:1], rows[1:2].clone())]:
            values.requires_grad_()
            value = _value(fitted, block(real), block(values))
            (gradient,) = torch.autograd.grad(value, values)
            finite = value.isfinite() and gradient.isfinite().all()
            assert finite, f"value and gradient must be finite at coincident points and at one point, in {dtype}"


def _check_constant_is_constant(discrepancy: Discrepancy) -> None:
    fitted, (p, q) = _fitted(discrepancy), _clouds(discrepancy, 0)
    left_out = [
        _distance(fitted, p, other) - _value(fitted, p, other) for other in (q, replace(q, values=3 * q.values))
    ]
    size = _distance(fitted, p, q).abs() + left_out[0].abs()
    assert (left_out[0] - left_out[1]).abs() <= 1e-9 * size, "the constant must not depend on the synthetic set"


def _check_device_follows_values(discrepancy: Discrepancy) -> None:
    if not torch.cuda.is_available():
        return
    p, q = _clouds(discrepancy, 0)
    there = [Block(b.weight.cuda(), b.key.cuda(), b.values.cuda()) for b in (p, q)]
    value = _distance(_fitted(discrepancy, device="cuda"), *there)
    assert value.device.type == "cuda", "the value must be where the rows are"
    torch.testing.assert_close(value.cpu(), _distance(_fitted(discrepancy), p, q), rtol=1e-5, atol=1e-8)


def _check_row_order(discrepancy: Discrepancy) -> None:
    fitted, p, q = _fitted(discrepancy), cloud(6, 0), cloud(4, 1)
    expected = _value(fitted, block(p), block(q))
    torch.testing.assert_close(_value(fitted, block(p.flip(0)), block(q.flip(0))), expected)


def _check_weight_is_multiplicity(discrepancy: Discrepancy) -> None:
    fitted, p, q = _fitted(discrepancy), cloud(6, 0), cloud(4, 1)
    double = torch.ones(6, dtype=torch.float64)
    double[0] = 2
    repeated, weighted = block(torch.cat([p[:1], p])), block(p, double)
    torch.testing.assert_close(_distance(fitted, weighted, block(q)), _distance(fitted, repeated, block(q)))
    torch.testing.assert_close(_distance(fitted, block(q), weighted), _distance(fitted, block(q), repeated))


def _trained(discrepancy: Discrepancy, synthetic: LabeledSet) -> Discrepancy:
    """Return the discrepancy fitted, its critics trained for a while to tell a set from the data."""
    fitted = _fitted(discrepancy)
    train_critics(fitted, Batch(source().rows), synthetic, generator(), _CRITIC_STEPS)
    return fitted


def _check_least_at_the_data(discrepancy: Discrepancy) -> None:
    rows = source().rows
    far = replace(rows, X=3 * rows.X + 4)
    fitted = _trained(discrepancy, far)
    with torch.no_grad():
        itself, other = (float(fitted.value(Batch(rows), synthetic, generator())) for synthetic in (rows, far))
    assert itself < other, f"it is {itself} between the data and themselves, {other} to a set far away"


def _check_witness(discrepancy: Discrepancy) -> None:
    rows = source().rows
    # Of each class the three rows at its centre, where their mass abounds.
    to_center = torch.stack([(x - rows.X[rows.key == c].mean(0)).norm() for x, c in zip(rows.X, rows.key, strict=True)])
    central = torch.cat([torch.where(rows.key == c, to_center, torch.inf).argsort()[:3] for c in range(3)])
    synthetic = rows.take(central)
    fitted = _trained(discrepancy, synthetic)
    if not isinstance(fitted.space_, PointwiseSpace):
        return
    p, q = next(fitted.groups(fitted.space_.block(rows), fitted.space_.block(synthetic)))
    try:
        at_data, at_set = (fitted.witness(p, q, at) for at in (p.values, q.values))
    except ValueError as refusal:
        assert type(discrepancy).__name__ in str(refusal), "a discrepancy without a witness must say so"
        return
    assert at_data.shape == (len(p),) and at_set.shape == (len(q),), "the witness must be one number a point"
    assert at_data.isfinite().all() and at_set.isfinite().all(), "the witness must be finite"
    assert at_data.mean() > at_set.mean(), "the witness must be larger where mass is missing than where it abounds"


def _check_nonnegative(discrepancy: Discrepancy) -> None:
    fitted = _fitted(discrepancy)
    for seed in range(5):
        p, q = _clouds(discrepancy, seed)
        for left, right in ((p, q), (p, p), (q, q)):
            value, size = _distance(fitted, left, right), _distance(fitted, p, q)
            assert value >= -1e-6 * size.abs(), f"it declares nonnegative, but is {float(value)}"


def _check_symmetric(discrepancy: Discrepancy) -> None:
    fitted = _fitted(discrepancy)
    for seed in range(5):
        p, q = _clouds(discrepancy, seed)
        forth, back = _distance(fitted, p, q), _distance(fitted, q, p)
        assert (forth - back).abs() <= 1e-5 * forth.abs(), f"{float(forth)} one way, {float(back)} the other"


def _check_zero_at_itself(discrepancy: Discrepancy) -> None:
    fitted = _fitted(discrepancy)
    for seed in range(5):
        p, q = _clouds(discrepancy, seed)
        itself, other = _distance(fitted, p, p), _distance(fitted, p, q)
        assert itself.abs() <= 1e-6 * other, (
            f"it is {float(itself)} between a set and itself, {float(other)} to another"
        )
