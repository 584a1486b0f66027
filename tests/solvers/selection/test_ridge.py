"""Greedy choice for kernel ridge regression against retraining for every candidate."""

import numpy as np
import pytest

from skdc import Condenser
from skdc.discrepancies import CrossEntropy, SquaredL2
from skdc.kernels import Gaussian, Linear
from skdc.parameterizations import Subset
from skdc.solvers import Greedy
from skdc.solvers.selection import greedy
from skdc.solvers.selection.cells import Cell
from skdc.solvers.selection.growth import StochasticGreedy
from skdc.solvers.selection.ridge import RidgeGrowth
from skdc.spaces import KernelRidgePredictions

from ...sources import row_source, seeded, squares

KERNELS = {
    "gaussian": (Gaussian(1.0), lambda x, y: np.exp(-squares(x, y) / 2)),
    "linear": (Linear(), lambda x, y: x @ y.T),
}


class Retrained:
    """The loss of a set of rows, by its definition: solve for the ridge regression, and predict all rows."""

    def __init__(self, X, targets, codes, weight, sizes, kernel, regularization, by_class=0.0):
        self.kernel, self.targets, self.codes, self.sizes = kernel(X, X), targets, codes, np.asarray(sizes)
        self.mass = weight / weight.sum()
        share = np.bincount(codes, self.mass, len(sizes)) / self.sizes
        in_the_end = share / (share @ self.sizes / self.sizes.sum())  # the chosen rows weigh 1 in the mean
        counts = self.mass + by_class * self.mass / np.bincount(codes, self.mass)[codes] / len(sizes)
        self.counts = counts
        self.ridge = regularization * (self.mass @ self.kernel.diagonal()) / in_the_end[codes]

    def loss(self, rows):
        gram = self.kernel[np.ix_(rows, rows)] + np.diag(self.ridge[rows])
        predictions = self.kernel[:, rows] @ np.linalg.solve(gram, self.targets[rows])
        return self.counts @ ((self.targets - predictions) ** 2).sum(1)

    def best(self, rows):
        """Return the row to add, and the loss then."""
        full = np.bincount(self.codes[rows], minlength=len(self.sizes)) >= self.sizes
        allowed = [x for x in range(len(self.mass)) if x not in rows and not full[self.codes[x]]]
        losses = [self.loss([*rows, x]) for x in allowed]
        return allowed[int(np.argmin(losses))], min(losses)


def problem(rng, kernel, regularization, *, regression=False, by_class=0.0):
    """Return the growth and the same by retraining, for weighted rows of three classes or with two targets."""
    n, sizes = 30, [6] if regression else [3, 4, 2]
    X, weight = 3 + 2 * rng.normal(size=(n, 2)), rng.uniform(0.5, 2, n)
    y = rng.normal(size=(n, 2)) if regression else np.arange(n) % 3
    source = row_source(X, y, regression=regression, weight=weight)
    torch_kernel, numpy_kernel = KERNELS[kernel]
    space = KernelRidgePredictions(torch_kernel, regularization)
    objective = SquaredL2(space=space, by=None)
    objective = objective + by_class * SquaredL2(space=space, by="class") if by_class else objective
    objective.fit(source, seeded())
    codes = source.schema.class_of_key[source.key]
    cell = Cell(source, np.arange(n), source.rows.weight, np.array(sizes))
    targets = source.rows.y.numpy() - (0 if regression else 1 / 3)
    centred = source.rows.X.numpy() * source.units.scale
    return (
        cell,
        objective,
        Retrained(centred, targets, codes, source.weight, sizes, numpy_kernel, regularization, by_class),
    )


@pytest.mark.parametrize("regression, by_class", [(False, 0.0), (True, 0.0), (False, 0.4)])
@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
@pytest.mark.parametrize("regularization", [1e-8, 1e-6, 0.1])
def test_each_row_is_the_best_by_retraining(rng, kernel, regularization, regression, by_class):
    cell, objective, retrained = problem(rng, kernel, regularization, regression=regression, by_class=by_class)
    growth, rows = RidgeGrowth(cell, objective), []
    for _ in range(cell.size):
        value = growth.grow()
        best, loss = retrained.best(rows)
        rows.append(best)
        assert growth.chosen == rows
        np.testing.assert_allclose(value, loss, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "linear"])
@pytest.mark.parametrize("regularization", [1e-4, 0.1])
def test_each_exchange_is_the_best_by_retraining(rng, kernel, regularization):
    cell, objective, retrained = problem(rng, kernel, regularization)
    growth = RidgeGrowth(cell, objective)
    start = retrained.loss([growth.grow() and growth.chosen[-1] for _ in range(cell.size)])
    rows, n_passes = list(growth.chosen), 0
    while growth.improve() is not None:
        n_passes += 1
        for place, row in enumerate(list(rows)):
            others = rows[:place] + rows[place + 1 :]
            best, loss = retrained.best(others)
            rows[place] = best if loss < retrained.loss(rows) * (1 - 1e-9) else row
        assert growth.chosen == rows
    assert n_passes and retrained.loss(rows) < start
    assert sorted(retrained.codes[rows]) == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_a_good_set_is_left_alone(rng):
    cell, objective, _ = problem(rng, "gaussian", 0.1)
    growth = RidgeGrowth(cell, objective)
    for _ in range(cell.size):
        growth.grow()
    while growth.improve() is not None:
        pass
    rows = list(growth.chosen)
    assert growth.improve() is None
    assert growth.chosen == rows


def condenser_of(space, *, n_per_class=3, discrepancy=SquaredL2, **solver):
    objective = discrepancy(space=space, by=None)
    return Condenser(objective, parameterization=Subset(), solver=Greedy(**solver), n_per_class=n_per_class)


@pytest.mark.parametrize("n_per_class", [3, {0: 1, 1: 5, 2: 2}], ids=["even", "uneven"])
def test_the_loss_is_that_of_the_fitted_learner(n_per_class, iris):
    X, y = iris
    weight = np.repeat([1.0, 2.0, 4.0], 50)
    condenser = condenser_of(KernelRidgePredictions(Gaussian(1.0), 0.1), n_per_class=n_per_class)
    condenser.fit(X, y, sample_weight=weight)
    errors = condenser.learner_.decision_function(X) - np.eye(3)[y] + 1 / 3
    expected = np.average((errors**2).sum(1), weights=weight)
    assert condenser.history_["loss"][-1] == pytest.approx(expected, rel=1e-4)


def test_what_is_greedy_for_the_squared_error_is_tried_for_others(iris, monkeypatch):
    X, y = iris
    used = []
    for kind in (RidgeGrowth, StochasticGreedy):
        monkeypatch.setattr(kind, "grow", lambda self, grow=kind.grow: used.append(type(self)) or grow(self))
    condenser_of(KernelRidgePredictions()).fit(X, y)
    assert set(used) == {RidgeGrowth}
    used.clear()
    condenser_of(KernelRidgePredictions(), discrepancy=CrossEntropy).fit(X, y)
    assert set(used) == {StochasticGreedy}


def test_of_more_rows_than_fit_a_kernel_matrix_so_many_are_drawn(iris, monkeypatch):
    X, y = iris
    seen = []
    start = RidgeGrowth.__init__
    monkeypatch.setattr(RidgeGrowth, "__init__", lambda self, cell, leaf: seen.append(cell) or start(self, cell, leaf))
    monkeypatch.setattr(greedy, "MAX_ROWS", 40)
    condenser = condenser_of(KernelRidgePredictions()).fit(X, y)
    assert len(seen[0].codes) == 40
    assert set(condenser.indices_) <= set(seen[0].members)
    np.testing.assert_array_equal(np.bincount(condenser.y_syn_), [3, 3, 3])
    condenser_of(KernelRidgePredictions(), max_rows=20).fit(X, y)
    assert len(seen[1].codes) == 20


def test_a_ridge_of_nearly_nothing_keeps_the_loss_right(rng):
    # Past the rank of the kernel the inverse has entries of the size of the inverse ridge.
    cell, objective, retrained = problem(rng, "linear", 1e-8)
    growth = RidgeGrowth(cell, objective)
    values = [growth.grow() for _ in range(cell.size)]
    expected = [retrained.loss(growth.chosen[: size + 1]) for size in range(cell.size)]
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_classes_count_alike_beside_all_rows(rng):
    X, y = rng.normal(size=(60, 3)), np.repeat([0, 1, 2], [40, 15, 5])
    space = KernelRidgePredictions(Gaussian(factor=0.5), kernel_rate=0.0)
    objective = SquaredL2(space=space, by=None) + 0.3 * SquaredL2(space=space, by="class")
    fitted = Condenser(objective, Subset(), Greedy(), n_per_class=2, random_state=0).fit(X, y)
    # The learner's values are centred, as the targets are.
    errors = ((fitted.learner_.decision_function(X) - (np.eye(3)[y] - 1 / 3)) ** 2).sum(1)
    expected = errors.mean() + 0.3 * np.mean([errors[y == c].mean() for c in range(3)])
    assert fitted.history_["loss"][-1] == pytest.approx(expected, rel=1e-3)
