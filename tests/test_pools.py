"""Pools of networks against their training written out, and steps of training through which derivatives go."""

import copy
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from skdc.learners import (
    AlternatingNetworks,
    DataTrainedNetworks,
    Experts,
    OnlineNetworks,
    PretrainedNetworks,
    RandomNetworks,
)
from skdc.learners.training import unrolled
from skdc.networks import MLP, build_network, training_loss
from skdc.sources import Sketch, SketchSource
from skdc.step import Step

from .sources import CPU, finite_differences, row_source, seeded, synthetic

SMALL = MLP(width=8, depth=1)
LIKE = torch.empty(0, dtype=torch.float64)


def smooth(input_shape, n_outputs):
    return nn.Sequential(nn.Linear(input_shape[0], 5), nn.Tanh(), nn.Linear(5, n_outputs))


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [12, 9, 6])
    return row_source(3 + 2 * rng.normal(size=(27, 4)) + 2 * y[:, None], y, weight=rng.uniform(0.5, 2, 27))


@pytest.fixture
def regression(rng):
    return row_source(rng.normal(size=(25, 4)), 100 + 7 * rng.normal(size=(25, 2)), regression=True)


@pytest.fixture(params=["classification", "regression"])
def problem(request, source, regression, rng):
    """Return a source, and points with targets of its kind."""
    weight = rng.uniform(0.5, 2, 5)
    if request.param == "classification":
        return source, synthetic(source, 3 + rng.normal(size=(5, 4)), np.array([0, 0, 1, 2, 2]), weight)
    return regression, synthetic(regression, rng.normal(size=(5, 4)), weight=weight, y=100 + rng.normal(size=(5, 2)))


def type_name(part):
    return type(part).__name__


def values(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def loss_of(network, rows, task="classification"):
    with torch.no_grad():
        return float(training_loss(network(rows.X), rows.y, rows.mass, task))


def trained_by_adam(network, sets, task, step_size):
    """Yield the parameters of a copy of a network after a step of Adam on each set."""
    network = copy.deepcopy(network).requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), lr=step_size)
    for rows in sets:
        optimizer.zero_grad()
        training_loss(network(rows.X), rows.y, rows.mass, task).backward()
        optimizer.step()
        yield values(network)


# Random networks


def test_random_networks_show_another_network_each_step(source):
    generator, again = seeded(), seeded()
    pool = RandomNetworks(SMALL).fit(source, generator)
    seen = []
    for _ in range(4):
        seen.append(values(pool.network_))
        torch.testing.assert_close(seen[-1], values(build_network(SMALL, (4,), 3, again, LIKE)), rtol=0, atol=0)
        pool.after_step(source.rows, source, Step(generator))
    assert len({tuple(network.tolist()) for network in seen}) == 4


def test_random_networks_need_no_targets(rng):
    pool = RandomNetworks(SMALL).fit(row_source(rng.normal(size=(6, 4))), seeded())
    assert pool.network_(torch.zeros(2, 4).double()).shape == (2, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "pool",
    [
        RandomNetworks(SMALL),
        PretrainedNetworks(SMALL, n_networks=1, n_steps=4),
        OnlineNetworks(SMALL, n_networks=1),
        AlternatingNetworks(SMALL, n_matches=2, n_updates=1),
        DataTrainedNetworks(SMALL, n_matches=2, n_updates=1),
        Experts(SMALL, n_experts=1, n_segments=2, n_expert_steps=2),
    ],
    ids=type_name,
)
def test_networks_that_are_shown_want_no_gradient(pool, dtype, rng):
    rows = row_source(rng.normal(size=(6, 4)), np.arange(6) % 2, dtype=dtype)
    pool.fit(rows, seeded())
    for _ in range(3):
        assert not any(parameter.requires_grad for parameter in pool.network_.parameters())
        assert {parameter.dtype for parameter in pool.network_.parameters()} == {dtype}
        X = rows.rows.X.clone().requires_grad_()
        pool.network_(X).square().sum().backward()
        assert X.grad.any()
        pool.after_step(rows.rows, rows, Step(seeded()))


def with_dropout(input_shape, n_outputs):
    return nn.Sequential(nn.Linear(input_shape[0], 8), nn.Dropout(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize(
    "pool",
    [PretrainedNetworks(with_dropout, n_networks=1, n_steps=4), OnlineNetworks(with_dropout, n_networks=1)],
    ids=type_name,
)
def test_networks_that_were_trained_are_ready_to_be_evaluated(pool, source):
    pool.fit(source, seeded()).after_step(source.rows, source, Step(seeded()))
    torch.testing.assert_close(pool.network_(source.rows.X), pool.network_(source.rows.X), rtol=0, atol=0)


# Pretrained networks


def test_pretrained_networks_are_kept_at_all_stages_of_adam(problem):
    source, _ = problem
    # All rows make one batch of 256.
    pool = PretrainedNetworks(SMALL, n_networks=2, n_stages=3, n_steps=6, step_size=0.01).fit(source, seeded())
    assert len(pool.networks_) == 6
    first = build_network(SMALL, (4,), source.schema.n_outputs, seeded(), LIKE)
    path = list(trained_by_adam(first, [source.rows] * 6, source.schema.task, 0.01))
    for network, expected in zip(pool.networks_[:3], path[1::2], strict=True):
        torch.testing.assert_close(values(network), expected, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(values(pool.networks_[5]), path[-1])


def test_the_loss_falls_from_stage_to_stage(source):
    pool = PretrainedNetworks(SMALL, n_networks=3, n_steps=80, step_size=0.01, batch_size=12).fit(source, seeded())
    fresh = build_network(SMALL, (4,), 3, seeded(), LIKE)
    for start in (0, 4, 8):
        losses = [loss_of(network, source.rows) for network in (fresh, *pool.networks_[start : start + 4])]
        assert all(before > after for before, after in pairwise(losses))


def test_pretraining_sees_batches_of_the_data(source):
    sizes = []

    class Noting(nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(input_shape[0], n_outputs)

        def forward(self, rows):
            sizes.append(len(rows))
            return super().forward(rows)

    PretrainedNetworks(Noting, n_networks=1, n_stages=2, n_steps=5, batch_size=6).fit(source, seeded())
    # Two rows of each of the three classes; the two stages are of as many steps.
    assert sizes == [6] * 4


def test_each_of_the_pretrained_networks_is_seen(source):
    generator = seeded()
    pool = PretrainedNetworks(SMALL, n_networks=2, n_stages=2, n_steps=2).fit(source, generator)
    seen = set()
    for _ in range(60):
        seen |= {i for i, network in enumerate(pool.networks_) if network is pool.network_}
        pool.after_step(source.rows, source, Step(generator))
    assert seen == {0, 1, 2, 3}


def test_pretrained_networks_stay_as_they_are(source):
    generator = seeded()
    pool = PretrainedNetworks(SMALL, n_networks=1, n_stages=2, n_steps=2).fit(source, generator)
    before = [values(network) for network in pool.networks_]
    for _ in range(5):
        pool.after_step(source.rows, source, Step(generator))
    for network, expected in zip(pool.networks_, before, strict=True):
        torch.testing.assert_close(values(network), expected, rtol=0, atol=0)


# Networks that are trained online


def test_online_networks_are_trained_on_the_set_by_adam(problem, rng):
    source, points = problem
    pool = OnlineNetworks(SMALL, n_networks=1, n_updates=2, step_size=0.01).fit(source, seeded())
    # The set changes, the state of Adam stays.
    sets = [replace(points, X=points.X + torch.as_tensor(rng.normal(size=(5, 4)))) for _ in range(3)]
    twice = [rows for rows in sets for _ in range(2)]
    path = list(trained_by_adam(pool.network_, twice, source.schema.task, 0.01))
    for rows, expected in zip(sets, path[1::2], strict=True):
        pool.after_step(rows, source, Step(seeded()))
        torch.testing.assert_close(values(pool.network_), expected, rtol=1e-10, atol=1e-12)


def test_the_network_that_was_seen_is_trained_and_no_other(problem):
    source, points = problem
    generator = seeded()
    pool = OnlineNetworks(SMALL, n_networks=3, max_updates=1000).fit(source, generator)
    known = {}
    for _ in range(30):
        known[id(pool.network_)] = pool.network_
        seen, before = pool.network_, {key: values(network) for key, network in known.items()}
        loss = loss_of(seen, points, source.schema.task)
        pool.after_step(points, source, Step(generator))
        assert loss_of(seen, points, source.schema.task) < loss
        for key, network in known.items():
            assert torch.equal(values(network), before[key]) == (network is not seen)
    assert len(known) == 3


@pytest.mark.parametrize("n_updates, shows", [(1, 7), (3, 3)])
def test_a_network_that_has_taken_its_steps_is_replaced_by_a_fresh_one(n_updates, shows, source):
    generator = seeded()
    pool = OnlineNetworks(SMALL, n_networks=1, n_updates=n_updates, max_updates=6).fit(source, generator)
    seen, starts, losses = [], [], []
    for _ in range(3 * shows):
        if not any(network is pool.network_ for network in seen):
            starts.append(tuple(values(pool.network_).tolist()))
        seen.append(pool.network_)
        losses.append(loss_of(pool.network_, source.rows))
        pool.after_step(source.rows, source, Step(generator))
    # Each is seen as it is drawn, and after each of its updates.
    places = [[network is other for other in seen].index(True) for network in seen]
    assert places == [i * shows for i in range(3) for _ in range(shows)]
    assert len(set(starts)) == 3
    for start in (0, shows, 2 * shows):
        assert all(before > after for before, after in pairwise(losses[start : start + shows]))


def test_networks_are_replaced_at_different_times(source):
    generator, seen, shows, last = seeded(), [], Counter(), {}
    pool = OnlineNetworks(SMALL, n_networks=4, max_updates=8).fit(source, generator)
    for step in range(300):
        seen.append(pool.network_)
        shows[id(pool.network_)] += 1
        last[id(pool.network_)] = step
        pool.after_step(source.rows, source, Step(generator))
    # The first ones count as trained for 0, 2, 4 and 6 of their 8 steps. One that is not seen in a hundred is gone.
    lives = Counter(shows[network] for network, step in last.items() if step < 200)
    assert lives.pop(9) > 10
    assert lives == {7: 1, 5: 1, 3: 1}


@pytest.mark.parametrize("pool", [OnlineNetworks(SMALL, n_networks=1), AlternatingNetworks(SMALL)], ids=type_name)
def test_the_set_is_left_as_it_is(pool, problem):
    source, points = problem
    moving = replace(points, X=points.X.clone().requires_grad_())
    pool.fit(source, seeded())
    with torch.no_grad():
        pool.after_step(moving, source, Step(seeded()))
    torch.testing.assert_close(moving.X.detach(), points.X, rtol=0, atol=0)


# Networks that are trained in turn with the set


def test_alternating_networks_are_trained_on_the_set_by_a_descent_that_begins_anew(problem, rng):
    source, points = problem
    pool = AlternatingNetworks(SMALL, n_matches=3, n_updates=4, step_size=0.02).fit(source, seeded())
    for _ in range(2):
        rows = replace(points, X=points.X + torch.as_tensor(rng.normal(size=(5, 4))))
        expected = by_sgd(pool.network_, rows, source.schema.task, 0.02, 4, momentum=0.5)
        pool.after_step(rows, source, Step(seeded()))
        torch.testing.assert_close(values(pool.network_), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_matches", [1, 3])
def test_an_alternating_network_that_has_served_is_replaced(n_matches, source):
    generator = seeded()
    pool = AlternatingNetworks(SMALL, n_matches=n_matches, n_updates=1).fit(source, generator)
    seen = []
    for _ in range(3 * n_matches):
        seen.append(pool.network_)
        pool.after_step(source.rows, source, Step(generator))
    places = [[network is other for other in seen].index(True) for network in seen]
    assert places == [i * n_matches for i in range(3) for _ in range(n_matches)]


# What cannot be


def sketched(rows):
    return SketchSource(Sketch(3, 0, seed=0), rows.schema, CPU)


TRAINED = [
    PretrainedNetworks(SMALL),
    OnlineNetworks(SMALL),
    AlternatingNetworks(SMALL),
    DataTrainedNetworks(SMALL),
    Experts(SMALL),
]


@pytest.mark.parametrize("pool", TRAINED, ids=type_name)
def test_training_needs_targets(pool, rng):
    name, X = type(pool).__name__, rng.normal(size=(6, 2))
    with pytest.raises(ValueError, match=f"{name} trains on targets, but y is None"):
        pool.fit(row_source(X), seeded())
    with pytest.raises(ValueError, match=f"{name} needs at least two classes, but y has one class only"):
        pool.fit(row_source(X, np.zeros(6)), seeded())


@pytest.mark.parametrize(
    "pool, what", [(PretrainedNetworks(SMALL), "networks"), (Experts(SMALL), "the experts' paths")]
)
def test_training_on_the_data_needs_rows(pool, what, source):
    with pytest.raises(ValueError, match=f"{type_name(pool)} cannot learn {what} from a stream"):
        pool.fit(sketched(source), seeded())


@pytest.mark.parametrize(
    "pool, message",
    [
        (PretrainedNetworks(n_networks=0), "n_networks, n_stages and the steps of a stage must be at least 1"),
        (PretrainedNetworks(n_stages=0), "n_networks, n_stages and the steps of a stage must be at least 1"),
        (PretrainedNetworks(n_stages=5, n_steps=4), "n_networks, n_stages and the steps of a stage must be at least 1"),
        (PretrainedNetworks(SMALL, step_size=0), "step_size=0: they must be positive"),
        (PretrainedNetworks(SMALL, step_size=np.nan), "step_size=nan: they must be positive"),
        (PretrainedNetworks(SMALL, batch_size=0), "batch_size=0, step_size=0.003: they must be positive"),
        (OnlineNetworks(n_networks=0), "numbers of networks and steps must be at least 1, and step_size positive"),
        (OnlineNetworks(n_updates=0), "numbers of networks and steps must be at least 1, and step_size positive"),
        (OnlineNetworks(max_updates=0), "max_updates must be at least n_updates"),
        (OnlineNetworks(n_updates=3, max_updates=2), "max_updates must be at least n_updates"),
        (
            AlternatingNetworks(n_matches=0),
            "n_matches must be at least 1, n_updates not negative, and step_size positive",
        ),
        (AlternatingNetworks(n_updates=-1), "n_matches must be at least 1, n_updates not negative"),
        (AlternatingNetworks(step_size=np.nan), "n_matches must be at least 1, n_updates not negative"),
        (OnlineNetworks(step_size=np.nan), "numbers of networks and steps must be at least 1, and step_size positive"),
    ],
    ids=repr,
)
def test_settings_that_make_no_sense_are_refused(pool, message, source):
    with pytest.raises(ValueError, match=re.escape(message)):
        pool.fit(source, seeded())


# Steps that are unrolled


def by_sgd(network, points, task, step_size, n_steps, momentum):
    """Return the parameters of a copy of a network, trained by torch."""
    network = copy.deepcopy(network).requires_grad_(True)
    optimizer = torch.optim.SGD(network.parameters(), lr=step_size, momentum=momentum)
    for _ in range(n_steps):
        optimizer.zero_grad()
        training_loss(network(points.X), points.y, points.mass, task).backward()
        optimizer.step()
    return values(network)


def unrolled_values(network, points, task, step_size, n_steps, n_backward, momentum):
    start = dict(network.named_parameters())
    trained = unrolled(network, start, points, task, step_size, n_steps, n_backward, momentum)
    assert list(trained) == list(start)
    return torch.cat([value.flatten() for value in trained.values()])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("n_backward", [1, 3, 5])
def test_unrolled_steps_are_those_of_torch(n_backward, momentum, problem):
    source, points = problem
    network = build_network(SMALL, (4,), source.schema.n_outputs, seeded(), LIKE)
    before = values(network)
    step_size = torch.tensor(0.3, dtype=torch.float64)
    found = unrolled_values(network, points, source.schema.task, step_size, 5, n_backward, momentum)
    expected = by_sgd(network, points, source.schema.task, 0.3, 5, momentum)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(values(network), before, rtol=0, atol=0)


def by_hand(network, points, task, step_size, n_steps, momentum, first=None, n_first=0):
    """Return the parameters after steps, of which the first ones are on a set and with a step size of their own."""
    names = [name for name, _ in network.named_parameters()]
    now = [parameter.detach().clone() for parameter in network.parameters()]
    speeds = [torch.zeros_like(value) for value in now]
    for step in range(n_steps):
        rows, size = first if step < n_first else (points, step_size)
        leaves = [value.requires_grad_() for value in now]
        outputs = torch.func.functional_call(network, dict(zip(names, leaves, strict=True)), rows.X)
        slopes = torch.autograd.grad(training_loss(outputs, rows.y, rows.mass, task), leaves)
        speeds = [momentum * speed + slope for speed, slope in zip(speeds, slopes, strict=True)]
        now = [(value - size * speed).detach() for value, speed in zip(now, speeds, strict=True)]
    return torch.cat([value.flatten() for value in now])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("n_backward", [1, 2, 4])
def test_derivatives_are_those_of_the_last_steps(n_backward, momentum, problem):
    source, points = problem
    task, network = source.schema.task, build_network(smooth, (4,), source.schema.n_outputs, seeded(), LIKE)
    direction = torch.randn(len(values(network)), generator=seeded(1), dtype=torch.float64)
    first, n_first = (points, 0.3), 4 - n_backward

    def along(X, y, step_size):
        rows = replace(points, X=torch.as_tensor(X), y=torch.as_tensor(y))
        return float(direction @ by_hand(network, rows, task, float(step_size), 4, momentum, first, n_first))

    X, y = points.X.clone().requires_grad_(), points.y.clone().requires_grad_()
    step_size = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    moving = replace(points, X=X, y=y)
    (direction @ unrolled_values(network, moving, task, step_size, 4, n_backward, momentum)).backward()
    at = points.X.numpy(), points.y.numpy(), np.array(0.3)
    by_X = finite_differences(lambda v: along(v, *at[1:]), at[0])
    by_y = finite_differences(lambda v: along(at[0], v, at[2]), at[1])
    by_size = finite_differences(lambda v: along(*at[:2], v), at[2])
    # Central differences of step 1e-5 are off by about 1e-10, relative to derivatives of order one.
    for gradient, expected in ((X.grad, by_X), (y.grad, by_y), (step_size.grad, by_size)):
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)
        assert np.abs(expected).max() > 1e-3


def test_earlier_steps_change_the_gradient(problem):
    source, points = problem
    network = build_network(smooth, (4,), source.schema.n_outputs, seeded(), LIKE)
    step_size, gradients = torch.tensor(0.3, dtype=torch.float64), []
    for n_backward in (1, 2, 4):
        X = points.X.clone().requires_grad_()
        trained = unrolled_values(
            network, replace(points, X=X), source.schema.task, step_size, 4, n_backward, momentum=0.0
        )
        trained.square().sum().backward()
        gradients.append(X.grad)
    assert all(not torch.allclose(one, other, rtol=1e-3) for one, other in pairwise(gradients))


def test_training_that_diverges_is_told(source):
    with pytest.raises(ValueError, match="diverged: step_size=1e\\+300 is too large"):
        PretrainedNetworks(SMALL, n_networks=1, n_stages=1, n_steps=3, step_size=1e300).fit(source, seeded())
