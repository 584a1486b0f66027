"""Variational autoencoders: the bound against its definition, and rows that are like those of the data."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.distributions import Normal, kl_divergence

from skdc import Condenser, GenerativeModel
from skdc.discrepancies import RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator, VariationalGenerator
from skdc.generators.networks import DownConvolutions, UpConvolutions
from skdc.generators.variational import divergence, gaussian_surprise
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents

from ..sources import row_source, seeded

SMALL = {"encoder": MLP(width=16, depth=1), "decoder": MLP(width=16, depth=1)}


def test_the_bound_is_that_of_the_best_variance(rng):
    errors, mean, log_variance = (torch.as_tensor(rng.normal(size=(6, d))) for d in (5, 3, 3))
    mass = torch.as_tensor(rng.dirichlet(np.ones(6)))
    exact = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)

    def bound(deviation):
        # Less the constant d / 2 (1 + log 2 pi) of the Gaussian of the errors.
        likelihood = Normal(0.0, deviation).log_prob(errors).sum(1)
        return float(mass @ (exact - likelihood)) - 5 / 2 * (1 + np.log(2 * np.pi))

    found = float(gaussian_surprise(errors, mass) + mass @ divergence(mean, log_variance))
    best = float((mass @ errors.square().mean(1)).sqrt())
    assert found == pytest.approx(bound(best))
    assert found < bound(0.99 * best) and found < bound(1.01 * best)


def errors(part, source):
    live, key = part.fit(source, seeded()), source.rows.key
    X = source.rows.X / source.spread
    return float((live.decode(live.encode(X, key), key) - X).square().mean())


def test_it_bends_where_principal_components_cannot(rng):
    angle = rng.uniform(0, 2 * np.pi, 400)
    X = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)], axis=1)
    source = row_source(X, dtype=torch.float32)
    linear = errors(LinearGenerator(2), source)
    assert errors(VariationalGenerator(2, n_steps=1000, step_size=0.01, **SMALL), source) < 0.2 * linear


def test_random_rows_teach_what_rows_of_the_data_do(digits):
    X, y = digits
    train, test = slice(0, None, 2), slice(1, None, 2)
    model = GenerativeModel(VariationalGenerator(n_steps=300), random_state=0)
    drawn, labels = model.fit(X[train], y[train]).sample(800)
    assert LogisticRegression(max_iter=1000).fit(drawn, labels).score(X[test], y[test]) > 0.8


def test_a_weight_is_a_row_that_often(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    weight = np.where(X[:, 0] > 0, 1000.0, 1.0)
    source = row_source(X, y, weight=weight)
    part = VariationalGenerator(2, n_steps=300, **SMALL)
    live = part.fit(source, seeded())
    key = torch.arange(2).repeat(200)
    drawn = source.decode(live.decode(live.draw(key, seeded()), key) * source.spread)
    assert (drawn[:, 0] > 0).mean() > 0.8


@pytest.mark.slow
def test_classes_that_are_far_apart_leave_something_to_the_latents(rng):
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 3)) * [0.1, 1, 0.1] + 100 * y[:, None]
    source = row_source(X, y, dtype=torch.float32)
    live = VariationalGenerator(2, n_steps=600).fit(source, seeded())
    X = source.rows.X / source.spread
    errors = (live.decode(live.encode(X, source.rows.key), source.rows.key) - X).square().sum()
    means = torch.stack([X[source.rows.key == c].mean(0) for c in (0, 1)])
    assert errors < 0.3 * (X - means[source.rows.key]).square().sum()
    spreads = torch.stack([live.encode(X, source.rows.key)[source.rows.key == c].std(0).max() for c in (0, 1)])
    assert ((spreads > 0.6) & (spreads < 1.6)).all(), "latents are in units of their spread"


@pytest.mark.parametrize("shape", [(16, 17), (3, 18, 16), (19, 16, 3)])
def test_images_of_any_layout_and_side_are_convolved(shape, rng):
    images = rng.normal(size=(12, *shape))
    live = VariationalGenerator(4, n_steps=2).fit(row_source(images, dtype=torch.float32), seeded())
    key = torch.zeros(5, dtype=torch.int64)
    rows = live.decode(live.draw(key, seeded()), key)
    assert rows.shape == (5, *shape) and live.encode(rows, key).shape == (5, 4)
    assert any(isinstance(layer, torch.nn.ConvTranspose2d) for layer in live.decoder)
    assert live.n_bytes() == 4 * VariationalGenerator(4).n_numbers(shape, 1)


def test_networks_are_built_for_the_rows_that_they_see_and_make():
    down, up = DownConvolutions(width=4)((16, 17), 6), UpConvolutions((16, 17), width=4)((6,), 16 * 17)
    assert up(down(torch.zeros(2, 16, 17))).shape == (2, 16 * 17)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_components": 0}, "n_components, n_steps, batch_size must be at least 1"),
        ({"n_steps": 0}, "n_components, n_steps, batch_size must be at least 1"),
        ({"step_size": -1.0}, "step_size positive"),
    ],
)
def test_steps_that_make_no_sense_are_refused(parameters, message, rng):
    with pytest.raises(ValueError, match=message):
        VariationalGenerator(**parameters).fit(row_source(rng.normal(size=(9, 3))), seeded())


def test_what_has_not_converged_is_refused_by_name(rng):
    with pytest.raises(
        ValueError, match=r"VariationalGenerator\(.*\) has not converged: step_size=1e\+30 is too large"
    ):
        VariationalGenerator(2, n_steps=20, step_size=1e30).fit(row_source(rng.normal(size=(50, 3))), seeded())


def test_a_stream_is_refused(iris):
    points = Points(Latents(VariationalGenerator()))
    condenser = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), points, n_per_class=2)
    with pytest.raises(PartsError, match="VariationalGenerator cannot learn what its networks are"):
        getattr(condenser.partial_fit(*iris), "X_syn_")  # noqa: B009  which solves
