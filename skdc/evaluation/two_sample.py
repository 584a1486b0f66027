"""Does a synthetic set have the law of the data? A permutation test, and the rows that it misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target
from torch import Tensor

from skdc.containers import checked_targets
from skdc.discrepancies.arrays import massive, of_one_kind, source_and_set
from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.embeddings import EmbeddingDistance
from skdc.discrepancies.objective import Objective
from skdc.discrepancies.prefixes import Prefixes
from skdc.discrepancies.reduce import reduced
from skdc.evaluation.tables import data_frame
from skdc.sets import LabeledSet
from skdc.sources import Batch, RowSource, Schema
from skdc.spaces.base import PointwiseSpace

_ROUNDING = 1e-9  # values that are relatively closer than this are equal


@dataclass(frozen=True, eq=False)
class TwoSampleResult:
    """What `two_sample_test` found.

    Parameters
    ----------
    value : float
        The discrepancy of the synthetic set from the data, in the unit that its class states.
    p_value : float
        Share of permutations whose value is at least as large, the set itself counted as one.
    missed : ndarray of shape (k,)
        Indices of rows of X at which the synthetic set lacks most mass, the worst first; class after class if the
        discrepancy is split by class.
    witness : ndarray of shape (k,)
        The witness function at these rows: by how much the value grows with mass of X there, up to a constant (of
        each class).
    """

    value: float
    p_value: float
    missed: NDArray[np.intp]
    witness: NDArray[np.float64]

    def to_frame(self) -> Any:
        """Return a pandas frame with a line for each row that is missed, and value and p-value in all of them.

        Where no row is shown, it has one line without a row.
        """
        shown = list(zip(self.missed.tolist(), self.witness.tolist(), strict=True)) or [(None, None)]
        lines = [(self.value, self.p_value, *row) for row in shown]
        return data_frame(lines, ("value", "p_value", "missed", "witness"))


def two_sample_test(
    discrepancy: Objective,
    X: ArrayLike,
    X_syn: ArrayLike,
    y: ArrayLike | None = None,
    y_syn: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    sample_weight_syn: ArrayLike | None = None,
    n_permutations: int = 199,
    max_rows: int = 2000,
    n_witnesses: int = 10,
    random_state: int = 0,
) -> TwoSampleResult:
    """Test whether a synthetic set could be random rows of the data, and show which rows it misses.

    A permutation test [1]_ of the hypothesis that the rows of both sets have one law (in each class, where the
    discrepancy is split by class). The weights of the synthetic set stay where they are when rows change places:
    the value is compared with that of as many random rows under the same weights.

    A condensed set is no random sample. A tiny p-value says that it differs from the data by more than so many random
    rows do. A set that is *better* than random rows has a p-value near 1, which random rows seldom have: near 0 and
    near 1 both reject the law of random rows, and only near 0 is bad. Rows chosen out of X stand in both sets, which
    makes them look a little closer than fresh rows would.

    Parameters
    ----------
    discrepancy : Discrepancy or Hybrid
        Unfitted; scales, such as a median bandwidth, are those of X, and are kept for all permutations.
    X, X_syn : array-like of shape (n, ...) and (m, ...)
        Rows of numbers; or frames of the same columns, of which `skdc.preprocessing.TabularEncoder`, fitted to X, makes
        such rows.
    y, y_syn : array-like of shape (n,) and (m,), default=None
        Labels, or continuous targets of shape (n,) or (n, n_outputs). None: the rows alone.
    sample_weight, sample_weight_syn : array-like of shape (n,) and (m,), default=None
        Weights of the rows; a row of weight 2 counts as the row twice.
    n_permutations : int, default=199
        The least p-value is `1 / (1 + n_permutations)`.
    max_rows : int, default=2000
        Permutations and witness see at most so many rows of each set, drawn in proportion to their weights (and one
        of each class at least). The value is that of all rows.
    n_witnesses : int, default=10
        Number of missed rows that are shown, of each class if the discrepancy is split by class. 0 for a discrepancy
        that has no witness function.
    random_state : int, default=0
        Seed of permutations, and of what a discrepancy draws.

    Returns
    -------
    TwoSampleResult

    Raises
    ------
    ValueError
        For rows, labels or weights that make no sense, and for a discrepancy that cannot be permuted: of aligned
        blocks, of sets that are not seen row by row, or with critics, which would have to be trained each time.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, section 7.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.evaluation import two_sample_test
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = Condenser(MMD(), n_per_class=5, random_state=0).fit(X, y)
    >>> two_sample_test(MMD(), X, X_syn, y, y_syn).p_value  # better than five random rows of each class
    1.0
    >>> two_sample_test(MMD(), X, X_syn + 1, y, y_syn).p_value
    0.005
    """
    for name, number, least in (
        ("n_permutations", n_permutations, 1),
        ("max_rows", max_rows, 1),
        ("n_witnesses", n_witnesses, 0),
    ):
        if not isinstance(number, Integral) or number < least:
            raise ValueError(f"{name}={number!r} must be a whole number of at least {least}")
    objective = clone(discrepancy)
    leaves = _discrepancies(objective)
    source, synthetic, positions = _sets(X, X_syn, y, y_syn, sample_weight, sample_weight_syn)
    generator = torch.Generator().manual_seed(random_state)
    objective.fit(source, generator)
    _refuse_what_cannot_be_permuted(leaves)
    by_class = any(leaf.by is not None for leaf in leaves)
    if by_class:
        _refuse_missing_classes(source, synthetic)
    with torch.no_grad():
        value = float(objective.value(Batch(source.rows), synthetic, generator))
        chosen = _drawn(source.rows, max_rows, generator)
        real = source.rows.take(chosen)
        real = replace(real, weight=torch.ones_like(real.weight))
        if len(synthetic) > max_rows:
            synthetic = synthetic.take(_drawn(synthetic, max_rows, generator))
            synthetic = replace(synthetic, weight=torch.ones_like(synthetic.weight))
        orders = _orders(torch.cat([real.key, synthetic.key]), by_class, n_permutations, generator)
        observed, *permuted = _values(leaves, real, synthetic, orders, random_state).tolist()
    # Equal values may differ by rounding, which must not reject.
    p_value = (1 + sum(v >= observed - _ROUNDING * abs(observed) for v in permuted)) / (1 + n_permutations)
    witness = _witness(leaves, real, synthetic).numpy() if n_witnesses else np.empty(len(real))
    groups = real.key.numpy() if by_class else np.zeros(len(real), np.int64)
    missed = _largest_distinct(witness, chosen.numpy(), groups, n_witnesses)
    return TwoSampleResult(value, p_value, positions[chosen.numpy()[missed]], witness[missed].astype(np.float64))


def _discrepancies(objective: Objective) -> list[Discrepancy]:
    """Return the terms of a sum, all of which must compare rows that can change places."""
    if isinstance(objective, Prefixes):
        raise ValueError(f"{objective!r} sees the set in parts; test what is inside: {objective.discrepancy!r}")
    leaves = []
    for leaf in objective.leaves():
        if not isinstance(leaf, Discrepancy):
            raise ValueError(f"{leaf!r} does not compare sets; test a discrepancy, such as MMD()")
        if leaf.compares == "aligned":
            raise ValueError(
                f"{type(leaf).__name__} compares rows that correspond, so that none can change places; test a "
                "discrepancy of clouds, such as MMD()"
            )
        leaves.append(leaf)
    return leaves


def _refuse_what_cannot_be_permuted(leaves: list[Discrepancy]) -> None:
    for leaf in leaves:
        if not isinstance(leaf.space_, PointwiseSpace):
            raise ValueError(
                f"{type(leaf.space_).__name__} does not show row by row, so that none can change places; use a "
                "pointwise space, such as Identity()"
            )
        if any(group.get("maximize") for group in leaf.own_parameters()):
            raise ValueError(
                f"{type(leaf).__name__} trains critics, which would have to be trained again for each permutation; "
                "test a discrepancy without, such as MMD()"
            )


def _refuse_missing_classes(source: RowSource, synthetic: LabeledSet) -> None:
    for code, label in enumerate(source.schema.labels.tolist()):
        if not (synthetic.key == code).any():
            raise ValueError(
                f"y_syn holds no {label!r}, so that this class cannot be compared; leave the "
                "class out of X, or compare the sets as a whole by a discrepancy with by=None"
            )


def _sets(
    X: ArrayLike,
    X_syn: ArrayLike,
    y: ArrayLike | None,
    y_syn: ArrayLike | None,
    weight: ArrayLike | None,
    weight_syn: ArrayLike | None,
) -> tuple[RowSource, LabeledSet, NDArray[np.intp]]:
    """Return the data as a source, the synthetic set in its units, and where the rows of the source stand in X."""
    X, X_syn = of_one_kind(X, X_syn, "X_syn", weight)
    # Rows of weight 0 are none.
    positions, weight = massive(np.arange(len(X)), weight, "sample_weight")
    positions_syn, weight_syn = massive(np.arange(len(X_syn)), weight_syn, "sample_weight_syn")
    if (y is None) != (y_syn is None):
        given, other = ("y_syn", "y") if y is None else ("y", "y_syn")
        raise ValueError(f"{given} is given, {other} is not; give both, or neither")
    if y is None or y_syn is None:
        codes = np.zeros(len(positions), np.int64), np.zeros(len(positions_syn), np.int64)
        task, classes, flat, targets = "none", None, True, tuple(np.empty((len(of_set), 0)) for of_set in codes)
    else:
        y, y_syn = _labels(y, X, "y")[positions], _labels(y_syn, X_syn, "y_syn")[positions_syn]
        task, classes, codes, targets = _targets(y, y_syn)
        flat = y.ndim == 1
    X, X_syn = X[positions], X_syn[positions_syn]
    class_of_key = np.arange(1 if classes is None else len(classes))
    schema = Schema(X.shape[1:], targets[0].shape[1], task, class_of_key, X.dtype, classes, flat_targets=flat)
    return *source_and_set((X, X_syn), (weight, weight_syn), codes, targets, schema), positions


def _labels(y: ArrayLike, X: NDArray, name: str) -> NDArray:
    y = checked_targets(y, name)
    check_consistent_length(X, y)
    return y


def _targets(
    y: NDArray, y_syn: NDArray
) -> tuple[str, NDArray | None, tuple[NDArray[np.int64], ...], tuple[NDArray[np.float64], ...]]:
    """Return the task, the labels, and of each set the class codes and the target matrix."""
    if type_of_target(y, input_name="y").startswith("continuous"):
        if y.shape[1:] != y_syn.shape[1:] or y_syn.dtype.kind not in "fiub":
            raise ValueError("y holds quantities, y_syn must hold as many for each row")
        matrices = tuple(values.astype(np.float64).reshape(len(values), -1) for values in (y, y_syn))
        return "regression", None, tuple(np.zeros(len(values), np.int64) for values in matrices), matrices
    if y.ndim != 1 or y_syn.ndim != 1:
        raise ValueError(f"y of shape {y.shape} and y_syn of shape {y_syn.shape} must hold one label a row")
    classes = np.unique(y)
    unknown = np.setdiff1d(y_syn, classes)
    if len(unknown):
        raise ValueError(f"y_syn holds {unknown.tolist()[0]!r}, which is not among the labels {classes.tolist()} of y")
    codes = tuple(np.searchsorted(classes, labels) for labels in (y, y_syn))
    return "classification", classes, codes, tuple(np.eye(len(classes))[code] for code in codes)


def _drawn(rows: LabeledSet, size: int, generator: torch.Generator) -> Tensor:
    """Return the indices of at most `size` rows, drawn in proportion to their weights, and one of each class at least.

    The draw is systematic: rows of equal weight are all there once, if they are no more than `size`.
    """
    size = min(size, len(rows))
    shuffled = torch.randperm(len(rows), generator=generator)
    order = shuffled[rows.key[shuffled].argsort(stable=True)]
    ticks = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    mass = rows.weight[order].double().cumsum(0)
    drawn = order[torch.searchsorted(mass / mass[-1], ticks)]
    absent = set(rows.key.tolist()) - set(rows.key[drawn].tolist())
    extra = [int(order[rows.key[order] == code][0]) for code in sorted(absent)]
    return torch.cat([drawn, torch.tensor(extra, dtype=torch.int64)])


def _orders(key: Tensor, by_class: bool, n_permutations: int, generator: torch.Generator) -> Tensor:
    """Return the order as it is and permutations of it (within each class), of shape (1 + n_permutations, n)."""
    orders = torch.arange(len(key)).repeat(1 + n_permutations, 1)
    for members in [torch.nonzero(key == code)[:, 0] for code in key.unique()] if by_class else [orders[0].clone()]:
        for order in orders[1:]:
            order[members] = members[torch.randperm(len(members), generator=generator)]
    return orders


def _values(leaves: list[Discrepancy], real: LabeledSet, synthetic: LabeledSet, orders: Tensor, seed: int) -> Tensor:
    """Return the value of each order of the pooled rows; the weights stay at their places."""
    # The distance of mean embeddings is a quadratic form of the masses; an unbiased estimate of it is not.
    values = [
        _quadratic(leaf, real, synthetic, orders)
        if isinstance(leaf, EmbeddingDistance) and leaf.nonnegative
        else _each(leaf, real, synthetic, orders, seed)
        for leaf in leaves
    ]
    return torch.stack(values).sum(0)


def _each(leaf: Discrepancy, real: LabeledSet, synthetic: LabeledSet, orders: Tensor, seed: int) -> Tensor:
    pooled, n, values = _pooled(real, synthetic), len(real), []
    for order in orders:
        shuffled = replace(pooled.take(order), weight=pooled.weight)
        # What is drawn, such as projections, is the same for all orders.
        generator = torch.Generator().manual_seed(seed)
        values.append(leaf.value(Batch(shuffled.take(slice(n))), shuffled.take(slice(n, None)), generator))
    return torch.stack(values)


def _quadratic(leaf: EmbeddingDistance, real: LabeledSet, synthetic: LabeledSet, orders: Tensor) -> Tensor:
    pooled, n = leaf.space_.block(_pooled(real, synthetic)), len(real)
    sign = torch.ones_like(pooled.weight)
    sign[n:] = -1
    by_group = []
    for group in pooled.key.unique() if leaf.by is not None else [None]:
        members = torch.ones_like(pooled.key, dtype=torch.bool) if group is None else pooled.key == group
        mass = torch.zeros_like(sign)
        for side in (sign > 0, sign < 0):
            mass[members & side] = sign[members & side] * pooled.take(members & side).mass
        signed = torch.zeros(orders.shape, dtype=mass.dtype).scatter_(1, orders, mass.expand(orders.shape))[:, members]
        kernel = leaf.kernel_matrix(pooled.values[members], pooled.values[members])
        by_group.append((signed @ kernel * signed).sum(1))
    return leaf.weight * torch.stack([reduced(values, leaf.reduce) for values in torch.stack(by_group, dim=1)])


def _pooled(real: LabeledSet, synthetic: LabeledSet) -> LabeledSet:
    return LabeledSet(**{name: torch.cat([rows, getattr(synthetic, name)]) for name, rows in vars(real).items()})


def _witness(leaves: list[Discrepancy], real: LabeledSet, synthetic: LabeledSet) -> Tensor:
    """Return the witness function of a sum at the real rows."""
    total = torch.zeros_like(real.weight)
    for leaf in leaves:
        p, q = leaf.space_.block(real), leaf.space_.block(synthetic)
        for group in p.key.unique() if leaf.by is not None else [None]:
            members, others = (
                torch.ones_like(rows.key, dtype=torch.bool) if group is None else rows.key == group for rows in (p, q)
            )
            values = p.values[members]
            total[members] += leaf.weight * leaf.witness(p.take(members), q.take(others), values).detach()
    return total


def _largest_distinct(
    values: NDArray, rows: NDArray[np.intp], groups: NDArray[np.int64], size: int
) -> NDArray[np.intp]:
    """Return the positions of the largest values of each group, largest first; a row that was drawn twice is one."""
    first = np.unique(rows, return_index=True)[1]
    order = first[np.argsort(-values[first], kind="stable")]
    return np.concatenate([order[groups[order] == group][:size] for group in np.unique(groups)])
