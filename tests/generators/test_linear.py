"""Probabilistic principal components against their closed form, and against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from skdc.generators import LinearGenerator
from skdc.sources import RowSource

from ..sources import CPU, row_source, seeded


@pytest.fixture
def rows(rng):
    """Return weighted rows of three classes, of which no two have the same covariance."""
    y = np.repeat([0, 1, 2], [60, 50, 40])
    X = rng.normal(size=(150, 6)) @ rng.normal(size=(6, 6))
    return 3 + X * (1 + y[:, None]) + 10 * y[:, None], y, rng.uniform(0.5, 2, 150)


def learned(X, y, weight=None, **parameters):
    source = row_source(X, y, weight=weight)
    return LinearGenerator(**parameters).fit(source, seeded()), source


def ppca(X, weight, q):
    """Return mean, covariance of the model and variance of the noise by eigenvalues."""
    mean = np.average(X, axis=0, weights=weight)
    values, vectors = np.linalg.eigh(np.cov(X.T, aweights=weight, bias=True))
    noise = values[:-q].mean() if q < len(values) else 0.0
    W = vectors[:, -q:] * np.sqrt(values[-q:] - noise)
    return mean, W @ W.T + noise * np.eye(len(values)), noise


@pytest.mark.parametrize("q", [1, 3, 6])
def test_each_class_is_modelled_by_its_closed_form(q, rows):
    X, y, weight = rows
    live, source = learned(X, y, weight, n_components=q)
    for c in range(3):
        mean, covariance, noise = ppca(source.encode(X[y == c]).numpy() / source.spread, weight[y == c], q)
        W = live.directions[c].numpy()
        np.testing.assert_allclose(live.mean[c], mean)
        np.testing.assert_allclose(live.noise_variance[c], noise, atol=1e-12)
        np.testing.assert_allclose(W @ W.T + float(live.noise_variance[c]) * np.eye(6), covariance, atol=1e-12)


def test_of_all_rows_it_is_that_of_scikit_learn(rows):
    X, y, _ = rows
    live, source = learned(X, y, n_components=2, by="all")
    W = live.directions[0].numpy() * source.spread
    pca = PCA(2).fit(source.encode(X).numpy())
    biased = (len(X) - 1) / len(X)  # it divides by one less
    np.testing.assert_allclose(float(live.noise_variance[0]) * source.spread**2, biased * pca.noise_variance_)
    covariance = W @ W.T + float(live.noise_variance[0]) * source.spread**2 * np.eye(6)
    np.testing.assert_allclose(covariance, biased * pca.get_covariance(), atol=1e-10)


@pytest.mark.parametrize("by", ["all", "class"])
def test_a_weight_is_a_row_that_often(by, rows, rng):
    X, y, _ = rows
    times = rng.integers(1, 4, len(X))
    weighted, source = learned(X, y, times, by=by, n_components=2)
    order = rng.permutation(times.sum())
    repeated = row_source(np.repeat(X, times, axis=0)[order], np.repeat(y, times)[order])
    other = LinearGenerator(by=by, n_components=2).fit(repeated, seeded())
    key = torch.tensor([0, 2, 1, 1])
    draws = [live.decode(live.draw(key, seeded()), key) for live in (weighted, other)]
    np.testing.assert_allclose(source.decode(draws[0]), repeated.decode(draws[1]))


def test_pieces_of_a_pass_change_nothing(rows, monkeypatch):
    whole = learned(*rows, n_components=3)[0]
    monkeypatch.setattr("skdc.sources.rows._CHUNK_BYTES", 8 * 6 * 7)
    pieces = learned(*rows, n_components=3)[0]
    torch.testing.assert_close(pieces.mean, whole.mean)
    torch.testing.assert_close(pieces.directions, whole.directions)


@pytest.mark.parametrize("by", ["all", "class"])
def test_latents_are_those_of_the_nearest_rows(by, rows):
    live, source = learned(*rows, by=by, n_components=3)
    key = torch.tensor([2, 0, 1, 0])
    X = source.rows.X[:4] / source.spread
    z = live.encode(X, key).requires_grad_()
    (gradient,) = torch.autograd.grad((live.decode(z, key) - X).square().sum(), z)
    assert gradient.abs().max() < 1e-10
    torch.testing.assert_close(live.encode(live.decode(z, key), key), z)


def test_directions_of_all_draw_the_rows_of_a_class_by_its_moments(rows):
    X, y, _ = rows
    live, source = learned(X, y, n_components=6, by="all")
    key = torch.full((20000,), 2)
    drawn = source.decode(live.decode(live.draw(key, seeded()), key) * source.spread)
    np.testing.assert_allclose(drawn.mean(0), X[y == 2].mean(0), atol=0.5)
    covariance = np.cov(X[y == 2].T, bias=True)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.05 * np.trace(covariance))


def test_latents_of_random_rows_have_their_own_spread_for_a_unit(rows):
    live, source = learned(*rows, n_components=2)
    z = live.encode(source.rows.X / source.spread, torch.as_tensor(rows[1]))
    # A little larger: rows have noise in these directions, too.
    assert ((z.std(0) >= 1) & (z.std(0) < 1.5)).all()


def test_images_without_classes(rng):
    images = rng.normal(size=(30, 4, 5))
    live, source = learned(images, None, n_components=20)
    key = torch.zeros(30, dtype=torch.int64)
    assert live.latent_shape == (20,)
    torch.testing.assert_close(live.decode(live.encode(source.rows.X, key), key), source.rows.X)


def test_a_class_of_few_rows_varies_in_few_directions(rng):
    X, y = rng.normal(size=(32, 5)), np.repeat([0, 1, 2], [29, 2, 1])
    live, source = learned(X, y, n_components=4)
    found = live.encode(source.rows.X, torch.as_tensor(y))
    assert found.isfinite().all() and (live.directions.abs().amax(1) > 0).sum(1).tolist() == [4, 1, 0]
    torch.testing.assert_close(live.decode(found, torch.as_tensor(y))[29:], source.rows.X[29:])


@pytest.mark.parametrize("by", ["all", "class"])
def test_what_is_counted_is_what_there_is(by, rows):
    live, source = learned(*rows, n_components=3, by=by)
    assert live.n_bytes() == LinearGenerator(3, by).n_numbers((6,), 3) * source.rows.X.element_size()


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_components": 0}, r"LinearGenerator\(n_components=0\): rows of 6 features have 1 to 6 components"),
        ({"n_components": 7}, r"LinearGenerator\(n_components=7\): rows of 6 features have 1 to 6 components"),
        ({"by": "rows"}, r"LinearGenerator\(by='rows'\): by must be 'class' or 'all'"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message, rows):
    with pytest.raises(ValueError, match=message):
        learned(*rows, **parameters)


def test_rows_that_are_all_alike_have_no_generator():
    with pytest.raises(
        ValueError, match=r"LinearGenerator\(\) has not converged: the rows that it gives .* are all alike"
    ):
        learned(np.ones((10, 20)), None)


def test_a_source_is_learned_from_once_by_what_is_alike(rows):
    source = row_source(*rows[:2])
    first = LinearGenerator(2).fit(source, seeded(1))
    assert LinearGenerator(2).fit(source, seeded(2)) is first
    assert LinearGenerator(3).fit(source, seeded(1)) is not first
    again = RowSource(source.X, None, source.weight, source.key, source.schema, CPU, torch.float64)
    assert LinearGenerator(2).fit(again, seeded(1)) is not first
