"""Experts against their training written out, and what is kept of them between fits."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from joblib import Memory
from torch import nn
from torch.nn.utils import parameters_to_vector

from skdc.learners import Experts
from skdc.networks import MLP
from skdc.step import Step

from .sources import row_source, seeded, softmax_regression


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [12, 9, 6])
    return row_source(3 + 2 * rng.normal(size=(27, 4)) + 2 * y[:, None], y, weight=rng.uniform(0.5, 2, 27))


def linear(input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], n_outputs))


def experts(network, **settings):
    lengths = {"n_experts": 2, "n_segments": 3, "n_expert_steps": 1}
    return Experts(network, **lengths | settings)


# Their training


@pytest.mark.parametrize("n_steps", [1, 3])
def test_experts_are_softmax_regression_written_out(n_steps, source):
    # All 27 rows make one batch of 128, whatever the order.
    pool = experts(linear, n_expert_steps=n_steps, expert_step_size=0.3).fit(source, seeded())
    rows = source.rows
    assert pool.paths_.shape == (2, 4, 15)
    for path in pool.paths_.numpy():
        for before, after in pairwise(path):
            expected = softmax_regression(before, rows.X.numpy(), rows.y.numpy(), rows.mass.numpy(), 0.3, n_steps)
            np.testing.assert_allclose(after, expected, rtol=1e-9, atol=1e-12)


def test_experts_see_every_row_once_an_epoch():
    seen = []

    class Noting(nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(input_shape[0], n_outputs)

        def forward(self, rows):
            seen.append(rows[:, 0].clone())
            return super().forward(rows)

    X = np.arange(300.0)[:, None]
    source = row_source(X, X, regression=True)
    # Batches of 128, 128 and 44 rows: 3 segments of 2 steps are two epochs.
    Experts(Noting, 1, 3, 2, 1e-6).fit(source, seeded())
    assert [len(rows) for rows in seen] == [128, 128, 44] * 2
    for epoch in (seen[:3], seen[3:]):
        np.testing.assert_array_equal(torch.cat(epoch).sort().values, source.rows.X[:, 0])
    assert not torch.equal(seen[0], seen[3])


def test_experts_are_few_or_many_alike(source):
    few, many = (experts(MLP(4, 1), n_experts=n).fit(source, seeded()).paths_ for n in (2, 3))
    torch.testing.assert_close(few, many[:2], rtol=0, atol=0)
    assert not torch.equal(many[1], many[2])


@pytest.mark.parametrize("name", ["n_experts", "n_segments", "n_expert_steps"])
def test_no_paths_are_refused(name, source):
    with pytest.raises(ValueError, match=rf"Experts\({name}=0\): it must be at least 1"):
        experts(linear, **{name: 0}).fit(source, seeded())


def test_flat_experts_take_the_gradient_uphill(source):
    pool = experts(linear, n_expert_steps=1, expert_step_size=0.3, sharpness=0.7).fit(source, seeded())
    plain = {name: getattr(source.rows, name).numpy() for name in ("X", "y", "mass")}
    for path in pool.paths_.numpy():
        for before, after in pairwise(path):
            uphill = softmax_regression(before, **plain, step_size=-1.0, n_steps=1) - before  # the gradient
            there = before + 0.7 * uphill / np.linalg.norm(uphill)
            gradient = there - softmax_regression(there, **plain, step_size=1.0, n_steps=1)
            np.testing.assert_allclose(after, before - 0.3 * gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_experts_are_the_same_however_many_are_trained_at_once(n_jobs, source):
    def noisy(shape, n_outputs):
        return nn.Sequential(nn.Linear(shape[0], 5), nn.Dropout(0.4), nn.Linear(5, n_outputs))

    alone, together = (
        experts(noisy, n_experts=5, n_expert_steps=4, n_jobs=n).fit(source, seeded()).paths_ for n in (None, n_jobs)
    )
    torch.testing.assert_close(together, alone, rtol=0, atol=0)
    assert len(np.unique(alone[:, 0].numpy(), axis=0)) == 5


def test_the_memory_tells_flat_experts_apart(tmp_path, source):
    kept = [experts(linear, sharpness=s, memory=tmp_path).fit(source, seeded()).paths_ for s in (0.0, 0.5, 0.0)]
    torch.testing.assert_close(kept[0], kept[2], rtol=0, atol=0)
    assert not torch.equal(kept[0], kept[1])


def test_an_expert_that_diverges_is_named_with_its_step_size(source):
    with pytest.raises(ValueError, match=r"expert diverged: expert_step_size=1e\+200 is too large; try .*=1e\+199"):
        experts(MLP(4, 2), n_expert_steps=5, expert_step_size=1e200).fit(source, seeded())


@pytest.mark.parametrize("given", [{"expert_step_size": 0.0}, {"sharpness": -0.1}])
def test_settings_of_experts_that_make_no_sense_are_refused(given, source):
    with pytest.raises(ValueError, match=r"expert_step_size must be positive, and sharpness not negative"):
        experts(linear, **given).fit(source, seeded())


# What is shown


def test_each_end_of_a_segment_is_shown(source):
    generator = seeded()
    pool = experts(linear, n_segments=2).fit(source, generator)
    ends = {tuple(end.tolist()): (i, j) for i, path in enumerate(pool.paths_) for j, end in enumerate(path)}
    seen = []
    for _ in range(60):
        seen.append(ends[tuple(parameters_to_vector(pool.network_.parameters()).tolist())])
        assert not any(parameter.requires_grad for parameter in pool.network_.parameters())
        pool.after_step(source.rows, source, Step(generator))
    assert seen[0] == (0, 2)
    assert set(seen) == {(0, 1), (0, 2), (1, 1), (1, 2)}


def test_paths_stay_as_they_are(source):
    generator = seeded()
    pool = experts(linear).fit(source, generator)
    before = pool.paths_.clone()
    for _ in range(5):
        pool.segment(generator)
        pool.after_step(source.rows, source, Step(generator))
    torch.testing.assert_close(pool.paths_, before, rtol=0, atol=0)


def test_each_segment_is_drawn(source):
    generator = seeded()
    pool = experts(linear, n_segments=2).fit(source, generator)
    seen = set()
    for _ in range(60):
        origin, goal = pool.segment(generator)
        seen |= {
            (i, j)
            for i, path in enumerate(pool.paths_)
            for j in range(2)
            if torch.equal(path[j], origin) and torch.equal(path[j + 1], goal)
        }
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


# What is kept of them


def test_a_fit_that_was_killed_goes_on_with_the_next_expert(tmp_path, source):
    built, last = [], None

    def small(input_shape, n_outputs):
        built.append(input_shape)
        if len(built) == last:
            raise KeyboardInterrupt
        return MLP(width=4, depth=1)(input_shape, n_outputs)

    expected = experts(small, n_experts=3).fit(source, seeded()).paths_
    # One is built to be shown, and one to tell the network from others, before the three that are trained.
    built, last = [], 5
    with pytest.raises(KeyboardInterrupt):
        experts(small, n_experts=3, memory=tmp_path).fit(source, seeded())
    built, last = [], None
    resumed = experts(small, n_experts=3, memory=tmp_path).fit(source, seeded()).paths_
    assert len(built) == 3
    torch.testing.assert_close(resumed, expected, rtol=0, atol=0)


@pytest.mark.parametrize("as_memory", [False, True])
def test_experts_are_read_from_the_memory(as_memory, tmp_path, source, monkeypatch):
    memory = Memory(tmp_path, verbose=0) if as_memory else str(tmp_path)

    small = MLP(width=4, depth=1)
    small = partial(MLP.__call__, small)

    def fit(seed):
        return experts(MLP(width=4, depth=1), memory=memory).fit(source, seeded(seed))

    first = fit(0)

    def refuse(shape, n_outputs):
        raise AssertionError("experts are trained again")

    # The network is built once to be shown, and once to tell it from others.
    counted = iter([small, small, refuse, small, small, refuse])
    monkeypatch.setattr(MLP, "__call__", lambda self, *size: next(counted)(*size))
    again = fit(0)
    torch.testing.assert_close(again.paths_, first.paths_, rtol=0, atol=0)
    # Other experts are not in the memory.
    with pytest.raises(AssertionError, match="trained again"):
        fit(1)


def test_the_memory_tells_networks_apart(tmp_path, source):
    # Builders that have no name of their own, as a user writes them.
    pools = [
        experts(lambda shape, n, width=width: MLP(width, depth=1)(shape, n), memory=tmp_path).fit(source, seeded())
        for width in (2, 3)
    ]
    assert [pool.paths_.shape[2] for pool in pools] == [(4 + 1) * width + (width + 1) * 3 for width in (2, 3)]


class Curve(nn.Module):
    """A network that does not print what it computes."""

    def __init__(self, curve, shape, n_outputs):
        super().__init__()
        self.first, self.last, self.gate = (
            nn.Linear(shape[0], 4),
            nn.Linear(4, n_outputs),
            nn.Parameter(torch.zeros(())),
        )
        self.curve = curve

    def forward(self, x):
        hidden = self.first(x)
        return self.last(hidden + self.gate * self.curve(hidden))


def test_the_memory_tells_networks_apart_that_print_alike(tmp_path, source):
    def paths(curve, memory=None):
        pool = experts(lambda shape, n: Curve(curve, shape, n), memory=memory)
        return pool.fit(source, seeded()).paths_

    kept = [paths(curve, tmp_path) for curve in (torch.relu, torch.cos, torch.relu)]
    for found, curve in zip(kept, (torch.relu, torch.cos, torch.relu), strict=True):
        torch.testing.assert_close(found, paths(curve), rtol=0, atol=0)
    assert not torch.equal(kept[0], kept[1])


def test_the_memory_tells_networks_apart_by_all_rows(tmp_path, rng):
    X, y = rng.normal(size=(1290, 4)), np.arange(1290) % 2
    odd = rng.choice(np.setdiff1d(np.arange(1290), np.arange(0, 1290, 10)), 3, replace=False)
    X[odd] *= 30  # rows that a few evenly spaced ones do not show
    source = row_source(X, y)

    def paths(curve, memory=None):
        pool = experts(lambda shape, n: nn.Sequential(nn.Linear(4, 4), curve(), nn.Linear(4, n)), memory=memory)
        return pool.fit(source, seeded()).paths_

    def silent(shape, n_outputs, curve):
        # Of the first outputs, which are all zero, nothing is to be seen.
        network = nn.Sequential(nn.Linear(4, 4), curve(), nn.Linear(4, n_outputs))
        nn.init.zeros_(network[2].weight)
        return network

    for curve in (nn.ReLU, nn.ReLU6):
        torch.testing.assert_close(paths(curve, tmp_path), paths(curve), rtol=0, atol=0)
    kept = [
        experts(partial(silent, curve=curve), memory=tmp_path).fit(source, seeded()).paths_
        for curve in (nn.ReLU, nn.ReLU6)
    ]
    assert not torch.equal(*kept)
