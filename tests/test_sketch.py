"""The mergeable sketch against sums written out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skdc import hashes as hashes_module
from skdc.hashes import labeled_hashes, lowest_distinct, row_hashes
from skdc.sources import Sketch

N_KEYS = 3


def data(n=60, d=4, seed=0, offset=0.0, spread=1.0):
    rng = np.random.default_rng(seed)
    X = offset + spread * rng.normal(size=(n, d))
    key = rng.integers(0, N_KEYS, n)
    return X, np.eye(N_KEYS)[key], rng.uniform(0.5, 2.0, n), key, rng.normal(size=(n, 5))


def sketch_of(rows, parts, sample_size=7):
    """Return the sketch of some rows, seen part by part."""
    sketch = Sketch(N_KEYS, sample_size, seed=11)
    X, y, weight, key, features = rows
    for part in parts:
        sketch.update(X[part], y[part], weight[part], key[part], [features[part], features[part, :2] ** 2])
    return sketch


def assert_same(sketch, other):
    np.testing.assert_array_equal(sketch.counts, other.counts)
    np.testing.assert_allclose(sketch.mass, other.mass, rtol=1e-12)
    np.testing.assert_allclose(sketch.mean, other.mean, rtol=1e-12, atol=1e-12 * sketch.spreads().max())
    np.testing.assert_allclose(sketch.scatter, other.scatter, rtol=1e-12)
    for mine, theirs in zip(sketch.sums, other.sums, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * sketch.mass.sum())
    for k in range(N_KEYS):
        for mine, theirs in zip(sketch.sample([k]), other.sample([k]), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_wider_sketch_is_one_that_knew_all_classes():
    X, y, weight, key, features = data()
    some, places = key != 1, np.array([0, 2])
    narrow = Sketch(2, 7, seed=11)
    narrow.update(X[some], y[some][:, places], weight[some], key[some] // 2, [features[some], features[some, :2] ** 2])
    wider, known = narrow.widened(places, N_KEYS), sketch_of((X, y, weight, key, features), [some])
    assert wider.counts.tolist() == known.counts.tolist()
    for name in ("mass", "mean", "scatter", "feature_range", "target_range"):
        np.testing.assert_allclose(getattr(wider, name), getattr(known, name), rtol=1e-12, atol=1e-15)
    rest = [part[~some] for part in (X, y, weight, key)]
    for sketch in (wider, known):
        sketch.update(*rest, [features[~some], features[~some, :2] ** 2])
    np.testing.assert_allclose(wider.mean, known.mean, rtol=1e-12)
    np.testing.assert_allclose(wider.scatter, known.scatter, rtol=1e-12)
    for mine, theirs in zip(wider.sums, known.sums, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    for k in range(N_KEYS):
        rows, targets = wider.sample([k])
        assert len(rows) == 7 and (targets == np.eye(N_KEYS)[k]).all()
        assert all((X[key == k] == row).all(axis=1).any() for row in rows)


def test_an_empty_sketch_is_wider_too():
    rows = data()
    wider = Sketch(1, 7, seed=11).widened(np.array([0]), N_KEYS)
    X, y, weight, key, features = rows
    wider.update(X, y, weight, key, [features, features[:, :2] ** 2])
    assert_same(wider, sketch_of(rows, [slice(None)]))


# Hashes


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float32])
def test_equal_rows_have_equal_hashes_in_every_dtype(dtype, rng):
    X = rng.integers(0, 100, (20, 3))
    np.testing.assert_array_equal(row_hashes(X.astype(dtype), 5), row_hashes(X.astype(np.float64), 5))


def test_hashes_ignore_memory_layout_and_shape(rng):
    X = rng.normal(size=(20, 6))
    expected = row_hashes(X, 5)
    np.testing.assert_array_equal(row_hashes(np.asfortranarray(X), 5), expected)
    np.testing.assert_array_equal(row_hashes(np.repeat(X, 2, axis=1)[:, ::2], 5), expected)
    np.testing.assert_array_equal(row_hashes(X.reshape(20, 2, 3), 5), expected)


def test_negative_zero_is_zero():
    assert row_hashes(np.array([[0.0, 1.0]]), 5) == row_hashes(np.array([[-0.0, 1.0]]), 5)


def test_labels_take_part_in_the_hash(rng):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    hashes = labeled_hashes(X, y, 5)
    assert not np.intersect1d(hashes, labeled_hashes(X, y[::-1], 5)).size
    np.testing.assert_array_equal(labeled_hashes(X[::-1], y[::-1], 5), hashes[::-1])


def test_hashes_do_not_depend_on_chunks(monkeypatch, rng):
    X = rng.normal(size=(50, 3))
    whole = row_hashes(X, 5)
    monkeypatch.setattr(hashes_module, "_HASH_BYTES", 8 * 3 * 7)
    np.testing.assert_array_equal(row_hashes(X, 5), whole)
    np.testing.assert_array_equal(np.concatenate([row_hashes(X[i : i + 1], 5) for i in range(50)]), whole)


def test_unlike_rows_and_seeds_have_unlike_hashes():
    # All 4-digit rows of small whole numbers: the hardest case, since their floats differ in few bits.
    X = np.stack(np.meshgrid(*[np.arange(12)] * 4), axis=-1).reshape(-1, 4)
    hashes = row_hashes(X, 5)
    assert len(np.unique(hashes)) == len(X)
    assert not np.intersect1d(hashes, row_hashes(X, 6)).size
    assert row_hashes(X[:0], 5).shape == (0,)


@pytest.mark.parametrize("shift", [56, 0])
def test_hashes_are_uniform(shift):
    hashes = row_hashes(np.arange(51200)[:, None], 5)
    counts = np.bincount(((hashes >> np.uint64(shift)) & np.uint64(255)).astype(int), minlength=256)
    assert stats.chisquare(counts).pvalue > 1e-3


# Sums


def test_update_is_the_written_out_sums():
    rows = X, y, weight, key, features = data()
    sketch = sketch_of(rows, [slice(None)])
    member = [key == k for k in range(N_KEYS)]
    np.testing.assert_array_equal(sketch.counts, [m.sum() for m in member])
    np.testing.assert_allclose(sketch.mass, [weight[m].sum() for m in member], rtol=1e-14)
    sums = [(weight[m, None] * features[m]).sum(axis=0) for m in member]
    np.testing.assert_allclose(sketch.sums[0], sums, rtol=1e-12)
    labelled = np.concatenate([X, y], axis=1)
    mean = np.average(labelled, axis=0, weights=weight)
    np.testing.assert_allclose(sketch.mean, mean, rtol=1e-12)
    variance = np.average((labelled - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(sketch.spreads(), np.sqrt(variance), rtol=1e-12)


def test_merging_is_commutative_and_associative():
    rows = data()
    parts = [slice(0, 1), slice(1, 17), slice(17, 60)]

    def merged(order):
        total = sketch_of(rows, [parts[order[0]]])
        for i in order[1:]:
            total.merge(sketch_of(rows, [parts[i]]))
        return total

    left, right = merged([0, 1, 2]), sketch_of(rows, [parts[0]])
    tail = sketch_of(rows, [parts[1]])
    tail.merge(sketch_of(rows, [parts[2]]))
    right.merge(tail)
    assert_same(left, right)
    assert_same(left, merged([2, 0, 1]))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(1, 59), max_size=8),
    order=st.sampled_from(["given", "shuffled", "by class"]),
)
def test_any_partitioning_gives_the_same_sketch(seed, cuts, order):
    rows = data(seed=seed)
    positions = {
        "given": np.arange(60),
        "shuffled": np.random.default_rng(seed).permutation(60),
        "by class": np.argsort(rows[3], kind="stable"),
    }[order]
    parts = [part for part in np.split(positions, sorted({1, *cuts})) if len(part)]
    assert_same(sketch_of(rows, parts), sketch_of(rows, [np.arange(60)]))


def test_large_offset_keeps_the_spread():
    X, *others = data(n=2000, offset=1e6, spread=1e-3)
    rows = X, *others
    weight = others[1]
    # The offset is taken off exactly; sums of squares of 1e6 would leave no digit of 1e-6.
    small = X - 1e6
    mean = np.average(small, axis=0, weights=weight)
    expected = np.sqrt(np.average((small - mean) ** 2, axis=0, weights=weight))
    for n_parts in (1, 50):
        parts = np.array_split(np.arange(2000), n_parts)
        np.testing.assert_allclose(sketch_of(rows, parts).spreads()[:4], expected, rtol=1e-6)


def test_blocks_are_the_mean_features_of_the_seen_keys():
    X, y, weight, key, features = data()
    kept = key != 1
    sketch = sketch_of((X[kept], y[kept], weight[kept], key[kept], features[kept]), [slice(None)])
    block = sketch.blocks(torch.device("cpu"))[0]
    assert block.key.tolist() == [0, 2]
    np.testing.assert_allclose(block.weight, [weight[key == k].sum() for k in (0, 2)])
    means = [np.average(features[key == k], axis=0, weights=weight[key == k]) for k in (0, 2)]
    np.testing.assert_allclose(block.values, means, rtol=1e-12)


# Sample


@pytest.mark.parametrize("sample_size", [4, 1000])
def test_sample_is_the_lowest_distinct_hashes(sample_size):
    rows = X, y, _, key, _ = tuple(np.concatenate([values, values[:20]]) for values in data())
    sketch = sketch_of(rows, np.array_split(np.arange(80), 9), sample_size)
    hashes = labeled_hashes(X, y, seed=11)
    for k in range(N_KEYS):
        row_of_hash = dict(zip(hashes[key == k], X[key == k], strict=True))
        expected = [row_of_hash[h] for h in sorted(row_of_hash)[:sample_size]]
        sample, targets = sketch.sample([k])
        np.testing.assert_array_equal(sample, expected)
        np.testing.assert_array_equal(targets, np.tile(np.eye(N_KEYS)[k], (len(expected), 1)))


def test_sample_of_several_keys_goes_by_hash():
    rows = data()
    sketch = sketch_of(rows, [slice(None)], sample_size=1000)
    X, y = sketch.sample([0, 2])
    hashes = labeled_hashes(X, y, seed=11)
    assert (np.diff(hashes.astype(object)) > 0).all()
    assert len(X) == (rows[3] != 1).sum()


def test_lowest_distinct_drops_repeats():
    hashes = np.array([9, 3, 9, 1, 3], dtype=np.uint64)
    assert lowest_distinct(hashes, 2).tolist() == [3, 1]
    assert lowest_distinct(hashes, 10).tolist() == [3, 1, 0]


# Merging what cannot be merged, and what adds nothing


@pytest.mark.parametrize("other", [Sketch(N_KEYS, 7, 12), Sketch(N_KEYS, 8, 11), Sketch(2, 7, 11)])
def test_unlike_sketches_are_refused(other):
    with pytest.raises(ValueError, match="only sketches with the same seed, sample size and classes"):
        sketch_of(data(), [slice(None)]).merge(other)


@pytest.mark.parametrize(
    "n_columns, widths",
    [(4, [5]), (4, [5, 3]), (4, [1, 2]), (3, [5, 2])],
    ids=["a term less", "a narrower term", "a term of one feature", "fewer columns"],
)
def test_unlike_features_are_refused_and_nothing_is_added(n_columns, widths):
    X, y, weight, key, features = rows = data()
    sketch, other = sketch_of(rows, [slice(None)]), Sketch(N_KEYS, 7, 11)
    other.update(X[:, :n_columns], y, weight, key, [features[:, :width] for width in widths])
    with pytest.raises(ValueError, match="cannot be merged: columns or features differ"):
        sketch.merge(other)
    assert_same(sketch, sketch_of(rows, [slice(None)]))


def test_an_empty_sketch_adds_nothing():
    rows = data()
    sketch, empty = sketch_of(rows, [slice(None)]), Sketch(N_KEYS, 7, 11)
    empty.merge(empty.empty_like())
    sketch.merge(empty)
    assert_same(sketch, sketch_of(rows, [slice(None)]))
    empty.merge(sketch)
    assert_same(empty, sketch)
