"""Steps do not wait for the device more often than they must: each time, all that it has to do has to end first."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skdc import discrepancies, spaces
from skdc.devices import find_device
from skdc.discrepancies import MMD, Discrepancy, SquaredL2
from skdc.learners.training import training
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions, Space
from skdc.structures import Flat

from ..condensers.quick import SETTINGS, quick
from ..sources import row_source, seeded
from .data import IMAGES, concrete
from .on_parts import PARTS

ATEN = torch.ops.aten
# Their results have a size, or are a number, that only the device knows.
WAITING = {ATEN._local_scalar_dense, ATEN.nonzero, ATEN.masked_select, ATEN.equal, ATEN._unique2, ATEN.bincount}


class Waits(TorchDispatchMode):
    """Counts how often the process waits for the device."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        self.n += waits(op, args, kwargs or {})
        return op(*args, **(kwargs or {}))


def waits(op, args, kwargs):
    there = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    if not any(value.device.type != "cpu" for value in there):
        return False
    if op.overloadpacket is ATEN._to_copy:
        return torch.device(kwargs.get("device") or there[0].device).type == "cpu"
    if op.overloadpacket is ATEN.copy_:
        return args[0].device.type == "cpu"
    masks = op.overloadpacket in (ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_) and any(
        index.dtype == torch.bool for index in there[1:]
    )
    return masks or op.overloadpacket in WAITING


def images(n_classes, device, groups=None):
    """Return a source of eight images a class that has them on the device."""
    X, y = load_digits(return_X_y=True)
    some = np.concatenate([np.flatnonzero(y == c)[:8] for c in range(n_classes)])
    source = row_source(X[some].reshape(-1, 8, 8), y[some], groups=np.arange(len(some)) % 2 if groups else None)
    source.device = find_device(device)
    return source


def waits_of_a_step(discrepancy, source):
    """Return how often the second step of a descent waits: the first looks at what there is, too."""
    objective = clone(discrepancy).fit(source, seeded())
    rows = Points().build(source, np.full(source.schema.n_classes, 2), seeded())
    solver = Descent(n_steps=10)
    state = solver.begin(objective, rows, source, seeded())
    solver.advance(state)
    with Waits() as found:
        solver.advance(state)
    return found.n


def cases():
    """Return each discrepancy in a space, and each space with a discrepancy, by which points move."""
    for cls in (cls for cls in concrete(discrepancies, Discrepancy) if not issubclass(cls, Flat)):
        aligned = {"space": PREDICTIONS} if cls.compares == "aligned" else {}
        yield quick(cls, SETTINGS | aligned | {"query": IMAGES[:5].reshape(5, 8, 8)})
    for cls in (cls for cls in concrete(spaces, Space) if not issubclass(cls, Flat)):
        space = quick(cls, PARTS)
        by = None if space.splits == "never" else "class"
        discrepancies_of = {"clouds": MMD(space=space), "moments": discrepancies.StatisticsDistance(space=space)}
        yield discrepancies_of.get(space.yields, SquaredL2(space=space, by=by))


PREDICTIONS = KernelRidgePredictions()
# Whether the loss is finite, what it is, and where the rows of the groups are, on each side; inner solvers look, too.
ALLOWED = 16
# How often these wait for each group beside.
BY_GROUP = {
    "Adversarial": 1,  # of which group a block is
    "FDivergence": 1,
    "KernelStein": 1,
    "CrossEntropy": 1,  # whether targets are probabilities
    "KLDivergence": 1,
    "NeighborPredictions": 4,  # which points vote for a class
    "Wasserstein": 4,  # it is solved on the CPU
    "GromovWasserstein": 6,
    "Sinkhorn": 60,  # whether the iterations have converged
    "UnbalancedSinkhorn": 60,
}


def named(case):
    space = type(case.space).__name__
    return space if space in BY_GROUP else type(case).__name__


@pytest.mark.parametrize("case", list(cases()), ids=repr)
def test_groups_are_not_waited_for(case, device):
    few, many = (waits_of_a_step(case, images(n_classes, device)) for n_classes in (2, 6))
    each = BY_GROUP.get(named(case), 0)
    assert many - few <= 4 * each and few <= ALLOWED + 2 * each, f"{few} times for 2 classes, {many} times for 6"


@pytest.mark.parametrize("term", [discrepancies.DemographicParity(), discrepancies.EqualizedOdds()], ids=repr)
def test_groups_of_fairness_are_not_waited_for(term, device):
    fair = SquaredL2(space=PREDICTIONS, by=None) + term
    few, many = (waits_of_a_step(fair, images(n_classes, device, groups=True)) for n_classes in (2, 6))
    assert few == many <= ALLOWED


def test_parameters_are_not_waited_for(device):
    source = images(3, device)
    for depth in (1, 5):
        network = MLP(width=4, depth=depth)((8, 8), 3).to(source.device, source.dtype)
        steps = training(network, source, 0.01, 8, seeded())
        next(steps)
        with Waits() as found:
            next(steps)
        assert found.n == 1, "whether the parameters are finite"
