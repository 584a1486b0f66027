"""Rows that a generator makes of latents."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from skdc import Condenser
from skdc.discrepancies import MMD, LatentPrior
from skdc.exceptions import PartsError
from skdc.generators import (
    DiffusionGenerator,
    FlowGenerator,
    GivenGenerator,
    LinearGenerator,
    StyleGenerator,
    VariationalGenerator,
)
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Latents, LowRank, LowResolution, Quantized
from skdc.solvers import Descent, Draw

from ...sources import finite_differences, row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 14, 16])
    X = rng.normal(size=(50, 5)) + 10 * y[:, None]
    return row_source(X, y, weight=rng.uniform(0.5, 2, 50))


def test_points_start_at_the_encodings_of_their_rows(source):
    live = Points(Latents(LinearGenerator(2)), within=None).build(source, SIZES, seeded())
    rows = Points().build(source, SIZES, seeded())()
    generator = LinearGenerator(2).fit(source, seeded())
    expected = generator.encode(rows.X / source.spread, rows.key)
    torch.testing.assert_close(live.codec.latents.decode(), expected)
    torch.testing.assert_close(live().X, generator.decode(expected, rows.key) * source.spread)
    every = Points(Latents(LinearGenerator(5)), within=None).build(source, SIZES, seeded())
    torch.testing.assert_close(every().X, rows.X)


def squashed(z, key):
    """Return rows that are not linear in their latents."""
    return (z @ torch.arange(6, dtype=z.dtype).reshape(2, 3).sin()).tanh() * (1 + key[:, None])


class Squashed(LinearGenerator):
    def learn(self, source, generator):
        live = super().learn(source, generator)
        live.decode = squashed
        return live


@pytest.mark.parametrize("chunk_size", [1, 3, 8, 100])
def test_the_gradient_is_that_without_chunks(chunk_size, rng):
    source = row_source(rng.normal(size=(40, 3)), np.arange(40) % 2)
    codec = Points(Latents(Squashed(2), chunk_size=chunk_size)).build(source, np.array([4, 4]), seeded()).codec
    values, weight = codec.latents.values, torch.as_tensor(rng.normal(size=(8, 3)))
    for places in (None, torch.tensor([6, 0, 0, 3])):
        key = codec.key if places is None else codec.key[places]
        z = values if places is None else values[places]
        rows, expected = codec.decode(places), squashed(z, key)
        torch.testing.assert_close(rows, expected)
        by_chunks, whole = (
            torch.autograd.grad((weight[: len(found)] * found).sin().sum(), values)[0] for found in (rows, expected)
        )
        torch.testing.assert_close(by_chunks, whole)

    def loss(z):
        return float((weight * squashed(torch.as_tensor(z), codec.key)).sin().sum())

    (found,) = torch.autograd.grad((weight * codec.decode()).sin().sum(), values)
    np.testing.assert_allclose(found, finite_differences(loss, values.detach().numpy().copy()), atol=1e-6)


def test_no_more_rows_than_a_chunk_are_in_one_graph(rng):
    seen = []

    class Watched(Squashed):
        def learn(self, source, generator):
            live = super().learn(source, generator)

            def decode(z, key):
                seen.append((len(z), torch.is_grad_enabled()))
                return squashed(z, key)

            live.decode = decode
            return live

    source = row_source(rng.normal(size=(40, 3)), np.arange(40) % 2)
    codec = Points(Latents(Watched(2), chunk_size=3)).build(source, np.array([4, 4]), seeded()).codec
    seen.clear()
    rows = codec.decode()
    assert seen == [(3, False), (3, False), (2, False)]
    seen.clear()
    rows.sum().backward()
    assert seen == [(3, True), (3, True), (2, True)]


def test_rows_stay_those_of_the_generator_while_they_move(iris):
    points = Points(Latents(LinearGenerator(2)), within=None)
    fitted = Condenser(MMD(), points, Descent(n_steps=5), n_per_class=4, random_state=0).fit(*iris)
    for label in fitted.classes_:
        rows = fitted.X_syn_[fitted.y_syn_ == label]
        real = iris[0][iris[1] == label]
        values = np.linalg.svd(rows - real.mean(0), compute_uv=False)
        assert values[2] < 1e-5 * values[0] < values[1]
    start = Condenser(MMD(), points, Descent(n_steps=1, step_size=1e-9), n_per_class=4, random_state=0).fit(*iris)
    assert np.abs(fitted.X_syn_ - start.X_syn_).max() > 0.05


def test_other_rows_are_encoded(source, rng):
    live = Points(Latents(LinearGenerator(5)), within=None).build(source, SIZES, seeded())
    rows = replace(live(), X=torch.as_tensor(rng.normal(size=(8, 5))))
    live.load(rows)
    torch.testing.assert_close(live().X, rows.X)


def test_latents_are_kept_by_a_storage(source):
    live = Points(Latents(LinearGenerator(4), inner=LowRank(2)), within=None).build(source, SIZES, seeded())
    assert live.codec.latents.decode().shape == (8, 4)
    assert [tuple(p.shape) for p in live.parameters()] == [(8, 2), (2, 4)]
    decoder = (5 + 5 * 4 + 1) * 4  # of float32, and a count
    assert Latents(LinearGenerator(4), inner=LowRank(2)).n_bytes(8, (5,), 8) == (8 * 2 + 2 * 4) * 8 + decoder


def test_the_decoder_is_counted(source):
    mean_and_range = 3 * 5 * 8
    shared = 3 * (5 + 5 * 2 + 1) * 4 + mean_and_range
    schema = source.schema
    for labels, parts in (("hard", Points(Latents(LinearGenerator(2)))), ("hard", Subset(Latents(LinearGenerator(2))))):
        assert parts.n_bytes(0, schema) == shared, labels
        assert parts.n_bytes(7, schema) == shared + 7 * 2 * 8 + 2  # seven labels of two bits
    by_all = Points(Latents(LinearGenerator(2, by="all")))
    assert by_all.n_bytes(0, schema) == (5 + 5 * 2 + 1) * 4 + mean_and_range


def test_a_budget_holds_the_decoder_and_the_latents(iris):
    parts = Points(Latents(LinearGenerator(2)))
    fitted = Condenser(MMD(), parts, Descent(n_steps=1), n_bytes=1000, random_state=0).fit(*iris)
    shared, weights = 3 * (4 + 4 * 2 + 1) * 4 + 3 * 4 * 8, 3 * 8
    assert fitted.storage_["shared_bytes"] == shared
    assert len(fitted.X_syn_) == 44 and 44 * 2 * 8 + 11 + shared + weights <= 1000 < 45 * 2 * 8 + 12 + shared + weights
    with pytest.raises(
        ValueError, match=f"too small for a point of each .* n_bytes={shared + weights + 3 * 2 * 8 + 1}"
    ):
        Condenser(MMD(), parts, n_bytes=200).fit(*iris)


def bent(input_shape, n_outputs):
    """Build a network of a layer that numpy has not."""
    return nn.Sequential(nn.Flatten(), nn.Linear(np.prod(input_shape), 16), nn.Tanh(), nn.Linear(16, n_outputs))


class Classes(nn.Linear):
    """Images that are told their classes."""

    def forward(self, z, key):
        """Return the images."""
        return super().forward(z).reshape(-1, 8, 8) + key[:, None, None]


SMALL = MLP(width=16, depth=1)
PLAIN, BENT = (VariationalGenerator(2, decoder=decoder, n_steps=20) for decoder in (SMALL, bent))
IMAGES = nn.Unflatten(1, (8, 8))


@pytest.mark.parametrize(
    "generator, decoded",
    [
        (PLAIN, True),
        (BENT, False),
        (DiffusionGenerator(PLAIN, SMALL, 2, n_steps=5), True),
        (DiffusionGenerator(PLAIN, bent, 2, n_steps=5), False),
        (DiffusionGenerator(BENT, SMALL, 2, n_steps=5), False),
        (FlowGenerator(PLAIN, n_transforms=1, width=4, n_steps=2), False),
        (StyleGenerator(2, width=1, n_steps=2, n_search_steps=1), True),
        (GivenGenerator(nn.Sequential(nn.Linear(2, 64), IMAGES), (2,), n_search_steps=1), True),
        (GivenGenerator(nn.Sequential(nn.Linear(2, 64), nn.Tanh(), IMAGES), (2,), n_search_steps=1), False),
        (GivenGenerator(Classes(2, 64), (2,), takes_classes=True, n_search_steps=1), False),
    ],
    ids=lambda given: type(given).__name__,
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["numbers", "levels"])
def test_a_budget_is_kept_whatever_the_layers(generator, decoded, wrapped):
    X, y = load_digits(return_X_y=True)
    parts = Points(Quantized(8, Latents(generator)) if wrapped else Latents(generator))
    condenser = Condenser(MMD(), parts, Descent(n_steps=1), n_bytes=15000, random_state=0)
    stored = condenser.fit(X[:600].reshape(-1, 8, 8), y[:600]).storage_
    assert (condenser.condensed_.coded is not None) == decoded
    assert stored["bytes"] <= 15000 and (stored["points"] == 600 or stored["bytes"] > 15000 - 2 * 8 * 64)


def test_a_fit_with_a_generator_keeps_its_state(iris, tmp_path):
    part = VariationalGenerator(2, n_steps=20)
    given = {"discrepancy": MMD() + LatentPrior(part), "parameterization": Points(Latents(part)), "n_per_class": 2}
    whole, kept = (
        Condenser(**given, solver=Descent(n_steps=6), random_state=0, checkpoint=path).fit(*iris)
        for path in (None, tmp_path / "state")
    )
    np.testing.assert_array_equal(kept.X_syn_, whole.X_syn_)


def test_a_live_set_with_a_generator_pickles(iris):
    source = row_source(*iris)
    live = Points(Latents(VariationalGenerator(2, n_steps=20))).build(source, np.array([2, 2, 2]), seeded())
    torch.testing.assert_close(pickle.loads(pickle.dumps(live))().X, live().X, rtol=0, atol=0)


def test_chosen_rows_are_kept_as_latents(iris):
    fitted = Condenser(None, Subset(Latents(LinearGenerator(4))), Draw(), n_per_class=3, random_state=0).fit(*iris)
    np.testing.assert_allclose(fitted.X_syn_, iris[0][fitted.indices_], atol=1e-4)


def test_latents_are_the_outermost(rng):
    images = row_source(rng.normal(size=(12, 4, 4)))
    for storage in (LowResolution(inner=Latents(LinearGenerator(2))), LowRank(2, inner=Latents(LinearGenerator(2)))):
        with pytest.raises(PartsError, match="put the other storage inside"):
            Points(storage).build(images, np.array([4]), seeded())


def test_chunks_of_no_rows_are_refused(source):
    with pytest.raises(ValueError, match=r"Latents\(chunk_size=0\): it must be at least 1"):
        Points(Latents(LinearGenerator(2), chunk_size=0)).build(source, SIZES, seeded())


@pytest.mark.parametrize("given", ["linear", LinearGenerator, Descent()])
def test_what_is_no_generator_is_refused(given, iris):
    with pytest.raises(TypeError, match=r"from skdc\.generators import LinearGenerator"):
        Condenser(MMD(), Points(Latents(given)), n_per_class=2).fit(*iris)
