"""Divergences against their closed forms, and learned critics against what the best critic would find."""

import numpy as np
import ot
import pytest
import torch
from scipy import integrate, stats

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.discrepancies.critics import Adversarial
from skdc.discrepancies.divergences import FDivergence, GaussianKL, NearestNeighborKL
from skdc.solvers import Descent
from skdc.utils.estimator_checks import discrepancy_checks

from ..sources import block, finite_differences, row_source, seeded, squares

KINDS = ["js", "kl", "reverse_kl", "chi2", "hellinger", "tv"]
OTHERS = [*map(FDivergence, KINDS[1:]), GaussianKL("reverse")]  # than the defaults, which are checked with all others


def definition(kind, p, q):
    """Return the integrand of an f-divergence."""
    middle = (p + q) / 2
    return {
        "js": (p * np.log(p / middle) + q * np.log(q / middle)) / 2,
        "kl": p * np.log(p / q),
        "reverse_kl": q * np.log(q / p),
        "chi2": (p - q) ** 2 / q,
        "hellinger": (np.sqrt(p) - np.sqrt(q)) ** 2,
        "tv": np.abs(p - q) / 2,
    }[kind]


@pytest.mark.parametrize(
    "name, check", [pytest.param(d, c, id=f"{d!r}-{n}") for d in OTHERS for n, c in discrepancy_checks(d)]
)
def test_published_checks(name, check):
    check()


# Learned critics


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_finds_the_divergence_of_sets_with_common_rows(kind):
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    X = np.arange(4.0)[:, None]
    found = FDivergence(kind)(X, X, sample_weight=p, sample_weight_y=q)
    truth = definition(kind, p, q).sum()
    assert 0.995 * truth < found <= truth * (1 + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_no_critic_is_above_the_divergence_and_the_best_one_is_at_it(kind, rng):
    # Rows at 0..3; the output of the critic is a table, so that the bound is known for any critic.
    p, q = rng.dirichlet(np.ones(4), 2)
    X = np.arange(4.0)[:, None]
    discrepancy = FDivergence(kind).fit(row_source(X), seeded())
    ratio = torch.as_tensor(p / q)
    best = {
        "js": ratio.log(),
        "kl": 1 + ratio.log(),
        "reverse_kl": ratio.log(),
        "chi2": 2 * (ratio - 1),
        "hellinger": ratio.log() / 2,
        "tv": 50 * (ratio - 1).sign(),
    }[kind]
    truth = definition(kind, p, q).sum()
    for noise in (0.0, 0.1, 1.0):
        table = best + noise * torch.as_tensor(rng.normal(size=4))
        discrepancy.scores = lambda values, group, table=table: table
        found = float(discrepancy.between(block(X, p), block(X, q), None))
        assert found <= truth * (1 + 1e-9)
        assert noise or found == pytest.approx(truth, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind, slack", [("js", 0.1), ("hellinger", 0.15), ("tv", 0.1)])
def test_bounded_divergences_of_gaussian_samples_are_near_those_of_the_laws(kind, slack, rng):
    left, right = stats.norm(), stats.norm(1.0)
    truth = integrate.quad(lambda x: definition(kind, left.pdf(x), right.pdf(x)), -8, 9, points=[0.5])[0]
    found = FDivergence(kind)(left.rvs((1000, 1), random_state=rng), right.rvs((1000, 1), random_state=rng))
    assert found == pytest.approx(truth, rel=slack)


def test_diracs_are_as_far_apart_as_can_be():
    bounds = {"js": np.log(2), "hellinger": 2.0, "tv": 1.0}
    for kind, bound in bounds.items():
        assert 0.95 * bound < FDivergence(kind)([[0.0]], [[1.0]]) < bound


@pytest.mark.parametrize("discrepancy", [FDivergence("kl"), Adversarial()], ids=repr)
def test_an_untrained_critic_may_be_below_zero(discrepancy, rng):
    x = rng.normal(size=(30, 2))
    discrepancy = discrepancy.fit(row_source(x), seeded())
    with torch.no_grad():
        values = [float(discrepancy.between(block(x), block(x + a), seeded())) for a in rng.normal(size=(20, 2))]
    assert min(values) < 0


@pytest.mark.slow
def test_an_adversary_finds_the_distance_of_a_translation(rng):
    x = rng.normal(size=(100, 2))
    for shift in (0.3, 1.0, 3.0):
        y = x + [shift, 0.0]
        exact = ot.emd2([], [], np.sqrt(squares(x, y)))
        assert exact == pytest.approx(shift)
        # The slope of the best critic is 1 + shift / (2 * penalty * spread); another tenth for the network.
        spread = np.sqrt(x.var(axis=0).mean())
        penalised = shift + shift**2 / (20 * spread)
        assert Adversarial()(x, y) == pytest.approx(penalised, rel=0.1)


def test_an_adversary_has_the_unit_of_the_rows(rng):
    x, y = rng.normal(size=(2, 50, 2))
    found = []
    for unit in (1.0, 100.0):
        discrepancy = Adversarial().fit(row_source(unit * x), seeded())
        value = discrepancy.between(block(unit * x), block(unit * y), seeded())
        value.backward()
        # The gradient by which the critic is trained is that of the value and of the penalty.
        slopes = [p.grad for p in discrepancy.critic_.parameters()]
        found.append(torch.cat([value.detach()[None], *(slope.flatten() for slope in slopes)]) / unit)
    torch.testing.assert_close(*found)


def test_the_slope_penalty_moves_the_critic_only(rng):
    x, y = rng.normal(size=(2, 20, 3))
    discrepancy = Adversarial(penalty=1e3).fit(row_source(x), seeded())
    moving = torch.as_tensor(y).requires_grad_()
    q = block(y)
    value = discrepancy.between(block(x), type(q)(q.weight, q.key, moving), seeded())
    with torch.no_grad():
        scores = [float(discrepancy.scores(torch.as_tensor(rows), 0).mean()) for rows in (x, y)]
    assert float(value.detach()) == pytest.approx(scores[0] - scores[1], rel=1e-12)
    value.backward()
    means = finite_differences(lambda values: -float(discrepancy.scores(torch.as_tensor(values), 0).mean().detach()), y)
    np.testing.assert_allclose(moving.grad, means, rtol=1e-5, atol=1e-8)
    with_penalty = [p.grad.clone() for p in discrepancy.critic_.parameters()]
    discrepancy.critic_.zero_grad()
    (discrepancy.scores(torch.as_tensor(x), 0).mean() - discrepancy.scores(torch.as_tensor(y), 0).mean()).backward()
    plain = [p.grad for p in discrepancy.critic_.parameters()]
    assert not all(torch.allclose(a, b) for a, b in zip(with_penalty, plain, strict=True))


@pytest.mark.slow
def test_training_an_adversary_does_not_tell_weights_from_copies(rng):
    x, y, p = rng.normal(size=(12, 2)), rng.normal(size=(9, 2)), rng.integers(1, 4, 12)
    order = rng.permutation(p.sum())
    weighted = Adversarial()(x, y, sample_weight=p)
    assert Adversarial()(np.repeat(x, p, axis=0)[order], y) == pytest.approx(weighted, rel=1e-6)


def test_each_group_has_its_output(iris):
    rows = torch.as_tensor(iris[0][:5])
    grouped, whole = (FDivergence(by=by).fit(row_source(*iris), seeded()) for by in ("class", None))
    outputs = [grouped.scores(rows, group) for group in range(3)]
    assert not any(torch.allclose(outputs[a], outputs[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert whole.critic_(rows).shape == (5, 1)


@pytest.mark.parametrize("discrepancy, gain", [(FDivergence(), 0.5), (Adversarial(), 0.5)], ids=repr)
def test_a_critic_is_ascended_beside_the_set(discrepancy, gain, iris):
    # The points hardly move, so that all change is that of the critic.
    solver = Descent(step_size=1e-9, n_steps=300)
    losses = Condenser(discrepancy, solver=solver, n_per_class=1, random_state=0).fit(*iris).history_["loss"]
    assert losses[-1] > losses[0] + gain


# Nearest neighbours


@pytest.mark.slow
def test_neighbours_find_the_divergence_of_gaussians(rng):
    x, y = rng.normal(size=(2, 2000, 1))
    y = 1 + 1.5 * y
    # KL(N(0, 1), N(1, 1.5^2)) and back, in closed form.
    forth = np.log(1.5) + 2 / (2 * 1.5**2) - 0.5
    back = -np.log(1.5) + (1.5**2 + 1) / 2 - 0.5
    # Few neighbours where the tails matter; the bias is then that of ten rows in a ball.
    assert NearestNeighborKL(0.03)(x, y) == pytest.approx(forth, abs=0.05)
    assert NearestNeighborKL(0.005)(y, x) - np.log(10 / 9) == pytest.approx(back, abs=0.2)
    assert NearestNeighborKL(0.03)(x, rng.normal(size=(2000, 1))) == pytest.approx(0, abs=0.05)


def test_neighbours_by_mass_are_their_definition(rng):
    x, y = rng.normal(size=(15, 2)), rng.normal(size=(6, 2))
    p, q = rng.integers(1, 4, 15), rng.integers(1, 4, 6)
    discrepancy = NearestNeighborKL(0.3).fit(row_source(x, weight=p), seeded())
    copies = np.repeat(x, p, axis=0), np.repeat(y, q, axis=0)
    expected = 0.0
    for row in copies[0]:
        near = [np.sort(np.sqrt(squares(row[None], rows))[0]) for rows in copies]
        radii = [d[int(np.ceil(0.3 * len(d) - 1e-9)) - 1] for d in near]
        held = [np.mean(d <= r + 1e-12) for d, r in zip(near, radii, strict=True)]
        floored = [0.5 * np.log(r**2 + discrepancy.floor_**2) for r in radii]
        expected += (2 * (floored[1] - floored[0]) + np.log(held[0] / held[1])) / len(copies[0])
    found = float(discrepancy.distance(block(x, p), block(y, q), None))
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_set_is_at_no_distance_from_itself(rng):
    x = rng.normal(size=(20, 3))
    assert NearestNeighborKL()(x, x) == pytest.approx(0, abs=1e-12)
    assert GaussianKL()(x, x) == pytest.approx(0, abs=1e-12)


def test_points_are_drawn_to_rows_without_a_point():
    x = np.array([[0.0], [0.1], [10.0], [10.1]])
    discrepancy = NearestNeighborKL(0.1).fit(row_source(x), seeded())
    moving = torch.tensor([[1.0], [6.0]], dtype=torch.float64, requires_grad=True)
    q = block(np.zeros((2, 1)))
    discrepancy.between(block(x), type(q)(q.weight, q.key, moving), None).backward()
    assert moving.grad[0] > 0 > moving.grad[1]


# Gaussian fits


def gaussian_kl(m, s, n, t):
    """Return KL(N(m, s), N(n, t))."""
    inverse = np.linalg.inv(t)
    logs = np.linalg.slogdet(t)[1] - np.linalg.slogdet(s)[1]
    return 0.5 * (np.trace(inverse @ s) + (n - m) @ inverse @ (n - m) - len(m) + logs)


@pytest.mark.parametrize("shrinkage", [1e-9, 0.3, 1.0])
def test_gaussian_fits_have_the_closed_form(shrinkage, rng):
    x, y = rng.normal(size=(12, 3)), 1 + 2 * rng.normal(size=(9, 3))
    p, q = rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 9)
    variance = np.mean(np.diag(np.cov(x.T, aweights=p, ddof=0)))
    fits = [
        (
            np.average(z, axis=0, weights=w),
            (1 - shrinkage) * np.cov(z.T, aweights=w, ddof=0) + shrinkage * variance * np.eye(3),
        )
        for z, w in ((x, p), (y, q))
    ]
    forward = GaussianKL(shrinkage=shrinkage)(x, y, sample_weight=p, sample_weight_y=q)
    reverse = GaussianKL("reverse", shrinkage=shrinkage)(x, y, sample_weight=p, sample_weight_y=q)
    assert forward == pytest.approx(gaussian_kl(*fits[0], *fits[1]), rel=1e-6)
    assert reverse == pytest.approx(gaussian_kl(*fits[1], *fits[0]), rel=1e-6)


def test_gaussian_fits_of_few_points_in_many_dimensions_are_finite(rng):
    assert np.isfinite(GaussianKL()(rng.normal(size=(5, 40)), rng.normal(size=(1, 40))))


@pytest.mark.parametrize("discrepancy", [GaussianKL(), GaussianKL("reverse"), NearestNeighborKL()], ids=repr)
def test_a_set_is_condensed_by_it(discrepancy, digits):
    X, y = digits
    kept = y < 2
    condenser = Condenser(discrepancy, solver=Descent(n_steps=50), n_per_class=3, random_state=0)
    X_syn, y_syn = condenser.fit(X[kept], y[kept])
    start = Condenser(MMD(), solver=Descent(n_steps=1, step_size=1e-9), n_per_class=3, random_state=0)
    start_rows, start_y = start.fit(X[kept], y[kept])
    assert discrepancy(X[y == 1], X_syn[y_syn == 1]) < 0.97 * discrepancy(X[y == 1], start_rows[start_y == 1])


# What makes no sense


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (FDivergence("jensen"), r"FDivergence\(kind='jensen'\): kind must be one of 'kl', 'reverse_kl', 'js'"),
        (FDivergence(critic_rate=0), r"FDivergence\(critic_rate=0\): the rate must be positive"),
        (Adversarial(penalty=-1), r"Adversarial\(penalty=-1\): the penalty must be positive"),
        (NearestNeighborKL(5), r"NearestNeighborKL\(share=5\): the share must lie between 0 and 1"),
        (GaussianKL("both"), r"GaussianKL\(direction='both'\): direction must be 'forward' or 'reverse'"),
        (GaussianKL(shrinkage=0), r"GaussianKL\(shrinkage=0\): it must be above 0, and at most 1"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)


def test_critics_cannot_learn_from_a_stream(iris):
    with pytest.raises(AttributeError, match="partial_fit needs a discrepancy that sees the data through mean"):
        Condenser(FDivergence()).partial_fit(*iris)
