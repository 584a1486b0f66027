"""Rows that a few maps make of fewer rows."""

from importlib import import_module

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed, Hallucinated

from ...sources import row_source, seeded

MODULE = import_module("skdc.parameterizations.storage.hallucinated")


def built(storage, X, n_rows):
    return Points(storage, within=None).build(row_source(X), np.array([n_rows]), seeded()).codec


@pytest.mark.parametrize("shape", [(4,), (3, 5, 2)])
@pytest.mark.parametrize("n_rows, n_bases", [(12, 4), (11, 4), (10, 4), (3, 1)])
def test_rows_are_maps_of_bases_in_turn(shape, n_rows, n_bases, rng):
    codec = built(Hallucinated(3), rng.normal(size=(30, *shape)), n_rows)
    bases = codec.bases.values
    assert bases.shape == (n_bases, *shape) and codec.scale.shape == codec.shift.shape == (3, *shape)
    with torch.no_grad():
        for values in codec.parameters():
            values.copy_(torch.randn(values.shape, generator=seeded(7), dtype=values.dtype))
    expected = [codec.scale[i % 3] * bases[i // 3] + codec.shift[i % 3] for i in range(n_rows)]
    assert_allclose(codec.decode().detach(), torch.stack(expected).detach())


def lost_at_the_start(X):
    """Return the squared error of 5 rows from each base, and the least that there is."""
    codec = built(Hallucinated(5), X.numpy(), len(X))
    with torch.no_grad():
        codec.encode(X)
    cells = X.reshape(-1, 5, X.shape[1]).numpy()
    away = np.moveaxis(cells - cells.mean(0), 2, 0)
    return (codec.decode() - X).square().sum().item(), (np.linalg.svd(away, compute_uv=False)[:, 1:] ** 2).sum()


def test_the_start_is_the_nearest_that_there_is(rng, monkeypatch):
    X = torch.as_tensor(rng.normal(size=(40, 6)))
    lost, least = lost_at_the_start(X)
    assert least < lost < 1.05 * least
    monkeypatch.setattr(MODULE, "_RIDGE", 1e-12)
    monkeypatch.setattr(MODULE, "_ROUNDS", 500)
    lost, least = lost_at_the_start(X)
    assert lost == pytest.approx(least, rel=1e-3)


def test_rows_that_maps_made_come_back(rng):
    scale, shift, bases = rng.uniform(0.5, 2, (3, 1, 6)), rng.normal(size=(3, 1, 6)), rng.normal(size=(1, 7, 6))
    X = torch.as_tensor((scale * bases + shift).swapaxes(0, 1).reshape(21, 6)[:20])
    codec = built(Hallucinated(3), X.numpy(), 20)
    with torch.no_grad():
        codec.encode(X)
    assert (codec.decode() - X).square().mean() < 1e-3 * X.var(0).mean()


def test_numbers_that_are_the_same_everywhere_stay_so(rng):
    X = rng.normal(size=(30, 4))
    X[:, 2] = 5
    codec = built(Hallucinated(3), X, 10)
    assert_allclose(codec.decode().detach()[:, 2], 0, atol=1e-12)
    assert_allclose(codec.scale.detach()[:, 2], 1)


def test_classes_have_bases_of_their_own_where_rows_divide(rng):
    y = np.repeat([0, 1], 20)
    X = rng.normal(size=(40, 3)) + 100 * y[:, None]
    live = Points(Hallucinated(4), within=None).build(row_source(X, y), np.array([8, 4]), seeded())
    assert_array_equal(live.codec.bases.values.detach()[:, 0] > 0, [False, False, True])


def test_a_base_of_two_classes_gets_the_gradients_of_both(rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    live = Points(Hallucinated(4)).build(row_source(X, y), np.array([2, 3]), seeded())
    live().X[live.key == 1].sum().backward()
    assert live.codec.bases.values.grad.any(1).tolist() == [True, True]


@pytest.mark.parametrize("n_rows, n_bases", [(0, 0), (1, 1), (5, 1), (6, 2), (100, 20)])
def test_bases_and_maps_are_counted(n_rows, n_bases):
    assert Hallucinated(5).n_bytes(n_rows, (3, 4), 8) == (n_bases + 10) * 12 * 8


def test_fixed_bases_stay_and_maps_move(rng):
    codec = built(Hallucinated(2, inner=Fixed()), rng.normal(size=(30, 3)), 6)
    assert [name for name, values in codec.named_parameters() if values.requires_grad] == ["scale", "shift"]


def test_rows_move_to_a_lower_loss(iris):
    losses = Condenser(MMD(), Points(Hallucinated(3)), n_per_class=6, random_state=0).fit(*iris).history_["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("n", [0, -1, 7, 1.5])
def test_maps_that_cannot_be_are_refused(n, rng):
    with pytest.raises(ValueError, match=rf"Hallucinated\(n={n}\): 6 points have 1 to 6 maps, a whole number"):
        built(Hallucinated(n), rng.normal(size=(30, 3)), 6)
