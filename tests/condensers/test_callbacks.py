"""scikit-learn's callbacks hear of a condenser's fit and of each step."""

from __future__ import annotations

from time import monotonic

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from skdc import (
    Condenser,
    DistributionMatching,
    GenerativeModel,
    GenerativePrior,
    GradMatch,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    RandomSubset,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, SlicedWasserstein
from skdc.exceptions import StoppedWarning
from skdc.fitting.deadlines import time_limit
from skdc.generators import VariationalGenerator
from skdc.networks import MLP
from skdc.parameterizations import Subset
from skdc.solvers import Greedy

pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


class Witness:
    """Notes what begins, ends and is torn down; asks to stop after some steps."""

    def __init__(self, n_steps=None):
        self.n_steps = n_steps
        self.said = []

    def setup(self, estimator, context):
        self.said.append("setup")

    def teardown(self, estimator, context):
        self.said.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.said.append(
            f"begin {context.task_name} of {context.max_subtasks}" + ("" if X is None else f", {len(X)} rows")
        )

    def on_fit_task_end(self, estimator, context):
        self.said.append(f"end {context.task_name}")
        return self.n_steps is not None and self.said.count("end step") >= self.n_steps


def matching(**settings):
    return DistributionMatching(network=MLP(4, 1), **{"n_steps": 3, "n_per_class": 2, "random_state": 0} | settings)


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def test_each_step_is_told(iris):
    witness = Witness()
    condenser = matching().set_callbacks(witness).fit(*iris)
    steps = 3 * ["begin step of 0", "end step"]
    begin, end = ["setup", "begin fit of None, 150 rows"], ["end fit", "teardown"]
    assert witness.said == [*begin, "begin solve of 3", *steps, "end solve", *end]
    assert condenser.n_iter_ == 3
    assert not hasattr(condenser, "_callback_fit_ctx")


TRAINED = VariationalGenerator(2, MLP(4, 1), MLP(4, 1), n_steps=3)


def test_trainings_of_generators_are_told(iris):
    step, witness = ["begin step of 0", "end step"], Witness()
    training = ["begin train VariationalGenerator of 3", *3 * step, "end train VariationalGenerator"]
    prior = GenerativePrior(2, generator=TRAINED, network=MLP(4, 1), n_steps=2, random_state=0)
    prior.set_callbacks(witness).fit(*iris)
    solve = ["begin solve of 2", *2 * step, "end solve"]
    begin, end = ["setup", "begin fit of None, 150 rows"], ["end fit", "teardown"]
    assert witness.said == [*begin, *training, *solve, *end]
    witness = Witness()
    model = GenerativeModel(TRAINED, random_state=0).set_callbacks(witness).fit(*iris)
    assert witness.said == [*begin, *training, *end] and not hasattr(model, "_callback_fit_ctx")


def test_a_callback_stops_a_training(iris):
    witness = Witness(n_steps=2)
    with pytest.warns(StoppedWarning, match="VariationalGenerator was asked to stop: after 2 of 3 steps"):
        GenerativeModel(TRAINED, random_state=0).set_callbacks(witness).fit(*iris)
    assert witness.said[-4:] == ["end step", "end train VariationalGenerator", "end fit", "teardown"]


def test_tasks_that_a_deadline_stops_end(iris):
    witness = Witness()
    with time_limit(0.0):
        matching().set_callbacks(witness).fit(*iris)
    assert witness.said[-4:] == ["end step", "end solve", "end fit", "teardown"]


@pytest.mark.parametrize(
    ("condenser", "n_steps"),
    [(RandomSubset(n_per_class=2), 3), (KMeansCondenser(n_per_class=2), 3), (Condenser(MMD(), n_per_class=2), 300)],
)
def test_steps_are_those_of_the_solver(condenser, n_steps, iris):
    witness = Witness()
    condenser.set_params(random_state=0).set_callbacks(witness).fit(*iris)
    assert witness.said.count("end step") == n_steps
    assert witness.said[-2:] == ["end fit", "teardown"]


def test_a_callback_stops_a_descent_between_steps(iris):
    witness = Witness(n_steps=2)
    stopped = matching(n_steps=5).set_callbacks(witness).fit(*iris)
    assert (stopped.n_iter_, len(stopped.history_["loss"])) == (2, 2)
    assert witness.said[-3:] == ["end solve", "end fit", "teardown"]
    X_syn, _ = stopped
    whole, _ = matching(n_steps=5).fit(*iris)
    assert abs(X_syn - whole).max() > 1e-3


def test_callbacks_change_nothing_and_survive_a_clone(iris):
    condenser = matching().set_callbacks(Witness())
    X_told, _ = clone(condenser).fit(*iris)
    X_silent, _ = matching().fit(*iris)
    assert (X_told == X_silent).all()


def test_callbacks_are_torn_down_after_a_refusal(iris):
    witness = Witness()
    with pytest.raises(ValueError, match="at least 1"):
        matching(n_steps=0).set_callbacks(witness).fit(*iris)
    assert witness.said[0] == "setup"
    assert witness.said[-1] == "teardown"
    assert "end fit" not in witness.said


@pytest.mark.parametrize(
    "condenser",
    [
        GreedyKernelPoints(n_passes=0),
        KernelHerding(by=None, n_passes=0),
        KMedoids(n_passes=0),
        RandomlyPivotedCholesky(),
        GradMatch(network=MLP(4, 1), n_train_steps=9),
        KCenter(),
        Condenser(SlicedWasserstein(n_projections=2), Subset(), Greedy(n_trials=2)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_callback_stops_a_selection_which_draws_the_rest(condenser, iris):
    witness = Witness(n_steps=4)
    condenser = clone(condenser).set_params(n_per_class=6, random_state=0)
    alone = clone(condenser).fit(*iris)
    with pytest.warns(StoppedWarning, match=r"was asked to stop: 1\d of 18 rows are drawn at random"):
        condenser.set_callbacks(witness).fit(*iris)
    assert witness.said.count("end step") == 4 and witness.said[-3:] == ["end solve", "end fit", "teardown"]
    assert np.bincount(condenser.y_syn_).tolist() == [6, 6, 6] and len(set(condenser.indices_)) == 18
    assert set(alone.indices_) != set(condenser.indices_)
    assert len(set(alone.indices_) & set(condenser.indices_)) >= 4


@pytest.mark.parametrize("condenser", [KMeansCondenser(), WassersteinCoreset()], ids=lambda part: type(part).__name__)
def test_a_callback_stops_what_is_done_class_by_class(condenser, iris):
    condenser = clone(condenser).set_params(n_per_class=6, random_state=0)
    alone = clone(condenser).fit(*iris)
    condenser.set_callbacks(Witness(n_steps=1)).fit(*iris)
    assert np.bincount(condenser.y_syn_).tolist() == [6, 6, 6] and np.isfinite(condenser.X_syn_).all()
    assert np.allclose(condenser.X_syn_[:6], alone.X_syn_[:6]) and not np.allclose(condenser.X_syn_, alone.X_syn_)


def test_a_selection_stops_at_a_deadline():
    rows = np.random.default_rng(0).normal(size=(4000, 20))
    condenser = KMedoids(n_samples=1000, n_passes=50, random_state=0)
    start = monotonic()
    with time_limit(0.0), pytest.warns(StoppedWarning, match="of 1000 rows are drawn at random"):
        condenser.fit(rows)
    assert len(set(condenser.indices_)) == 1000 and monotonic() - start < 20


def test_of_two_limits_the_earlier_counts_and_none_outlasts_its_block(iris):
    condenser = DistributionMatching(n_per_class=1, n_steps=5, random_state=0)
    with time_limit(0.0) as outer, time_limit(1000.0) as inner:
        assert condenser.fit(*iris).n_iter_ == 1
    assert outer.stopped and not inner.stopped
    with time_limit(1000.0), time_limit(0.0):
        assert condenser.fit(*iris).n_iter_ == 1
    assert condenser.fit(*iris).n_iter_ == 5
    with time_limit(0.0) as limit:
        clone(condenser).set_params(n_steps=1).fit(*iris)
    assert not limit.stopped, "the first step was the last"
