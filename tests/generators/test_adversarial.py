"""Adversarial generators: the penalty against its definition, and rows that are like those of the data."""

import numpy as np
import pytest
import torch
from torch import nn

from skdc import GenerativeModel
from skdc.discrepancies import EnergyDistance
from skdc.generators import AdversarialGenerator, LinearGenerator
from skdc.generators.adversarial import _excess
from skdc.generators.moments import ClassUnits
from skdc.generators.networks import NetworkDecoder
from skdc.networks import MLP

from ..sources import row_source, seeded

pytestmark = pytest.mark.slow

SMALL = {"encoder": MLP(width=64), "decoder": MLP(width=64)}


def test_slopes_are_to_be_one(rng):
    slope = torch.as_tensor(rng.normal(size=(4, 3)))
    points = torch.as_tensor(rng.normal(size=(6, 4, 3))).requires_grad_()
    linear = (points * slope).sum((1, 2))
    torch.testing.assert_close(_excess(linear, points), ((slope.norm() - 1) ** 2).expand(6))
    square = points.square().sum((1, 2)) / 2
    torch.testing.assert_close(_excess(square, points), (points.flatten(1).norm(dim=1) - 1) ** 2)


def ring(rng, n=400):
    """Return rows of two classes, each a ring of its own size: no Gaussian, nor a line."""
    angle, y = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2
    radius = 3 + 4 * y + 0.1 * rng.normal(size=n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y


def test_rows_are_drawn_where_those_of_the_data_are(rng):
    X, y = ring(rng)
    part = AdversarialGenerator(2, n_steps=600, **SMALL)
    distances = []
    for generator in (part, LinearGenerator(2)):
        drawn, _ = GenerativeModel(generator, random_state=0).fit(X, y).sample(400, y)
        distances.append(sum(EnergyDistance()(X[y == c], drawn[y == c]) for c in (0, 1)))
    assert distances[0] < 0.6 * distances[1]


def test_the_encoder_tells_latents(rng):
    X, y = ring(rng)
    source = row_source(X, y, dtype=torch.float32)
    live = AdversarialGenerator(2, n_steps=600, **SMALL).fit(source, seeded())
    X = source.rows.X / source.spread
    errors = (live.decode(live.encode(X, source.rows.key), source.rows.key) - X).square().sum(1).mean().sqrt()
    assert errors < 0.25 * (X - X.mean(0)).square().sum(1).mean().sqrt()


def test_the_encoder_heeds_what_only_rows_of_the_data_show(rng):
    # No row that is made tells what the second feature means for the latent: those of the data do, nothing.
    source = row_source(rng.normal(size=(200, 2)), dtype=torch.float32)
    decoder, encoder = nn.Linear(1, 2, bias=False), nn.Linear(2, 1)
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor([[1.0], [0.0]]))
        encoder.weight.copy_(torch.tensor([[0.5, 2.0]]))
    live = NetworkDecoder(decoder, encoder, ClassUnits(torch.zeros(1, 2), 1.0), 1)
    AdversarialGenerator(1, n_steps=200, step_size=0.05)._train_encoder(live, source, seeded())
    torch.testing.assert_close(encoder.weight, torch.tensor([[1.0, 0.0]]), atol=0.1, rtol=0)
    assert not encoder.weight.requires_grad


def test_classes_weigh_what_their_rows_do(rng):
    X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 8])
    weight = np.repeat([1.0, 50.0], 60)
    source = row_source(X, weight=weight, dtype=torch.float32)
    live = AdversarialGenerator(2, n_steps=300, **SMALL).fit(source, seeded())
    key = torch.zeros(300, dtype=torch.int64)
    drawn = source.decode(live.decode(live.draw(key, seeded()), key) * source.spread)
    assert (drawn[:, 0] > 4).mean() > 0.85


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_critic_steps": 0}, "n_critic_steps must be at least 1, and penalty positive"),
        ({"penalty": 0.0}, "n_critic_steps must be at least 1, and penalty positive"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"n_steps": 5, "step_size": 1e300}, "has not converged"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, message, rng):
    with pytest.raises(ValueError, match=rf"(?s)AdversarialGenerator\(.*{message}"):
        AdversarialGenerator(**parameters).fit(row_source(rng.normal(size=(9, 3))), seeded())
