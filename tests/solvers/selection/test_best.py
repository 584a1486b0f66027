"""The best of several choices, judged by hand."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from skdc import Condenser, TabularCondenser
from skdc.discrepancies import MMD, QuantizationError, SquaredL2, ZeroOne
from skdc.exceptions import PartsError
from skdc.parameterizations import Subset
from skdc.solvers import BestOf, Draw, Greedy, Lloyd
from skdc.sources import Batch
from skdc.spaces import EstimatorPredictions
from skdc.step import Step

from ...sources import row_source, seeded


@pytest.fixture
def problem(rng):
    X, y = rng.normal(size=(1001, 3)), np.arange(1001) % 3
    X[:, 0] += 2 * y
    return X, y


WAYS = [(MMD(), Greedy()), (QuantizationError(), Greedy()), (None, Draw())]


def test_the_set_of_the_least_loss_is_kept(problem):
    source, sizes = row_source(*problem), np.array([3, 3, 3])
    for judge in (QuantizationError(), MMD()):
        live, objective = Subset().build(source, sizes, seeded()), judge.fit(source, seeded())
        solution = BestOf(WAYS).solve(objective, live, source, seeded())
        by_hand = []
        for discrepancy, solver in WAYS:
            live = Subset().build(source, sizes, seeded())
            solver.solve(discrepancy and discrepancy.fit(source, seeded()), live, source, seeded())
            by_hand.append(float(objective.loss(Batch(source.rows), live(), Step(seeded()))))
        losses = solution.history["loss"]
        np.testing.assert_allclose(losses[:2], by_hand[:2], rtol=1e-3)  # the bandwidth is drawn, and so are rows
        assert np.argmin(losses[:2]) == np.argmin(by_hand[:2])
        kept = float(objective.loss(Batch(source.rows), solution.synthetic, Step(seeded())))
        assert kept == pytest.approx(losses.min(), rel=1e-5)


def test_weights_of_one_choice_are_not_those_of_the_next(problem):
    source = row_source(*problem)
    live = Subset().build(source, np.array([2, 2, 2]), seeded())
    objective = MMD().fit(source, seeded())
    solution = BestOf([(QuantizationError(), Greedy()), (None, Draw())]).solve(objective, live, source, seeded())
    assert len(solution.history["loss"]) == 2
    weights = []

    class Watched(Draw):
        """Tell of the weights with which it begins."""

        def begin(self, objective, synthetic, source, generator):
            weights.append(synthetic.weight.clone())
            return super().begin(objective, synthetic, source, generator)

    live = Subset().build(source, np.array([2, 2, 2]), seeded())
    even = live.weight.clone()
    BestOf([(QuantizationError(), Greedy()), (None, Watched())]).solve(objective, live, source, seeded())
    assert torch.equal(weights[0], even)


def test_labels_of_the_rows_are_kept_where_they_serve_better(rng):
    X, y = rng.normal(size=(600, 2)), np.arange(600) % 2
    X[:, 0] += 3 * y

    class Doubtful(LogisticRegression):
        """It is right, and says so by a hair."""

        def predict_proba(self, X):
            return 0.5 + 0.02 * (super().predict_proba(X) - 0.5)

    squared = SquaredL2(space=EstimatorPredictions([LogisticRegression(C=10)]), by=None)
    given = Subset(labels="teacher", teacher=Doubtful(), taught="all")
    fitted = Condenser(squared, given, BestOf(WAYS), n_per_class=4, random_state=0).fit(X, y)
    assert fitted.y_soft_ is None
    given = Subset(labels="teacher", teacher=LogisticRegression(), taught="all")
    wrong = Condenser(
        ZeroOne(space=EstimatorPredictions(), by=None), given, BestOf(WAYS), n_per_class=4, random_state=0
    )
    fitted = wrong.fit(X, y)
    np.testing.assert_array_equal(fitted.y_syn_, y[fitted.indices_])


def test_a_set_is_judged_once_and_labels_are_chosen_by_the_first(problem):
    judged = []

    class Watched(EstimatorPredictions):
        """Tell of the labels with which sets are judged."""

        def represent(self, real, synthetic, state):
            judged.append("soft" if ((synthetic.y > 0) & (synthetic.y < 1)).any() else "hard")
            return super().represent(real, synthetic, state)

    given = Subset(labels="teacher", teacher=LogisticRegression(), taught="all")
    medoids = QuantizationError(), Greedy()  # of few rows nothing is drawn: it chooses the same again
    ways = BestOf([medoids, medoids, (None, Draw())])
    wrong = SquaredL2(space=Watched([LogisticRegression()]), by=None)
    fitted = Condenser(wrong, given, ways, n_per_class=2, random_state=0).fit(*problem)
    assert sorted(judged[:2]) == ["hard", "soft"] and len(judged) == 3
    losses = fitted.history_["loss"]
    assert losses[0] == losses[1] and len(losses) == 3
    assert judged[2] == ("hard" if fitted.y_soft_ is None else "soft")


def test_the_default_is_no_worse_than_random_rows_on_labels_at_random(rng):
    # Nothing can be learned: the set is one of those that were tried, and hard labels are those of the rows.
    X, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    fitted = TabularCondenser(n_per_class=5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fitted.y_syn_, y[fitted.indices_])
    assert len(fitted.history_["loss"]) == 6


@pytest.mark.parametrize(
    "choices, error, message",
    [
        ([], ValueError, "there must be something to choose from"),
        ([(MMD(), Lloyd())], PartsError, r"Lloyd\(\) does not choose rows"),
        ([(MMD(), Draw())], PartsError, "Draw minimises nothing, and takes None"),
        ([(None, Greedy())], PartsError, "Greedy needs a discrepancy"),
    ],
)
def test_what_is_no_choice_is_refused(problem, choices, error, message):
    with pytest.raises(error, match=message):
        Condenser(MMD(), Subset(), BestOf(choices), n_per_class=2).fit(*problem)


def test_a_stop_keeps_the_best_so_far(problem):
    source, told = row_source(*problem), []

    def stop_in_the_second(step, n_steps, loss):
        told.append(step)
        return step >= 1

    live, objective = Subset().build(source, np.array([2, 2, 2]), seeded()), MMD().fit(source, seeded())
    solution = BestOf(WAYS).solve(objective, live, source, seeded(), stop_in_the_second)
    assert len(solution.history["loss"]) == 1 and len(solution.synthetic) == 6
