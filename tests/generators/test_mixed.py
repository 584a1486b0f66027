"""Mixed tables: the likelihood against torch's distributions, and rows with the categories and modes of the data."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ks_2samp
from sklearn.preprocessing import StandardScaler
from torch.distributions import Bernoulli, Categorical, Normal

from skdc import GenerativeModel, LatentQuantization
from skdc.generators import DiffusionGenerator, FlowGenerator, VariationalGenerator
from skdc.generators.mixed import MixedColumns
from skdc.networks import MLP
from skdc.preprocessing import ModeEncoder, TabularEncoder
from skdc.preprocessing.groups import CodeGroup

from ..sources import seeded

GROUPS = [CodeGroup("number"), CodeGroup("bounded"), CodeGroup("category", 3), CodeGroup("category")]
SMALL = {"encoder": MLP(width=32), "decoder": MLP(width=32), "step_size": 0.005}


@pytest.fixture
def columns(rng):
    """Return columns of all kinds, outputs, codes, and the rows that these are."""
    shift, scale = torch.as_tensor(rng.normal(size=6)), 2.5
    outputs = torch.as_tensor(rng.normal(size=(8, 6)))
    codes = torch.as_tensor(np.hstack([rng.normal(size=(8, 2)), np.eye(3)[rng.integers(0, 3, 8)], np.eye(8)[:, :1]]))
    return MixedColumns(GROUPS, shift, scale), outputs, codes, (codes - shift) / scale


def test_outputs_become_numbers_and_probabilities(columns):
    part, outputs, _, _ = columns
    codes = part(outputs) * 2.5 + part.shift
    torch.testing.assert_close(part(outputs)[:, 0], outputs[:, 0])
    torch.testing.assert_close(codes[:, 1], outputs[:, 1].tanh())
    torch.testing.assert_close(codes[:, 2:5], outputs[:, 2:5].softmax(1))
    torch.testing.assert_close(codes[:, 5], outputs[:, 5].sigmoid())


def test_the_surprise_is_that_of_torch(columns, rng):
    part, outputs, codes, rows = columns
    mass = torch.as_tensor(rng.dirichlet(np.ones(8)))
    errors = (part(outputs) - rows)[:, :2]
    deviation = (mass @ errors.square() + 0.01**2).sqrt()
    numbers = Normal(0.0, deviation).log_prob(errors).sum(1)
    categories = Categorical(logits=outputs[:, 2:5]).log_prob(codes[:, 2:5].argmax(1))
    indicators = Bernoulli(logits=outputs[:, 5]).log_prob(codes[:, 5])
    # Less what squared errors of unit variance add, and the constant of the Gaussian.
    constant = np.log(2 * np.pi) + float((mass @ errors.square() / deviation**2).sum()) / 2
    expected = -float(mass @ (numbers + categories + indicators)) - constant
    assert float(part.surprise(outputs, rows, mass)) == pytest.approx(expected)


def test_categories_are_drawn_by_their_probabilities(columns):
    part, outputs, _, rows = columns
    part.learn_deviations(outputs, rows, torch.full((8,), 1 / 8, dtype=torch.float64))
    drawn = part.sample(outputs[:1].expand(20000, 6), seeded()) * 2.5 + part.shift
    expected = part(outputs)[0] * 2.5 + part.shift
    assert set(drawn[:, 2:].round(decimals=9).unique().tolist()) == {0, 1}
    np.testing.assert_allclose(drawn.mean(0), expected, atol=0.06)
    np.testing.assert_allclose(drawn[:, 2:].mean(0), expected[2:], atol=0.015)
    errors = (part(outputs) - rows)[:, :2].square().mean(0).sqrt()
    np.testing.assert_allclose(drawn[:, :2].std(0), 2.5 * errors, rtol=0.05)


@pytest.fixture(scope="module")
def mixed():
    """Return a frame of 1000 rows with modes, categories that hang on them, gaps and flags; and classes."""
    rng = np.random.default_rng(0)
    mode, y = rng.choice([-10, 0, 10], 1000), np.arange(1000) % 2
    kind = np.where(rng.random(1000) < 0.8, np.array(["u", "v", "w"])[mode // 10 + 1], "x")
    frame = pd.DataFrame(
        {
            "modes": mode + 0.5 * rng.normal(size=1000),
            "kind": pd.Categorical(kind),
            "gaps": np.where(rng.random(1000) < 0.2, np.nan, rng.lognormal(size=1000) + y),
            "count": rng.poisson(3, 1000),
            "flag": rng.random(1000) < 0.1 + 0.5 * y,
        }
    )
    return frame, y


def between_modes(numbers):
    return (np.abs(numbers.to_numpy()[:, None] - [-10, 0, 10]).min(1) > 2.5).mean()


def drawn_by(numbers, frame, y, n_steps=300):
    part = VariationalGenerator(4, n_steps=n_steps, **SMALL)
    model = GenerativeModel(part, encoder=TabularEncoder(numbers=numbers), random_state=0).fit(frame, y)
    return model.sample(1000, y)[0]


def test_modes_are_kept_by_their_encoding_and_blurred_without(mixed):
    assert between_modes(drawn_by(ModeEncoder(), *mixed)["modes"]) < 0.03
    assert between_modes(drawn_by(StandardScaler(), *mixed)["modes"]) > 0.2


def test_of_tables_without_numbers_categories_are_drawn(mixed):
    frame, y = mixed
    drawn = drawn_by(None, frame[["kind"]], y, n_steps=100)
    assert list(drawn.dtypes) == list(frame[["kind"]].dtypes)
    assert drawn["kind"].value_counts(normalize=True).min() > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [ModeEncoder(), None])
def test_frames_are_drawn_like_those_of_the_data(numbers, mixed):
    frame, y = mixed
    drawn = drawn_by(numbers, frame, y, n_steps=1000)
    assert list(drawn.dtypes) == list(frame.dtypes)
    for name in ("modes", "gaps", "count"):
        assert ks_2samp(frame[name].dropna(), drawn[name].dropna()).statistic < 0.12
    assert abs(frame["gaps"].isna().mean() - drawn["gaps"].isna().mean()) < 0.07
    shares, found = (part["kind"].value_counts(normalize=True) for part in (frame, drawn))
    assert shares.sub(found).abs().sum() / 2 < 0.1
    for c in (0, 1):
        assert abs(frame["flag"][y == c].mean() - drawn["flag"][y == c].mean()) < 0.07
    for kind, mode in (("u", -10), ("w", 10)):
        near = (np.abs(drawn["modes"][drawn["kind"] == kind] - mode) < 2.5).mean()
        assert near > 2 / 3, "columns hang together: 1 / 3 by chance"


@pytest.mark.slow
def test_generators_in_its_latents_and_means_of_them_have_categories_too(mixed):
    frame, y = mixed
    base = VariationalGenerator(4, n_steps=300, **SMALL)
    encoder = TabularEncoder(numbers=ModeEncoder())
    for part in (FlowGenerator(base, n_steps=200), DiffusionGenerator(base, n_steps=400)):
        drawn, _ = GenerativeModel(part, encoder=encoder, random_state=0).fit(frame, y).sample(1000, y)
        assert between_modes(drawn["modes"]) < 0.03 and 0.2 < drawn["flag"].mean() < 0.5
        assert drawn["kind"].value_counts(normalize=True).min() > 0.08
    few = LatentQuantization(5, generator=base, encoder=encoder, random_state=0).fit(frame, y).X_syn_
    assert list(few.dtypes) == list(frame.dtypes) and between_modes(few["modes"]) == 0
