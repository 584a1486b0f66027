"""Checks that any part must pass: condenser, discrepancy, space, parameterization, storage or generator."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdc.fitting.base import BaseCondenser
from skdc.parameterizations.base import Parameterization
from skdc.sets import Block, LabeledSet
from skdc.spaces.base import PointwiseSpace, Space
from skdc.step import Step
from skdc.structures import Flat
from skdc.utils._running import Check, named, numpy_state, run
from skdc.utils._toys import blobs, generator, source, synthetic
from skdc.utils.discrepancy_checks import check_discrepancy, discrepancy_checks
from skdc.utils.generator_checks import check_generator, generator_checks
from skdc.utils.penalty_checks import check_penalty, penalty_checks
from skdc.utils.storage_checks import check_n_bytes, check_storage, storage_checks

__all__ = [
    "check_condenser",
    "check_discrepancy",
    "check_generator",
    "check_parameterization",
    "check_penalty",
    "check_space",
    "check_storage",
    "condenser_checks",
    "discrepancy_checks",
    "generator_checks",
    "parameterization_checks",
    "penalty_checks",
    "space_checks",
    "storage_checks",
]


def check_condenser(condenser: BaseCondenser) -> None:
    """Check that a condenser keeps the contract of skdc, beside scikit-learn's own `check_estimator`.

    Parameters
    ----------
    condenser : condenser
        Unfitted, quick, with an integer `random_state`.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc import KMeansCondenser
    >>> from skdc.utils.estimator_checks import check_condenser
    >>> check_condenser(KMeansCondenser(random_state=0))
    """
    run(condenser_checks(condenser), condenser)


def condenser_checks(condenser: BaseCondenser) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a condenser."""
    checks = [
        _check_unpacks_when_fitted,
        _check_same_seed_same_bits,
        _check_global_generators_untouched,
        _check_input_untouched,
        _check_sizes_and_labels,
        _check_weights_carry_priors,
        _check_float_dtype,
        _check_pickles,
        _check_transform_is_identity,
        _check_failed_refit_changes_nothing,
    ]
    return named(checks, condenser)


def _check_unpacks_when_fitted(condenser: BaseCondenser) -> None:
    try:
        iter(clone(condenser))
    except NotFittedError:
        pass
    else:
        raise AssertionError("an unfitted condenser must raise NotFittedError when it is unpacked")
    assert not hasattr(condenser, "__len__") and not hasattr(condenser, "__getitem__"), "it must not be a sequence"
    X, y = blobs()
    condenser = clone(condenser)
    X_syn, y_syn = condenser.fit(X, y)
    assert_array_equal(X_syn, condenser.X_syn_)
    assert_array_equal(y_syn, condenser.y_syn_)
    pair = clone(condenser).fit_transform(X, y)
    assert_array_equal(pair[0], X_syn)


def _check_same_seed_same_bits(condenser: BaseCondenser) -> None:
    X, y = blobs()
    first, second = clone(condenser).fit(X, y), clone(condenser).fit(X, y)
    assert_array_equal(first.X_syn_, second.X_syn_)
    assert_array_equal(first.fit(X, y).X_syn_, second.X_syn_, err_msg="a second fit must not depend on the first")


def _check_global_generators_untouched(condenser: BaseCondenser) -> None:
    X, y = blobs()
    for seed in (0, None):
        state, torch_state = numpy_state(), torch.random.get_rng_state()
        n_threads = torch.get_num_threads()
        clone(condenser).set_params(random_state=seed).fit(X, y)
        assert numpy_state() == state, "numpy's global generator moved"
        assert torch.equal(torch.random.get_rng_state(), torch_state), "torch's global generator moved"
        assert torch.get_num_threads() == n_threads, "the number of torch threads changed"


def _check_input_untouched(condenser: BaseCondenser) -> None:
    X, y = blobs()
    weight = np.linspace(0.5, 2, len(X))
    kept = X.copy(), y.copy(), weight.copy()
    X.flags.writeable = y.flags.writeable = weight.flags.writeable = False
    X_syn = clone(condenser).fit(X, y, sample_weight=weight).X_syn_
    for before, after in zip(kept, (X, y, weight), strict=True):
        assert_array_equal(before, after)
    assert not np.shares_memory(X_syn, X), "the set must not be a view of the data"


def _check_sizes_and_labels(condenser: BaseCondenser) -> None:
    X, y = blobs()
    sizes = {"a": 1, "b": 2, "c": 4}
    fitted = clone(condenser).set_params(n_per_class=sizes, n_samples=None).fit(X, y)
    labels, counts = np.unique(fitted.y_syn_, return_counts=True)
    assert dict(zip(labels.tolist(), counts.tolist(), strict=True)) == sizes
    assert fitted.X_syn_.shape == (7, 3), "n_per_class must give as many rows"
    assert_array_equal(fitted.classes_, ["a", "b", "c"])
    assert set(labels) <= set(fitted.classes_)
    assert len(clone(condenser).set_params(n_per_class=None, n_samples=0.1).fit(X, y).X_syn_) == 9
    budget = fitted.storage_["bytes"] + 8 * len(fitted.X_syn_)  # the weights may not differ
    bounded, least = clone(condenser).set_params(n_per_class=None, n_bytes=budget), 7
    try:
        within = bounded.fit(X, y)
    except ValueError as error:  # a decoder is counted, which takes more than the few rows that are kept in its place
        found = re.search(r"give at least n_bytes=(\d+)$", str(error))
        assert found is not None, "what is too small must say what is enough"
        budget, least = int(found[1]), 3
        within = bounded.set_params(n_bytes=budget).fit(X, y)
    enough = len(within.X_syn_) >= least and within.storage_["bytes"] <= budget
    assert enough, "n_bytes must give as many rows as it holds"


def _check_weights_carry_priors(condenser: BaseCondenser) -> None:
    X, y = blobs()
    fitted = clone(condenser).set_params(n_per_class=2, n_samples=None).fit(X, y)
    weight = fitted.sample_weight_
    assert_allclose(weight.mean(), 1, rtol=1e-6)
    # Rows stand class after class, whatever labels were learned.
    assert_allclose(weight.reshape(3, 2).sum(axis=1) / weight.sum(), np.array([20, 30, 40]) / 90, rtol=1e-5)


def _check_float_dtype(condenser: BaseCondenser) -> None:
    for dtype in (np.float32, np.float64):
        X, y = blobs(dtype)
        assert clone(condenser).fit(X, y).X_syn_.dtype == dtype, f"{dtype.__name__} rows must come out as they came in"


def _check_pickles(condenser: BaseCondenser) -> None:
    X, y = blobs()
    fitted = clone(condenser).fit(X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.X_syn_, fitted.X_syn_)
    assert repr(clone(loaded)) == repr(clone(condenser))


def _check_transform_is_identity(condenser: BaseCondenser) -> None:
    X, y = blobs()
    fitted = clone(condenser).fit(X, y)
    assert_array_equal(fitted.transform(X[:5]), X[:5])


def _check_failed_refit_changes_nothing(condenser: BaseCondenser) -> None:
    X, y = blobs()
    fitted = clone(condenser).fit(X, y)
    before = vars(fitted).copy()
    with suppress(ValueError):
        fitted.fit(X[:, :0], y)
    assert vars(fitted) == before, "a fit that fails must leave the condenser as it was"


def check_space(space: Space) -> None:
    """Check that a space represents both sets, deterministically and differentiably.

    Parameters
    ----------
    space : Space
        Unfitted and quick.

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.spaces import Identity
    >>> from skdc.utils.estimator_checks import check_space
    >>> check_space(Identity())
    """
    run(space_checks(space), space)


def space_checks(space: Space) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a space."""
    checks = [_check_blocks, _check_space_is_deterministic]
    checks += [_check_reaches_points] if not isinstance(space, Flat) else []
    return named(checks + ([_check_pointwise] if isinstance(space, PointwiseSpace) else []), space)


def _represented(space: Space) -> tuple[LabeledSet, list[Block], list[Block]]:
    data, draws = source(), generator()
    fitted = clone(space).fit(data, draws)
    points = synthetic(data)
    return points, *fitted.represent(data.rows, points, Step(draws))


def _check_blocks(space: Space) -> None:
    _, left, right = _represented(space)
    assert len(left) == len(right) > 0, "both sides must have the same number of blocks"
    for p, q in zip(left, right, strict=True):
        assert p.values.ndim == q.values.ndim == 2 and p.values.shape[1] == q.values.shape[1]
        assert len(p.weight) == len(p.key) == len(p.values)
        if space.yields not in ("clouds", "moments"):
            assert p.values.shape == q.values.shape, "the rows of aligned blocks must correspond"


def _check_space_is_deterministic(space: Space) -> None:
    for first, second in zip(_represented(space)[2], _represented(space)[2], strict=True):
        assert torch.equal(first.values, second.values), "the same generator must give the same representation"


def _check_reaches_points(space: Space) -> None:
    points, _, blocks = _represented(space)
    (gradient,) = torch.autograd.grad(torch.stack([shown.values.square().sum() for shown in blocks]).sum(), points.X)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0, "the gradient must reach the synthetic points"


def _check_pointwise(space: PointwiseSpace) -> None:
    data = source()
    fitted = clone(space).fit(data, generator())
    order = torch.arange(len(data)).flip(0)
    flipped = fitted.block(data.rows.take(order))
    torch.testing.assert_close(flipped.values, fitted.embed(data.rows)[order])
    torch.testing.assert_close(flipped.key, data.rows.key[order])


def check_parameterization(parameterization: Parameterization) -> None:
    """Check that a parameterization builds sets of the right size, mass and storage.

    Parameters
    ----------
    parameterization : Parameterization

    Raises
    ------
    AssertionError
        Naming the check that fails.

    Examples
    --------
    >>> from skdc.parameterizations import Points
    >>> from skdc.utils.estimator_checks import check_parameterization
    >>> check_parameterization(Points())
    """
    run(parameterization_checks(parameterization), parameterization)


def parameterization_checks(parameterization: Parameterization) -> Iterator[tuple[str, Check]]:
    """Yield (name, check) for a parameterization."""
    return named([_check_builds, _check_same_seed_same_start, _check_parts_of_the_set], parameterization)


def _check_builds(parameterization: Parameterization) -> None:
    live = clone(parameterization).build(source(), np.array([1, 2, 3]), generator())
    assert_array_equal(live.key.numpy(), [0, 1, 1, 2, 2, 2])
    mass = np.bincount(live.key, live.weight)
    assert_allclose(mass / mass.sum(), np.array([20, 30, 40]) / 90, rtol=1e-6)
    check_n_bytes(lambda n_points: parameterization.n_bytes(n_points, source().schema))
    moving = [p for p in live.parameters() if p.requires_grad]
    assert bool(moving) == (parameterization.moves == "values"), "values move by their gradient, indices have none"


def _check_same_seed_same_start(parameterization: Parameterization) -> None:
    if parameterization.moves == "values":
        sets = [clone(parameterization).build(source(), np.array([1, 2, 3]), generator())() for _ in range(2)]
        assert torch.equal(sets[0].X, sets[1].X)


def _check_parts_of_the_set(parameterization: Parameterization) -> None:
    live, places = clone(parameterization).build(source(), np.array([1, 2, 3]), generator()), torch.tensor([4, 0, 2])
    if parameterization.moves == "indices":
        live.choose(np.array([0, 20, 21, 50, 51, 52]), None)
    for name, value in vars(live(places)).items():
        torch.testing.assert_close(value, getattr(live().take(places), name))
