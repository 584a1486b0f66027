"""Codes: numpy alone gives back what torch has seen, in the bytes that are counted."""

import json
import os

import numpy as np
import pytest
import scipy.fft
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

import skdc
from skdc import Condenser
from skdc.codes import (
    UniformLevels,
    label_bits,
    label_probabilities,
    on_simplex,
    packed_bits,
    packed_bytes,
    unpacked_bits,
)
from skdc.codes.images import cosines, enlarging
from skdc.discrepancies import MMD, SquaredL2
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.labels import CodedTargets, KeptLabels, Probabilities
from skdc.parameterizations.storage import Fixed, Frequencies, Latents, LowRank, LowResolution, Quantized
from skdc.solvers import Descent, Draw
from skdc.solvers.quadrature import project_on_simplex
from skdc.spaces import KernelRidgePredictions

STORAGES = [
    Frequencies(9),
    Frequencies(9, "class"),
    Frequencies(9, inner=LowRank(4)),
    LowRank(3),
    LowRank(3, inner=LowResolution(2)),
    LowRank(3, inner=Frequencies(20)),
    LowRank(3, inner=Fixed()),
    LowResolution(3),
    LowResolution(2, inner=LowRank(2)),
    Quantized(8),
    Quantized(1),
    Quantized(16, LowRank(3)),
    Quantized(5, LowResolution(2)),
    Quantized(4, Frequencies(9)),
    Quantized(3, Frequencies(9, "class")),
    LowRank(3, inner=Quantized(6, LowResolution(2))),
    Frequencies(9, inner=Quantized(3)),
    Quantized(4, Frequencies(9, inner=LowRank(3))),
    Latents(LinearGenerator(3)),
    Latents(LinearGenerator(3, by="all")),
    Quantized(4, Latents(LinearGenerator(3))),
    Latents(LinearGenerator(3), inner=Quantized(6)),
]


@given(st.integers(1, 16).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, 2**n - 1)))))
def test_bits_come_back(drawn):
    n_bits, values = drawn
    packed = packed_bits(np.array(values, dtype=np.uint16), n_bits)
    assert packed.nbytes == packed_bytes(len(values), n_bits) == -(-len(values) * n_bits // 8)
    assert unpacked_bits(packed, n_bits, len(values)).tolist() == values


def test_bits_that_are_too_few_are_refused():
    with pytest.raises(ValueError, match="9 numbers of 4 bits are not in 4 bytes"):
        unpacked_bits(np.zeros(4, np.uint8), 4, 9)


@pytest.mark.parametrize("n_classes, bits", [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 10)])
def test_bits_of_labels(n_classes, bits):
    assert label_bits(n_classes) == bits


@pytest.mark.parametrize("n", [1, 2, 7, 28])
def test_cosines_are_those_of_scipy(n, rng):
    values = rng.normal(size=(3, n))
    np.testing.assert_allclose(values @ cosines(n).T, scipy.fft.dct(values, norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(cosines(n) @ cosines(n).T, np.eye(n), atol=1e-12)


@pytest.mark.parametrize("n, size", [(1, 1), (1, 4), (2, 3), (3, 6), (7, 28), (4, 15), (5, 5)])
def test_enlarging_is_that_of_torch(n, size, rng):
    values = rng.normal(size=(2, 1, n, n))
    expected = torch.nn.functional.interpolate(torch.as_tensor(values), (size, size), mode="bilinear")
    np.testing.assert_allclose(enlarging(n, size) @ values @ enlarging(n, size).T, expected, atol=1e-12)


def test_the_simplex_is_that_of_the_solver(rng):
    values = rng.normal(size=(1001, 7)) * rng.uniform(0.1, 10, (1001, 1))
    np.testing.assert_allclose(on_simplex(values), project_on_simplex(torch.as_tensor(values)), atol=1e-12)


def test_levels_lie_evenly_between_their_ends():
    levels = UniformLevels(packed_bits(np.arange(4), 2), 2, (2, 2), np.float32([1, 10]), np.float32([0.5, 2]))
    assert levels.decode().tolist() == [[1, 12], [2, 16]]
    assert levels.scaled(np.array([2.0, 1.0])).decode().tolist() == [[2, 12], [4, 16]]


OTHERS = [pytest.param(dtype, marks=pytest.mark.slow) for dtype in (np.int16, np.float32, np.float64)]


@pytest.fixture(params=[np.uint8, *OTHERS], ids=lambda dtype: dtype.__name__)
def images(request, rng):
    """Return smooth images of four classes, of which the fourth is rare."""
    waves = np.sin(np.linspace(0, 3, 30).reshape(5, 6) * rng.uniform(0.5, 2, (101, 1, 1)))
    X = 120 + 100 * waves + 5 * rng.normal(size=(101, 5, 6))
    return X.astype(request.param), np.repeat(["a", "b", "c", "d"], [40, 30, 26, 5])


def size_without_header(path):
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        json.loads(file.read(length))
    return os.path.getsize(path) - 8 - length


def same(first, other):
    if first is None or other is None:
        return first is other
    return type(first) is type(other) and first.dtype == other.dtype and np.array_equal(first, other)


PARTS = ("X", "y", "sample_weight", "y_soft", "classes", "y_learned")


@pytest.mark.parametrize("storage", STORAGES, ids=repr)
@pytest.mark.parametrize("moves", [True, False])
def test_a_file_takes_the_bytes_that_are_said(storage, moves, images, tmp_path):
    parts = (MMD(), Points(storage), Descent(n_steps=2)) if moves else (None, Subset(storage), Draw())
    fitted = Condenser(*parts, n_samples=12, random_state=0).fit(*images)
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    assert again.coded is not None
    for name in PARTS:
        assert same(getattr(again, name), getattr(fitted.condensed_, name)), name
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")


@pytest.mark.parametrize("storage", STORAGES, ids=repr)
def test_a_budget_is_kept_and_used(storage, rng):
    X, y = rng.integers(0, 256, (3001, 5, 6)).astype(np.uint8), np.arange(3001) % 3
    fitted = Condenser(None, Subset(storage), Draw(), n_bytes=3000, random_state=0).fit(X, y)
    points, taken = fitted.storage_["points"], fitted.storage_["bytes"]
    assert taken <= 3000 and points < 3001
    # One more would not have fitted; weights are counted as if classes differed in theirs.
    a_point = -(-(taken - fitted.storage_["shared_bytes"]) // points)
    assert taken + a_point + 3 * 8 >= 3000


@pytest.mark.parametrize(
    "points",
    [
        Points(labels="learned"),
        Points(labels="learned", label_bits=8),
        Points(labels="probabilities"),
        Points(labels="probabilities", label_bits=3),
        Points(Quantized(4, Frequencies(9)), labels="learned", label_bits=1),
        Points(Fixed(), labels="learned", label_bits=16),
        Points(labels="learned", top_labels=2),
        Points(labels="learned", label_bits=8, top_labels=2),
        Points(labels="probabilities", top_labels=1),
        Points(Quantized(4), labels="probabilities", label_bits=4, top_labels=3),
        Points(labels="probabilities", top_labels=4),
    ],
    ids=repr,
)
def test_labels_of_few_bits(points, images, tmp_path):
    loss = SquaredL2(space=KernelRidgePredictions(), by=None)
    fitted = Condenser(loss, points, Descent(n_steps=3), n_per_class=3, random_state=0).fit(*images)
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    for name in PARTS:
        assert same(getattr(again, name), getattr(fitted.condensed_, name)), name
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")
    np.testing.assert_array_equal(fitted.y_learned_, fitted.condensed_.y_learned)
    np.testing.assert_allclose(fitted.y_soft_.sum(axis=1), 1)
    if points.top_labels is not None:
        assert ((fitted.y_learned_ != 0).sum(axis=1) == points.top_labels).all()
        assert ((fitted.y_soft_ != 0).sum(axis=1) <= points.top_labels).all()
    elif points.label_bits is not None:
        steps = (fitted.y_learned_ + 0.5) * (2**points.label_bits - 1) / 2
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
        assert steps.min() >= -1e-6 and steps.max() <= 2**points.label_bits - 1 + 1e-3


def test_labels_of_a_teacher_of_few_bits(images, tmp_path):
    chosen = Subset(labels="teacher", teacher=GaussianNB(), label_bits=4)
    X, y = images
    X = X.reshape(len(X), -1)
    fitted = Condenser(None, chosen, Draw(), n_per_class=3, encoder=None, random_state=0).fit(X, y)
    fitted.condensed_.save(tmp_path / "set.skdc")
    assert same(skdc.load(tmp_path / "set.skdc").y_soft, fitted.y_soft_)
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")
    assert fitted.y_learned_ is None


def test_the_largest_labels_are_kept_as_a_step_sees_them(rng):
    y = torch.as_tensor(rng.dirichlet(np.ones(6), 9))
    seen = KeptLabels(None, 2, shares=True).seen(y)
    largest = np.sort(y, axis=1)[:, -2:]
    np.testing.assert_allclose(np.sort(seen, axis=1)[:, -2:], largest / largest.sum(1, keepdims=True))
    scores = torch.tensor([[0.1, -0.3, 0.9, 0.2], [0.0, 0.0, 0.0, 1.5]], dtype=torch.float64)
    assert KeptLabels(None, 2, shares=False).seen(scores).tolist() == [[0, -0.3, 0.9, 0], [0, 0, 0, 1.5]]
    for kept in (KeptLabels(5, 2, shares=False), KeptLabels(5, 4, shares=True), KeptLabels(None, 3, shares=True)):
        code = kept.code(kept.seen(y).numpy())
        np.testing.assert_allclose(code.decode(), kept.seen(y), rtol=0, atol=1e-7)
        n_numbers = 9 * kept.n_kept
        numbers = 8 * n_numbers if kept.bits is None else packed_bytes(n_numbers, kept.bits)
        assert code.nbytes == packed_bytes(n_numbers, 3) + numbers
        probabilities = label_probabilities(code)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert not probabilities[code.decode() == 0].any()


def test_gradients_pass_labels_that_are_kept():
    inner = Probabilities(torch.eye(4, dtype=torch.float64)[:3])
    targets = CodedTargets(inner, KeptLabels(4, 2, shares=True))
    X, key = torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)
    weight = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    through, whole = (torch.autograd.grad((weight * part(X, key)).sum(), inner.logits)[0] for part in (targets, inner))
    torch.testing.assert_close(through, whole)


@pytest.mark.parametrize("top_labels", [1, 3])
def test_labels_of_a_teacher_of_few_classes(top_labels, images, tmp_path):
    X, y = images[0].reshape(101, -1), images[1]
    chosen = Subset(labels="teacher", teacher=GaussianNB(), label_bits=6, top_labels=top_labels)
    fitted = Condenser(None, chosen, Draw(), n_per_class=3, encoder=None, random_state=0).fit(X, y)
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    assert same(again.y_soft, fitted.y_soft_) and again.coded_labels is not None
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")
    assert same(again.shrink(1).y_soft, fitted.y_soft_[::3])
    again.shrink(1).save(tmp_path / "short.skdc")
    assert skdc.load(tmp_path / "short.skdc").coded_labels is not None
    assert size_without_header(tmp_path / "short.skdc") < size_without_header(tmp_path / "set.skdc") / 2


@pytest.mark.parametrize(
    "points, message",
    [
        (Points(labels="learned", label_bits=0), r"label_bits=0\): it must be a number from 1 to 16"),
        (Points(labels="learned", label_bits=17), r"label_bits=17\): it must be a number from 1 to 16"),
        (Points(labels="learned", label_bits=2.5), r"label_bits=2.5\): it must be a number from 1 to 16"),
        (Points(labels="learned", top_labels=0), r"top_labels=0\): it must be a number of classes from 1 to 3"),
        (Points(labels="learned", top_labels=4), r"top_labels=4\): it must be a number of classes from 1 to 3"),
        (Points(top_labels=1), "hard labels take the bits that tell them apart; leave top_labels=None"),
        (Points(label_bits=4), "hard labels take the bits that tell them apart; leave label_bits=None"),
    ],
    ids=repr,
)
def test_bits_of_labels_that_cannot_be_are_refused(points, message, iris):
    loss = SquaredL2(space=KernelRidgePredictions(), by=None)
    with pytest.raises(ValueError, match=message):
        Condenser(loss, points, n_per_class=3).fit(*iris)
    given = {"label_bits": points.label_bits, "top_labels": points.top_labels}
    chosen = Subset(labels="hard" if points.labels == "hard" else "teacher", **given)
    with pytest.raises(ValueError, match=message):
        Condenser(None, chosen, Draw(), n_per_class=3).fit(*iris)


def test_bits_of_labels_are_for_classes(rng):
    loss = SquaredL2(space=KernelRidgePredictions(), by=None)
    with pytest.raises(ValueError, match="label_bits is for class labels"):
        Condenser(loss, Points(labels="learned", label_bits=8), n_samples=3).fit(
            rng.normal(size=(30, 2)), rng.normal(size=30)
        )


def test_a_set_with_other_rows_is_saved_as_its_rows(images, tmp_path):
    from dataclasses import replace

    fitted = Condenser(None, Subset(Quantized(2)), Draw(), n_per_class=3, random_state=0).fit(*images)
    other = replace(fitted.condensed_, X=fitted.X_syn_[::-1].copy())
    other.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    assert again.coded is None and same(again.X, other.X)


def test_rows_of_a_table_stay_within_the_range_of_each_column(rng, tmp_path):
    X = np.column_stack([rng.normal(1e6, 1, 1001), rng.integers(0, 5, 1001), rng.lognormal(0, 2, 1001)])
    fitted = Condenser(MMD(), Points(LowRank(2)), Descent(n_steps=3), n_samples=9, encoder=None, random_state=0).fit(X)
    assert (fitted.X_syn_ >= X.min(axis=0)).all() and (fitted.X_syn_ <= X.max(axis=0)).all()
    fitted.condensed_.save(tmp_path / "set.skdc")
    assert same(skdc.load(tmp_path / "set.skdc").X, fitted.X_syn_)
    assert fitted.storage_["bytes"] == size_without_header(tmp_path / "set.skdc")
