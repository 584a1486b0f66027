"""The door to the real data: units, batches, and rows chosen by content."""

import operator
import tracemalloc

import numpy as np
import pytest
import torch
from scipy import stats

from skdc import KCenter, KernelHerding, KMeansCondenser, KMedoids, RandomSubset
from skdc.discrepancies import MMD
from skdc.exceptions import PartsError
from skdc.hashes import labeled_hashes
from skdc.sources import (
    Asks,
    Batch,
    Draws,
    Holds,
    Lists,
    Passes,
    Sketch,
    SketchSource,
    Units,
    draw_seed,
    listed,
    require,
)
from skdc.sources import rows as rows_module
from skdc.spaces import Standardized

from .sources import CPU, PassedOver, block, row_source, seeded

# Working units


@pytest.mark.parametrize("shape", [(40, 3), (40, 2, 4), (40, 1, 3, 3)])
def test_working_units_are_one_shift_a_feature_and_one_scale(shape, rng):
    X = 5 + rng.normal(size=shape) * np.arange(1, shape[-1] + 1)
    weight = rng.uniform(0.5, 2, 40)
    source = row_source(X, weight=weight)
    mean = np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight).mean())
    np.testing.assert_allclose(source.units.shift, mean, rtol=1e-12)
    np.testing.assert_allclose(source.units.scale, scale, rtol=1e-12)
    np.testing.assert_allclose(source.rows.X, (X - mean) / scale, rtol=1e-10, atol=1e-12)
    assert source.spread == 1.0


def test_working_units_do_not_depend_on_chunks(monkeypatch, rng):
    X = rng.normal(size=(50, 3))
    whole = row_source(X)
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 8 * 3 * 7)
    pieces = row_source(X)
    np.testing.assert_allclose(pieces.units.shift, whole.units.shift, rtol=1e-12)
    np.testing.assert_allclose(pieces.units.scale, whole.units.scale, rtol=1e-12)
    np.testing.assert_allclose(pieces.rows.X, whole.rows.X, rtol=1e-10, atol=1e-14)
    assert pieces.map_reduce(lambda piece: [len(piece)], list.__add__, width=3) == [7] * 7 + [1]
    assert pieces.map_reduce(lambda piece: piece.rows.X, lambda one, other: torch.cat([one, other])).equal(
        pieces.rows.X
    )


@pytest.mark.parametrize("dtype, bits", [(torch.float32, 24), (torch.float64, 53)])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_decoding_undoes_encoding(dtype, bits, offset, rng):
    X = offset + rng.normal(size=(40, 3))
    source = row_source(X, dtype=dtype)
    # Half a unit in the last place of the centred row, and of the float64 sums with the offset.
    bound = 2.0**-bits * np.abs(X - source.units.shift) * 2 + 2.0**-51 * np.abs(X)
    assert (np.abs(source.decode(source.encode(X)) - X) <= bound).all()


def test_the_data_are_read_and_not_written(rng):
    X = rng.normal(size=(30, 2))
    X.flags.writeable = False
    source = row_source(X, np.arange(30) % 2)
    before = X.copy()
    source.batch(10, seeded()).rows.X.add_(1.0)
    source.rows.X.add_(1.0)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("value", [0.1, -3e7, 1e-200, 0.0])
def test_a_step_away_from_equal_rows_is_rounding(value):
    source = row_source(np.full((20, 3), value))
    np.testing.assert_array_equal(source.decode(source.rows.X), value)
    np.testing.assert_allclose(source.decode(source.rows.X + source.spread), value, rtol=1e-14, atol=1e-150)


def test_regression_targets_are_standardised(rng):
    y = np.column_stack([3 + 10 * rng.normal(size=40), np.full(40, 7.0)])
    weight = rng.uniform(0.5, 2, 40)
    source = row_source(rng.normal(size=(40, 2)), y, regression=True, weight=weight)
    encoded = source.rows.y.numpy()
    np.testing.assert_allclose(np.average(encoded, axis=0, weights=weight), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(encoded[:, 0] ** 2, weights=weight), 1)
    assert source.target_units.scale[1] < 1e-13
    np.testing.assert_allclose(source.decode_targets(source.rows.y), y, rtol=1e-12)


def test_class_indicators_stay_as_they_are(rng):
    y = np.array([0, 2, 2, 1])
    source = row_source(rng.normal(size=(4, 2)), y)
    np.testing.assert_array_equal(source.rows.y, np.eye(3)[y])
    np.testing.assert_array_equal(source.class_mass(), [1, 1, 2])


def test_class_mass_sums_over_sensitive_groups(rng):
    weight = np.arange(1.0, 7)
    source = row_source(rng.normal(size=(6, 2)), [0, 0, 0, 1, 1, 1], weight=weight, groups=[0, 1, 1, 0, 0, 1])
    np.testing.assert_array_equal(source.schema.class_of_key, [0, 0, 1, 1])
    np.testing.assert_allclose(source.class_mass() / source.class_mass().sum(), [6 / 21, 15 / 21])
    assert source.class_members(1).tolist() == [3, 4, 5]


# Batches


def imbalanced(rng, weight=None):
    y = np.repeat([0, 1, 2], [300, 40, 3])
    return row_source(rng.normal(size=(343, 2)) + y[:, None], y, weight=weight)


def batched(source, size, generator):
    return source.batch(size, generator).rows


def sampled(source, size, generator):
    return source.sample(size, generator)


@pytest.mark.parametrize("draw", [batched, sampled])
def test_batches_estimate_weighted_sums_without_bias(draw, rng):
    weight = rng.uniform(0.2, 3, 343)
    source = imbalanced(rng, weight)
    generator, draws = seeded(), []
    for _ in range(800):
        batch = draw(source, 30, generator)
        assert len(batch) == 10 + 10 + 3
        share = torch.nn.functional.one_hot(batch.key, 3).double() * batch.weight[:, None]
        draws.append(torch.cat([share.sum(0), (share.T @ batch.X).flatten()]))
    draws = torch.stack(draws).numpy()
    # Weights inside are 1 on average.
    member = np.eye(3)[source.key] * (weight / weight.mean())[:, None]
    truth = np.concatenate([member.sum(axis=0), (member.T @ source.rows.X.numpy()).ravel()])
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    # Four standard errors, and rounding for the class that is taken whole.
    assert (np.abs(draws.mean(axis=0) - truth) < 4 * error + 1e-9).all()


@pytest.mark.parametrize("draw", [batched, sampled])
def test_the_means_of_batches_are_those_of_the_data_where_weights_differ(draw, rng):
    weight = np.where(rng.uniform(size=400) < 0.3, 30.0, 1.0)
    y, X = np.arange(400) % 2, rng.normal(size=(400, 2)) + (weight > 1)[:, None]
    source, generator, means = row_source(X, y, weight=weight), seeded(), []
    for _ in range(400):
        batch = draw(source, 32, generator)
        np.testing.assert_allclose(batch.weight[batch.key == 0].numpy().std(), 0, atol=1e-12)
        means.append([(batch.X[batch.key == c].T @ batch.take(batch.key == c).mass).numpy() for c in (0, 1)])
    truth = [np.average(source.rows.X[y == c], axis=0, weights=weight[y == c]) for c in (0, 1)]
    error = np.std(means, axis=0, ddof=1) / np.sqrt(len(means))
    assert (np.abs(np.mean(means, axis=0) - truth) < 4 * error).all()


def test_a_round_deals_each_row_as_often_as_its_weight_says(rng):
    weight = np.array([1.0, 2.0, 4.0, 1.0, 3.0, 1.0])
    source, generator = row_source(np.arange(6.0)[:, None], weight=weight), seeded()
    counts = np.zeros((500, 6))
    for i in range(500):
        drawn = np.concatenate([source.batch(2, generator).rows.X for _ in range(3)])
        counts[i] = np.bincount(np.rint(source.decode(torch.as_tensor(drawn))[:, 0]).astype(int), minlength=6)
    assert (np.abs(counts - 6 * weight / 12) < 1).all()
    np.testing.assert_allclose(counts.mean(axis=0), 6 * weight / 12, atol=4 * 0.5 / np.sqrt(500))


def test_equal_weights_keep_the_mass_of_each_key_in_each_batch(rng):
    batch = imbalanced(rng).batch(30, seeded()).rows
    np.testing.assert_allclose(np.bincount(batch.key, batch.weight), [300, 40, 3])


def test_batch_and_sample_draw_the_same_rows(rng):
    X, y = rng.normal(size=(343, 2)), np.repeat([0, 1, 2], [300, 40, 3])
    batch = row_source(X, y).batch(30, seeded(3)).rows
    sample = row_source(X, y).sample(30, seeded(3))
    for name in ("X", "y", "weight", "key"):
        np.testing.assert_allclose(getattr(batch, name), getattr(sample, name), rtol=1e-12)
    assert not np.array_equal(batch.X, row_source(X, y).batch(30, seeded(4)).rows.X)


def test_no_row_comes_twice_before_all_have_come(rng):
    source, generator = imbalanced(rng), seeded()
    batches = [source.batch(30, generator).rows.X for _ in range(31)]
    of_class = torch.cat([batch[:10] for batch in batches])
    expected = source.rows.X[:300]
    np.testing.assert_array_equal(np.unique(of_class[:300], axis=0), np.unique(expected, axis=0))
    assert not np.array_equal(of_class[300:], of_class[:10])


def test_small_data_come_whole(rng):
    source = imbalanced(rng)
    assert source.batch(343, seeded()).rows is source.rows
    assert len(source.batch(1, seeded()).rows) == 3  # every key is seen, whatever the size


# Rows chosen by content


def test_starting_rows_are_distinct_and_ignore_order(rng):
    X = np.repeat(rng.normal(size=(40, 2)), 3, axis=0)
    y = np.repeat(np.arange(2), 60)
    order = rng.permutation(120)
    start, targets = row_source(X, y).starting_rows(np.array([5, 8]), seeded())
    shuffled, _ = row_source(X[order], y[order]).starting_rows(np.array([5, 8]), seeded())
    np.testing.assert_allclose(start, shuffled, rtol=1e-12)
    np.testing.assert_array_equal(targets.argmax(1), np.repeat([0, 1], [5, 8]))
    assert len(np.unique(start, axis=0)) == 13
    other, _ = row_source(X, y).starting_rows(np.array([5, 8]), seeded(1))
    assert not np.allclose(start, other)


def test_starting_rows_repeat_in_turn_where_there_are_too_few():
    source = row_source(np.array([[1.0], [1.0], [2.0]]))
    start = source.decode(source.starting_rows(np.array([5]), seeded())[0])[:, 0]
    np.testing.assert_allclose(start, np.resize(start[:2], 5))
    np.testing.assert_allclose(np.sort(start[:2]), [1, 2])


def test_starting_rows_ignore_order_where_equal_rows_have_unlike_targets(rng):
    X, y = np.repeat(rng.normal(size=(10, 2)), 4, axis=0), rng.normal(size=40)
    start = row_source(X, y, regression=True).starting_rows(np.array([6]), seeded())
    backwards = row_source(X[::-1], y[::-1], regression=True).starting_rows(np.array([6]), seeded())
    for values, expected in zip(start, backwards, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-10)


def test_random_rows_come_in_proportion_to_weight(rng):
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    # Content decides by a hash: rows that look special to one (zeros, negative zeros) are no exception.
    source = row_source(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]]), weight=weight)
    n_draws = 2000
    pairs = np.array([source.random_rows(np.arange(4), 2, seeded(s)) for s in range(n_draws)])
    first = np.bincount(pairs[:, 0], minlength=4)
    assert stats.chisquare(first, n_draws * weight / 10).pvalue > 1e-3
    # Without replacement: the second is drawn in proportion to weight among the others.
    expected = weight[:, None] / 10 * weight[None, :] / (10 - weight[:, None]) * (1 - np.eye(4)) * n_draws
    observed = np.zeros((4, 4))
    np.add.at(observed, tuple(pairs.T), 1)
    off = ~np.eye(4, dtype=bool)
    assert stats.chisquare(observed[off], expected[off]).pvalue > 1e-3


def test_equal_rows_are_drawn_as_often_as_unlike_ones():
    source = row_source(np.array([[5.0], [5.0], [5.0], [1.0]]))
    chosen = [source.random_rows(np.arange(4), 1, seeded(s))[0] for s in range(1000)]
    assert stats.chisquare(np.bincount(chosen, minlength=4)).pvalue > 1e-3


def test_random_rows_ignore_order_and_do_not_repeat(rng):
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], 30)
    weight, order = rng.uniform(0.5, 2, 60), rng.permutation(60)
    members = np.flatnonzero(y == 1)
    shuffled_members = np.flatnonzero(y[order] == 1)
    rows = members[row_source(X, y, weight=weight).random_rows(members, 9, seeded())]
    source = row_source(X[order], y[order], weight=weight[order])
    shuffled = shuffled_members[source.random_rows(shuffled_members, 9, seeded())]
    np.testing.assert_array_equal(rows, order[shuffled])
    assert len(set(rows)) == 9
    assert set(y[rows]) == {1}


# A sketch for a source


def test_a_sketch_starts_from_its_lowest_hashes(rng):
    X, codes = rng.normal(size=(50, 2)), np.arange(50) % 2
    rows = row_source(X, codes)
    sketch = Sketch(2, 20, seed=3)
    sketch.update(X, rows.targets(), rows.weight, codes, [X])
    source = SketchSource(sketch, rows.schema, CPU)
    start, targets = source.starting_rows(np.array([4, 22]), seeded())
    hashes = labeled_hashes(X, rows.targets(), 3)
    by_class = [X[codes == c][np.argsort(hashes[codes == c])] for c in (0, 1)]
    np.testing.assert_array_equal(start, np.concatenate([by_class[0][:4], by_class[1][:20], by_class[1][:2]]))
    np.testing.assert_array_equal(targets.argmax(1), np.repeat([0, 1], [4, 22]))
    np.testing.assert_array_equal(source.class_mass(), [25, 25])
    np.testing.assert_allclose(source.spread, np.sqrt(X.var(axis=0).mean()))
    assert source.target_spread == 1.0


def test_a_sketch_knows_the_spread_of_rows_and_of_targets(rng):
    X, y = rng.normal(size=(50, 2, 3)), np.column_stack([5 * rng.normal(size=50), np.full(50, 7.0)])
    schema = row_source(X, y, regression=True).schema
    sketch = Sketch(1, 2, 0)
    sketch.update(X, y, np.ones(50), np.zeros(50, int), [np.ones((50, 1))])
    source = SketchSource(sketch, schema, CPU)
    np.testing.assert_allclose(source.spread, np.sqrt(X.reshape(50, 6).var(axis=0).mean()))
    np.testing.assert_allclose(source.target_spread, [y[:, 0].std(), 0.0], atol=1e-13)


def test_rows_that_a_sketch_does_not_hold_are_refused(rng):
    rows = row_source(rng.normal(size=(5, 2)))
    part = Sketch(1, 2, 0)
    assert require(part, rows, Draws, "the median") is rows
    with pytest.raises(ValueError, match=r"Sketch cannot learn the median from a stream.*call fit on all rows"):
        require(part, SketchSource(part, rows.schema, CPU), Draws, "the median")


def test_seeds_come_from_the_generator():
    assert draw_seed(seeded(1)) == draw_seed(seeded(1)) != draw_seed(seeded(2))


# Abilities


def test_rows_in_pieces_are_the_rows(rng, monkeypatch):
    X, y = rng.normal(size=(50, 2)), np.arange(50) % 4
    source, some = row_source(X, y), np.arange(40)[::-2]
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 8 * 4 * 7)  # seven rows of four indicators
    pieces = list(source.pieces(some))
    assert [len(piece) for piece in pieces] == [7, 7, 6]
    for name, values in vars(source.take(some)).items():
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), values)
    assert source.map_reduce(lambda piece: [len(piece.rows.y)], operator.add) == [7] * 7 + [1]


def test_each_source_has_the_abilities_that_it_can_keep(rng):
    rows = row_source(rng.normal(size=(5, 2)))
    sketched = SketchSource(Sketch(1, 2, 0), rows.schema, CPU)
    assert [rows.granted(ability) is rows for ability in (Draws, Passes, Holds, Asks)] == [True, True, True, False]
    assert all(sketched.granted(ability) is None for ability in (Draws, Passes, Holds, Asks))


@pytest.mark.parametrize("kind", ["rows", "passes", "sketch"])
@pytest.mark.parametrize("c", [0, 1, None])
def test_moments_of_classes_are_in_working_units(kind, c, rng):
    X, y, weight = 5 + rng.normal(size=(40, 2, 2)) * 3, rng.integers(2, size=40), rng.uniform(0.5, 2, 40)
    rows, sketch = row_source(X, y, weight=weight), Sketch(2, 3, seed=0, has_products=True)
    sketch.update(X, np.eye(2)[y], rows.weight, y, [np.zeros((40, 1))])
    source = {"rows": rows, "passes": PassedOver(rows, 15), "sketch": SketchSource(sketch, rows.schema, CPU)}[kind]
    members = np.full(40, True) if c is None else y == c
    flat, weight = source.encode(X[members]).flatten(1).numpy(), rows.weight[members]
    found = source.class_moments(c)
    np.testing.assert_allclose(found.mass, weight.sum())
    np.testing.assert_allclose(found.mean, weight @ flat / weight.sum(), atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(flat.T, aweights=weight, bias=True), atol=1e-12)


def test_a_listed_source_goes_on_where_it_was(rng):
    X, y = rng.normal(size=(50, 2)), rng.integers(2, size=50)
    first, again = (listed(PassedOver(row_source(X, y), 20)) for _ in range(2))
    first.sample(10, seeded(0))
    again.restore(first.position())
    later, found = (source.sample(10, seeded(1)).X for source in (first, again))
    torch.testing.assert_close(found, later, rtol=0, atol=0)
    assert not later.equal(row_source(X, y).sample(10, seeded(1)).X)


def test_a_listed_source_can_do_what_the_source_can_and_says_what_it_says(rng):
    rows = row_source(rng.normal(size=(50, 2)))
    source = PassedOver(rows, 20)
    source.cannot_tell = lambda unknown: f"does not know {unknown}"
    assert all(listed(source).granted(ability) is not None for ability in (Lists, Passes, Draws))
    assert all(listed(source).granted(ability) is None for ability in (Holds, Asks))
    with pytest.raises(PartsError, match="MMD does not know the rows"):
        require(MMD(), listed(source), Holds, "the rows")
    assert listed(rows) is rows


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_units_go_there_and_back(kind, rng):
    shift, values = rng.normal(size=3), rng.normal(size=(4, 3))
    units = Units(shift, 2.5)
    working = units.to_working(kind(values))
    assert type(working) is type(kind(values))
    np.testing.assert_allclose(working, (values - shift) / 2.5, rtol=1e-12)
    np.testing.assert_allclose(units.to_user(working), values, rtol=1e-12)


def test_units_have_a_gradient(rng):
    values = torch.as_tensor(rng.normal(size=(4, 3))).requires_grad_()
    units = Units(rng.normal(size=3), 2.5)
    units.to_working(values).sum().backward()
    np.testing.assert_allclose(values.grad, 1 / 2.5)


def test_a_batch_shows_each_term_its_means(rng):
    first, second = (block(rng.normal(size=(2, 3))) for _ in range(2))
    assert Batch(means=[first, second]).of_term(1).means == [second]
    rows = Batch(row_source(rng.normal(size=(5, 2))).rows)
    assert rows.of_term(1) is rows


def test_classes_are_kept_as_codes():
    # Of indicators of a thousand classes 160 MB would be made.
    n, n_classes = 20_000, 1_000
    X, y = np.zeros((n, 1)), np.arange(n) % n_classes
    tracemalloc.start()
    try:
        source = row_source(X, y)
        drawn = source.batch(1_000, seeded())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6
    np.testing.assert_array_equal(drawn.rows.y.argmax(1), drawn.rows.key)
    np.testing.assert_array_equal(source.target_range(), [np.zeros(n_classes), np.ones(n_classes)])


SELECTIONS = {
    "k-means": KMeansCondenser(n_per_class=1, random_state=0),
    "herding": KernelHerding(n_samples=300, by=None, random_state=0),
    "herding with weights": KernelHerding(n_samples=300, by=None, reweight=MMD(), random_state=0),
    "k-center": KCenter(n_samples=300, by=None),
    "medoids": KMedoids(n_samples=300, by=None),
    "random": RandomSubset(n_per_class=1, random_state=0),
    "standardized": KCenter(n_samples=300, by=None, space=Standardized()),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_no_selection_makes_the_targets_of_all_rows(name, rng, monkeypatch):
    # As indicators they would take 14 MB, and twice as much again in working units; half of that in the first class.
    n, n_classes = 6_000, 300
    X, y = rng.normal(size=(n, 1)), np.where(np.arange(n) < n // 2, 0, np.arange(n) % n_classes)
    monkeypatch.setattr(rows_module, "_CHUNK_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        condensed = SELECTIONS[name].set_params(task="classification").fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6
    assert len(condensed.y_syn_) == n_classes
