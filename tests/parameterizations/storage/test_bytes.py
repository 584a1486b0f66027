"""What rows, targets and bases take, by arithmetic, against what is counted by hand."""

import numpy as np
import pytest

from skdc import Condenser, KMeansCondenser, KMedoids, SoftLabelRandom
from skdc.discrepancies import MMD, SquaredL2
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import (
    Edits,
    Fixed,
    Free,
    Hallucinated,
    LowRank,
    LowResolution,
    NeuralFields,
    Quantized,
)
from skdc.solvers import Descent, Draw
from skdc.spaces import KernelRidgePredictions

from ...sources import row_source, seeded

SMALL = {"factor": 2, "image_shape": (5, 6)}  # 3 by 3


@pytest.mark.parametrize(
    "storage, numbers, shared",
    [
        (Free(), 7 * 30, 0),
        (Fixed(), 7 * 30, 0),
        (Edits(), 7 * 30, 0),
        (Edits(inner=LowRank(2)), 7 * 30, 0),
        (LowRank(3), 7 * 3 + 3 * 30, 3 * 30),
        (LowRank(3, inner=Fixed()), 7 * 3 + 3 * 30, 3 * 30),
        (LowResolution(**SMALL), 7 * 9, 0),
        (LowResolution(**SMALL, inner=LowRank(4)), 7 * 4 + 4 * 9, 4 * 9),
        (LowRank(4, inner=LowResolution(**SMALL)), 7 * 4 + 4 * 9, 4 * 9),
        (NeuralFields(4, image_shape=(5, 6)), 7 * (4 * 3 + 4 * 5 + 5), 0),
        (LowRank(4, inner=LowRank(2)), 7 * 4 + (4 * 2 + 2 * 30), 4 * 2 + 2 * 30),
    ],
    ids=repr,
)
@pytest.mark.parametrize("itemsize", [1, 8])
def test_rows_take_what_is_kept_of_them(storage, numbers, shared, itemsize):
    assert storage.n_bytes(7, (30,), itemsize) == numbers * itemsize
    assert storage.n_bytes(0, (30,), itemsize) == shared * itemsize
    grown = storage.n_bytes(1007, (30,), itemsize) - numbers * itemsize
    assert grown * 7 == 1000 * (numbers - shared) * itemsize


@pytest.mark.parametrize(
    "storage",
    [
        Free(),
        LowRank(3),
        LowResolution(2),
        LowRank(3, inner=LowResolution(3)),
        NeuralFields(4),
        NeuralFields(4, depth=1),
        Hallucinated(4),
        Hallucinated(4, inner=LowResolution(2)),
    ],
    ids=repr,
)
def test_what_is_built_holds_as_many_numbers(storage, rng):
    source = row_source(rng.normal(size=(40, 3, 8, 7)))
    codec = Points(storage).build(source, np.array([11]), seeded()).codec
    assert storage.n_bytes(11, (3, 8, 7), 1) == sum(values.numel() for values in codec.parameters())


def test_channels_that_come_last_are_not_made_smaller():
    assert LowResolution(2).n_bytes(1, (9, 8, 3), 1) == LowResolution(2).n_bytes(1, (3, 9, 8), 1) == 3 * 5 * 4


def test_sizes_of_what_is_no_image_are_refused():
    with pytest.raises(ValueError, match="LowResolution needs images"):
        LowResolution(2).n_bytes(1, (9,), 8)
    with pytest.raises(ValueError, match=r"LowResolution\(factor=0\)"):
        LowResolution(0).n_bytes(1, (9, 9), 8)


# Targets

QUICK = {"solver": Descent(n_steps=1), "random_state": 0}


@pytest.mark.parametrize("n_classes, bits", [(1, 1), (2, 1), (3, 2), (101, 7), (256, 8), (257, 9), (300, 9)])
def test_a_label_takes_as_many_bits_as_tell_the_classes_apart(n_classes, bits, rng):
    schema = row_source(rng.normal(size=(n_classes, 2)), np.arange(n_classes)).schema
    hard = 5 * 2 * 8 + -(-5 * bits // 8)
    assert Points().n_bytes(5, schema) == Subset().n_bytes(5, schema) == hard
    for labels in ("learned", "probabilities", "teacher"):
        assert Points(labels=labels).n_bytes(5, schema) == hard + 5 * 8 * n_classes
        assert Points(labels=labels, label_bits=3).n_bytes(5, schema) == hard + -(-5 * 3 * n_classes // 8)
        top, places = Points(labels=labels, top_labels=1), -(-5 * bits // 8)
        assert top.n_bytes(5, schema) == hard + 5 * 8 + places
        assert top.set_params(label_bits=3).n_bytes(5, schema) == hard + 2 + places


def test_targets_that_are_no_classes(rng):
    X = rng.normal(size=(12, 4))
    none, two = row_source(X).schema, row_source(X, rng.normal(size=(12, 2)), regression=True).schema
    assert Points().n_bytes(3, none) == Subset().n_bytes(3, none) == 3 * 4 * 8
    assert Points().n_bytes(3, two) == Points(Fixed(), labels="learned").n_bytes(3, two) == 3 * (4 + 2) * 8
    several = Condenser(MMD(), n_samples=5, **QUICK).fit(X, rng.integers(0, 2, size=(12, 3)))
    assert several.storage_["bytes"] == 5 * (4 * 8 + 3)


# What a fitted condenser says


@pytest.mark.parametrize("dtype, itemsize", [(np.float32, 4), (np.float64, 8), (np.uint8, 1), (np.int16, 2), (bool, 1)])
def test_numbers_are_counted_as_they_come_out(dtype, itemsize, rng):
    images, y = rng.integers(0, 2, size=(40, 6, 6)).astype(dtype), np.arange(40) % 4
    free, chosen = Condenser(MMD(), n_per_class=2, **QUICK), KMedoids(n_per_class=2, random_state=0)
    for condenser in (free, chosen):
        fitted = condenser.fit(images, y)
        taken = 8 * 36 * itemsize + 2 + (8 * 8 if len(np.unique(fitted.sample_weight_)) > 1 else 0)
        assert fitted.X_syn_.nbytes == 8 * 36 * itemsize
        assert fitted.storage_ == {"points": 8, "bytes": taken, "shared_bytes": 0, "bytes_decoded": taken}


def test_numbers_that_may_go_anywhere_are_floats(rng):
    images = rng.integers(0, 200, size=(40, 6, 6)).astype(np.uint8)
    fitted = Condenser(MMD(), Points(within=None), n_samples=5, **QUICK).fit(images)
    assert fitted.X_syn_.nbytes == fitted.storage_["bytes"] == fitted.storage_["bytes_decoded"] == 5 * 36 * 8


def test_codes_are_floats_and_what_they_give_is_not(rng):
    images = rng.integers(0, 200, size=(40, 6, 6)).astype(np.uint8)
    fitted = Condenser(MMD(), Points(LowRank(2)), n_samples=20, **QUICK).fit(images)
    assert fitted.storage_ == {
        "points": 20,
        "bytes": (20 * 2 + 2 * 36) * 8 + 2 * 36,  # with the range of each pixel
        "shared_bytes": 2 * 36 * 8 + 2 * 36,
        "bytes_decoded": 20 * 36,
    }
    small = Condenser(MMD(), Points(LowResolution(2)), n_samples=20, **QUICK).fit(images.astype(np.float32))
    assert (small.storage_["bytes"], small.storage_["bytes_decoded"]) == ((20 * 9 + 2 * 36) * 4, 20 * 36 * 4)
    few = Condenser(MMD(), Points(Quantized(8, LowResolution(2))), n_samples=20, **QUICK).fit(images)
    assert few.storage_["bytes"] == 20 * 9 + 8, "pixels of few bits have one range, and all levels two ends"


def test_weights_are_counted_where_they_differ(rng):
    X, y = rng.normal(size=(60, 3)), np.repeat([0, 1, 2], [10, 20, 30])
    assert Condenser(MMD(), n_per_class=2, **QUICK).fit(X, y).storage_["bytes"] == 6 * 3 * 8 + 2 + 3 * 8  # once a class
    assert Condenser(MMD(), n_samples=6, **QUICK).fit(X, y).storage_["bytes"] == 6 * 3 * 8 + 2  # 1, 2 and 3 rows
    clusters = KMeansCondenser(n_samples=4, random_state=0).fit(X)
    assert clusters.storage_["bytes"] == 4 * (3 * 8 + 8)


def test_soft_labels_are_beside_hard_ones(iris):
    learned = Condenser(
        SquaredL2(space=KernelRidgePredictions(), by=None), Points(Fixed(), labels="learned"), n_per_class=3, **QUICK
    ).fit(*iris)
    taught = SoftLabelRandom(n_per_class=3, random_state=0).fit(*iris)
    for fitted in (learned, taught):
        assert fitted.storage_["bytes"] == fitted.storage_["bytes_decoded"] == 9 * (4 * 8 + 3 * 8) + 3


def test_rows_of_a_frame_take_what_their_columns_do(rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 100, 30).astype(np.int8),
            "b": rng.normal(size=30).astype(np.float32),
            "c": pd.Categorical(rng.choice(["u", "v", "w"], 30)),
            "d": pd.array(rng.integers(0, 9, 30), dtype="Int16"),
        }
    )
    chosen = Condenser(None, Subset(), Draw(), n_samples=5, random_state=0).fit(frame)
    assert chosen.storage_["bytes"] == chosen.storage_["bytes_decoded"] == 5 * (1 + 4 + 1 + 2)
    made = Condenser(MMD(), n_samples=5, **QUICK).fit(frame)
    assert made.storage_["bytes"] == made.storage_["bytes_decoded"] == 5 * (1 + 4 + 1 + 2)
    kept = Condenser(MMD(), Points(LowRank(2)), n_samples=5, **QUICK).fit(frame)
    assert kept.storage_["bytes"] == 5 * (1 + 4 + 1 + 2), "a frame is kept as it is: codes would need its encoder"


def test_sparse_rows_take_what_is_not_zero():
    from scipy.sparse import random_array

    rows = random_array((50, 200), density=0.05, rng=0, format="csr")
    chosen = Condenser(None, Subset(), Draw(), n_samples=7, random_state=0).fit(rows)
    X_syn = chosen.X_syn_
    held = X_syn.data.nbytes + X_syn.indices.nbytes + X_syn.indptr.nbytes
    assert chosen.storage_["bytes"] == chosen.storage_["bytes_decoded"] == held < 7 * 200 * 8
