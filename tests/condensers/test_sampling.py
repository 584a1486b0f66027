"""Condensers that take their rows from a diffusion generator."""

from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import cosine_similarity

import skdc
from skdc import CondensedGenerator, Condenser, InfluenceGuidance, MinimaxDiffusion
from skdc.discrepancies import MMD, Cosine, Sinkhorn
from skdc.exceptions import PartsError
from skdc.generators import DiffusionGenerator, LinearGenerator, VariationalGenerator
from skdc.learners import PretrainedNetworks
from skdc.networks import MLP
from skdc.spaces import NetworkGradients

SMALL = MLP(width=32)
DIFFUSION = DiffusionGenerator(
    VariationalGenerator(8, SMALL, SMALL, n_steps=80), SMALL, n_diffusion_steps=4, n_steps=80
)
LONGER = DiffusionGenerator(VariationalGenerator(8, SMALL, SMALL, n_steps=400), SMALL, n_diffusion_steps=4, n_steps=200)
MINIMAX = MinimaxDiffusion(4, generator=DIFFUSION, n_steps=5, random_state=0)
GUIDED = InfluenceGuidance(4, generator=DIFFUSION, random_state=0)
each = pytest.mark.parametrize("condenser", [MINIMAX, GUIDED], ids=lambda condenser: type(condenser).__name__)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(digits):
    """Fit condensers, each once for all tests."""
    return cache(lambda condenser: clone(condenser).fit(*digits))


@each
def test_images_come_out_and_a_file_gives_them_back(condenser, digits, tmp_path):
    X, y = digits[0].reshape(-1, 8, 8).astype(np.uint8), digits[1]
    fitted = clone(condenser).fit(X, y)
    assert fitted.X_syn_.shape == (40, 8, 8) and fitted.X_syn_.dtype == np.uint8
    assert np.bincount(fitted.y_syn_).tolist() == [4] * 10
    fitted.condensed_.save(tmp_path / "set.skdc")
    np.testing.assert_array_equal(skdc.load(tmp_path / "set.skdc").X, fitted.X_syn_)


def cosines(X, y, **settings):
    """Return the mean over points of the least cosine to a row, and of the greatest to a point, of their class."""
    fitted = clone(MINIMAX).set_params(generator=LONGER, n_steps=30, step_size=0.1, **settings).fit(X, y)
    rows, worst, closest = fitted.X_syn_ - X.mean(0), [], []
    for c in range(10):
        points = rows[fitted.y_syn_ == c]
        worst.append(cosine_similarity(points, X[y == c] - X.mean(0)).min(1))
        closest.append((cosine_similarity(points) - 2 * np.eye(4)).max(1))
    return np.mean(worst), np.mean(closest)


@pytest.mark.slow
def test_points_are_representative_and_diverse(digits):
    (representative, alike), (moderate, diverse) = (cosines(*digits, diversity=weight) for weight in (0, 4.0))
    assert diverse < alike - 0.1 and representative > moderate
    assert cosines(*digits, representativeness=20.0)[0] > moderate + 0.02


@each
def test_the_rows_are_kept_as_rows_where_these_take_less_than_a_decoder(condenser, fitted):
    stored = fitted(condenser).storage_
    assert stored["shared_bytes"] == 0 and stored["bytes"] == stored["bytes_decoded"]


@pytest.mark.parametrize(
    "condenser, changes",
    [
        *[(MINIMAX, {name: 0}) for name in ("diversity", "prior_weight")],
        *[(MINIMAX, {name: 0.5}) for name in ("representativeness", "step_size")],
        (MINIMAX, {"batch_size": 20}),
        *[(GUIDED, {name: 0}) for name in ("deviation", "guidance")],
        *[(GUIDED, change) for change in ({"window": (0.2, 0.8)}, {"batch_size": 20})],
    ],
)
def test_every_field_changes_the_set(condenser, changes, digits, fitted):
    assert (clone(condenser).set_params(**changes).fit(*digits).X_syn_ != fitted(condenser).X_syn_).any()


@pytest.mark.slow
def test_deviation_drives_points_from_each_other(digits):
    def alike(deviation):
        fitted = clone(GUIDED).set_params(generator=LONGER, deviation=deviation).fit(*digits)
        rows = fitted.X_syn_ - digits[0].mean(0)
        return np.mean([(cosine_similarity(rows[fitted.y_syn_ == c]) - 2 * np.eye(4)).max(1) for c in range(10)])

    assert alike(3.0) < alike(0.0) - 0.03


def test_the_default_discrepancy_is_mmd_and_any_other_guides(digits):
    gradients = Cosine(space=NetworkGradients(PretrainedNetworks(SMALL, n_networks=1, n_steps=20)))
    given = [None, MMD(), gradients, Sinkhorn()]
    sets = [clone(GUIDED).set_params(discrepancy=part).fit(*digits).X_syn_ for part in given]
    np.testing.assert_array_equal(sets[0], sets[1])
    assert (sets[1] != sets[2]).any() and (sets[1] != sets[3]).any()


@each
def test_the_parts_are_those_of_a_condenser(condenser, digits):
    built = Condenser(*condenser.recipe()[:3], n_per_class=4, random_state=0).fit(*digits)
    np.testing.assert_array_equal(built.X_syn_, clone(condenser).fit(*digits).X_syn_)


@each
def test_other_generators_and_continuous_targets_are_refused(condenser, digits):
    with pytest.raises(PartsError, match=r"generator=LinearGenerator\(\).*must be a DiffusionGenerator\(\)"):
        clone(condenser).set_params(generator=LinearGenerator()).fit(*digits)
    with pytest.raises(PartsError, match=rf"(?s){type(condenser).__name__}: .*targets"):
        clone(condenser).set_params(n_per_class=None, n_samples=9).fit(
            digits[0], digits[0][:, 2] + 0.5 * digits[0][:, 3] + 0.01
        )


@each
def test_frames_come_out_as_frames(condenser):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    frame = pd.DataFrame({"size": size, "count": rng.poisson(3, 200), "colour": np.where(size > 0, "red", "blue")})
    fitted = clone(condenser).fit(frame, frame["size"] > 0.5)
    assert fitted.X_syn_.dtypes.equals(frame.dtypes) and set(fitted.X_syn_["colour"]) <= {"red", "blue"}


@pytest.mark.parametrize(
    "condenser",
    [MINIMAX, GUIDED, CondensedGenerator(4, generator=DIFFUSION.autoencoder, n_steps=3, random_state=0)],
    ids=lambda part: type(part).__name__,
)
def test_rows_have_the_unit_of_the_data(condenser, digits):
    first, other = (clone(condenser).fit(unit * digits[0], digits[1]).X_syn_ for unit in (1.0, 2.0**20))
    np.testing.assert_allclose(other / 2.0**20, first, atol=1e-3)  # of 16 shades, computed in float32
