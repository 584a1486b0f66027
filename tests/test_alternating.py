"""Pools of one network at a time against their training written out, and what is said of a training that diverges."""

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from skdc import Condenser, GradientMatching
from skdc.augmentation import Brightness
from skdc.discrepancies import MeanDistance
from skdc.exceptions import TrainingError
from skdc.learners import AlternatingNetworks, DataTrainedNetworks, OnlineNetworks
from skdc.networks import MLP, training_loss
from skdc.solvers import Descent, DivergenceError
from skdc.sources import Sketch, SketchSource
from skdc.spaces import NetworkFeatures
from skdc.step import Step

from .sources import CPU, row_source, seeded, synthetic

SMALL = MLP(width=8, depth=1)


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [40, 30, 20])
    return row_source(3 + 2 * rng.normal(size=(90, 4)) + 2 * y[:, None], y, weight=rng.uniform(0.5, 2, 90))


@pytest.fixture
def many(rng):
    """Return 1,001 rows of 101 classes with uneven weights."""
    y = np.arange(1001) % 101
    return row_source(rng.normal(size=(1001, 4)) + 0.1 * y[:, None], y, weight=rng.uniform(0.5, 2, 1001))


def values(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def by_sgd(network, batches, task, step_size, momentum):
    """Yield the parameters of a copy of a network after a step of gradient descent on each batch."""
    network = copy.deepcopy(network).requires_grad_(True)
    optimizer = torch.optim.SGD(network.parameters(), lr=step_size, momentum=momentum)
    for rows in batches:
        optimizer.zero_grad()
        training_loss(network(rows.X), rows.y, rows.mass, task).backward()
        optimizer.step()
        yield values(network)


@pytest.mark.parametrize("regression", [False, True])
def test_a_network_is_trained_on_the_data_by_a_descent_that_goes_on(regression, many, rng):
    source = many
    if regression:
        X = rng.normal(size=(1001, 4))
        source = row_source(X, X[:, :2] + 5, regression=True, weight=rng.uniform(0.5, 2, 1001))
    pool = DataTrainedNetworks(SMALL, n_matches=9, n_updates=2, step_size=0.02, batch_size=70)
    generator, points = seeded(), source.rows.take(slice(5))
    pool.fit(source, generator)
    start, twin = pool.network_, copy.deepcopy(source)
    again = torch.Generator()
    again.set_state(generator.get_state())
    batches = [twin.batch(70, again).rows for _ in range(4)]
    expected = list(by_sgd(start, batches, source.schema.task, 0.02, momentum=0.9))
    for turn in range(2):
        pool.after_step(points, source, Step(generator))
        torch.testing.assert_close(values(pool.network_), expected[2 * turn + 1], rtol=1e-10, atol=1e-12)


def test_a_new_network_begins_a_descent_of_its_own(source):
    pool = DataTrainedNetworks(SMALL, n_matches=2, n_updates=2, batch_size=50)
    generator, seen = seeded(), []
    pool.fit(source, generator)
    for _ in range(6):
        seen.append((pool.network_, len(pool._optimizer.state)))
        pool.after_step(source.rows, source, Step(generator))
    networks = [network for network, _ in seen]
    assert [[network is other for other in networks].index(True) for network in networks] == [0, 0, 2, 2, 4, 4]
    assert [n_moved > 0 for _, n_moved in seen] == [False, True] * 3


@pytest.mark.parametrize("name, value", [("n_updates", 1), ("step_size", 0.1), ("batch_size", 20), ("n_matches", 1)])
def test_each_parameter_counts(name, value, source):
    networks = []
    for changed in ({}, {name: value}):
        pool = DataTrainedNetworks(SMALL, n_matches=3, n_updates=2, batch_size=50).set_params(**changed)
        generator = seeded()
        pool.fit(source, generator).after_step(source.rows, source, Step(generator))
        networks.append(values(pool.network_))
    assert not torch.allclose(*networks)


@pytest.mark.parametrize("kind", [AlternatingNetworks, DataTrainedNetworks])
def test_what_the_builder_has_frozen_stays(kind, source):
    def half(input_shape, n_outputs):
        network = SMALL(input_shape, n_outputs)
        network[1].requires_grad_(False)
        return network

    pool, generator = kind(half, n_updates=2), seeded()
    before = [p.clone() for p in pool.fit(source, generator).network_.parameters()]
    pool.after_step(source.rows, source, Step(generator))
    same = [torch.equal(*pair) for pair in zip(before, pool.network_.parameters(), strict=True)]
    assert same == [True, True, False, False]


def test_images_are_changed_anew_for_each_step(rng):
    source = row_source(rng.normal(size=(12, 4, 4)), np.arange(12) % 2)
    points = synthetic(source, rng.normal(size=(4, 4, 4)), np.array([0, 0, 1, 1]))
    generator, again = seeded(), torch.Generator()
    pool = AlternatingNetworks(SMALL, n_updates=3, step_size=0.1, augmentation=Brightness()).fit(source, generator)
    again.set_state(generator.get_state())
    shifts = [Brightness().draw(again) for _ in range(3)]
    batches = [replace(points, X=shift(points.X[:, None])[:, 0]) for shift in shifts]
    *_, expected = by_sgd(pool.network_, batches, "classification", 0.1, momentum=0.5)
    pool.after_step(points, source, Step(generator))
    torch.testing.assert_close(values(pool.network_), expected, rtol=1e-10, atol=1e-12)


def test_tables_have_no_images_to_change(source):
    with pytest.raises(ValueError, match=r"DataTrainedNetworks needs images, but rows of shape \(4,\) are none"):
        DataTrainedNetworks(augmentation=Brightness()).fit(source, seeded())


def test_there_must_be_rows_to_train_on(source):
    sketched = SketchSource(Sketch(3, 0, seed=0), source.schema, CPU)
    with pytest.raises(ValueError, match="DataTrainedNetworks cannot learn networks from a stream"):
        DataTrainedNetworks(SMALL).fit(sketched, seeded())


@pytest.mark.parametrize(
    "pool, message",
    [
        (DataTrainedNetworks(n_matches=0), "n_matches must be at least 1"),
        (DataTrainedNetworks(n_updates=-1), "n_updates not negative"),
        (DataTrainedNetworks(step_size=0), "step_size positive"),
        (DataTrainedNetworks(batch_size=0), "batch_size must be at least 1"),
    ],
    ids=repr,
)
def test_settings_that_make_no_sense_are_refused(pool, message, source):
    with pytest.raises(ValueError, match=re.escape(message)):
        pool.fit(source, seeded())


# Training that diverges


@pytest.mark.parametrize("step_size", [30.0, 1e4, 1e300])
@pytest.mark.parametrize("kind", [AlternatingNetworks, DataTrainedNetworks])
def test_a_training_that_diverges_is_refused_with_its_step_size(kind, step_size, source):
    # Of the first step size the loss stays finite: the units of the network are dead, and show no gradient any more.
    pool, generator = kind(SMALL, step_size=step_size, n_updates=10), seeded()
    pool.fit(source, generator)
    message = f"its loss was .* step_size={step_size:g} of {kind.__name__}".replace("+", r"\+")
    with pytest.raises(TrainingError, match=message):
        for _ in range(3):
            pool.after_step(source.rows, source, Step(generator))


@pytest.mark.parametrize("step_size", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("kind", [AlternatingNetworks, DataTrainedNetworks])
def test_a_training_that_learns_is_not(kind, step_size, source):
    pool, generator = kind(SMALL, n_matches=30, step_size=step_size, n_updates=10), seeded()
    pool.fit(source, generator)
    for _ in range(8):
        pool.after_step(source.rows, source, Step(generator))


@pytest.mark.parametrize(
    "pool",
    [
        AlternatingNetworks(SMALL, step_size=1e9, n_updates=5),
        DataTrainedNetworks(SMALL, step_size=1e9, n_updates=5),
        OnlineNetworks(SMALL, n_networks=1, step_size=1e9),
    ],
    ids=lambda pool: type(pool).__name__,
)
def test_a_fit_names_the_step_size_of_the_network_and_keeps_the_last_set(pool, iris):
    condenser = Condenser(MeanDistance(space=NetworkFeatures(pool)), solver=Descent(n_steps=20), random_state=0)
    with pytest.raises(DivergenceError, match=rf"step_size=1e\+09 of {type(pool).__name__}.* set is kept in X_syn_"):
        condenser.fit(*iris)
    assert 1 <= condenser.n_iter_ < 20 and condenser.X_syn_.shape == (30, 4) and np.isfinite(condenser.X_syn_).all()


def residual(input_shape, n_outputs):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 8))

        def forward(self, x):
            return x + self.inner(x)

    return nn.Sequential(nn.Linear(input_shape[0], 8), Block(), nn.Linear(8, n_outputs))


@pytest.mark.parametrize("networks", [AlternatingNetworks(residual), DataTrainedNetworks(residual, batch_size=20)])
def test_networks_may_have_batch_norms_dropout_and_residuals(networks, iris):
    fits = [GradientMatching(3, networks=networks, n_steps=4, random_state=0).fit(*iris) for _ in range(2)]
    assert np.isfinite(fits[0].X_syn_).all()
    np.testing.assert_array_equal(fits[0].X_syn_, fits[1].X_syn_)
