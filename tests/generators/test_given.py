"""Generators of the user's own: units, shapes, classes, and latents that are searched for."""

import copy

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from skdc import Condenser, GenerativeModel
from skdc.discrepancies import MMD, LatentPrior
from skdc.exceptions import PartsError
from skdc.generators import GivenGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent

from ..sources import row_source, seeded


class Classes(nn.Module):
    """Rows around a mean of their class."""

    def __init__(self):
        super().__init__()
        self.linear, self.means = nn.Linear(2, 3), nn.Embedding(2, 3)

    def forward(self, z, key):
        """Return the rows."""
        return self.linear(z) + 10 * self.means(key)


@pytest.fixture
def pca(iris):
    """Return principal components as modules, of rows in their own units."""
    found = PCA(2, whiten=True).fit(iris[0])
    decoder, encoder = nn.Linear(2, 4), nn.Linear(4, 2)
    scale = np.sqrt(found.explained_variance_)
    with torch.no_grad():
        decoder.weight.copy_(torch.as_tensor(found.components_.T * scale))
        decoder.bias.copy_(torch.as_tensor(found.mean_))
        encoder.weight.copy_(torch.as_tensor(found.components_ / scale[:, None]))
        encoder.bias.copy_(-encoder.weight @ torch.as_tensor(found.mean_, dtype=torch.float32))
    return found, decoder, encoder


def test_rows_are_in_their_own_units(pca, iris):
    found, decoder, encoder = pca
    model = GenerativeModel(GivenGenerator(decoder, (2,), encoder=encoder)).fit(*iris)
    Z = model.encode(*iris)
    np.testing.assert_allclose(Z, found.transform(iris[0]), atol=1e-4)
    expected = found.inverse_transform(Z).clip(iris[0].min(0), iris[0].max(0))
    np.testing.assert_allclose(model.decode(Z, iris[1]), expected, atol=1e-4)


def test_latents_that_are_searched_for_are_those_of_the_nearest_rows(pca, iris):
    found, decoder, _ = pca
    model = GenerativeModel(GivenGenerator(decoder, (2,))).fit(*iris)
    np.testing.assert_allclose(model.encode(*iris), found.transform(iris[0]), atol=0.02)


def test_the_search_starts_from_the_nearest_of_some_random_rows(pca, iris):
    _, decoder, _ = pca
    model = GenerativeModel(GivenGenerator(decoder, (2,), n_search_steps=0)).fit(*iris)
    Z = model.encode(*iris)
    assert len(np.unique(Z, axis=0)) < 64 * 3
    errors, spread = ((model.decode(z, iris[1]) - iris[0]) ** 2 for z in (Z, np.zeros((150, 2))))
    assert errors.sum() < 0.15 * spread.sum()


def test_classes_are_handed_to_modules_that_take_them(rng):
    y = np.repeat(["a", "b"], 20)
    module = Classes()
    live = GivenGenerator(module, (2,), takes_classes=True).fit(row_source(rng.normal(size=(40, 3)), y), seeded())
    z, key = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([1, 0])
    source = row_source(rng.normal(size=(40, 3)), y)
    live = GivenGenerator(module, (2,), takes_classes=True).fit(source, seeded())
    expected = copy.deepcopy(module).double()(z, key).detach().numpy()
    np.testing.assert_allclose(source.decode(live.decode(z, key) * source.spread), expected)


def test_the_module_of_the_user_stays_as_it_is(pca, iris):
    _, decoder, _ = pca
    before = copy.deepcopy(decoder.state_dict())
    points = Points(Latents(GivenGenerator(decoder, (2,), n_search_steps=3)))
    Condenser(MMD(), points, Descent(n_steps=3), n_per_class=2, random_state=0).fit(*iris)
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())
    assert decoder.training and all(parameter.requires_grad for parameter in decoder.parameters())


class Elsewhere(nn.Module):
    def forward(self, z):
        return torch.zeros(len(z), 4, device="meta")


MODULE = nn.Linear(2, 4)


@pytest.mark.parametrize(
    "given, message",
    [
        (
            GivenGenerator(nn.Linear(3, 4), (2,)),
            r"the module cannot be called with latents of shape \(2, 2\), torch",
        ),
        (
            GivenGenerator(nn.Linear(2, 5), (2,)),
            r"makes a tensor of shape \(2, 5\) .* must be of shape \(2, 4\)",
        ),
        (GivenGenerator(MODULE, (3, 2)), r"makes a tensor of shape \(2, 3, 4\)"),
        (GivenGenerator(MODULE, (2,), encoder=nn.Linear(4, 3)), r"the encoder makes a tensor of shape \(2, 3\)"),
        (GivenGenerator(MODULE, (2,), takes_classes=True), "the module cannot be called with latents"),
        (GivenGenerator(Elsewhere(), (2,)), "on the device meta, which must be .* device= the one that it needs"),
    ],
)
def test_modules_that_do_not_suit_the_rows_are_refused(given, message, iris):
    with pytest.raises(PartsError, match=message):
        GenerativeModel(given).fit(*iris)


@pytest.mark.parametrize(
    "given, error, message",
    [
        (GivenGenerator(nn.Linear, (2,)), TypeError, r"GivenGenerator\(module=.*must be a torch\.nn\.Module"),
        (GivenGenerator(nn.Linear(2, 4), (2,), encoder="pca"), TypeError, r"GivenGenerator\(encoder='pca'\)"),
        (GivenGenerator(nn.Linear(2, 4), (2,), n_search_steps=-1), ValueError, r"n_search_steps=-1\): it must not be"),
    ],
)
def test_what_is_no_module_is_refused(given, error, message, iris):
    with pytest.raises(error, match=message):
        GenerativeModel(given).fit(*iris)


def test_frames_are_encoded_and_have_no_units_that_a_module_knows(iris):
    pd = pytest.importorskip("pandas")
    with pytest.raises(PartsError, match=r"those of a frame are encoded; use encoder=None"):
        GenerativeModel(GivenGenerator(nn.Linear(2, 4), (2,))).fit(pd.DataFrame(iris[0]), iris[1])


def test_parts_that_look_through_an_encoder_need_one(iris):
    loss = MMD() + LatentPrior(GivenGenerator(nn.Linear(2, 4), (2,)))
    with pytest.raises(PartsError, match="the generator has no encoder, and searches for them; give it an encoder"):
        Condenser(loss, n_per_class=2).fit(*iris)


def test_a_module_that_makes_one_row_only_is_refused_by_name(iris):
    dead = nn.Linear(2, 4)
    nn.init.zeros_(dead.weight)
    with pytest.raises(ValueError, match=r"(?s)GivenGenerator\(.*has not converged: the rows .* are all alike"):
        GenerativeModel(GivenGenerator(dead, (2,))).fit(*iris)
