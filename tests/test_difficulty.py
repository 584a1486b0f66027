"""Scores of hard rows against known networks, loops of autograd and histories made by hand."""

import re
from itertools import cycle

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from skdc.discrepancies import MMD
from skdc.learners import difficulty
from skdc.learners.difficulty import (
    EL2N,
    AreaUnderMargin,
    Difficulty,
    Forgetting,
    GraNd,
    LabelLoss,
    Margin,
    times_forgotten,
)
from skdc.networks import MLP, ConvNet, build_network, training_loss
from skdc.parameterizations import Subset
from skdc.sets import LabeledSet
from skdc.solvers.selection.rank import Rank

from .sources import row_source, seeded

SCORES = [Margin, EL2N, GraNd, Forgetting, LabelLoss, AreaUnderMargin]


@pytest.fixture
def source(rng):
    y = np.repeat([0, 1, 2], [12, 9, 6])
    return row_source(rng.normal(size=(27, 4)) + y[:, None], y)


class Known:
    """Builder of linear networks of given weights, one after the other."""

    def __init__(self, weights):
        self._next = cycle(weights)

    def __call__(self, input_shape, n_outputs):
        network = nn.Linear(input_shape[0], n_outputs)
        with torch.no_grad():
            network.weight.copy_(torch.as_tensor(next(self._next)))
            network.bias.fill_(0.1)
        return network

    def probabilities(self, source, weight):
        return softmax(source.rows.X.numpy() @ np.float32(weight).T + np.float32(0.1), axis=1)


@pytest.fixture
def weights(rng):
    return [rng.normal(size=(3, 4)) for _ in range(2)]


def test_el2n_of_known_networks(source, weights):
    network = Known(weights)
    scores = EL2N(network, n_networks=2, n_epochs=0).scores(source.rows, source.schema, seeded())
    errors = [network.probabilities(source, weight) - source.rows.y.numpy() for weight in weights]
    np.testing.assert_allclose(scores, np.mean([np.linalg.norm(error, axis=1) for error in errors], axis=0), rtol=1e-6)


def test_margins_of_known_networks(source, weights):
    network, label = Known(weights), source.rows.y.numpy().argmax(axis=1)
    scores = Margin(network, n_networks=2, n_epochs=0).scores(source.rows, source.schema, seeded())
    expected = np.zeros(27)
    for weight in weights:
        p = network.probabilities(source, weight)
        others = [max(np.delete(row, c)) for row, c in zip(p, label, strict=True)]
        expected += (1 - (p[np.arange(27), label] - others)) / 2
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert scores.min() > 0 and scores.max() < 2


def test_area_under_the_margin_of_known_networks(source, weights):
    label, n = source.rows.y.numpy().argmax(axis=1), np.arange(27)
    logits = [source.rows.X.numpy() @ np.float32(weight).T + np.float32(0.1) for weight in weights]

    def epochs():
        network = nn.Linear(4, 3).double()
        yield network  # as it is built: that does not count
        for weight in weights:
            with torch.no_grad():
                network.weight.copy_(torch.as_tensor(weight))
                network.bias.fill_(0.1)
            yield network

    scores = AreaUnderMargin(n_epochs=2).score(epochs(), source.rows)
    margins = [z[n, label] - [max(np.delete(row, c)) for row, c in zip(z, label, strict=True)] for z in logits]
    np.testing.assert_allclose(scores.detach(), -np.mean(margins, axis=0), rtol=1e-5)


def test_area_under_the_margin_wants_a_training(source):
    with pytest.raises(ValueError, match="n_epochs must be at least 1"):
        AreaUnderMargin(n_epochs=0).scores(source.rows, source.schema, seeded())


def norm_by_autograd(network, rows):
    """Return the norm of the gradient of the loss of each row in all parameters, row by row."""
    norms = []
    for X, y in zip(rows.X, rows.y, strict=True):
        loss = training_loss(network(X[None]), y[None], X.new_ones(1), "classification")
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm())
    return torch.stack(norms)


def noting(builder, calls):
    """Return a builder of networks that note how many rows they are given."""

    def build(input_shape, n_outputs):
        network = builder(input_shape, n_outputs)
        network.register_forward_hook(lambda module, inputs, outputs: calls.append(len(outputs)))
        return network

    return build


@pytest.mark.parametrize("entries", [1, 1 << 24], ids=["one by one", "together"])
@pytest.mark.parametrize("images", [False, True], ids=["rows", "images"])
def test_grand_is_the_norm_of_the_gradient(images, entries, rng, monkeypatch):
    monkeypatch.setattr(difficulty, "MATRIX_ENTRIES", entries)
    builder, calls = ConvNet(width=3, depth=1) if images else MLP(width=5), []
    source = row_source(rng.normal(size=(8, 4, 4) if images else (8, 4)), np.arange(8) % 3)
    scores = GraNd(noting(builder, calls), n_networks=2, n_epochs=0).scores(source.rows, source.schema, seeded())
    assert len(calls) == 2 * (8 if entries == 1 else 1)
    generator, shape = seeded(), source.schema.input_shape
    networks = [build_network(builder, shape, 3, generator, source.rows.X) for _ in range(2)]
    expected = sum(norm_by_autograd(network, source.rows) for network in networks) / 2
    torch.testing.assert_close(scores, expected)


def test_grand_is_taken_after_the_training(source):
    networks = []

    def build(input_shape, n_outputs):
        networks.append(MLP(width=5)(input_shape, n_outputs))
        return networks[-1]

    scores = GraNd(build, n_networks=1, n_epochs=3).scores(source.rows, source.schema, seeded())
    torch.testing.assert_close(scores, norm_by_autograd(networks[0], source.rows))


def test_forgetting_counts_falls_from_right_to_wrong():
    histories = {"000000": 6, "000001": 0, "111111": 0, "101010": 3, "110000": 1, "011011": 1, "010101": 2, "100000": 1}
    right = torch.tensor([[digit == "1" for digit in history] for history in histories]).T
    np.testing.assert_array_equal(times_forgotten(right), list(histories.values()))


class Constant(nn.Module):
    """A network that takes every row for one class."""

    def __init__(self, c):
        super().__init__()
        self.c = c

    def forward(self, x):
        return torch.eye(3)[self.c].expand(len(x), 3)


def test_forgetting_looks_after_each_epoch():
    rows = LabeledSet(torch.ones(3), torch.arange(3), torch.zeros(3, 2), torch.eye(3))
    # What the network takes rows for as it is built does not count.
    epochs = iter([Constant(c) for c in (2, 0, 1, 0, 1, 1)])
    np.testing.assert_array_equal(Forgetting(n_epochs=5).score(epochs, rows), [2, 1, 5])


def test_rows_in_pieces_score_the_same(source, monkeypatch):
    calls = []
    score = EL2N(noting(MLP(width=5), calls), n_epochs=0)
    whole = score.scores(source.rows, source.schema, seeded())
    monkeypatch.setattr(difficulty, "_PIECE", 4)
    torch.testing.assert_close(score.scores(source.rows, source.schema, seeded()), whole)
    assert calls == [27] * 3 + [4, 4, 4, 4, 4, 4, 3] * 3


def two_blobs(rng, n=150):
    """Return two overlapping blobs along the first axis, and how far inside its own half each row is."""
    y = np.repeat([0, 1], n)
    X = rng.normal(size=(2 * n, 3)) + 1.5 * np.column_stack([2 * y - 1, 0 * y, 0 * y])
    return X, y, X[:, 0] * (2 * y - 1)


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
def test_hard_rows_are_at_the_border(score, rng):
    X, y, inside = two_blobs(rng)
    source = row_source(X, y, dtype=torch.float32)
    n_epochs = 30 if score is GraNd else 8  # far rows have large gradients until a network is sure of them
    difficulty = score(MLP(width=16, depth=1), n_networks=10, n_epochs=n_epochs)
    scores = difficulty.scores(source.rows, source.schema, seeded())
    hardest, easiest = np.argsort(-scores.numpy(), kind="stable")[:20], np.argsort(scores.numpy())[:20]
    assert np.median(inside[hardest]) < np.quantile(inside, 0.1)
    assert inside[easiest].min() > 0


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
def test_scores_are_a_matter_of_the_generator(score, source):
    settings = {"network": MLP(width=5), "n_networks": 2, "n_epochs": 3, "batch_size": 4}
    first, again, other = (score(**settings).scores(source.rows, source.schema, seeded(s)) for s in (0, 0, 1))
    assert first.shape == (27,) and torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "score, settings, message",
    [
        (EL2N, {"n_networks": 0}, "n_networks must be at least 1"),
        (GraNd, {"n_epochs": -1}, "n_epochs must not be negative"),
        (Forgetting, {"n_epochs": 0}, "nothing is forgotten without training; n_epochs must be at least 1"),
        (Margin, {"step_size": 1e200, "n_epochs": 3}, "training diverged"),
    ],
    ids=["networks", "epochs", "forgetting", "divergence"],
)
def test_settings_that_make_no_sense_are_refused(score, settings, message, source):
    with pytest.raises(ValueError, match=message):
        score(**settings).scores(source.rows, source.schema, seeded())


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
def test_classes_are_needed(score, rng):
    X = rng.normal(size=(9, 2))
    for source, found in [
        (row_source(X), "y is None"),
        (row_source(X, np.zeros(9)), "y has one class only"),
        (row_source(X, X[:, 0], regression=True), "y is continuous"),
    ]:
        with pytest.raises(ValueError, match=f"{score.__name__} tells how hard rows are to classify, but {found}"):
            score().scores(source.rows, source.schema, seeded())


# Rank


class FirstFeature(Difficulty):
    """The first feature, of all rows together."""

    def score(self, epochs, rows):
        assert len(rows) == 12
        return rows.X[:, 0]


def ranked(solver, source, sizes):
    """Return the chosen rows and their weights."""
    live = Subset().build(source, np.asarray(sizes), seeded())
    solver.solve(None, live, source, seeded(), lambda step, n_steps, loss: None)
    return live.indices, live().weight.numpy()


@pytest.fixture
def graded():
    """Return rows whose first feature is known, with ties, of two classes in turn."""
    X = np.array([[5, 1], [2, 0], [9, 3], [2, 8], [5, 4], [7, 1], [9, 9], [2, 2], [1, 5], [8, 0], [9, 2], [0, 7.0]])
    return row_source(X, np.tile([0, 1], 6), weight=np.linspace(1, 2, 12))


@pytest.mark.parametrize(
    "keep, expected", [("hardest", [2, 6, 10, 0, 9, 5, 1]), ("easiest", [8, 0, 4, 2, 11, 1, 3])], ids=str
)
def test_the_first_by_score_are_taken_of_each_class(keep, expected, graded):
    # Rows that tie come in their order.
    found, mass = ranked(Rank(FirstFeature(n_networks=1), keep), graded, [4, 3])
    np.testing.assert_array_equal(found, expected)
    by_class = np.bincount([0, 1] * 6, graded.weight)
    np.testing.assert_allclose(mass / mass.sum(), np.repeat(by_class / [4, 3], [4, 3]) / by_class.sum(), rtol=1e-6)


def test_reweighting_is_class_by_class(graded):
    _, mass = ranked(Rank(FirstFeature(n_networks=1), reweight=MMD()), graded, [4, 3])
    by_class = np.bincount([0, 1] * 6, graded.weight)
    np.testing.assert_allclose([mass[:4].sum(), mass[4:].sum()], 7 * by_class / by_class.sum(), rtol=1e-6)
    assert mass[:4].std() > 0.01


@pytest.mark.parametrize(
    "solver, error, message",
    [
        (Rank("el2n"), TypeError, "Rank(difficulty='el2n'): give an object of skdc.learners, such as EL2N()"),
        (Rank(keep="both"), ValueError, "Rank(keep='both'): keep must be 'hardest', 'easiest' or 'middle'"),
    ],
    ids=["difficulty", "keep"],
)
def test_what_cannot_be_ranked_is_refused(solver, error, message, graded):
    with pytest.raises(error, match=re.escape(message)):
        ranked(solver, graded, [1, 1])


def test_losses_of_known_networks(source, weights):
    network, label = Known(weights), source.rows.y.numpy().argmax(axis=1)
    scores = LabelLoss(network, n_networks=2, n_epochs=0).scores(source.rows, source.schema, seeded())
    expected = [-np.log(network.probabilities(source, weight)[np.arange(27), label]) for weight in weights]
    np.testing.assert_allclose(scores, np.mean(expected, axis=0), rtol=1e-5)


def test_the_middle_of_each_class_is_taken_from_its_median_on(source, weights):
    difficulty = LabelLoss(Known(weights[:1]), n_networks=1, n_epochs=0)
    scores = difficulty.scores(source.rows, source.schema, seeded()).numpy()
    subset = Subset().build(source, np.array([5, 3, 2]), seeded())
    Rank(difficulty, "middle").solve(None, subset, source, seeded())
    for c, (chosen, size) in enumerate(zip(np.split(subset.indices, [5, 8]), [12, 9, 6], strict=True)):
        members = np.flatnonzero(source.key == c)
        ranks = np.argsort(np.argsort(scores[members]))[np.searchsorted(members, chosen)]
        away = np.abs(ranks - (size - 1) / 2)
        assert (np.diff(away) >= 0).all()
        assert away.max() <= len(chosen) / 2
