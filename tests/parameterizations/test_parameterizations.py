"""How synthetic sets are laid and weighed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

from skdc import Condenser, KernelHerding, KMeansCondenser, RandomSubset
from skdc.discrepancies import MMD, SquaredL2
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Edits, Fixed, LowRank
from skdc.solvers import Descent, Draw, Greedy
from skdc.sources import Sketch, SketchSource
from skdc.spaces import KernelRidgePredictions

from ..sources import CPU, row_source, seeded

SIZES = np.array([3, 0, 5])
TEACHER = GaussianNB()


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


@pytest.mark.parametrize(
    "parameterization",
    [
        Points(),
        Points(start="spread"),
        Points(start="noise"),
        Points(labels="teacher", teacher=TEACHER),
        Points(LowRank(rank=2)),
        Points(Fixed(), labels="learned"),
        Subset(),
        Subset(labels="teacher", teacher=TEACHER),
    ],
    ids=repr,
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
    assert live.codec.values.detach().numpy().var(axis=0).mean() == pytest.approx(1)
    np.testing.assert_allclose(live.targets.values.detach().numpy().std(axis=0), 1)


ROWS = {
    None: ["codec.values"],
    Edits: ["codec.moves.values"],
    LowRank: ["codec.basis.values", "codec.combinations"],
    Fixed: [],
}


@pytest.mark.parametrize(
    "parameterization, regression, targets",
    [
        (Points(), False, False),
        (Points(labels="learned"), False, True),
        (Points(), True, True),
        (Points(labels="teacher", teacher=GaussianNB()), False, False),
        (Points(labels="teacher", teacher=LinearRegression()), True, False),
        (Points(Edits()), False, False),
        (Points(LowRank(rank=2)), False, False),
        (Points(LowRank(rank=2), labels="learned"), False, True),
        (Points(Fixed(), labels="learned"), False, True),
        (Points(Fixed(), labels="learned"), True, True),
    ],
    ids=repr,
)
def test_what_moves(parameterization, regression, targets, rng):
    y = rng.normal(size=12) if regression else np.arange(12) % 3
    source = row_source(rng.normal(size=(12, 4)), y, regression=regression)
    live = parameterization.build(source, np.array([6]) if regression else np.array([2, 2, 2]), seeded())
    rows = ROWS[parameterization.storage and type(parameterization.storage)]
    assert (
        sorted(name for name, values in live.named_parameters() if values.requires_grad)
        == rows + ["targets.values"] * targets
    )
    assert live.learned == targets
    (live().X.sum() * bool(rows) + live().y.sum() * targets).backward()
    assert all(p.grad.any() for p in live.parameters() if p.requires_grad)


def test_a_subset_is_rows_of_the_data(iris):
    X, y = iris
    condenser = Condenser(parameterization=Subset(), n_per_class=4, random_state=0).fit(X, y)
    np.testing.assert_array_equal(condenser.X_syn_, X[condenser.indices_])
    np.testing.assert_array_equal(condenser.y_syn_, y[condenser.indices_])


# Labels that are learned


def test_learned_probabilities_stay_probabilities(source):
    live = Points(Fixed(), labels="probabilities").build(source, SIZES, seeded())
    own = Points(Fixed(), labels="learned").build(source, SIZES, seeded())().y.detach()
    # A tenth of each label is shared out at the start.
    torch.testing.assert_close(live().y.detach(), 0.9 * own + 0.1 / 3)
    optimizer = torch.optim.SGD(live.parameters(), lr=100.0)
    (live().y * torch.tensor([1.0, -2.0, 0.5])).sum().backward()
    optimizer.step()
    moved = live().y.detach()
    assert (moved >= 0).all() and (moved - own).abs().max() > 0.5
    torch.testing.assert_close(moved.sum(1), torch.ones(8, dtype=moved.dtype))


def test_learned_probabilities_take_other_ones(source, rng):
    live = Points(labels="probabilities").build(source, SIZES, seeded())
    wanted = torch.as_tensor(np.vstack([np.eye(3)[[0]], rng.dirichlet(np.ones(3), 7)]))
    live.load(replace(live(), y=wanted))
    torch.testing.assert_close(live().y.detach(), wanted)


def test_learned_probabilities_start_where_a_teacher_says(iris):
    X, y = iris
    frozen = FrozenEstimator(GaussianNB().fit(X, y))
    source = row_source(X, y)
    live = Points(labels="probabilities", teacher=frozen).build(source, SIZES, seeded())
    rows = live()
    expected = 0.9 * frozen.predict_proba(source.decode(rows.X.detach())) + 0.1 / 3
    np.testing.assert_allclose(rows.y.detach(), expected, rtol=1e-6)
    assert live.learned
    with torch.no_grad():
        live.codec.encode(rows.X.flip(0))  # it is not asked again
    np.testing.assert_allclose(live().y.detach(), expected, rtol=1e-6)


def test_probabilities_come_out_as_soft_labels(iris):
    loss = SquaredL2(space=KernelRidgePredictions(kernel_rate=0.0), by=None)
    condenser = Condenser(loss, Points(labels="probabilities"), Descent(n_steps=20), n_per_class=2, random_state=0)
    fitted = condenser.fit(*iris)
    np.testing.assert_allclose(fitted.y_soft_, fitted.y_learned_, atol=1e-6)
    assert fitted.y_syn_.tolist() == [0, 0, 1, 1, 2, 2]
    first = fitted.history_["loss"][-1]
    assert fitted.set_params(warm_start=True).fit(*iris).history_["loss"][0] == pytest.approx(first, rel=0.1)


# Teachers


def proba(X, source):
    return GaussianNB().fit(source.X, source.key, sample_weight=source.weight).predict_proba(source.decode(X))


@pytest.mark.parametrize("storage", [None, LowRank(rank=2)], ids=repr)
def test_a_teacher_labels_points_wherever_they_are(storage, source):
    live = Points(storage, labels="teacher", teacher=TEACHER).build(source, SIZES, seeded())
    for _ in range(2):
        np.testing.assert_allclose(live().y, proba(live().X, source), rtol=1e-6, atol=1e-9)
        with torch.no_grad():
            for parameter in live.codec.parameters():
                parameter.mul_(0.7)


def test_labels_of_a_teacher_have_no_gradient(source):
    live = Points(labels="teacher", teacher=TEACHER).build(source, SIZES, seeded())
    assert not live().y.requires_grad
    assert live().X.requires_grad


def test_a_teacher_labels_the_rows_that_are_chosen(source):
    live = Subset(labels="teacher", teacher=TEACHER).build(source, SIZES, seeded())
    live.choose(np.array([1, 5, 8, 30, 31, 32, 33, 39]), None)
    np.testing.assert_array_equal(live().X, source.rows.X[live.indices])
    np.testing.assert_allclose(live().y, proba(live().X, source), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "parameterization, settings",
    [(Points, {"solver": Descent(n_steps=3)}), (Subset, {"solver": Draw()})],
    ids=["points", "subset"],
)
def test_a_condenser_shows_what_the_teacher_says(parameterization, settings, iris):
    X, y = iris
    teacher = parameterization(labels="teacher", teacher=TEACHER)
    discrepancy = MMD() if parameterization is Points else None
    condenser = Condenser(discrepancy, teacher, n_per_class=4, random_state=0, **settings).fit(X, y)
    # Rows that are chosen are labelled out of fold.
    known = np.setdiff1d(np.arange(150), getattr(condenser, "indices_", []))
    expected = GaussianNB().fit(X[known], y[known]).predict_proba(condenser.X_syn_)
    # Rows go to the teacher in float32, which may shift what it says in the sixth figure.
    np.testing.assert_allclose(condenser.y_soft_, expected, rtol=0, atol=1e-4)
    assert condenser.y_learned_ is None
    assert condenser.storage_["bytes"] == 12 * (4 * 8 + 3 * 8) + 3


def test_continuous_labels_of_a_teacher_are_in_the_units_of_the_data(rng):
    X = 50 + 20 * rng.normal(size=(40, 3))
    y = 1000 + X @ [1.0, 5.0, -3.0] + 30 * rng.normal(size=40)
    teacher = Points(labels="teacher", teacher=LinearRegression())
    condenser = Condenser(MMD(), teacher, Descent(n_steps=3), n_samples=5, random_state=0).fit(X, y)
    expected = LinearRegression().fit(X, y).predict(condenser.X_syn_)
    np.testing.assert_allclose(condenser.y_syn_, expected, rtol=1e-5)


# What cannot be


@pytest.mark.parametrize(
    "parameterization, message",
    [
        (
            Points(labels="soft"),
            r"Points\(labels='soft'\): labels must be 'hard', 'learned', 'probabilities' or 'teacher'",
        ),
        (Subset(labels="learned"), r"Subset\(labels='learned'\): labels must be 'hard' or 'teacher'"),
        (Points(start="zeros"), r"Points\(start='zeros'\): start must be 'rows', 'spread', 'noise' or a condenser"),
    ],
    ids=repr,
)
def test_unknown_words_are_refused(parameterization, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(parameterization=parameterization).fit(*iris)


def test_learned_labels_need_targets(iris):
    with pytest.raises(ValueError, match=r"Points\(labels='learned'\) learns targets, but y is None"):
        Condenser(parameterization=Points(labels="learned")).fit(iris[0])
    with pytest.raises(ValueError, match="learns class probabilities, but y holds no classes; use labels='hard'"):
        Condenser(parameterization=Points(labels="probabilities")).fit(iris[0], iris[0][:, 0])


@pytest.mark.parametrize(
    "parameterization, solver", [(Subset(), Greedy()), (Points(start="spread"), Descent())], ids=["subset", "spread"]
)
def test_more_rows_than_there_are_is_refused(parameterization, solver, iris):
    with pytest.raises(ValueError, match=r"cannot take 51 rows of class 0 out of 50, .*; lower n_per_class"):
        Condenser(parameterization=parameterization, solver=solver, n_per_class=51).fit(*iris)


@pytest.mark.parametrize(
    "parameterization",
    [
        Points(teacher=TEACHER),
        Points(labels="learned", teacher=TEACHER),
        Subset(teacher=TEACHER),
    ],
    ids=repr,
)
def test_a_teacher_that_is_not_asked_is_refused(parameterization, iris):
    with pytest.raises(ValueError, match=r"a teacher is asked by labels='teacher'( or 'probabilities')? only"):
        Condenser(parameterization=parameterization).fit(*iris)


@pytest.mark.parametrize("parameterization", [Points(labels="teacher"), Subset(labels="teacher")], ids=repr)
def test_labels_of_a_teacher_need_targets(parameterization, iris):
    name = type(parameterization).__name__
    with pytest.raises(ValueError, match=f"{name} trains on targets, but y is None"):
        Condenser(parameterization=parameterization, n_samples=5).fit(iris[0])


def test_labels_of_a_teacher_cannot_come_from_a_stream(rng):
    assert Points().streams()
    assert Points(Fixed(), labels="learned").streams()
    assert not Points(labels="teacher").streams()


def labelled_without(teacher, X, y, indices):
    """Return what a teacher says of rows that it has not seen; no more than a fifth of a class is left out at once."""
    labels = np.empty(len(indices), dtype=np.asarray(y).dtype)
    classes = np.asarray(y)[indices] if len(np.unique(y)) < 9 else np.zeros(len(indices))
    positions = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    n_folds = max(-(-len(found) // (len(y) // len(positions) // 5)) for found in positions)
    for fold in zip(*[np.array_split(found, n_folds) for found in positions]):
        fold = np.concatenate(fold)
        known = np.setdiff1d(np.arange(len(y)), indices[fold])
        labels[fold] = teacher.fit(X[known], np.asarray(y)[known]).predict(X[indices[fold]])
    return labels


def test_chosen_rows_come_out_with_the_labels_of_the_teacher(iris, rng):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    condenser = Condenser(None, Subset(labels="teacher", teacher=GaussianNB()), Draw(), n_per_class=30, random_state=0)
    X_syn, y_syn = condenser.fit(X, names[y])
    expected = labelled_without(GaussianNB(), X, names[y], condenser.indices_)
    np.testing.assert_array_equal(names[condenser.y_soft_.argmax(1)], expected)
    assert (expected != names[y][condenser.indices_]).any()
    np.testing.assert_array_equal(y_syn, names[y][condenser.indices_])
    np.testing.assert_array_equal(condenser.y_syn_, y_syn)
    values = pd.Series(X @ [1.0, 2.0, 0.0, 0.0] + rng.normal(size=150), name="size")
    condenser = Condenser(None, Subset(labels="teacher", teacher=LinearRegression()), Draw(), n_samples=9, encoder=None)
    X_syn, y_syn = condenser.fit(pd.DataFrame(X), values)
    expected = labelled_without(LinearRegression(), X, values, condenser.indices_)
    np.testing.assert_allclose(y_syn, expected)
    assert y_syn.name == "size" and y_syn.index.equals(X_syn.index)


# Starts that are chosen


@pytest.mark.parametrize("task", ["classification", "regression", "none"])
def test_points_start_at_the_rows_that_a_condenser_chooses(task, rng):
    X = 5 + rng.normal(size=(40, 3))
    y = {"classification": np.arange(40) % 2, "regression": rng.normal(size=40), "none": None}[task]
    weight = rng.uniform(0.5, 2, 40)
    sizes = np.array([4, 2]) if task == "classification" else np.array([6])
    source = row_source(X, y, weight=weight, regression=task == "regression")
    rows = Points(start=KernelHerding(random_state=0)).build(source, sizes, seeded())()
    size = {"n_per_class": {0: 4, 1: 2}} if task == "classification" else {"n_samples": 6}
    chosen = KernelHerding(**size, random_state=0).fit(X, y, sample_weight=weight).indices_
    by_class = chosen if y is None or task == "regression" else np.concatenate([chosen[y[chosen] == c] for c in (0, 1)])
    np.testing.assert_allclose(source.decode(rows.X), X[by_class])
    torch.testing.assert_close(rows.y, source.take(by_class).y)


def test_a_start_of_more_rows_than_a_class_has_repeats_them(rng):
    X, y = rng.normal(size=(10, 2)), np.array([0] * 8 + [1] * 2)
    source = row_source(X, y)
    rows = Points(start=KernelHerding()).build(source, np.array([3, 5]), seeded())()
    np.testing.assert_allclose(source.decode(rows.X)[3:5], source.decode(rows.X)[5:7])
    assert len(np.unique(source.decode(rows.X), axis=0)) == 5


def test_the_seed_of_a_chosen_start_is_that_of_the_fit(rng):
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    fits = [
        Condenser(MMD(), Points(start=RandomSubset()), Descent(n_steps=1), n_per_class=3, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(fits[0].X_syn_, fits[1].X_syn_)
    assert not np.array_equal(fits[0].X_syn_, fits[2].X_syn_)


@pytest.mark.parametrize(
    "start, error, words",
    [
        ("middle", ValueError, r"start='middle'.*'rows', 'spread', 'noise' or a condenser"),
        (GaussianNB(), TypeError, r"start=GaussianNB\(\).*or a condenser, such as KMedoids\(\)"),
        (KMeansCondenser(), ValueError, r"KMeansCondenser\(.*\) makes new rows, and chooses none"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_starts_that_are_none_are_refused(start, error, words, source):
    with pytest.raises(error, match=words):
        Points(start=start).build(source, np.array([3, 1, 5]), seeded())


def test_a_stream_does_not_show_which_rows_to_choose():
    assert not Points(start=KernelHerding()).streams()
