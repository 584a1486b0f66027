"""Characteristic functions against their definition in complex numbers and in closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdc import Condenser
from skdc.discrepancies.characteristic import CharacteristicFunction, LearnedCharacteristicFunction
from skdc.networks import MLP
from skdc.sets import Block
from skdc.solvers import Descent

from ..sources import block, finite_differences, row_source, seeded

few = settings(deadline=None, max_examples=10, derandomize=True)
WEIGHTS = [0.1, 0.5, 0.9]


@pytest.fixture
def clouds(rng):
    """Return two weighted clouds as arrays (x, p, y, q), the masses normalised."""
    x, y = rng.normal(size=(12, 3)), 1 + rng.normal(size=(7, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 7)
    return x, p / p.sum(), y, q / q.sum()


def complex_means(x, p, y, q, frequencies):
    return p @ np.exp(1j * x @ frequencies), q @ np.exp(1j * y @ frequencies)


def by_definition(phi, psi, a):
    """Return the mean over frequencies as it is published."""
    amplitude = (np.abs(phi) - np.abs(psi)) ** 2
    phase = 2 * (np.abs(phi) * np.abs(psi) - phi.real * psi.real - phi.imag * psi.imag)
    return np.mean(np.sqrt(2 * (a * amplitude + (1 - a) * phase)))


def lifted(discrepancy, p, q):
    return [Block(b.weight, b.key, discrepancy.features(b.values)) for b in (p, q)]


def value(discrepancy, x, p, y, q):
    # Weights that are no masses: the discrepancy has to normalise them.
    return float(discrepancy.between(*lifted(discrepancy, block(x, 5 * p), block(y, 3 * q)), None))


@pytest.mark.parametrize("a", WEIGHTS)
def test_value_is_its_definition(a, clouds):
    discrepancy = CharacteristicFunction(0.8, 50, a).fit(row_source(clouds[0]), seeded())
    phi, psi = complex_means(*clouds, discrepancy.frequencies_.numpy())
    assert value(discrepancy, *clouds) == pytest.approx(by_definition(phi, psi, a), rel=1e-10)


def test_equal_weights_give_the_mean_modulus_of_the_difference(clouds):
    discrepancy = CharacteristicFunction(0.8, 50).fit(row_source(clouds[0]), seeded())
    phi, psi = complex_means(*clouds, discrepancy.frequencies_.numpy())
    assert value(discrepancy, *clouds) == pytest.approx(np.mean(np.abs(phi - psi)), rel=1e-13)


def test_frequencies_are_gaussian_of_the_inverse_bandwidth(clouds):
    x = clouds[0]
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=2).ravel()
    for bandwidth, width in ((2.5, 2.5), ("median", np.sqrt(np.sort(squared)[71]))):
        found = CharacteristicFunction(bandwidth, 20_000).fit(row_source(x), seeded()).frequencies_.numpy() * width
        # Four standard errors of 60 000 draws.
        assert abs(found.std() - 1) < 4 / np.sqrt(2 * 60_000) and abs(found.mean()) < 4 / np.sqrt(60_000)


def test_of_diracs_it_is_the_length_of_a_chord():
    # |e^{ita} - e^{itb}| = 2 |sin(t (a - b) / 2)|, whatever the amplitude weighs: both amplitudes are 1.
    discrepancy = CharacteristicFunction(1.0, 40).fit(row_source(np.zeros((2, 1))), seeded())
    found = value(discrepancy, np.array([[0.7]]), np.ones(1), np.array([[-0.4]]), np.ones(1))
    chords = 2 * np.abs(np.sin(discrepancy.frequencies_.numpy() * 1.1 / 2))
    assert found == pytest.approx(chords.mean())


def test_large_gaussian_samples_have_the_closed_form(rng):
    # phi(t) = exp(i t m - t^2 s^2 / 2).
    x, y = rng.normal(size=(100_000, 1)), 0.5 + 2 * rng.normal(size=(100_000, 1))
    discrepancy = CharacteristicFunction(1.0, 200).fit(row_source(x[:100]), seeded())
    t = discrepancy.frequencies_.numpy()[0]
    expected = np.mean(np.abs(np.exp(-(t**2) / 2) - np.exp(0.5j * t - 4 * t**2 / 2)))
    mass = np.full(100_000, 1e-5)
    # Each empirical function errs by at most 1 / sqrt(n) in root mean square.
    assert abs(value(discrepancy, x, mass, y, mass) - expected) < 4 * 2 / np.sqrt(100_000)


@pytest.mark.parametrize("a", WEIGHTS)
def test_gradients_are_those_of_the_value(a, clouds):
    x, p, y, q = clouds
    discrepancy = CharacteristicFunction(0.8, 30, a).fit(row_source(x), seeded())
    moving, weight = torch.as_tensor(y).requires_grad_(), torch.as_tensor(q).requires_grad_()
    points = Block(weight, torch.zeros(7, dtype=torch.int64), moving)
    discrepancy.between(*lifted(discrepancy, block(x, p), points), None).backward()
    expected = finite_differences(lambda values: value(discrepancy, x, p, values, q), y)
    np.testing.assert_allclose(moving.grad, expected, rtol=1e-5, atol=1e-8)
    expected = finite_differences(lambda mass: value(discrepancy, x, p, y, mass / mass.sum()), q)
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("a", WEIGHTS)
@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-6, 1e-3])
def test_the_gradient_is_bounded_however_near_the_sets_are(apart, a, dtype, clouds):
    x = torch.as_tensor(clouds[0]).to(dtype)
    discrepancy = CharacteristicFunction(0.8, 100, a).fit(row_source(clouds[0]), seeded())
    points = (x + apart * torch.randn(x.shape, generator=seeded(), dtype=dtype)).requires_grad_()
    ones, key = torch.ones(12, dtype=dtype), torch.zeros(12, dtype=torch.int64)
    found = discrepancy.between(*lifted(discrepancy, Block(ones, key, x), Block(ones, key, points)), None)
    (slope,) = torch.autograd.grad(found, points)
    assert 0 <= found.item() < 10 * apart + 1e-6 and slope.isfinite().all()
    # A point of mass 1/12 moves phi(t) by at most |t| / 12, and the root the modulus by at most sqrt(2).
    steepest = discrepancy.frequencies_.norm(dim=0).mean() / 12 * 2**0.5
    assert slope.norm(dim=1).max() <= 1.01 * steepest


def test_where_amplitudes_vanish_value_and_gradient_are_finite():
    # Points half a period apart: their waves cancel, and phi = 0 exactly.
    waves = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    for a in WEIGHTS:
        found = CharacteristicFunction(amplitude_weight=a).between(
            block([[1.0, 0.0], [-1.0, 0.0]]), block_of(waves), None
        )
        (slope,) = torch.autograd.grad(found, waves)
        assert found.item() == 0 and slope.isfinite().all()


def block_of(values):
    return Block(values.new_ones(len(values)), torch.zeros(len(values), dtype=torch.int64), values)


@given(seed=st.integers(0, 10**6), a=st.sampled_from(WEIGHTS))
@few
def test_order_and_translation_do_not_matter_and_weight_is_multiplicity(seed, a):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(5, 2))
    p, q = rng.integers(1, 4, 8), rng.integers(1, 4, 5)
    discrepancy = CharacteristicFunction(amplitude_weight=a, n_frequencies=50)
    expected = discrepancy(x, y, sample_weight=p, sample_weight_y=q)
    assert discrepancy(np.repeat(x, p, axis=0), np.repeat(y, q, axis=0)) == pytest.approx(expected, rel=1e-9)
    flipped = discrepancy(x[::-1], y[::-1], sample_weight=p[::-1], sample_weight_y=q[::-1])
    assert flipped == pytest.approx(expected, rel=1e-9)
    assert discrepancy(x + 5, y + 5, sample_weight=p, sample_weight_y=q) == pytest.approx(expected, rel=1e-8)
    assert 0 < expected < 2 * np.sqrt(2)


def test_the_amplitude_weight_moves_the_value_towards_phase_or_amplitude(clouds):
    x = clouds[0]
    # A translation changes phases alone, for a Gaussian cloud a scaling about its mean mostly amplitudes.
    moved, scaled = x + 0.3, 1.5 * x
    ratios = []
    for a in (0.1, 0.9):
        discrepancy = CharacteristicFunction(1.0, 500, a).fit(row_source(x), seeded())
        mass = np.full(12, 1 / 12)
        ratios.append(value(discrepancy, x, mass, moved, mass) / value(discrepancy, x, mass, scaled, mass))
    assert ratios[0] > 1.5 * ratios[1]


def test_witness_is_the_first_variation(clouds, rng):
    x, p, y, q = clouds
    discrepancy = CharacteristicFunction(0.8, 40).fit(row_source(x), seeded())
    at = rng.normal(size=(6, 3))
    witness = discrepancy.witness(block(x, 5 * p), block(y, q), torch.as_tensor(at)).numpy()

    def along(mass):
        return value(discrepancy, np.vstack([x, at]), np.append(p, mass) / (1 + mass.sum()), y, q)

    slopes = finite_differences(along, np.zeros(6), step=1e-6)
    np.testing.assert_allclose(witness - witness.mean(), slopes - slopes.mean(), rtol=1e-5, atol=1e-8)


def test_chunks_give_the_set_of_one_fit(rng):
    y = np.repeat([0, 1], [40, 50])
    X = 20 + rng.normal(size=(90, 3)) + y[:, None]

    def condenser():
        discrepancy = CharacteristicFunction(bandwidth=1.0, n_frequencies=60, amplitude_weight=0.3)
        return Condenser(discrepancy, solver=Descent(n_steps=20), n_per_class=3, random_state=0)

    fitted, streamed = condenser().fit(X, y), condenser()
    order = rng.permutation(90)
    for rows in (order[:20], order[20:]):
        streamed.partial_fit(X[rows], y[rows], classes=[0, 1])
    np.testing.assert_allclose(streamed.X_syn_, fitted.X_syn_, rtol=0, atol=1e-6)
    assert fitted.history_["loss"][-1] < 0.9 * fitted.history_["loss"][0]


# Learned frequencies


def learned(x, **parameters):
    return LearnedCharacteristicFunction(**parameters).fit(row_source(x), seeded())


@pytest.mark.parametrize("a", WEIGHTS)
def test_learned_value_is_its_definition_at_the_frequencies_of_the_noise(a, clouds):
    x, p, y, q = clouds
    discrepancy = learned(x, amplitude_weight=a, n_frequencies=20)
    found = discrepancy.between(block(x, 5 * p), block(y, 3 * q), seeded(3))
    noise = torch.randn(20, 3, generator=seeded(3)).double()
    phi, psi = complex_means(*clouds, discrepancy.sampler_(noise).detach().numpy().T)
    assert found.item() == pytest.approx(by_definition(phi, psi, a), rel=1e-10)


def test_noise_is_fresh_each_time_and_of_the_generator(clouds):
    x, p, y, q = clouds
    discrepancy, generator = learned(x), seeded()
    first, second = (discrepancy.between(block(x, p), block(y, q), generator).item() for _ in range(2))
    assert first != second
    assert first == discrepancy.between(block(x, p), block(y, q), seeded()).item()


@pytest.mark.slow
def test_the_sampler_is_ascended_to_where_the_sets_differ():
    rng = np.random.default_rng(0)
    # They differ in one of four coordinates only, by less than the bandwidth.
    x = rng.normal(size=(200, 4)) * [1, 1, 1, 0.2]
    y = rng.normal(size=(200, 4)) * [1, 1, 1, 0.2] + [0, 0, 0, 0.3]
    fixed = CharacteristicFunction()(x, y)
    assert LearnedCharacteristicFunction()(x, y) > 1.3 * fixed
    fitted = learned(x)
    (group,) = fitted.own_parameters()
    assert group["maximize"] and group["lr"] == 1e-3
    assert {id(parameter) for parameter in group["params"]} == {id(p) for p in fitted.sampler_.parameters()}


def test_frequencies_stay_in_reach_of_the_gaussian_ones(clouds):
    discrepancy = learned(clouds[0], bandwidth=2.0)
    with torch.no_grad():
        for parameter in discrepancy.sampler_.parameters():
            parameter.fill_(1e3)
    noise = torch.randn(50, 3, generator=seeded(), dtype=torch.float64)
    assert (discrepancy.sampler_(noise).abs() <= (noise.abs() + 1) * np.e / 2 + 1e-12).all()


def test_a_condenser_ascends_the_sampler_while_it_descends(iris, monkeypatch):
    # The networks are asked that the fit has seen; what it keeps has none.
    monkeypatch.setattr("skdc.fitting.base.settled", lambda part: part)
    condenser = Condenser(LearnedCharacteristicFunction(), solver=Descent(n_steps=30), n_per_class=2, random_state=0)
    fitted = condenser.fit(*iris)
    start = learned(iris[0]).sampler_.log_factor
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert (fitted.discrepancy_.sampler_.log_factor.abs() > 0).all() and not start.any()
    np.testing.assert_array_equal(condenser.fit(*iris).X_syn_, fitted.X_syn_)


def test_a_network_can_be_given(clouds):
    discrepancy = learned(clouds[0], network=MLP(width=5, depth=1))
    shapes = [tuple(p.shape) for p in discrepancy.sampler_.network.parameters()]
    assert shapes == [(5, 3), (5,), (3, 5), (3,)]
    assert isinstance(learned(clouds[0]).sampler_.network[1], nn.Tanh)


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (CharacteristicFunction(n_frequencies=0), "n_frequencies=0 must be at least 1"),
        (CharacteristicFunction(amplitude_weight=1.0), r"amplitude_weight=1.0\): it must lie between 0 and 1"),
        (CharacteristicFunction(bandwidth=-1.0), "bandwidth=-1.0 must be 'median', or positive numbers"),
        (LearnedCharacteristicFunction(n_frequencies=0), "n_frequencies=0 must be at least 1"),
        (LearnedCharacteristicFunction(amplitude_weight=0.0), r"amplitude_weight=0.0\): it must lie between 0 and 1"),
        (LearnedCharacteristicFunction(learning_rate=0.0), "the learning rate must be positive"),
        (LearnedCharacteristicFunction(bandwidth=[1.0, 2.0]), "the sampler takes one bandwidth"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)
