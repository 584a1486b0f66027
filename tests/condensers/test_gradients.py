"""Rows that are chosen by networks."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from skdc import RandomSubset
from skdc.condensers.selection.gradients import GradMatch, UncertaintySubset
from skdc.discrepancies import MMD
from skdc.learners.difficulty import EL2N, AreaUnderMargin, Forgetting, GraNd, LabelLoss, Margin
from skdc.networks import MLP, build_network

from ..sources import seeded

SMALL = MLP(width=8, depth=1)
SCORES = [Margin, EL2N, GraNd, Forgetting, LabelLoss, AreaUnderMargin]


def class_gradients(network, X, y, weight):
    """Return the weighted mean over each class of the gradients in the last layer, by autograd."""
    rows, labels = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
    means = []
    for c in range(3):
        of_class, mass = labels == c, torch.as_tensor(weight, dtype=torch.float32)
        losses = torch.nn.functional.cross_entropy(network(rows[of_class]), labels[of_class], reduction="none")
        loss = (mass[of_class] / mass[of_class].sum()) @ losses
        parameters = list(network.parameters())[-2:]
        means.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]))
    return torch.stack(means)


def test_grad_match_matches_gradients(iris):
    X, y = iris
    network = build_network(MLP(width=32, depth=1), (4,), 3, seeded(), torch.empty(0))
    # Rows inside are those of the data but for shift and scale.
    scaled = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0).mean())
    matched = GradMatch(regularization=1e-4, network=lambda shape, n: network, n_per_class=6, random_state=0).fit(X, y)
    drawn = [RandomSubset(n_per_class=6, random_state=s).fit(X, y) for s in range(20)]
    real = class_gradients(network.requires_grad_(), scaled, y, np.ones(150))
    apart = [
        float((class_gradients(network, scaled[s.indices_], y[s.indices_], s.sample_weight_) - real).norm())
        for s in (matched, *drawn)
    ]
    assert apart[0] < 0.5 * min(apart[1:])


def test_grad_match_beats_random_rows(digits):
    X, y = digits[0] / 16, digits[1]
    scores = []
    for condenser in (GradMatch, RandomSubset):
        fitted = [condenser(n_per_class=10, random_state=s).fit(X[::2], y[::2]) for s in range(3)]
        learners = [LogisticRegression(max_iter=1000).fit(f.X_syn_, f.y_syn_) for f in fitted]
        scores.append([learner.score(X[1::2], y[1::2]) for learner in learners])
    assert np.mean(scores[0]) > np.mean(scores[1]) + 0.02


def test_grad_match_takes_continuous_targets(rng):
    X = rng.normal(size=(60, 3))
    fitted = GradMatch(network=SMALL, n_samples=6, random_state=0).fit(X, X[:, 0] - X[:, 1])
    assert len(set(fitted.indices_.tolist())) == 6
    assert_allclose(fitted.sample_weight_.mean(), 1)


def test_each_parameter_of_grad_match_matters(iris):
    plain = GradMatch(network=SMALL, n_per_class=4, random_state=0).fit(*iris)
    changes = {"regularization": 2.0, "network": MLP(width=9), "n_train_steps": 5, "by": None, "reweight": MMD()}
    for name, value in changes.items():
        other = GradMatch(network=SMALL, n_per_class=4, random_state=0).set_params(**{name: value}).fit(*iris)
        same = np.array_equal(plain.indices_, other.indices_)
        assert not (same and np.allclose(plain.sample_weight_, other.sample_weight_)), name


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
def test_rows_of_wrong_labels_are_the_hardest(score, rng):
    y = np.repeat([0, 1], 60)
    X = rng.normal(size=(120, 2)) + 6 * y[:, None]
    wrong = np.array([3, 17, 40, 70, 90, 119])
    y[wrong] = 1 - y[wrong]
    difficulty = score(MLP(width=16, depth=1), n_epochs=30)
    hardest = UncertaintySubset(difficulty=difficulty, n_per_class=3, random_state=0).fit(X, y)
    easiest = UncertaintySubset(difficulty=difficulty, keep="easiest", n_per_class=3, random_state=0).fit(X, y)
    assert_array_equal(np.sort(hardest.indices_), wrong)
    assert not set(easiest.indices_) & set(wrong)


def test_scores_are_reweighted_on_demand(iris):
    plain, weighted = (
        UncertaintySubset(difficulty=EL2N(SMALL), reweight=reweight, n_per_class=4, random_state=0).fit(*iris)
        for reweight in (None, MMD())
    )
    assert_array_equal(plain.indices_, weighted.indices_)
    assert_allclose(plain.sample_weight_, 1)
    assert weighted.sample_weight_.std() > 0.1


@pytest.mark.parametrize(
    "condenser, task, message",
    [
        (UncertaintySubset(), "none", "EL2N tells how hard rows are to classify, but y is None"),
        (
            UncertaintySubset(difficulty=Margin()),
            "regression",
            "Margin tells how hard rows are to classify, but y is continuous",
        ),
        (GradMatch(), "none", "LastLayerGradients trains on targets, but y is None"),
    ],
    ids=["no targets", "continuous targets", "no targets to match"],
)
def test_targets_that_are_missing_are_named(condenser, task, message, rng):
    X = rng.normal(size=(30, 2))
    with pytest.raises(ValueError, match=message):
        condenser.fit(X, None if task == "none" else X[:, 0])
