"""Sets that are generators: what is kept is the decoder, of which rows are drawn."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

import skdc
from skdc import CondensedGenerator, Condenser, GenerativeModel, RandomSubset
from skdc.codes import CodedRows, DrawnLatents
from skdc.discrepancies import MMD, MeanDistance, QuantizationError
from skdc.exceptions import PartsError
from skdc.generators import AdversarialGenerator, LinearGenerator, StyleGenerator, VariationalGenerator
from skdc.networks import MLP
from skdc.parameterizations import Drawn
from skdc.solvers import Descent, Lloyd

from ..codes.test_codes import size_without_header
from ..sources import row_source, seeded

SMALL = MLP(width=16)
AUTOENCODER = VariationalGenerator(2, SMALL, SMALL, n_steps=100)


class Swished(nn.Sequential):
    """A network of a layer that numpy has not."""

    def __init__(self, input_shape, n_outputs):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(input_shape)), 8), nn.SiLU(), nn.Linear(8, n_outputs))


CONDENSED = CondensedGenerator(5, generator=AUTOENCODER, network=SMALL, n_steps=5, random_state=0)


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


def test_latents_are_drawn_anew_after_each_step_and_places_are_of_one_draw(iris):
    live = Drawn(AUTOENCODER).build(row_source(*iris, dtype=torch.float32), np.array([2, 3, 4]), seeded())
    first, some = live().X.detach(), live(torch.tensor([8, 0])).X.detach()
    torch.testing.assert_close(some, first[[8, 0]])
    live.project()
    assert (first != live().X).any(dim=1).all()
    assert live.key.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert torch.equal(pickle.loads(pickle.dumps(live))().X, live().X)


def test_without_a_step_it_is_the_generator_as_it_is_fitted(iris):
    source = row_source(*iris, dtype=torch.float32)
    part = Drawn(AUTOENCODER, within=None)
    live, fitted = part.build(source, np.array([5, 5, 5]), seeded()), AUTOENCODER.fit(source, seeded())
    with torch.no_grad():
        expected = fitted.decode(live.latents, live.key) * source.spread
        assert torch.equal(live().X, expected)
        next(live.decoder.parameters()).add_(1.0)
        assert (expected != live().X).any(), "the decoder moves"
        assert torch.equal(fitted.decode(live.latents, live.key) * source.spread, expected), "that of the fit stays"


def test_draws_come_nearer_to_the_data_by_what_is_minimised(iris):
    X, y = iris
    poor = VariationalGenerator(2, SMALL, SMALL, n_steps=20)  # hardly trained

    def distance(n_steps):
        solver = Descent(0.005, n_steps=n_steps)
        fitted = Condenser(MMD(), Drawn(poor), solver, n_per_class=20, random_state=0).fit(X, y)
        drawn, labels = fitted.drawing_.sample(150, y, 0)
        return sum(MMD()(X[y == c], drawn[labels == c]) for c in range(3))

    assert distance(100) < 0.7 * distance(1)


def test_bytes_are_those_of_the_decoder_however_many_rows_are_drawn(digits):
    few, many = (clone(CONDENSED).set_params(n_per_class=n).fit(*digits).storage_ for n in (1, 50))
    of_draws = 4 * 10 * (2 * 3 + 1)  # the Gaussian of two numbers, and how many rows there are, of each class
    of_units = 3 * 8 * 64  # origin and ends of each feature
    assert few["shared_bytes"] == many["shared_bytes"] == AUTOENCODER.decoder_bytes((64,), 10) + of_draws + of_units
    assert many["bytes"] - few["bytes"] == (490 * 4) // 8  # labels of four bits
    within = clone(CONDENSED).set_params(n_per_class=None, n_bytes=few["bytes"] + 100).fit(*digits)
    assert within.storage_["bytes"] <= few["bytes"] + 100 and len(within.X_syn_) > 100
    with pytest.raises(ValueError, match="too small for a point of each of 10 classes"):
        clone(CONDENSED).set_params(n_per_class=None, n_bytes=1000).fit(*digits)


def test_a_budget_counts_rows_where_numpy_has_not_the_layers(digits):
    generator = VariationalGenerator(2, SMALL, Swished, n_steps=5)
    images = digits[0].astype(np.uint8)
    fitted = CondensedGenerator(generator=generator, n_steps=1, n_bytes=2000, random_state=0).fit(images, digits[1])
    assert fitted.condensed_.coded is None and 2000 - 2 * 64 < fitted.storage_["bytes"] <= 2000


def test_rows_are_drawn_without_end_and_like_the_data(digits):
    images, y = digits[0].reshape(-1, 8, 8).astype(np.uint8), digits[1]
    fitted = clone(CONDENSED).fit(images, y)
    X, labels = fitted.drawing_.sample(500, random_state=0)
    assert X.shape == (500, 8, 8) and X.dtype == np.uint8 and X.max() <= images.max()
    assert len(np.unique(labels)) == 10
    asked = fitted.drawing_.sample(3, [7, 7, 1])[1]
    assert asked.tolist() == [7, 7, 1]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).drawing_.sample(500, random_state=0)[0], X)
    with pytest.raises(ValueError, match="n_samples=0 must be a whole number of at least 1"):
        fitted.drawing_.sample(0)
    with pytest.raises(ValueError, match="which is not among the classes"):
        fitted.drawing_.sample(1, [11])


ADVERSARIAL = AdversarialGenerator(2, SMALL, SMALL, n_steps=20)


@pytest.mark.parametrize("generator", [AUTOENCODER, ADVERSARIAL], ids=["gaussian", "standard"])
@pytest.mark.parametrize("shape", [(64,), (8, 8)], ids=str)
def test_a_file_keeps_the_generator(shape, generator, digits, tmp_path):
    X, y = digits[0].reshape(-1, *shape).astype(np.uint8), np.array(list("abcdefghij"))[digits[1]]
    keep = y < "d"
    fitted = clone(CONDENSED).set_params(generator=generator).fit(X[keep], y[keep])
    fitted.condensed_.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    np.testing.assert_array_equal(again.X, fitted.X_syn_)
    assert size_without_header(tmp_path / "set.skdc") == fitted.storage_["bytes"]
    # Weights of classes are counted beside what the parameterization knows; ends are bytes as the rows are.
    schema = row_source(X[keep], y[keep]).schema
    of_ends = 2 * 64 * (8 - 1)
    assert fitted.storage_["bytes"] - 3 * 8 == Drawn(generator).n_bytes(15, schema) - of_ends
    rows, labels = again.sample(300, random_state=0)
    expected = fitted.drawing_.sample(300, random_state=0)
    assert np.array_equal(rows, expected[0]) and np.array_equal(labels, expected[1])
    assert rows.shape == (300, *shape) and rows.dtype == np.uint8
    asked, of = again.sample(4, ["c", "a", "c", "b"], 1)
    assert of.tolist() == ["c", "a", "c", "b"]
    in_order = again.sample(4, ["a", "b", "c", "c"], 1)[0]
    np.testing.assert_array_equal(asked[[1, 3, 0, 2]], in_order)


def test_rows_of_a_file_are_those_of_the_decoder_and_its_gaussians(digits):
    keep = (digits[1] > 4) | (np.arange(len(digits[1])) % 4 == 0)  # five classes are rare
    X, y = (part[keep] for part in digits)
    fitted = clone(CONDENSED).set_params(generator=VariationalGenerator(2, SMALL, SMALL, n_steps=300)).fit(X, y)
    rows, labels = fitted.condensed_.sample(2000, random_state=0)
    model = LogisticRegression(max_iter=1000).fit(rows, labels)
    assert model.score(*digits) > 0.7
    shares = np.bincount(labels, minlength=10) / 2000
    np.testing.assert_allclose(shares, np.bincount(y) / len(y), atol=0.02)
    latents = fitted.condensed_.coded
    while not isinstance(latents, DrawnLatents):
        latents = latents.code if isinstance(latents, CodedRows) else latents.inputs
    z = latents.redrawn(np.uint32([0, 0, 20000] + [0] * 7), 1).decode()
    np.testing.assert_allclose(z.mean(0), latents.centers[2], atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), latents.roots[2] @ latents.roots[2].T, atol=0.05)


def test_a_part_of_many_rows_is_a_generator_too(digits, tmp_path):
    whole = clone(CONDENSED).set_params(n_per_class=100).fit(*digits).condensed_
    short = whole.shrink(50)
    short.save(tmp_path / "set.skdc")
    np.testing.assert_array_equal(short.X, whole.X[np.arange(1000) % 100 < 50])
    again = skdc.load(tmp_path / "set.skdc")
    assert size_without_header(tmp_path / "set.skdc") == short.provenance.storage["bytes"] < short.X.nbytes
    np.testing.assert_array_equal(again.sample(20, random_state=3)[0], whole.sample(20, random_state=3)[0])


def test_a_few_rows_of_a_generator_are_one_still(digits, tmp_path):
    whole = clone(CONDENSED).fit(*digits).condensed_
    short = whole.shrink(1)
    short.save(tmp_path / "set.skdc")
    again = skdc.load(tmp_path / "set.skdc")
    np.testing.assert_array_equal(again.X, whole.X[::5])
    assert size_without_header(tmp_path / "set.skdc") == short.provenance.storage["bytes"] > short.X.nbytes
    for part in (short, again):
        for found, expected in zip(part.sample(20, random_state=3), whole.sample(20, random_state=3), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_joined_generators_are_rows_and_say_so(digits, tmp_path):
    few, many = (clone(CONDENSED).set_params(n_per_class=n).fit(*digits).condensed_ for n in (1, 100))
    rows = RandomSubset(2, random_state=0).fit(*digits).condensed_
    assert few.join(rows).coded is None, "few rows take less than the decoder, which draws none any longer"
    assert many.join(rows).coded.nbytes < many.X.nbytes
    for part in (few.join(rows), rows.join(many), many.join(few)):
        part.save(tmp_path / "set.skdc")
        again = skdc.load(tmp_path / "set.skdc")
        np.testing.assert_array_equal(again.X, part.X)
        with pytest.raises(TypeError, match=f"is {len(part.X)} rows, and no generator: .*join made it of two sets"):
            again.sample(3)


def test_sets_of_rows_draw_none(digits):
    condensed = CondensedGenerator(2, generator=VariationalGenerator(2, Swished, Swished, n_steps=2), n_steps=1)
    condensed.fit(*digits)
    assert condensed.condensed_.coded is None, "numpy has no such layer"
    assert condensed.storage_["bytes"] == condensed.storage_["bytes_decoded"] and not condensed.storage_["shared_bytes"]
    assert condensed.drawing_.sample(3)[0].shape == (3, 64)
    for part in (condensed.condensed_, RandomSubset(2).fit(*digits).condensed_):
        with pytest.raises(TypeError, match=r"is 20 rows, and no generator: it draws no others; .*drawing_\.sample"):
            part.sample(3)


def test_it_is_not_the_generator_that_was_fitted(digits):
    fitted = clone(CONDENSED).fit(*digits)
    model = GenerativeModel(AUTOENCODER, random_state=0).fit(*digits)
    labels = np.arange(10)
    assert (fitted.drawing_.sample(10, labels, 0)[0] != model.sample(10, labels)[0]).any(axis=1).all()


def test_frames_and_no_targets(iris):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(iris[0], columns=list("abcd")).assign(word=np.where(iris[0][:, 0] > 5.5, "large", "small"))
    fitted = clone(CONDENSED).set_params(n_per_class=None, n_samples=6).fit(frame)
    X, y = fitted.drawing_.sample(20)
    assert y is None and X.dtypes.equals(frame.dtypes) and set(X["word"]) <= {"large", "small"}


@pytest.mark.parametrize("change", [{"step_size": 0.01}, {"n_steps": 2}, {"batch_size": 20}, {"network": MLP(width=8)}])
def test_every_field_changes_the_set(change, digits):
    first, other = (clone(CONDENSED).set_params(**changes).fit(*digits).X_syn_ for changes in ({}, change))
    assert (first != other).any()


def test_any_discrepancy_and_adversarial_decoders(digits):
    changes = {"network": None, "discrepancy": MMD(), "generator": ADVERSARIAL}
    assert clone(CONDENSED).set_params(**changes).fit(*digits).X_syn_.shape == (50, 64)
    assert isinstance(CONDENSED.recipe().discrepancy, MeanDistance)
    with pytest.raises(PartsError, match=r"network=MLP\(width=16\).*has no effect"):
        clone(CONDENSED).set_params(discrepancy=MMD()).fit(*digits)


@pytest.mark.parametrize("generator", [LinearGenerator(2), StyleGenerator(2, n_steps=1, width=1)], ids=repr)
def test_generators_without_a_network_that_moves_are_refused(generator, digits):
    with pytest.raises(PartsError, match=r"(?s)CondensedGenerator: .*use VariationalGenerator\(\) or AdversarialGen"):
        clone(CONDENSED).set_params(generator=generator).fit(digits[0].reshape(-1, 8, 8)[:100], digits[1][:100])


def test_continuous_targets_are_refused(iris):
    with pytest.raises(PartsError, match="draws rows of classes, or without targets"):
        clone(CONDENSED).set_params(n_per_class=None).fit(iris[0][:, :3], iris[0][:, 3] + 0.001 * np.arange(150))


def test_solvers_that_place_rows_are_refused(digits):
    parts = QuantizationError(), Drawn(AUTOENCODER), Lloyd()
    with pytest.raises(PartsError, match="a generator is what moves; use Descent"):
        Condenser(*parts, n_per_class=2).fit(*digits)


def test_rare_categories_are_drawn():
    pd = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"kind": generator.choice(["x", "y", "z"], 600, p=[0.6, 0.3, 0.1]), "size": generator.normal(size=600)}
    )
    autoencoder = VariationalGenerator(2, SMALL, SMALL, n_steps=200)
    fitted = CondensedGenerator(5, generator=autoencoder, discrepancy=MMD(), n_steps=2, random_state=0)
    rows, _ = fitted.fit(frame, np.arange(600) % 2).drawing_.sample(2000, random_state=0)
    assert set(rows["kind"]) == {"x", "y", "z"}
