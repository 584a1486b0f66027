"""Trajectories: gradients with the parameters held constant, windows of segments, and what bounds the student."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.func import functional_call

from skdc import Condenser, TrajectoryMatching
from skdc.discrepancies import SquaredL2
from skdc.learners import Experts
from skdc.networks import MLP, training_loss
from skdc.randomness import randomness
from skdc.solvers import Descent, DivergenceError
from skdc.sources import Batch
from skdc.spaces import TrainingTrajectories
from skdc.step import Step

from ..sources import seeded, softmax_regression


class Residual(nn.Module):
    """A network that is no sequence, with a parameter that it does not use."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.first, self.last = nn.Linear(input_shape[0], input_shape[0]), nn.Linear(input_shape[0], n_outputs)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.last(x + torch.tanh(self.first(x)))


def normed(input_shape, n_outputs):
    return nn.Sequential(
        nn.Linear(input_shape[0], 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Dropout(0.4), nn.Linear(5, n_outputs)
    )


NETWORKS = {"mlp": MLP(6, 2), "residual": Residual, "batch norm and dropout": normed}


def trajectories(network, gradient, n_student_steps=1, expert_step_size=0.3):
    experts = Experts(network, n_experts=1, n_segments=1, n_expert_steps=2, expert_step_size=expert_step_size)
    return TrainingTrajectories(experts, n_student_steps, gradient=gradient)


def gradients(source, points, network, gradient, n_student_steps=1, expert_step_size=0.3):
    """Return the loss, its gradients in rows, targets and weights, and that in the student's step size."""
    space = trajectories(network, gradient, n_student_steps, expert_step_size)
    with randomness(0):
        discrepancy = SquaredL2(space=space, by=None).fit(source, seeded(1))
        moving = {name: getattr(points, name).clone().requires_grad_() for name in ("X", "y", "weight")}
        loss = discrepancy.loss(Batch(source.rows), replace(points, **moving), Step(seeded(2)))
        torch.rand(3)  # draws in between are no draws of the network
        loss.backward()
    return loss.detach(), [value.grad for value in moving.values()], space.log_step_size_.grad, space


@pytest.mark.parametrize("name", NETWORKS)
def test_one_step_that_is_held_has_the_gradient(name, source, points):
    exact, held = (gradients(source, points, NETWORKS[name], gradient) for gradient in ("exact", "held"))
    torch.testing.assert_close(held[:3], exact[:3], rtol=1e-9, atol=1e-12)
    assert all(gradient.abs().max() > 1e-6 for gradient in held[1])


def test_steps_that_are_held_have_the_sum_of_their_gradients(source, points):
    loss, found, of_step, space = gradients(source, points, MLP(6, 2), "held", n_student_steps=4)
    network, (origin, goal) = space.experts_.network_, space.experts_.paths_[0]
    values = [piece.view_as(p) for p, piece in zip(network.parameters(), origin.split(sizes(network)), strict=True)]
    values = [value.clone().requires_grad_() for value in values]
    moving = {name: getattr(points, name).clone().requires_grad_() for name in ("X", "y", "weight")}
    rows, total, step_size = replace(points, **moving), 0.0, float(space.step_size().detach())
    for _ in range(4):
        named = dict(zip(dict(network.named_parameters()), values, strict=True))
        loss_there = training_loss(functional_call(network, named, rows.X), rows.y, rows.mass, "classification")
        steps = torch.autograd.grad(loss_there, values, create_graph=True)
        total = total + torch.cat([step.flatten() for step in steps])
        values = [(v - step_size * g).detach().requires_grad_() for v, g in zip(values, steps, strict=True)]
    rate = space.log_step_size_.detach().clone().requires_grad_()
    student = origin - rate.exp() * total
    expected = (student - goal).square().sum() / (goal - origin).square().sum()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-9, atol=1e-12)
    expected.backward()
    torch.testing.assert_close(found, [value.grad for value in moving.values()], rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(of_step, rate.grad, rtol=1e-8, atol=1e-12)


def sizes(network):
    return [parameter.numel() for parameter in network.parameters()]


def cosine(source, points, expert_step_size, n_student_steps):
    lengths = MLP(6, 2), n_student_steps, expert_step_size
    exact, held = (
        gradients(source, points, lengths[0], gradient, *lengths[1:])[1][0].flatten() for gradient in ("exact", "held")
    )
    return float(exact @ held / (exact.norm() * held.norm()))


def test_the_gradient_that_is_held_is_near_where_the_way_is_short(source, points):
    assert cosine(source, points, expert_step_size=0.01, n_student_steps=5) > 0.999
    assert 0.2 < cosine(source, points, expert_step_size=1.0, n_student_steps=20) < 0.995


def test_the_step_size_of_the_student_stays_near_where_it_starts(source):
    space = trajectories(MLP(6, 1), "exact", expert_step_size=0.3).fit(source, seeded())
    first = float(space.step_size().detach())
    for far, factor in ((50.0, 10.0), (-50.0, 0.1)):
        with torch.no_grad():
            space.log_step_size_.fill_(far)
        assert float(space.step_size().detach()) == pytest.approx(factor * first)
        assert space.attributes(None, source)["step_size_"] == pytest.approx(factor * first)


# Windows


def windowed(window=None, growth=None):
    return TrainingTrajectories(Experts(MLP(3, 1), 2, 10, 1), 1, window=window, growth=growth)


@pytest.mark.parametrize(
    "window, growth, expected",
    [
        (None, None, {0: (0, 10), 199: (0, 10)}),
        ((2, 7), None, {0: (2, 7), 199: (2, 7)}),
        # 3 segments more in half of 200 steps.
        ((1, 8), (5, 0.5), {0: (1, 5), 33: (1, 5), 34: (1, 6), 67: (1, 7), 99: (1, 7), 100: (1, 8), 199: (1, 8)}),
        (None, (1, 1.0), {0: (0, 1), 23: (0, 2), 199: (0, 9)}),
    ],
)
def test_the_window_grows_with_the_steps(window, growth, expected, source):
    space = windowed(window, growth).fit(source, seeded())
    for step, segments in expected.items():
        assert space.window_at(Step(seeded(), step=step, n_steps=200)) == segments


def test_segments_of_the_window_are_drawn_alike(source, points):
    space, generator = windowed((4, 7)).fit(source, seeded()), seeded()
    places = {tuple(path[j].tolist()): j for path in space.experts_.paths_ for j in range(11)}
    drawn = Counter()
    for step in range(300):
        origin, goal = space.experts_.segment(generator, space.window_at(Step(generator, step=step, n_steps=300)))
        assert places[tuple(goal.tolist())] == places[tuple(origin.tolist())] + 1
        drawn[places[tuple(origin.tolist())]] += 1
    assert set(drawn) == {4, 5, 6}
    assert min(drawn.values()) > 70


@pytest.mark.parametrize("window", [(0, 11), (3, 3), (-1, 4)])
def test_a_window_without_segments_is_refused(window, source):
    with pytest.raises(ValueError, match=r"window=\(.*one of the n_segments=10 segments"):
        windowed(window).fit(source, seeded())


@pytest.mark.parametrize("growth", [(2, 0.5), (9, 0.5), (4, 0.0), (4, 1.5)])
def test_a_growth_beyond_the_window_is_refused(growth, source):
    with pytest.raises(ValueError, match=r"growth=\(.*after segment 2 and not after 8"):
        windowed((2, 8), growth).fit(source, seeded())


def test_another_word_for_the_gradient_is_refused(source):
    with pytest.raises(ValueError, match=r"gradient='tesla'\): it must be 'exact' or 'held'"):
        trajectories(MLP(3, 1), "tesla").fit(source, seeded())


# The condenser

SMALL = {"network": MLP(8, 1), "n_experts": 2, "n_segments": 3, "n_expert_steps": 5, "n_student_steps": 3, "n_steps": 6}
CHANGES = [
    {"gradient": "held"},
    {"sharpness": 0.5},
    {"window": (0, 1)},
    {"growth": (1, 0.5)},
    {"labels": "probabilities"},
    {"labels": "probabilities", "teacher": LogisticRegression()},
    {"labels": "probabilities", "label_bits": 2},
    {"labels": "probabilities", "top_labels": 2},
    {"average": 0.5},
]


@pytest.mark.filterwarnings("ignore:. of 6 steps were skipped")
def test_every_field_changes_the_set(iris):
    X, y = iris
    X = X + np.random.default_rng(0).normal(size=X.shape)
    plain = TrajectoryMatching(2, **SMALL, random_state=0).fit(X, y)
    changes = [*CHANGES, {"max_loss": float(np.median(plain.history_["loss"]))}]
    sets = {"{}": plain.X_syn_}
    for change in changes:
        sets[str(change)] = TrajectoryMatching(2, **SMALL, **change, random_state=0).fit(X, y).X_syn_
    same = [pair for pair in combinations(sets, 2) if np.array_equal(sets[pair[0]], sets[pair[1]])]
    assert not same


def test_all_fields_together_take_many_classes(rng):
    y = np.arange(1001) % 101
    X = rng.normal(size=(101, 5))[y] + 0.1 * rng.normal(size=(1001, 5))
    together = {name: value for change in CHANGES[:4] + CHANGES[8:] for name, value in change.items()}
    condenser = TrajectoryMatching(1, **SMALL, **together, labels="probabilities", random_state=0)
    condenser.set_params(task="classification").fit(X, y)
    np.testing.assert_array_equal(condenser.y_syn_, np.arange(101))
    np.testing.assert_allclose(condenser.y_soft_.sum(axis=1), 1)


def test_a_student_that_diverges_is_named_with_its_step_size(rng):
    X = rng.normal(size=(30, 3))
    # Four long steps of an expert lead far, 200 steps of a student beyond all numbers.
    space = TrainingTrajectories(Experts(linear, 1, 1, 4, expert_step_size=5000.0), n_student_steps=200)
    condenser = Condenser(SquaredL2(space=space, by=None), solver=Descent(n_steps=2), n_samples=4, random_state=0)
    with pytest.raises(DivergenceError, match=r"or step_size_=100 for networks that train on the set; try"):
        condenser.fit(X, X.sum(axis=1))
    assert np.isfinite(condenser.X_syn_).all()


def linear(input_shape, n_outputs):
    return nn.Linear(input_shape[0], n_outputs)


@pytest.mark.parametrize("gradient", ["exact", "held"])
def test_what_a_builder_has_frozen_is_that_of_the_expert(gradient, source, points):
    def on_random_features(input_shape, n_outputs):
        first = nn.Linear(input_shape[0], 5).requires_grad_(False)
        return nn.Sequential(first, nn.Tanh(), nn.Linear(5, n_outputs))

    space = TrainingTrajectories(Experts(on_random_features, 2, 1, 2), 3, gradient=gradient).fit(source, seeded())
    first, second = (path[0] for path in space.experts_.paths_)
    assert not torch.equal(first[:25], second[:25])
    for origin in (first, second):
        student = space.train_student(origin, points).detach()
        weight, bias = origin[:20].view(5, 4), origin[20:25]
        seen = torch.tanh(points.X @ weight.T + bias).numpy()
        expected = softmax_regression(
            origin[25:].numpy(), seen, points.y.numpy(), points.mass.numpy(), float(space.step_size().detach()), 3
        )
        torch.testing.assert_close(student[:25], origin[:25], rtol=0, atol=0)
        np.testing.assert_allclose(student[25:], expected, rtol=1e-9, atol=1e-12)
