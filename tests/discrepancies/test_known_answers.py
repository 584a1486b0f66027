"""What every distance between clouds says of problems with known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from geomloss import SamplesLoss
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdc import discrepancies as d
from skdc.discrepancies import divergences
from skdc.discrepancies.transport import quantization
from skdc.kernels import InverseMultiquadric, Laplace

from ..sources import block, row_source, seeded

NUMBERS = st.floats(-10, 10).map(lambda x: round(x, 2))
CLOUDS = arrays(float, st.tuples(st.integers(2, 8), st.just(2)), elements=NUMBERS)
SHIFTS = arrays(float, 2, elements=NUMBERS)
# Squared distances that a translation t changes by |t|^2 alone, whatever the shape.
OF_TRANSLATIONS = [
    d.MeanDistance(),
    d.Wasserstein(),
    d.Sinkhorn(),
    d.GaussianWasserstein(),
]
# Discrepancies that do not know where the origin is.
WITHOUT_ORIGIN = [
    *OF_TRANSLATIONS,
    d.MMD(bandwidth=3.0),
    d.MMD(kernel=Laplace(3.0)),
    d.MMD(kernel=InverseMultiquadric(3.0)),
    d.EnergyDistance(),
    d.SlicedWasserstein(),
    d.QuantizationError(),
    d.CramerVonMises(),
    d.CharacteristicFunction(bandwidth=3.0),
    d.NearestNeighborKL(),
]


def named(part):
    return " ".join(repr(part).split())


@pytest.mark.parametrize("discrepancy", OF_TRANSLATIONS, ids=named)
@settings(max_examples=20, deadline=None)
@given(X=CLOUDS, shift=SHIFTS)
def test_a_translation_costs_its_square(discrepancy, X, shift):
    assert discrepancy(X, X + shift) == pytest.approx(shift @ shift, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("discrepancy", [*OF_TRANSLATIONS, d.SlicedWasserstein(n_projections=2000)], ids=named)
@settings(max_examples=20, deadline=None)
@given(x=SHIFTS, y=SHIFTS)
def test_diracs_are_as_far_apart_as_their_places(discrepancy, x, y):
    # Of a projection to a random direction of the plane, half is left of a squared distance.
    share = 0.5 if isinstance(discrepancy, d.SlicedWasserstein) else 1.0
    expected = share * (x - y) @ (x - y)
    assert discrepancy(x[None], y[None]) == pytest.approx(expected, rel=0.05 if share < 1 else 1e-6, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(x=SHIFTS, y=SHIFTS)
def test_diracs_by_kernels(x, y):
    apart = np.linalg.norm(x - y)
    assert d.EnergyDistance()(x[None], y[None]) == pytest.approx(2 * apart, abs=1e-6)
    assert d.MMD(bandwidth=3.0)(x[None], y[None]) == pytest.approx(2 - 2 * np.exp(-(apart**2) / 18), abs=1e-9)
    assert d.MMD(kernel=Laplace(3.0))(x[None], y[None]) == pytest.approx(2 - 2 * np.exp(-apart / 3), abs=1e-6)


@pytest.mark.parametrize("discrepancy", WITHOUT_ORIGIN, ids=named)
@settings(max_examples=10, deadline=None)
@given(X=CLOUDS, Y=CLOUDS, shift=SHIFTS, seed=st.integers(0, 99))
def test_neither_order_nor_origin_matters(discrepancy, X, Y, shift, seed):
    rng = np.random.default_rng(seed)
    moved = discrepancy(rng.permutation(X) + shift, rng.permutation(Y) + shift)
    assert moved == pytest.approx(discrepancy(X, Y), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    "discrepancy, module", [(d.QuantizationError(), quantization), (d.NearestNeighborKL(), divergences)], ids=named
)
def test_large_matrices_are_cut_in_pieces(discrepancy, module, rng, monkeypatch):
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(20, 3))
    fitted = discrepancy.fit(row_source(x), seeded())
    whole = float(fitted.distance(block(x), block(y), seeded()))
    sizes, cat = [], torch.cat

    def note(pieces):
        sizes.append(len(pieces))
        return cat(pieces)

    monkeypatch.setattr(module, "MATRIX_ENTRIES", 200)
    monkeypatch.setattr(torch, "cat", note)
    assert float(fitted.distance(block(x), block(y), seeded())) == pytest.approx(whole, rel=1e-12)
    assert sizes[0] == 5


@pytest.mark.parametrize(
    "discrepancy, name, factor",
    [
        (d.MMD(bandwidth=1.5), "gaussian", 2.0),
        (d.MMD(kernel=Laplace(1.5)), "laplacian", 2.0),
        (d.EnergyDistance(), "energy", 2.0),
    ],
    ids=["gaussian", "laplacian", "energy"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_kernel_distances_are_those_of_geomloss(discrepancy, name, factor, weighted, rng):
    # geomloss halves the squared distance.
    x, y = rng.normal(size=(60, 4)), rng.normal(0.5, 1.5, size=(20, 4))
    p, q = (rng.uniform(0.1, 1, size=len(rows)) if weighted else np.ones(len(rows)) for rows in (x, y))
    masses = [torch.as_tensor(w / w.sum()) for w in (p, q)]
    points, loss = torch.as_tensor(y).requires_grad_(), SamplesLoss(name, blur=1.5, backend="tensorized")
    expected = factor * loss(masses[0], torch.as_tensor(x), masses[1], points)
    assert discrepancy(x, y, sample_weight=p, sample_weight_y=q) == pytest.approx(expected.item(), rel=1e-4)
    (slope,) = torch.autograd.grad(expected, points)
    ours = torch.as_tensor(y).requires_grad_()
    sets = block(x, p), replace(block(y, q), values=ours)
    found = discrepancy.fit(row_source(x), seeded()).distance(*sets, seeded())
    torch.testing.assert_close(torch.autograd.grad(found, ours)[0], slope, rtol=1e-4, atol=1e-8)
