"""Images whose patches are combinations of a few of many."""

from importlib import import_module

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import orthogonal_mp

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import SparseCodes
from skdc.solvers import Draw

from ...sources import row_source, seeded

MODULE = import_module("skdc.parameterizations.storage.sparse_codes")


def built(storage, images, n_rows=5):
    return Points(storage, within=None).build(row_source(images), np.array([n_rows]), seeded()).codec


def images_of(patches, side):
    """Return images of two by two patches, of shape (n, 2 side, 2 side)."""
    return patches.reshape(-1, 2, 2, side, side).swapaxes(2, 3).reshape(-1, 2 * side, 2 * side)


@pytest.mark.parametrize("n_rounds", [0, 5])
@pytest.mark.parametrize("n_atoms", [5, 7])
def test_patches_that_differ_in_size_and_sign_are_exact(n_atoms, n_rounds, rng, monkeypatch):
    monkeypatch.setattr(MODULE, "_ROUNDS", n_rounds)
    patches = (
        rng.choice([-1, 1], (160, 1)) * rng.uniform(0.5, 2, (160, 1)) * rng.normal(size=(5, 9))[np.arange(160) % 5]
    )
    images = images_of(patches, 3)
    source = row_source(np.concatenate([images, -images]))  # in the middle of which is nothing
    live, rows = (
        Points(storage, within=None).build(source, np.array([9]), seeded())().X
        for storage in (SparseCodes(n_atoms, 1, patch=3), None)
    )
    assert_allclose(live.detach(), rows.detach(), atol=1e-4)


def test_sums_of_orthogonal_atoms_are_exact(rng):
    atoms = np.linalg.qr(rng.normal(size=(16, 16)))[0][:8]
    codes = np.zeros((24, 8))
    for code in codes:
        code[rng.choice(8, 3, replace=False)] = rng.normal(size=3)
    X = torch.as_tensor(images_of(codes @ atoms, 4))
    codec = built(SparseCodes(8, 3, patch=4), rng.normal(size=(30, 8, 8)), 6)
    with torch.no_grad():
        codec.start.copy_(torch.as_tensor(atoms))
        codec.encode(X)
    assert_allclose(codec.decode().detach(), X, atol=1e-5)
    assert (codec.coefficients >= 0).all() and (codec.coefficients.diff(dim=2) <= 0).all()


def test_a_dictionary_is_learned(rng):
    images = rng.normal(size=(100, 8, 8)).cumsum(1).cumsum(2)
    source = row_source(images)
    rows = Points(within=None).build(source, np.array([20]), seeded())().X.detach()
    lost = []
    for storage in (SparseCodes(16, 1), SparseCodes(16, 3), SparseCodes(64, 3)):
        found = Points(storage, within=None).build(source, np.array([20]), seeded())
        lost.append(float((found().X.detach() - rows).square().mean() / rows.var(0).mean()))
        assert_allclose(found.codec.dictionary.detach().square().mean(1), 1)
    assert 0.5 > lost[0] > 2 * lost[1] > 2 * lost[2] > 0, lost


@pytest.mark.parametrize("n_kept", [1, 2, 5])
def test_codes_are_those_of_orthogonal_matching_pursuit(n_kept, rng):
    atoms, patches = rng.normal(size=(9, 6)), rng.normal(size=(50, 6))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    found = MODULE._pursued(torch.as_tensor(patches), torch.as_tensor(atoms), n_kept)
    expected = orthogonal_mp(atoms.T, patches.T, n_nonzero_coefs=n_kept).T
    assert_allclose(found, expected, atol=1e-3)


def test_many_patches_are_pursued_as_few_are(rng, monkeypatch):
    atoms, patches = torch.as_tensor(rng.normal(size=(9, 6))), torch.as_tensor(rng.normal(size=(50, 6)))
    together = MODULE._pursued(patches, atoms, 2)
    monkeypatch.setattr(MODULE, "_PATCHES", 7)
    assert_allclose(MODULE._pursued(patches, atoms, 2), together)


def test_atoms_of_the_largest_scores_are_seen_and_all_scores_get_gradients(rng):
    codec = built(SparseCodes(6, 2, patch=3), rng.normal(size=(30, 3, 3)), 1)
    scores, coefficients, dictionary = codec.scores.values, codec.coefficients, codec.dictionary
    with torch.no_grad():
        scores.copy_(torch.tensor([[[0.1, -3.0, 0.0, 2.0, -1.9, 0.5]]]))
        coefficients.copy_(torch.tensor([[[5.0, 7.0]]]))
    seen = codec.decode()
    assert_allclose(seen.detach().ravel(), (-5 * dictionary[1] + 7 * dictionary[3]).detach())
    gradient = torch.randn(seen.shape, generator=seeded(), dtype=seen.dtype)
    seen.backward(gradient)
    told = dictionary.detach() @ gradient.ravel()
    assert_allclose(scores.grad.ravel(), told)
    assert_allclose(coefficients.grad.ravel(), [-told[1], told[3]])
    assert_allclose(dictionary.grad[1], -5 * gradient.ravel())
    with torch.no_grad():
        scores[0, 0, 4] = -2.1
    assert_allclose(codec.decode().detach().ravel(), (-5 * dictionary[1] - 7 * dictionary[4]).detach())


def test_another_atom_comes_in_where_it_helps(rng):
    images = rng.normal(size=(60, 8, 8)).cumsum(1)
    source = row_source(images)
    live = Points(SparseCodes(12, 2), within=None).build(source, np.array([5]), seeded())
    wanted, before = source.rows.X[:5], live.codec._chosen(live.codec.scores.values)[0]
    optimizer, losses = torch.optim.Adam(live.codec.parameters(), lr=0.05), []
    for _ in range(300):
        optimizer.zero_grad()
        loss = (live().X - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert (live.codec._chosen(live.codec.scores.values)[0] != before).any(2).float().mean() > 0.5


def test_edges_that_are_no_whole_patches_are_cut_off(rng):
    layout = import_module("skdc.images").ImageLayout((5, 7, 3), "last")
    patches = MODULE.Patches(layout, 4, (5, 7, 3))
    X = torch.as_tensor(rng.normal(size=(2, 5, 7, 3)))
    found = patches.of(X)
    assert found.shape == (2, 4, 48) == (2, patches.number, patches.size)
    assert torch.equal(patches.rows(found), X)
    assert_allclose(found[0, 1].reshape(3, 4, 4)[1], np.pad(X[0, :4, 4:, 1], ((0, 0), (0, 1)), mode="edge"))


def test_codes_and_atoms_are_counted():
    storage = SparseCodes(100, 3, patch=4)
    assert storage.n_bytes(0, (9, 8), 8) == 100 * 16 * 8
    assert storage.n_bytes(7, (9, 8), 8) == 100 * 16 * 8 + 7 * 6 * 3 * (8 + 1)
    assert SparseCodes(5, 2, patch=9).n_bytes(1, (3, 2, 5), 1) == 5 * 30 + 2 + 1
    chosen = Condenser(None, Subset(SparseCodes(9, 2)), Draw(), n_samples=5, random_state=0)
    images = np.random.default_rng(0).random((30, 8, 8))
    assert chosen.fit(images).storage_["bytes"] == 9 * 16 * 8 + 5 * 4 * 2 * 8 + 25 + 2 * 64 * 8


def test_constant_images_are_kept(rng):
    codec = built(SparseCodes(4, 2), np.full((20, 4, 4), 3.0), 5)
    assert_allclose(codec.decode().detach(), 0, atol=1e-6)


@pytest.mark.parametrize(
    "storage, message",
    [
        (SparseCodes(0), r"SparseCodes\(n_atoms=0\): it must be a whole number, from 1 to 32768"),
        (SparseCodes(2**15 + 1), r"SparseCodes\(n_atoms=32769\): it must be"),
        (SparseCodes(2.0), r"SparseCodes\(n_atoms=2.0\): it must be"),
        (SparseCodes(5, 6), r"SparseCodes\(n_kept=6\): it must be a whole number, from 1 to 5"),
        (SparseCodes(patch=0), r"SparseCodes\(patch=0\): it must be a whole number, from 1 to 32768"),
    ],
)
def test_codes_that_cannot_be_are_refused(storage, message, rng):
    with pytest.raises(ValueError, match=message):
        built(storage, rng.random((9, 4, 4)))


def test_tables_are_refused(iris):
    with pytest.raises(ValueError, match=r"SparseCodes needs images, but rows of shape \(4,\) are none"):
        Condenser(MMD(), Points(SparseCodes()), n_per_class=2).fit(*iris)
