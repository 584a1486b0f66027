"""Spline flows: a bijection with the density that it says, and rows that are like those of the data."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.autograd.functional import jacobian

from skdc import Condenser, GenerativeModel, GenerativePrior
from skdc.discrepancies import MMD
from skdc.evaluation import two_sample_test
from skdc.exceptions import PartsError
from skdc.generators import FlowGenerator, GivenGenerator, LinearGenerator, VariationalGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent
from skdc.utils.estimator_checks import check_generator

from ..sources import row_source, seeded

SMALL = FlowGenerator(width=16, n_steps=60, batch_size=64)


@pytest.fixture(scope="module")
def bent():
    """Return rows of two classes on a curve, a source of them, and a flow of it."""
    rng = np.random.default_rng(0)
    y, u = np.arange(400) % 2, rng.normal(size=400)
    X = np.stack([u, u**2 + 0.3 * rng.normal(size=400) + 4 * y, rng.exponential(size=400)], axis=1)
    source = row_source(X, y)
    return X, y, source, SMALL.fit(source, seeded())


def working(source, X):
    return source.encode(X) / source.spread


def test_rows_come_back(bent, rng):
    X, _, source, live = bent
    for rows in (X, X + 50 * rng.normal(size=X.shape)):
        rows = working(source, rows)
        torch.testing.assert_close(
            live.decode(live.encode(rows, source.rows.key), source.rows.key), rows, atol=1e-9, rtol=0
        )
    z = torch.as_tensor(rng.normal(size=(400, 3)))
    torch.testing.assert_close(live.encode(live.decode(z, source.rows.key), source.rows.key), z, atol=1e-9, rtol=0)


def test_the_density_is_that_of_the_latents_by_the_jacobian(bent):
    _, _, source, live = bent
    X, key = working(source, source.X)[:20], source.rows.key[:20]
    jacobians = jacobian(lambda x: live.encode(x, key).sum(0), X).transpose(0, 1)  # no row sees another
    z = live.encode(X, key).numpy()
    expected = multivariate_normal(np.zeros(3)).logpdf(z) + torch.linalg.slogdet(jacobians).logabsdet.numpy()
    np.testing.assert_allclose(live.log_density(X, key), expected, atol=1e-8)


@pytest.mark.slow
def test_the_density_integrates_to_one(rng):
    source = row_source(np.stack([(u := rng.normal(size=300)), u**2], axis=1))
    live = SMALL.fit(source, seeded())
    side = torch.linspace(-8, 8, 400, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    density = live.log_density(grid, torch.zeros(len(grid), dtype=torch.int64)).exp()
    assert float(density.sum() * (side[1] - side[0]) ** 2) == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_the_density_of_a_gaussian_is_its_closed_form(rng):
    mixing = rng.normal(size=(3, 3))
    X, test = (rng.normal(size=(n, 3)) @ mixing.T + [5, 0, -3] for n in (4000, 1000))
    source = row_source(X, dtype=torch.float32)
    live = FlowGenerator(n_steps=500).fit(source, seeded())
    found = live.log_density(working(source, test), torch.zeros(1000, dtype=torch.int64)).double().numpy()
    exact = multivariate_normal([5, 0, -3], mixing @ mixing.T).logpdf(test)
    exact += 3 * np.log(source.units.scale * source.spread)
    # The mean of the difference is the divergence; a Gaussian without correlations is 1.5 nats away.
    assert 0 < (exact - found).mean() < 0.1
    assert np.corrcoef(exact, found)[0, 1] > 0.97


@pytest.mark.slow
def test_rows_of_a_class_are_drawn_like_rows_of_that_class(rng):
    y, u = np.arange(1200) % 2, rng.normal(size=1200)
    X = np.stack([u, u**2 + 0.3 * rng.normal(size=1200) + 2 * y], axis=1)
    train, test = slice(0, 800), slice(800, None)
    drawn, labels = GenerativeModel(FlowGenerator(), random_state=0).fit(X[train], y[train]).sample(400, y[test])
    linear, _ = GenerativeModel(LinearGenerator(2), random_state=0).fit(X[train], y[train]).sample(400, y[test])
    for c in (0, 1):
        real = X[test][y[test] == c]
        assert two_sample_test(MMD(), real, drawn[labels == c]).p_value > 0.05
        assert two_sample_test(MMD(), real, linear[labels == c]).p_value < 0.01
        assert two_sample_test(MMD(), real, drawn[labels != c]).p_value < 0.01


@pytest.mark.slow
def test_categories_that_are_rare_and_columns_that_are_constant_are_drawn(rng):
    X = np.stack([rng.normal(size=1000), np.arange(1000) < 20, np.ones(1000)], axis=1)
    drawn, _ = GenerativeModel(FlowGenerator(width=16, n_steps=300), random_state=0).fit(X).sample(2000)
    assert 0.005 < (drawn[:, 1] > 0.5).mean() < 0.06
    np.testing.assert_allclose(drawn[:, 2], 1, atol=1e-4)


@pytest.mark.parametrize("shape", [(1,), (2, 3)])
@pytest.mark.parametrize("n_classes", [1, 2])
def test_one_feature_and_small_images_do(shape, n_classes, rng):
    X, y = rng.normal(size=(60, *shape)), np.arange(60) % n_classes
    source = row_source(X, y)
    live = SMALL.fit(source, seeded())
    rows, key = working(source, X), source.rows.key
    torch.testing.assert_close(live.decode(live.encode(rows, key), key), rows)
    assert live.n_bytes() == 8 * SMALL.n_numbers(shape, n_classes)


def test_a_seed_gives_the_same_bits_in_a_float_of_the_rows(iris):
    X, y = iris
    model = GenerativeModel(SMALL, random_state=3)
    first = model.fit(X.astype(np.float32), y).sample(5)[0]
    np.testing.assert_array_equal(model.fit(X.astype(np.float32), y).sample(5)[0], first)
    assert first.dtype == np.float32 and model.fit(X, y).sample(5)[0].dtype == np.float64


def test_wide_rows_are_refused_but_for_an_autoencoder(rng):
    source = row_source(rng.normal(size=(50, 20, 20)), dtype=torch.float32)
    with pytest.raises(PartsError, match="at most 256, but these rows have 400; give it an autoencoder"):
        SMALL.fit(source, seeded())
    nested = SMALL.__class__(LinearGenerator(5), n_steps=30)
    live, base = nested.fit(source, seeded()), LinearGenerator(5).fit(source, seeded())
    rows, key = source.rows.X / source.spread, source.rows.key
    assert live.encode(rows, key).shape == (50, 5) and nested.shape_of_latents((20, 20)) == (5,)
    expected = base.decode(base.encode(rows, key), key)
    torch.testing.assert_close(live.decode(live.encode(rows, key), key), expected, atol=1e-3, rtol=1e-3)
    assert live.n_bytes() == 4 * nested.n_numbers((20, 20), 1)


@pytest.mark.slow
def test_points_are_latents_of_it(iris):
    points = Points(Latents(FlowGenerator(n_steps=200)))
    fitted = Condenser(MMD(), points, Descent(n_steps=20), n_per_class=5, random_state=0).fit(*iris)
    losses = fitted.history_["loss"]
    assert losses[-1] < 0.7 * losses[0]
    drawn = GenerativePrior(2, generator=SMALL, n_steps=3, random_state=0).fit(*iris).X_syn_
    assert drawn.shape == (6, 4) and np.isfinite(drawn).all()


@pytest.mark.slow
def test_it_passes_the_published_checks():
    check_generator(FlowGenerator(width=16, n_steps=100))


def test_it_says_how_to_install_zuko(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(ImportError, match=r'pip install "skdc\[flows\]"'):
        GenerativeModel(SMALL).fit(*iris)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_transforms": 0}, "n_transforms and width must be at least 1"),
        ({"width": 0}, "n_transforms and width must be at least 1"),
        ({"noise": -1.0}, "noise not negative"),
        ({"n_steps": 0}, "n_steps, batch_size must be at least 1"),
        ({"autoencoder": VariationalGenerator(0)}, "n_components, n_steps, batch_size must be at least 1"),
        ({"autoencoder": GivenGenerator(torch.nn.Linear(2, 3), (2,))}, "has no encoder"),
        ({"n_steps": 9, "step_size": 1e300}, "has not converged"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, message, rng):
    with pytest.raises(ValueError, match=rf"(?s)Generator\(.*{message}"):
        FlowGenerator(**parameters).fit(row_source(rng.normal(size=(9, 3))), seeded())
