"""Fairness terms: against fairlearn, by hand, and as what a condenser trades accuracy for."""

import numpy as np
import pytest
import torch
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skdc import CondensedEstimator, Condenser
from skdc.discrepancies import MMD, CrossEntropy, CVaR, DemographicParity, EqualizedOdds, SquaredL2
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Fixed
from skdc.sets import Block
from skdc.solvers import Descent, Greedy
from skdc.sources import Batch
from skdc.spaces import Identity, KernelRidgePredictions, NeighborPredictions
from skdc.step import Step

from ..sources import row_source, seeded, synthetic

TERMS = [DemographicParity, EqualizedOdds]


class Told(KernelRidgePredictions):
    """Predictions that are given, as scores so far apart that their softmax decides."""

    def __init__(self, scores=None):
        super().__init__(kernel_rate=0.0)
        self.scores = scores

    def represent(self, real, synthetic, state):
        """Return the true targets, and the scores of all rows."""
        return [Block(real.weight, real.key, real.y)], [Block(real.weight, real.key, self.scores)]


def attached(term, y, groups, weight=None):
    source = row_source(np.arange(float(len(y)))[:, None], y, groups=groups, weight=weight)
    term.attach(source)
    return source


def unfairness(make, decisions, y, groups, n_classes=2, **parameters):
    scores = 1e3 * torch.eye(n_classes, dtype=torch.float64)[torch.as_tensor(decisions)]
    term = make(space=Told(scores), **parameters)
    source = attached(term, y, groups)
    return float(term.value(Batch(source.rows), None, seeded()))


@pytest.fixture
def decided(rng):
    """Return true classes, decisions and two groups of the same size in each class."""
    y, groups = np.repeat([0, 1], 40), np.tile([0, 1], 40)
    return y, (rng.random(80) < 0.2 + 0.4 * y + 0.2 * groups).astype(int), groups


def test_parity_of_decisions_is_the_difference_that_fairlearn_finds(decided):
    y, decisions, groups = decided
    difference = demographic_parity_difference(y, decisions, sensitive_features=groups)
    # Two groups of one size are half the difference from the mean, in each of two classes.
    assert difference > 0.05
    assert unfairness(DemographicParity, decisions, y, groups) == pytest.approx(difference**2 / 2)


def test_odds_of_decisions_are_those_that_fairlearn_finds(decided):
    y, decisions, groups = decided
    difference = equalized_odds_difference(y, decisions, sensitive_features=groups)
    assert difference > 0.05
    assert unfairness(EqualizedOdds, decisions, y, groups, reduce="worst") == pytest.approx(difference**2 / 2)
    assert unfairness(EqualizedOdds, decisions, y, groups) < difference**2 / 2


def test_a_perfect_learner_has_equal_odds_and_no_parity():
    y, groups = np.array([0, 0, 0, 1, 0, 1, 1, 1]), np.repeat([0, 1], 4)
    assert unfairness(EqualizedOdds, y, y, groups) == 0
    assert unfairness(DemographicParity, y, y, groups) == pytest.approx(2 * 0.25**2)


def test_three_groups_of_three_classes_by_hand(rng):
    y, groups, decisions = (rng.integers(3, size=90) for _ in range(3))
    chosen = np.eye(3)[decisions]
    parity = [np.sum((chosen[groups == g].mean(0) - chosen.mean(0)) ** 2) for g in range(3)]
    assert unfairness(DemographicParity, decisions, y, groups, 3) == pytest.approx(np.mean(parity))
    by_half = unfairness(DemographicParity, decisions, y, groups, 3, reduce=CVaR(2 / 3))
    assert by_half == pytest.approx(np.max(parity))
    odds = [
        np.sum((chosen[(groups == g) & (y == c)].mean(0) - chosen[y == c].mean(0)) ** 2)
        for c in range(3)
        for g in range(3)
    ]
    assert unfairness(EqualizedOdds, decisions, y, groups, 3, weight=2.0) == pytest.approx(2 * np.mean(odds))


@pytest.mark.parametrize("make", TERMS)
def test_a_row_of_weight_two_is_the_row_twice(make, rng):
    y, groups = rng.integers(2, size=(2, 30))
    scores = torch.as_tensor(rng.normal(size=(30, 2)))
    heavy, twice = make(space=Told(scores)), make(space=Told(torch.cat([scores, scores[:5]])))
    weight = np.where(np.arange(30) < 5, 2.0, 1.0)
    light = attached(heavy, y, groups, weight)
    double = attached(twice, np.append(y, y[:5]), np.append(groups, groups[:5]))
    assert_allclose(
        float(heavy.value(Batch(light.rows), None, None)), float(twice.value(Batch(double.rows), None, None))
    )


def test_a_group_that_is_not_in_a_class_is_not_compared_there():
    y, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1, 1])
    decisions = np.array([1, 0, 0, 0, 1, 1])
    # In class 0 the groups have 1/2 and 0 of class 1, about 1/4; class 1 has one group, which agrees with itself.
    assert unfairness(EqualizedOdds, decisions, y, groups) == pytest.approx((2 + 2) * 0.25**2 / 3)


@pytest.mark.parametrize("make", TERMS)
def test_the_temperature_is_that_of_a_softmax(make, rng):
    y, groups = rng.integers(2, size=(2, 30))
    scores = torch.as_tensor(rng.normal(size=(30, 2)))
    values = []
    for factor in (1.0, 3.0):
        term = make(temperature=0.7 * factor, space=Told(factor * scores))
        values.append(float(term.value(Batch(attached(term, y, groups).rows), None, None)))
    assert values[0] == pytest.approx(values[1]) and values[0] > 1e-5


@pytest.mark.parametrize("make", TERMS)
def test_the_gradient_reaches_the_points(make, rng):
    X, (y, groups) = rng.normal(size=(40, 2)), rng.integers(2, size=(2, 40))
    source = row_source(X, y, groups=groups)
    objective = SquaredL2(space=KernelRidgePredictions(), by=None) + make()
    objective.fit(source, seeded())
    term, points = objective.leaves()[1], synthetic(source, X[:6], codes=y[:6])
    points.X.requires_grad_()
    value = term.loss(Batch(source.rows), points, Step(seeded()))
    (slope,) = torch.autograd.grad(value, points.X)
    step = 1e-4 * slope / slope.norm()
    ahead = synthetic(source, X[:6], codes=y[:6])
    ahead.X.sub_(step)
    expected = float(value.detach()) - 1e-4 * float(slope.norm())
    assert float(term.loss(Batch(source.rows), ahead, Step(seeded()))) == pytest.approx(expected, rel=1e-6)


# In a condenser


@pytest.fixture(scope="module")
def biased():
    """Return rows of which the second number tells the group, classes that go with the group, and the groups."""
    draws = np.random.default_rng(0)
    groups = draws.integers(2, size=600)
    y = (draws.random(600) < 0.2 + 0.6 * groups).astype(int)
    X = np.stack([draws.normal(size=600) + 1.5 * y, draws.normal(size=600) + 2 * groups], axis=1)
    return X, y, groups


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, metric", [(DemographicParity, demographic_parity_difference), (EqualizedOdds, equalized_odds_difference)]
)
@pytest.mark.parametrize("space", [KernelRidgePredictions(kernel_rate=0.0), NeighborPredictions()], ids=repr)
def test_more_weight_makes_learners_fairer(make, metric, space, biased):
    X, y, groups = biased
    found = []
    for weight in (1e-9, 30.0):
        objective = CrossEntropy(0.2, space=space, by=None) + weight * make(space=space)
        labels, values = Points(Fixed(), labels="probabilities"), []
        for seed in range(3):
            condenser = Condenser(objective, labels, Descent(0.1, n_steps=100), n_per_class=10, random_state=seed)
            model = CondensedEstimator(condenser, LogisticRegression()).fit(X, y, sensitive_features=groups)
            values.append(metric(y, model.predict(X), sensitive_features=groups))
        found.append(np.mean(values))
    assert found[0] > 0.2 and found[1] < 0.75 * found[0]


def test_rows_may_be_chosen_for_fairness(biased):
    X, y, groups = biased
    space = KernelRidgePredictions(kernel_rate=0.0)
    values = []
    for weight in (1e-9, 30.0):
        term = EqualizedOdds(space=space)
        objective = SquaredL2(space=space, by=None) + weight * term
        condenser = Condenser(objective, Subset(), Greedy(n_trials=8), n_per_class=4, random_state=0)
        condenser.fit(X, y, sensitive_features=groups)
        source = row_source(X, y, groups=groups)
        fitted = (SquaredL2(space=space, by=None) + term).fit(source, seeded()).leaves()[1]
        points = synthetic(source, condenser.X_syn_, condenser.y_syn_, condenser.sample_weight_)
        values.append(float(fitted.value(Batch(source.rows), points, seeded())))
    assert values[1] < 0.7 * values[0]


# What cannot be


@pytest.mark.parametrize("make", TERMS)
def test_a_fairness_term_alone_is_refused(make, biased):
    X, y, groups = biased
    with pytest.raises(ValueError, match="alone is least where the same is predicted for all rows; add it"):
        Condenser(make()).fit(X, y, sensitive_features=groups)
    with pytest.raises(ValueError, match="does not look at the data"):
        Condenser(make() + make()).fit(X, y, sensitive_features=groups)


@pytest.mark.parametrize("make", TERMS)
def test_a_fairness_term_needs_groups_and_classes(make, biased):
    X, y, groups = biased
    with pytest.raises(ValueError, match="compares group by group: pass sensitive_features= to fit"):
        Condenser(MMD() + make()).fit(X, y)
    for targets in (None, X[:, 0], np.zeros(600, int)):
        with pytest.raises(ValueError, match="needs y with at least two classes"):
            Condenser(MMD() + make()).fit(X, targets, sensitive_features=groups)
    with pytest.raises(ValueError, match="compares sensitive groups: pass sensitive_features="):
        make().attach(row_source(X, y))


@pytest.mark.parametrize(
    "term, message",
    [
        (EqualizedOdds(temperature=0), r"EqualizedOdds\(temperature=0\): it must be positive"),
        (DemographicParity(weight=-1.0), r"DemographicParity\(weight=-1.0\): the weight must be positive"),
        (EqualizedOdds(reduce="best"), "reduce must be 'mean', 'worst' or CVaR"),
        (EqualizedOdds(space=Identity()), "compares predictions, which Identity does not show"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(term, message, biased):
    X, y, groups = biased
    with pytest.raises(ValueError, match=message):
        Condenser(MMD() + term).fit(X, y, sensitive_features=groups)
