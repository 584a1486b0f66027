"""The prior of latents against its definition, and what it does to points."""

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD, LatentPrior, RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent

from ..sources import row_source, seeded, synthetic

QUICK = {"solver": Descent(0.1, n_steps=100), "n_per_class": 3, "random_state": 0}


def test_it_is_half_the_squared_norm_of_the_latents(rng):
    y = np.repeat([0, 1], [40, 20])
    X = rng.normal(size=(60, 5)) * [1, 2, 3, 4, 5] + 10 * y[:, None]
    source = row_source(X, y)
    penalty = (MMD(bandwidth=1.0) + LatentPrior(LinearGenerator(3))).fit(source, seeded()).leaves()[1]
    live = LinearGenerator(3).fit(source, seeded())
    z, codes, weight = rng.normal(size=(4, 3)), np.array([0, 0, 1, 1]), rng.uniform(0.5, 2, 4)
    rows = live.decode(torch.as_tensor(z), torch.as_tensor(codes)) * source.spread
    points = synthetic(source, source.decode(rows), codes, weight)
    expected = np.average((z**2).sum(1) / 2, weights=weight)
    assert float(penalty.penalty(points, seeded())) == pytest.approx(expected)


def norms(X, y, *terms):
    """Return the squared norms of the latents of points that are latents."""
    points = Points(Latents(LinearGenerator(3)), within=None)
    fitted = Condenser(sum(terms, start=MMD()), points, **QUICK).fit(X, y)
    source = row_source(X, y)
    live = LinearGenerator(3).fit(source, seeded())
    key = torch.as_tensor(np.searchsorted(fitted.classes_, fitted.y_syn_))
    return live.encode(source.encode(fitted.X_syn_) / source.spread, key).square().sum(1).numpy()


def test_it_draws_points_to_the_middle_of_their_class(iris):
    assert norms(*iris, 10 * LatentPrior(LinearGenerator(3))).mean() < 0.2 * norms(*iris).mean()


def test_one_generator_is_learned_for_all(iris, monkeypatch):
    learned, learn = [], LinearGenerator.learn
    monkeypatch.setattr(LinearGenerator, "learn", lambda *given: learned.append(given) or learn(*given))
    points = Points(Latents(LinearGenerator(2)))
    Condenser(MMD() + LatentPrior(LinearGenerator(2)), points, **QUICK).fit(*iris)
    assert len(learned) == 1


def test_a_stream_is_refused(iris):
    sums = RandomFeatureMMD(bandwidth=1.0, n_features=20)
    condenser = Condenser(sums + LatentPrior(LinearGenerator(2)), n_per_class=2)
    with pytest.raises(PartsError, match=r"LinearGenerator cannot learn the means and products of rows from a stream"):
        condenser.partial_fit(*iris)
