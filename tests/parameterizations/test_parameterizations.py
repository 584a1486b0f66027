"""How synthetic sets are laid and weighed."""

import numpy as np
import pytest
import torch
from scipy import stats

from skdc import Condenser
from skdc.parameterizations import Points, Subset
from skdc.sketch import Sketch
from skdc.solvers import Descent, Greedy
from skdc.source import SketchSource

from ..sources import CPU, row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


@pytest.mark.parametrize(
    "parameterization", [Points(), Points(start="spread"), Points(start="noise"), Subset()], ids=repr
)
def test_points_have_the_class_and_share_the_mass_of_it(parameterization, source):
    live = parameterization.build(source, SIZES, seeded())
    assert live.key.tolist() == [0] * 3 + [2] * 5
    mass = np.bincount(source.key, source.weight)
    expected = np.repeat([mass[0] / 3, mass[2] / 5], [3, 5])
    np.testing.assert_allclose(live.weight, expected / expected.mean())


@pytest.mark.parametrize("start", ["rows", "spread"])
def test_points_start_at_distinct_rows_of_their_class(start, source):
    live = Points(start=start).build(source, SIZES, seeded())
    rows = source.decode(live().X)
    found = [np.flatnonzero(np.isclose(source.X, row).all(axis=1)) for row in rows]
    assert [len(f) for f in found] == [1] * 8
    assert len({int(f[0]) for f in found}) == 8
    np.testing.assert_array_equal(source.key[np.concatenate(found)], live.key)
    np.testing.assert_array_equal(live().y, np.eye(3)[live.key])


def test_spread_starts_far_apart(rng):
    # Four tight and distant clumps: seeds of k-means++ take one row of each.
    centers = np.array([[0, 0], [100, 0], [0, 100], [100, 100]])
    source = row_source(np.repeat(centers, [30, 5, 5, 5], axis=0) + rng.normal(size=(45, 2)))
    for seed in range(5):
        start = source.decode(Points(start="spread").build(source, np.array([4]), seeded(seed))().X)
        np.testing.assert_array_equal(np.unique(np.round(start / 100), axis=0), np.unique(centers / 100, axis=0))


def test_spread_never_starts_at_a_row_of_little_weight(rng):
    X = np.concatenate([rng.normal(size=(20, 2)), [[300.0, 300.0]]])
    source = row_source(X, weight=np.r_[np.ones(20), 1e-12])
    start = source.decode(Points(start="spread").build(source, np.array([5]), seeded())().X)
    assert not np.isclose(start, X[-1]).all(axis=1).any()


def test_noise_has_the_mean_and_spread_of_the_data(rng):
    X = 5 + 3 * rng.normal(size=(2000, 2))
    source = row_source(X)
    noise = source.decode(Points(start="noise").build(source, np.array([2000]), seeded())().X)
    assert stats.kstest((noise - X.mean(axis=0)).ravel() / np.sqrt(X.var(axis=0).mean()), "norm").pvalue > 1e-3


def test_starts_depend_on_the_generator_alone(source):
    for start in ("rows", "spread", "noise"):
        first, again, other = (Points(start=start).build(source, SIZES, seeded(s))().X for s in (1, 1, 2))
        torch.testing.assert_close(first, again, rtol=0, atol=0)
        assert not torch.equal(first, other)


def test_points_of_a_sketch_start_at_its_rows_and_move_in_units_of_their_spread(rng):
    X, y = 5 + 30 * rng.normal(size=(40, 2)), np.column_stack([200 * rng.normal(size=40), rng.normal(size=40)])
    sketch = Sketch(1, 40, seed=0)
    sketch.update(X, y, np.ones(40), np.zeros(40, int), [np.ones((40, 1))])
    live = Points().build(SketchSource(sketch, row_source(X, y, regression=True).schema, CPU), np.array([40]), seeded())
    rows, targets = live().X.detach().numpy(), live().y.detach().numpy()
    np.testing.assert_allclose(rows[np.argsort(rows[:, 0])], X[np.argsort(X[:, 0])])
    np.testing.assert_allclose(targets[np.argsort(rows[:, 0])], y[np.argsort(X[:, 0])])
    assert live.X.detach().numpy().var(axis=0).mean() == pytest.approx(1)
    np.testing.assert_allclose(live.y.detach().numpy().std(axis=0), 1)


@pytest.mark.parametrize(
    "labels, regression, moving", [("hard", False, ["X"]), ("learned", False, ["X", "y"]), ("hard", True, ["X", "y"])]
)
def test_what_moves(labels, regression, moving, rng):
    y = rng.normal(size=12) if regression else np.arange(12) % 3
    source = row_source(rng.normal(size=(12, 4)), y, regression=regression)
    live = Points(labels=labels).build(source, np.array([2]) if regression else np.array([2, 2, 2]), seeded())
    assert [name for name, _ in live.named_parameters()] == moving
    (live().X.sum() + live().y.sum() * live.learned).backward()
    assert all(p.grad is not None for p in live.parameters())


@pytest.mark.parametrize(
    "parameterization, numbers",
    [(Points(), 6 * (4 + 1)), (Points(labels="learned"), 6 * (4 + 3)), (Subset(), 6 * (4 + 1))],
    ids=repr,
)
def test_storage_counts_rows_and_labels(parameterization, numbers, rng):
    X, y = rng.normal(size=(12, 4)).astype(np.float32), np.arange(12) % 3
    live = parameterization.build(row_source(X, y), np.array([2, 2, 2]), seeded())
    assert live.stored_numbers() == numbers
    unlabelled = row_source(X)
    assert Points().build(unlabelled, np.array([6]), seeded()).stored_numbers() == 24
    assert Subset().build(unlabelled, np.array([6]), seeded()).stored_numbers() == 24


def test_storage_is_counted_in_the_float_dtype_of_the_data(rng):
    X, y = rng.normal(size=(12, 4)), np.arange(12) % 3
    for dtype, size in ((np.float32, 4), (np.float64, 8)):
        condenser = Condenser(solver=Descent(n_steps=1), n_per_class=2, random_state=0).fit(X.astype(dtype), y)
        assert condenser.storage_ == {"numbers": 30, "bytes": 30 * size}


def test_a_subset_is_rows_of_the_data(iris):
    X, y = iris
    condenser = Condenser(parameterization=Subset(), n_per_class=4, random_state=0).fit(X, y)
    np.testing.assert_array_equal(condenser.X_syn_, X[condenser.indices_])
    np.testing.assert_array_equal(condenser.y_syn_, y[condenser.indices_])


# What cannot be


@pytest.mark.parametrize(
    "parameterization, message",
    [
        (Points(labels="soft"), r"Points\(labels='soft'\): labels must be 'hard' or 'learned'"),
        (Points(start="zeros"), r"Points\(start='zeros'\): start must be 'rows', 'spread' or 'noise'"),
    ],
    ids=repr,
)
def test_unknown_words_are_refused(parameterization, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(parameterization=parameterization).fit(*iris)


def test_learned_labels_need_targets(iris):
    with pytest.raises(ValueError, match=r"Points\(labels='learned'\) needs targets, but y is None"):
        Condenser(parameterization=Points(labels="learned")).fit(iris[0])


@pytest.mark.parametrize(
    "parameterization, solver", [(Subset(), Greedy()), (Points(start="spread"), Descent())], ids=["subset", "spread"]
)
def test_more_rows_than_there_are_is_refused(parameterization, solver, iris):
    with pytest.raises(ValueError, match="cannot take 51 rows of class 0 out of 50; lower n_per_class or n_samples"):
        Condenser(parameterization=parameterization, solver=solver, n_per_class=51).fit(*iris)
