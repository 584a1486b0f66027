"""Diffusion: DDIM against its closed form for a Gaussian, gradients through its steps, and rows that come out."""

from math import cos, pi, sin

import numpy as np
import pytest
import torch

from skdc import Condenser, GenerativeModel
from skdc.discrepancies import MMD, EnergyDistance
from skdc.generators import DiffusionGenerator, LinearGenerator, VariationalGenerator
from skdc.generators.diffusion import ddim
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent

from ..sources import row_source, seeded

pytestmark = pytest.mark.slow

SMALL = MLP(width=64)
QUICK = DiffusionGenerator(VariationalGenerator(2, SMALL, SMALL, n_steps=300), SMALL, n_steps=400)


def angles(n_steps):
    return [pi / 2 * (1 - step / n_steps) for step in range(n_steps + 1)]


def of_gaussian(spread):
    """Return the velocity that is expected where latents are Gaussian of a spread, and noise is standard."""

    def velocity(z, a):
        variance = (cos(a) * spread) ** 2 + sin(a) ** 2
        x, e = cos(a) * spread**2 / variance * z, sin(a) / variance * z
        return cos(a) * e - sin(a) * x

    return velocity


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("n_steps", [1, 7, 20])
def test_ddim_is_its_closed_form_for_a_gaussian(spread, n_steps, rng):
    z, factor = rng.normal(size=(5, 3)), 1.0
    for a, b in zip(angles(n_steps)[:-1], angles(n_steps)[1:]):
        # The estimate of the latent, and the noise that is then left, in units of the mixture.
        x = cos(a) * spread**2 / ((cos(a) * spread) ** 2 + sin(a) ** 2)
        factor *= cos(b) * x + sin(b) * (1 - cos(a) * x) / sin(a)
    found = ddim(of_gaussian(spread), torch.as_tensor(z), angles(n_steps))
    np.testing.assert_allclose(found, factor * z, atol=1e-12)


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
def test_many_steps_give_noise_the_spread_of_the_latents_and_back(spread, rng):
    z = torch.as_tensor(rng.normal(size=(5, 3)))
    found = ddim(of_gaussian(spread), z, angles(4000))
    torch.testing.assert_close(found, spread * z, rtol=2e-3, atol=0)
    torch.testing.assert_close(ddim(of_gaussian(spread), found, angles(4000)[::-1]), z, rtol=5e-3, atol=0)


def test_a_skip_mixes_estimates_with_the_start(rng):
    z = rng.normal(size=(5, 3))
    (a, b, c), shares = angles(2), (1.0, 0.5)
    mixed = z
    for (here, there), share in zip(((a, b), (b, c)), shares):
        v = of_gaussian(0.5)(mixed, here)
        x, e = cos(here) * mixed - sin(here) * v, sin(here) * mixed + cos(here) * v
        mixed = cos(there) * ((1 - share) * x + share * z) + sin(there) * e
    np.testing.assert_allclose(ddim(of_gaussian(0.5), torch.as_tensor(z), [a, b, c], skip=True), mixed)


@pytest.mark.parametrize("skip", [False, True])
def test_steps_that_are_computed_again_have_the_same_gradient(skip, rng):
    z, seen = torch.as_tensor(rng.normal(size=(5, 3))).requires_grad_(), []

    def velocity(z, a):
        seen.append(a)
        return (z * (1 + a)).tanh()

    def plain(z):
        start = z
        for step, (a, b) in enumerate(zip(angles(6)[:-1], angles(6)[1:])):
            v, share = (z * (1 + a)).tanh(), skip * (1 - step / 6)
            x = (1 - share) * (cos(a) * z - sin(a) * v) + share * start
            z = cos(b) * x + sin(b) * (sin(a) * z + cos(a) * v)
        return z

    found = torch.autograd.grad(ddim(velocity, z, angles(6), skip).sin().sum(), z)[0]
    torch.testing.assert_close(found, torch.autograd.grad(plain(z).sin().sum(), z)[0])
    assert len(seen) == 12, "each step is computed twice"


def test_rows_are_drawn_where_those_of_the_data_are(rng):
    y = np.arange(400) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, 400), 3 + 4 * y + 0.1 * rng.normal(size=400)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    distances = []
    for part in (QUICK, LinearGenerator(2)):
        drawn, _ = GenerativeModel(part, random_state=0).fit(X, y).sample(400, y)
        distances.append(sum(EnergyDistance()(X[y == c], drawn[y == c]) for c in (0, 1)))
    assert distances[0] < 0.6 * distances[1]


@pytest.mark.parametrize("skip", [False, True])
def test_points_move_in_its_latents(skip, iris):
    points = Points(Latents(QUICK.__class__(**QUICK.get_params(deep=False) | {"skip": skip})))
    fitted = Condenser(MMD(), points, Descent(n_steps=20), n_per_class=5, random_state=0).fit(*iris)
    losses = fitted.history_["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_encodings_come_back_as_far_as_the_autoencoder_gives_them(iris):
    source = row_source(*iris, dtype=torch.float32)
    live, base = QUICK.fit(source, seeded()), QUICK.autoencoder.fit(source, seeded())
    X, key = source.rows.X, source.rows.key
    errors = [float((part.decode(part.encode(X, key), key) - X).square().mean()) for part in (live, base)]
    assert errors[0] < errors[1] + 0.1 * float(X.square().mean())


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_diffusion_steps": 0}, "n_diffusion_steps must be at least 1"),
        ({"n_steps": 0}, "n_steps, batch_size must be at least 1"),
        ({"autoencoder": VariationalGenerator(0)}, "n_components, n_steps, batch_size must be at least 1"),
        ({"autoencoder": VariationalGenerator(2, n_steps=5), "n_steps": 9, "step_size": 1e300}, "has not converged"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, message, rng):
    with pytest.raises(ValueError, match=rf"(?s)Generator\(.*{message}"):
        DiffusionGenerator(**parameters).fit(row_source(rng.normal(size=(9, 3))), seeded())
