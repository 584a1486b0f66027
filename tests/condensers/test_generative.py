"""Condensers that know from a generator what rows look like."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import skdc
from skdc import Condenser, GenerativePrior, KMeansCondenser, LatentQuantization
from skdc.augmentation import SiameseAugmentation
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator, VariationalGenerator
from skdc.networks import MLP
from skdc.spaces import Encoded

SMALL = MLP(width=16)
LINEAR, NETWORKS = LinearGenerator(4), VariationalGenerator(4, n_steps=40)
PRIOR = GenerativePrior(3, generator=LINEAR, network=SMALL, prior_weight=0.01, n_steps=4, random_state=0)
QUANTIZED = LatentQuantization(3, generator=LINEAR, random_state=0)
each = pytest.mark.parametrize("condenser", [PRIOR, QUANTIZED], ids=repr)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@each
@pytest.mark.parametrize("generator", [LINEAR, NETWORKS], ids=repr)
def test_images_come_out_and_a_file_gives_them_back(condenser, generator, digits, tmp_path):
    X, y = digits[0].reshape(-1, 8, 8).astype(np.uint8), digits[1]
    fitted = clone(condenser).set_params(generator=generator).fit(X, y)
    assert fitted.X_syn_.shape == (30, 8, 8) and fitted.X_syn_.dtype == np.uint8
    assert fitted.X_syn_.max() <= X.max() and np.bincount(fitted.y_syn_).tolist() == [3] * 10
    fitted.condensed_.save(tmp_path / "set.skdc")
    np.testing.assert_array_equal(skdc.load(tmp_path / "set.skdc").X, fitted.X_syn_)


@each
def test_rows_of_a_class_are_in_the_span_of_its_directions(condenser, rng):
    y = np.repeat([0, 1, 2], 100)
    X = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + 10 * y[:, None]
    fitted = clone(condenser).set_params(n_per_class=8, generator=LinearGenerator(2)).fit(X, y)
    inside = ((X.min(axis=0) < fitted.X_syn_) & (fitted.X_syn_ < X.max(axis=0))).all(axis=1)  # others are cut off
    for c in range(3):
        real = X[y == c]
        directions = np.linalg.svd(real - real.mean(0), full_matrices=False)[2][:2]
        rows = fitted.X_syn_[(fitted.y_syn_ == c) & inside] - real.mean(0)
        assert len(rows) > 4
        np.testing.assert_allclose(rows @ directions.T @ directions, rows, atol=1e-3)


def test_the_bytes_of_a_prior_have_those_of_its_decoder(digits):
    fitted = clone(PRIOR).fit(*digits)
    means_and_directions = 10 * (64 * 5 + 1) * 4
    assert fitted.storage_["shared_bytes"] >= means_and_directions
    assert fitted.storage_["bytes"] > means_and_directions + 30 * 4 * 8


@pytest.mark.parametrize(
    "name, value",
    [("generator", LinearGenerator(3)), ("prior_weight", 10.0), ("prior_weight", 0), ("step_size", 0.2)],
)
def test_every_field_changes_the_set(name, value, digits):
    first, other = (clone(PRIOR).set_params(**changes).fit(*digits).X_syn_ for changes in ({}, {name: value}))
    assert (first != other).any()


def test_images_undergo_changes(digits):
    X, y = digits[0].reshape(-1, 8, 8), digits[1]
    changes = {}, {"augmentation": SiameseAugmentation()}
    first, other = (clone(PRIOR).set_params(**change).fit(X, y).X_syn_ for change in changes)
    assert (first != other).any()


def test_a_heavier_prior_keeps_latents_shorter(digits):
    X, y = digits

    def norm(weight):
        settings = {"prior_weight": weight, "step_size": 0.2, "n_steps": 20}
        rows, codes = clone(PRIOR).set_params(**settings).fit(X, y), []
        for c in range(10):  # lengths within a class, in units of its directions
            real = X[y == c]
            values, directions = np.linalg.svd(real - real.mean(0), full_matrices=False)[1:]
            z = (rows.X_syn_[rows.y_syn_ == c] - real.mean(0)) @ directions[:4].T
            codes.append(z / values[:4] * len(real) ** 0.5)
        return np.square(codes).mean()

    assert norm(100.0) < 0.5 * norm(1e-6)


def test_quantization_is_k_means_of_latents(digits):
    named = clone(QUANTIZED).fit(*digits)
    built = KMeansCondenser(3, voting="centroid", space=Encoded(LINEAR), random_state=0).fit(*digits)
    np.testing.assert_array_equal(named.X_syn_, built.X_syn_)
    np.testing.assert_array_equal(named.sample_weight_, built.sample_weight_)
    assert len(np.unique(named.sample_weight_)) > 10
    once = clone(QUANTIZED).set_params(max_iter=1).fit(*digits)
    assert (once.X_syn_ != named.X_syn_).any()


@pytest.mark.slow
@each
def test_no_generator_is_a_variational_one(condenser, iris):
    X, y = iris
    first, second = (clone(condenser).set_params(generator=g).fit(X, y).X_syn_ for g in (None, VariationalGenerator()))
    np.testing.assert_array_equal(first, second)


@each
def test_frames_come_out_as_frames(condenser):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    frame = pd.DataFrame({"size": size, "count": rng.poisson(3, 200), "colour": np.where(size > 0, "red", "blue")})
    fitted = clone(condenser).set_params(generator=NETWORKS).fit(frame, frame["size"] > 0.5)
    assert fitted.X_syn_.dtypes.equals(frame.dtypes) and len(fitted.X_syn_) == 6
    assert set(fitted.X_syn_["colour"]) <= {"red", "blue"}


def test_continuous_targets_are_refused(digits):
    with pytest.raises(ValueError, match=r"LatentQuantization.*targets"):
        clone(QUANTIZED).set_params(n_per_class=None).fit(digits[0], digits[0][:, 2] + 0.5 * digits[0][:, 3] + 0.01)


def test_the_parts_are_those_of_a_condenser(digits):
    recipe = PRIOR.recipe()
    built = Condenser(*recipe[:3], n_per_class=3, random_state=0).fit(*digits)
    np.testing.assert_array_equal(built.X_syn_, clone(PRIOR).fit(*digits).X_syn_)
    with pytest.raises(PartsError, match="LatentPrior"):
        clone(PRIOR).set_params(generator=Blind(4)).fit(*digits)
    clone(PRIOR).set_params(generator=Blind(4), prior_weight=0).fit(*digits)


class Blind(LinearGenerator):
    """A generator that searches for encodings, through which no gradient passes."""

    def learn(self, source, generator):
        live = super().learn(source, generator)
        live.encodes = False
        return live
