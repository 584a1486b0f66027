"""Solvers against brute force, known minimisers and scikit-learn."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from skdc import Condenser, KMeansCondenser
from skdc.discrepancies import (
    MMD,
    Adversarial,
    Cosine,
    CoveringRadius,
    MeanDistance,
    QuantizationError,
    RandomFeatureMMD,
    Sinkhorn,
    SlicedWasserstein,
    SquaredL2,
)
from skdc.learners import AlternatingNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.sets import LabeledSet
from skdc.solvers import Descent, DivergenceError, Draw, Greedy, Lloyd
from skdc.spaces import (
    FeatureRidgePredictions,
    Identity,
    Joint,
    NetworkGradients,
    RandomNetwork,
    Standardized,
)

from ..sources import CountedOver, PassedOver, row_source, seeded, squares

GRADIENT_DESCENT = torch.optim.SGD


def solve(solver, discrepancy, parameterization, source, sizes):
    """Return the live set and the solution."""
    generator = seeded()
    objective = None if discrepancy is None else discrepancy.fit(source, generator)
    live = parameterization.build(source, np.asarray(sizes), generator)
    return live, solver.solve(objective, live, source, generator, lambda step, n_steps, loss: None)


@pytest.fixture
def classes(rng):
    """Return weighted rows of two classes, and a far outlier in the first."""
    y = np.repeat([0, 1], [18, 12])
    X = 5 + rng.normal(size=(30, 2)) + 4 * y[:, None]
    X[3] = [40.0, -30.0]
    return X, y, rng.uniform(0.5, 2, 30)


# Greedy


def brute_force(X, weight, size, kernel):
    """Return the rows chosen one at a time, each to make the MMD of the chosen ones least, over all candidates."""
    mass, gram, chosen = weight / weight.sum(), kernel(X, X), []
    for _ in range(size):
        values = np.full(len(X), np.inf)
        for candidate in set(range(len(X))) - set(chosen):
            rows = [*chosen, candidate]
            values[candidate] = mass @ gram @ mass - 2 * mass @ gram[:, rows].mean(1) + gram[np.ix_(rows, rows)].mean()
        chosen.append(int(values.argmin()))
    return chosen


@pytest.mark.parametrize(
    "discrepancy, kernel",
    [
        (MMD(bandwidth=1.0), lambda x, y: np.exp(-squares(x, y) / 2)),
        (MMD(bandwidth=[0.5, 3.0]), lambda x, y: (np.exp(-2 * squares(x, y)) + np.exp(-squares(x, y) / 18)) / 2),
        (MeanDistance(), lambda x, y: x @ y.T),
        (
            0.5 * MMD(bandwidth=1.0) + 0.1 * MeanDistance(),
            lambda x, y: 0.5 * np.exp(-squares(x, y) / 2) + 0.1 * x @ y.T,
        ),
    ],
    ids=["one bandwidth", "two bandwidths", "linear", "hybrid"],
)
@pytest.mark.parametrize("seed", range(3))
def test_greedy_minimises_over_the_next_row(discrepancy, kernel, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [18, 12])
    X, weight = 5 + rng.normal(size=(30, 2)) + y[:, None], rng.uniform(0.5, 2, 30)
    live, _ = solve(Greedy(), discrepancy, Subset(), row_source(X, y, weight=weight), [9, 12])
    # The linear kernel has an origin: any, since both sets have mass one.
    expected = [np.flatnonzero(y == c)[brute_force(X[y == c], weight[y == c], n, kernel)] for c, n in ((0, 9), (1, 12))]
    np.testing.assert_array_equal(live.indices, np.concatenate(expected))


@pytest.mark.parametrize("discrepancy", [MMD(), MeanDistance(), RandomFeatureMMD()], ids=repr)
def test_greedy_leaves_far_rows_alone(discrepancy, classes):
    X, y, _ = classes
    live, solution = solve(Greedy(), discrepancy, Subset(), row_source(X, y), [5, 5])
    assert 3 not in live.indices
    np.testing.assert_array_equal(y[live.indices], np.repeat([0, 1], 5))
    assert solution.n_iter == 10


def test_greedy_by_random_features_takes_the_rows_of_the_kernel(rng):
    X = rng.normal(size=(40, 2))
    exact, _ = solve(Greedy(), MMD(bandwidth=1.0), Subset(), row_source(X), [3])
    features, _ = solve(Greedy(), RandomFeatureMMD(bandwidth=1.0, n_features=50_000), Subset(), row_source(X), [3])
    np.testing.assert_array_equal(exact.indices, features.indices)


# Lloyd


@pytest.mark.parametrize("space", [Identity(), Standardized()])
@pytest.mark.parametrize("start", ["rows", "spread"])
def test_passes_over_the_rows_are_all_that_lloyd_asks_for(classes, space, start):
    X, y, weight = classes
    rows = row_source(X, y, weight=weight)
    (held, expected), (passed, found) = (
        solve(Lloyd(tol=0), QuantizationError(space=space), Points(start=start), source, [4, 3])
        for source in (rows, PassedOver(rows, 10))
    )
    torch.testing.assert_close(passed().X, held().X, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(passed().weight, held().weight, rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-12)
    assert found.n_iter == expected.n_iter


@pytest.mark.parametrize("n_per_piece", [pytest.param(1, marks=pytest.mark.slow), 37, 250])
def test_k_means_of_passes_is_that_of_rows_and_never_holds_them(n_per_piece):
    X, y = make_blobs(600, 7, centers=12, random_state=0)
    rows, recipe = row_source(X, y % 2, dtype=torch.float32), KMeansCondenser().recipe()
    source = CountedOver(rows, n_per_piece)
    held, passed = (
        solve(recipe.solver, recipe.discrepancy, recipe.parameterization, some, [5, 4])[0] for some in (rows, source)
    )
    np.testing.assert_allclose(source.decode(passed().X), rows.decode(held().X), atol=1e-6 * rows.units.scale)
    torch.testing.assert_close(passed().weight, held().weight, rtol=1e-6, atol=0)
    assert source.n_passes > 2 * 9  # two for each seed, and more for steps: nothing is kept of a pass
    assert 0 < source.most_alive <= 4 * n_per_piece + 9 * 10  # a few tensors of a piece, and of the points


def test_an_empty_cluster_is_filled_out_of_pieces_of_which_some_have_no_row_of_the_class():
    X, _ = make_blobs(200, 3, centers=4, random_state=0)
    rows = row_source(X, np.repeat([0, 1], 100))
    for size in (20, 30, 40):
        held, passed = (
            solve(Lloyd(), QuantizationError(), Points(start="noise"), source, [size, size])[0]
            for source in (rows, PassedOver(rows, 20))
        )
        torch.testing.assert_close(passed().X, held().X, rtol=1e-9, atol=1e-9)


def test_lloyd_is_k_means_from_the_same_start(classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    start = source.decode(Points().build(source, np.array([4, 3]), _after_fit(QuantizationError(), source))().X)
    live, solution = solve(Lloyd(tol=0), QuantizationError(), Points(), source, [4, 3])
    found, inertia, mass = source.decode(live().X), 0.0, []
    for c, points in ((0, slice(0, 4)), (1, slice(4, 7))):
        kmeans = KMeans(len(start[points]), init=start[points], n_init=1, tol=0)
        kmeans.fit(X[y == c], sample_weight=weight[y == c])
        np.testing.assert_allclose(found[points], kmeans.cluster_centers_, rtol=1e-9)
        mass.append(np.bincount(kmeans.labels_, weight[y == c]))
        inertia += kmeans.inertia_
    mass = np.concatenate(mass)
    np.testing.assert_allclose(live().weight, mass / mass.mean(), rtol=1e-9)
    np.testing.assert_allclose(solution.history["loss"], inertia / weight.sum(), rtol=1e-9)


def _after_fit(discrepancy, source):
    """Return the generator as it is when points are laid."""
    generator = seeded()
    discrepancy.fit(source, generator)
    return generator


@pytest.mark.parametrize("space", [None, Standardized()], ids=["rows", "standardised"])
def test_lloyd_ends_at_a_fixed_point(space, classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    live, _ = solve(Lloyd(tol=0), QuantizationError(space=space), Points(start="spread"), source, [4, 3])
    centers = source.decode(live().X)
    scale = 1.0 if space is None else X.std(axis=0) * 0 + np.sqrt(np.cov(X.T, aweights=weight, bias=True).diagonal())
    for i, (center, c) in enumerate(zip(centers, live.key.tolist(), strict=True)):
        rows, own = y == c, np.flatnonzero(live.key == c)
        nearest = own[squares(X[rows] / scale, centers[own] / scale).argmin(axis=1)]
        members = nearest == i
        np.testing.assert_allclose(center, np.average(X[rows][members], axis=0, weights=weight[rows][members]))


def test_lloyd_in_the_joint_space_moves_targets(rng):
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    condenser = Condenser(QuantizationError(), solver=Lloyd(tol=0), n_samples=1, random_state=0).fit(X, y)
    np.testing.assert_allclose(condenser.X_syn_[0], X.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(condenser.y_syn_[0], y.mean(), atol=1e-6)


# Descent


def test_descent_of_mean_distance_ends_at_the_class_means(classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    live, solution = solve(Descent(), MeanDistance(), Points(), source, [3, 4])
    for c in (0, 1):
        mean = np.average(X[y == c], axis=0, weights=weight[y == c])
        np.testing.assert_allclose(
            source.decode(live().X)[live.key == c].mean(axis=0), mean, atol=1e-3 * source.units.scale
        )
    assert solution.history["loss"][-1] < 1e-6
    assert solution.n_iter == len(solution.history["loss"]) == 300


@pytest.mark.parametrize(
    "discrepancy", [QuantizationError(), SlicedWasserstein(), Sinkhorn(blur=0.5)], ids=lambda d: type(d).__name__
)
def test_one_point_a_class_goes_to_the_class_mean(discrepancy, classes):
    # For each of the three the squared distance to the rows is all that one point can change.
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    live, _ = solve(Descent(), discrepancy, Points(), source, [1, 1])
    means = [np.average(X[y == c], axis=0, weights=weight[y == c]) for c in (0, 1)]
    np.testing.assert_allclose(source.decode(live().X), means, atol=2e-3 * source.units.scale)


def test_one_point_under_a_huge_bandwidth_goes_to_the_mean(classes):
    X, y, weight = classes
    source = row_source(X, y, weight=weight)
    live, _ = solve(Descent(), MMD(bandwidth=100 * source.units.scale), Points(), source, [1, 1])
    means = [np.average(X[y == c], axis=0, weights=weight[y == c]) for c in (0, 1)]
    # 1 - exp(-d^2 / 2 b^2) is a square up to (d / b)^2 of itself.
    np.testing.assert_allclose(source.decode(live().X), means, atol=1e-2 * source.units.scale)


def test_as_many_points_as_rows_find_the_rows(rng):
    X = rng.normal(size=(6, 2))
    condenser = Condenser(Sinkhorn(blur=0.02), Points(start="noise"), Descent(0.2, 100), n_samples=6, random_state=0)
    distances = squares(condenser.fit(X).X_syn_, X)
    pairs = linear_sum_assignment(distances)
    assert np.sqrt(distances[pairs]).max() < 0.1


def test_plain_gradient_descent_is_the_recursion_written_out(rng):
    X, n_steps, step_size = rng.normal(size=(20, 2)), 7, 0.3
    source = row_source(X)
    solver = Descent(step_size=step_size, n_steps=n_steps, optimizer=GRADIENT_DESCENT)
    start = Points().build(source, np.array([4]), _after_fit(MeanDistance(), source))().X.detach().numpy().copy()
    live, solution = solve(solver, MeanDistance(), Points(), source, [4])
    losses = []
    for t in range(n_steps):
        # In working units: the loss is scale^2 |mean(S) - mean(T)|^2, and mean(T) = 0.
        mean = start.mean(axis=0)
        losses.append(source.units.scale**2 * mean @ mean)
        decay = 0.5 * (1 + np.cos(np.pi * t / n_steps))
        start = start - step_size * decay * source.units.scale**2 * 2 * mean / 4
    np.testing.assert_allclose(live().X.detach(), start, rtol=1e-10)
    np.testing.assert_allclose(solution.history["loss"], losses, rtol=1e-10)


def test_the_step_size_of_a_critic_stays_while_that_of_the_set_decays(rng):
    source = row_source(rng.normal(size=(20, 2)))
    objective, solver = Adversarial(critic_rate=0.01).fit(source, seeded()), Descent(0.1, n_steps=4)
    state = solver.begin(objective, Points().build(source, np.array([3]), seeded()), source, seeded())
    for _ in range(2):
        solver.advance(state)
    assert [group["lr"] for group in state.optimizer.param_groups] == [pytest.approx(0.05), 0.01]


@pytest.mark.parametrize("max_passes, n_rows, expected", [(None, 300, 50), (2, 300, 6), (2, 40, 2), (99, 300, 50)])
def test_passes_limit_the_steps(max_passes, n_rows, expected, rng):
    # Three batches of 100 make a pass over 300 rows; fewer rows than a batch are one pass a step.
    solver = Descent(n_steps=50, batch_size=100, max_passes=max_passes)
    _, solution = solve(solver, MeanDistance(), Points(), row_source(rng.normal(size=(n_rows, 2))), [4])
    assert solution.n_iter == expected


# Divergence


class NotANumber(MeanDistance):
    def between(self, p, q, generator):
        return super().between(p, q, generator) * float("nan")


FREE = Points(within=None)


def test_divergence_names_the_step_size_and_keeps_the_last_good_set(classes):
    X, y, _ = classes
    solver = Descent(step_size=1e30, optimizer=GRADIENT_DESCENT)
    condenser = Condenser(MMD(), FREE, solver, n_per_class=2, random_state=0)
    with pytest.raises(DivergenceError, match=r"step_size=1e\+30 is too large.*try step_size=1e\+29") as caught:
        condenser.fit(X, y)
    assert isinstance(caught.value.solution.synthetic, LabeledSet)
    # The start is the last set of which the loss was finite.
    found = squares(condenser.X_syn_, X).min(axis=1)
    np.testing.assert_allclose(found, 0, atol=1e-9)
    np.testing.assert_array_equal(condenser.y_syn_, [0, 0, 1, 1])


def test_divergence_at_the_last_step_is_seen(classes):
    X, y, _ = classes
    solver = Descent(step_size=1e38, n_steps=1, optimizer=partial(GRADIENT_DESCENT, momentum=0.5))
    condenser = Condenser(1e4 * QuantizationError(), FREE, solver, n_per_class=2, random_state=0)
    with pytest.raises(DivergenceError):
        condenser.fit(X, y)
    assert np.isfinite(condenser.X_syn_).all()


def test_divergence_at_the_first_step_keeps_the_start(classes):
    X, y, _ = classes
    condenser = Condenser(NotANumber(), n_per_class=2, random_state=0)
    with pytest.raises(DivergenceError) as caught:
        condenser.fit(X, y)
    assert caught.value.solution.n_iter == 1
    np.testing.assert_allclose(squares(condenser.X_syn_, X).min(axis=1), 0, atol=1e-9)


# What does not go together

SMALL = MLP(width=4, depth=1)
PAIRINGS = [
    (MMD(), Points(), Greedy(), "Greedy moves indices, but Points has values: use Descent"),
    (MMD(), Subset(), Descent(), "Descent moves values, but Subset has indices: use Descent"),
    (MMD(), Points(), Lloyd(), "Lloyd minimises the quantization error, not MMD()"),
    (QuantizationError(space=RandomNetwork(SMALL)), Points(), Lloyd(), "RandomNetwork cannot map means back"),
    (QuantizationError(exponent=1), Points(), Lloyd(), "Lloyd minimises squared distances"),
    (QuantizationError(by=None), Points(), Lloyd(), "Lloyd clusters class by class, not by=None"),
    (MMD(), Subset(), Draw(), "Draw minimises nothing, so discrepancy=MMD() would have no effect; leave it out"),
    (
        SquaredL2(space=Identity()),
        None,
        None,
        "SquaredL2 compares aligned, but Identity yields clouds; use a space such",
    ),
    (SquaredL2(), None, None, "SquaredL2 compares aligned, but Identity yields clouds"),
    (Cosine(space=RandomNetwork(SMALL)), None, None, "Cosine compares aligned, but RandomNetwork yields clouds"),
    (
        MMD(space=NetworkGradients(AlternatingNetworks(SMALL))),
        None,
        None,
        "MMD compares clouds, but NetworkGradients yields aligned; use a",
    ),
    (SquaredL2(space=FeatureRidgePredictions()), None, None, "SquaredL2(by='class') has no effect"),
    (MMD(), Points(labels="learned"), None, "the targets get no gradient from MMD()"),
    (MMD(), Subset(), Greedy(n_passes=-1), "Greedy(n_passes=-1): it must be an integer of at least 0"),
    (MMD(), Subset(), Greedy(max_rows=0), "Greedy(max_rows=0): it must be an integer of at least 1"),
    (CoveringRadius(), Subset(), Greedy(n_passes=1), "knows no exchanges that lower a CoveringRadius; use n_passes=0"),
    (MMD(), Subset(), Greedy(reweight=Sinkhorn()), "reweight=Sinkhorn() is no squared distance of mean embeddings"),
    (MMD(space=Joint()), Points(), Descent(n_steps=0), "both must be at least 1"),
    (MMD(), Points(), Descent(batch_size=0), "both must be at least 1"),
    (MMD(), Points(), Descent(step_size=0), "Descent(step_size=0): the step size must be positive"),
    (MMD(), Points(), Descent(step_size=np.nan), "the step size must be positive"),
]


@pytest.mark.parametrize("discrepancy, parameterization, solver, message", PAIRINGS, ids=[p[3] for p in PAIRINGS])
def test_what_does_not_go_together_is_refused(discrepancy, parameterization, solver, message, iris):
    with pytest.raises(ValueError, match=re.escape(message)):
        Condenser(discrepancy, parameterization, solver, n_per_class=2).fit(*iris)


def test_targets_of_regression_need_a_discrepancy_that_sees_them(rng):
    with pytest.raises(ValueError, match=r"the targets get no gradient.*MMD\(space=Joint\(\)\) for regression"):
        Condenser(MMD(space=Identity()), n_samples=3).fit(rng.normal(size=(20, 2)), rng.normal(size=20))


# Points in rounds


def test_points_of_later_rounds_are_held_still_until_then(classes):
    X, y, weight = classes
    source, sizes, paths = row_source(X, y, weight=weight), [5, 2], []
    solver = Descent(step_size=0.1, n_steps=9, stagger=3)
    generator = seeded()
    live = Points(within=None).build(source, np.array(sizes), generator)
    state = solver.begin(MMD().fit(source, generator), live, source, generator)
    while state.step < 9:
        paths.append(live().X.detach().clone())
        solver.advance(state)
    moved = torch.stack([(paths[0] != X).any(1) for X in [*paths[1:], live().X.detach()]])
    # Round r begins before step 3 r; a class of five has two, two and one points in them, one of two the first, two.
    begins = np.array([0, 0, 3, 3, 6, 0, 3])
    assert moved.int().argmax(0).tolist() == begins.tolist()
    assert moved[-1].all()


def test_rounds_must_fit_the_steps():
    for stagger in (0, 4, 1.5):
        with pytest.raises(
            ValueError, match=rf"stagger={stagger}\): rounds must be a whole number from 1 to n_steps=3"
        ):
            Condenser(MMD(), solver=Descent(n_steps=3, stagger=stagger), n_per_class=2).fit(*make_blobs(20, centers=2))
