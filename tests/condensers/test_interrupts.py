"""Interrupts and failures: the best set so far is kept, or the estimator is what it was before."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc import (
    AsSampler,
    AutoCondenser,
    CondensedEstimator,
    Condenser,
    KernelHerding,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    make_condensing_pipeline,
)
from skdc.discrepancies import MMD, RandomFeatureMMD, SquaredL2
from skdc.learners import KernelRidgeClassifier, NetworkClassifier, Softened
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Fixed
from skdc.preprocessing import PiecewiseLinearEncoder, TabularEncoder
from skdc.solvers import Descent, DivergenceError, Greedy, InterruptedWarning, LeastSquares, Lloyd, Snap
from skdc.solvers.base import Interruption
from skdc.spaces import KernelRidgePredictions

from ..sources import row_source, seeded

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2
FRAME = pd.DataFrame(X, columns=["p", "q", "r"])


class Bell(MMD):
    """A discrepancy at whose loss of some step the user presses a key."""

    def __init__(self, at=3, error=KeyboardInterrupt, space=None, by="class", reduce="mean", weight=1.0):
        super().__init__(space=space, by=by, reduce=reduce, weight=weight)
        self.at, self.error = at, error

    def loss(self, real, synthetic, state):
        self.losses_ = getattr(self, "losses_", 0) + 1
        if self.losses_ > self.at:
            raise self.error
        return super().loss(real, synthetic, state)


def condenser(discrepancy=None, **others):
    given = {"solver": Descent(n_steps=6), "n_per_class": 2, "random_state": 0}
    return Condenser(MMD() if discrepancy is None else discrepancy, **given | others)


def test_an_interrupt_keeps_the_set():
    expected = condenser(solver=Descent(n_steps=6)).fit(X, Y)
    with pytest.warns(InterruptedWarning, match="Condenser was interrupted after 3 of 6 steps; the set is kept"):
        fitted = condenser(Bell(3)).fit(X, Y)
    assert fitted.n_iter_ == 3 and len(fitted.history_["loss"]) == 3
    assert_array_equal(fitted.history_["loss"], expected.history_["loss"][:3])
    X_syn, y_syn = fitted
    assert X_syn.shape == (4, 3) and list(y_syn) == [0, 0, 1, 1]
    start = condenser(Bell(1))
    with pytest.warns(InterruptedWarning, match="after 1 of 6 steps"):
        start.fit(X, Y)
    assert not np.array_equal(start.X_syn_, X_syn), "the points have moved"


def test_an_interrupt_that_is_an_error_keeps_the_set_too():
    with warnings.catch_warnings():
        warnings.simplefilter("error", InterruptedWarning)
        interrupted = condenser(Bell(3))
        with pytest.raises(InterruptedWarning):
            interrupted.fit(X, Y)
    assert interrupted.X_syn_.shape == (4, 3)


@pytest.mark.parametrize("first", [condenser(), KernelHerding(n_per_class=2)], ids=["points", "rows"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
@pytest.mark.parametrize("warm_start", [False, True])
def test_without_a_set_it_is_as_before(first, error, warm_start):
    rung = Condenser(Bell(0, error), solver=Descent(n_steps=6), n_per_class=2, warm_start=warm_start)
    unfitted = dict(vars(rung))
    with pytest.raises(error):
        rung.fit(FRAME, Y)
    assert vars(rung) == unfitted
    if not warm_start or not isinstance(first, KernelHerding):
        rung.set_params(discrepancy=MMD()).fit(FRAME, Y)
        fitted = dict(vars(rung))
        fitted["discrepancy"] = rung.discrepancy = Bell(0, error)
        with pytest.raises(error):
            rung.fit(X, Y)
        assert vars(rung) == fitted and list(rung.feature_names_in_) == ["p", "q", "r"]
        assert isinstance(next(iter(rung)), pd.DataFrame)


class Ringing(KeyboardInterrupt):
    """A key that is pressed when a solver comes to some step."""


def ring_in_step(monkeypatch, solver, at):
    advance = solver.advance

    def ringing(self, state):
        if state.step == at and not state.interrupted:
            raise Ringing
        advance(self, state)

    monkeypatch.setattr(solver, "advance", ringing)


def test_an_interrupted_choice_keeps_the_rows_of_the_classes_that_were_done(monkeypatch):
    labels = np.arange(40) % 4
    whole = KernelHerding(n_per_class=3, random_state=0).fit(X, labels)
    ring_in_step(monkeypatch, Greedy, 2)
    herding = KernelHerding(n_per_class=3, random_state=0)
    told = "KernelHerding was interrupted after 2 of 4 steps; the set is kept, and 6 of 12 rows are drawn at random"
    with pytest.warns(InterruptedWarning, match=told):
        herding.fit(X, labels)
    assert_array_equal(herding.indices_[:6], whole.indices_[:6])
    assert_array_equal(labels[herding.indices_], np.repeat([0, 1, 2, 3], 3))
    assert len(set(herding.indices_)) == 12


def test_interrupted_clusters_keep_those_of_the_classes_that_were_done(monkeypatch):
    whole = KMeansCondenser(n_per_class=3, random_state=0).fit(X, Y)
    ring_in_step(monkeypatch, Lloyd, 1)
    clusters = KMeansCondenser(n_per_class=3, random_state=0)
    with pytest.warns(InterruptedWarning, match="after 1 of 2 steps"):
        clusters.fit(X, Y)
    assert_array_equal(clusters.X_syn_[:3], whole.X_syn_[:3])
    assert not np.array_equal(clusters.X_syn_[3:], whole.X_syn_[3:])


def test_their_masses_are_in_one_unit(monkeypatch):
    labels = np.repeat([0, 1], [34, 6])
    ring_in_step(monkeypatch, Lloyd, 1)
    clusters = KMeansCondenser(n_per_class=2, random_state=0)
    with pytest.warns(InterruptedWarning, match="after 1 of 2 steps"):
        clusters.fit(X, labels)
    mass = np.bincount([0, 0, 1, 1], clusters.sample_weight_)
    np.testing.assert_allclose(mass / mass.sum(), [0.85, 0.15], rtol=1e-6)


@pytest.mark.parametrize("n_done", [1, 3])
def test_an_interrupted_descent_keeps_the_set_of_the_steps_that_were_done(n_done):
    def solve(discrepancy, progress):
        source = row_source(X, Y)
        objective = discrepancy.fit(source, seeded())
        points = Points().build(source, np.array([2, 2]), seeded())
        return Descent(n_steps=6).solve(objective, points, source, seeded(), progress)

    expected = solve(MMD(), lambda step, n_steps, loss: step == n_done)
    with pytest.raises(Interruption, match=f"after {n_done} of 6 steps") as interruption:
        solve(Bell(n_done), lambda *step: False)
    found = interruption.value.solution
    assert_array_equal(found.synthetic.X, expected.synthetic.X)
    assert found.n_iter == n_done and len(found.history["loss"]) == n_done


def test_rows_that_were_chosen_are_kept_where_their_weights_are_not_found(monkeypatch):
    whole = KernelHerding(n_per_class=3, random_state=0).fit(X, Y)

    def ring(*args):
        raise Ringing

    monkeypatch.setattr("skdc.solvers.selection.base.simplex_quadrature", ring)
    herding = KernelHerding(n_per_class=3, reweight=MMD(), random_state=0)
    with pytest.warns(InterruptedWarning, match="after 2 of 2 steps; the set is kept"):
        herding.fit(X, Y)
    assert_array_equal(herding.indices_, whole.indices_)
    assert_array_equal(herding.sample_weight_, np.ones(6))


def test_of_part_of_the_normal_equations_there_is_no_set(monkeypatch):
    ring_in_step(monkeypatch, LeastSquares, 1)
    wrong = SquaredL2(space=KernelRidgePredictions(), by=None)
    targets = Condenser(wrong, Points(Fixed(), labels="learned"), LeastSquares(batch_size=10), n_per_class=2)
    with pytest.raises(Ringing):
        targets.fit(X, Y)
    assert not hasattr(targets, "X_syn_")


def test_selections_have_no_set_until_a_class_is_done(monkeypatch):
    herding = KernelHerding(n_per_class=2, random_state=0).fit(FRAME, Y)
    before = dict(vars(herding))

    def ring(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("skdc.kernels.Gaussian.diagonal", ring)
    with pytest.raises(KeyboardInterrupt):
        herding.fit(X + 1, Y)
    assert vars(herding) == before


def test_rows_near_the_points_of_an_interrupted_descent():
    snap = Condenser(Bell(3), Subset(), Snap(Descent(n_steps=6)), n_per_class=2, random_state=0)
    with pytest.warns(InterruptedWarning, match="after 3 of 6"):
        snap.fit(X, Y)
    assert_array_equal(snap.X_syn_, X[snap.indices_])
    assert snap.n_iter_ == 3


class Streamed(RandomFeatureMMD):
    """Random features, at whose loss of the third step the user presses a key, once."""

    pressed = False

    def loss(self, real, synthetic, state):
        self.losses_ = getattr(self, "losses_", 0) + 1
        if self.losses_ == 3 and not Streamed.pressed:
            Streamed.pressed = True
            raise KeyboardInterrupt
        return super().loss(real, synthetic, state)


def test_an_interrupt_while_a_stream_is_read():
    streamed = condenser(Streamed(bandwidth=1.0, n_features=20)).partial_fit(X, Y)
    with pytest.warns(InterruptedWarning, match="after 2 of 6 steps"):
        assert streamed.X_syn_.shape == (4, 3)
    assert streamed.n_iter_ == 2
    expected = condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20)).partial_fit(X, Y).partial_fit(X, Y)
    assert_array_equal(streamed.partial_fit(X, Y).X_syn_, expected.X_syn_)


def test_a_divergence_keeps_the_last_good_set():
    class Lost(Bell):
        def loss(self, real, synthetic, state):
            value = MMD.loss(self, real, synthetic, state)
            self.losses_ = getattr(self, "losses_", 0) + 1
            return value * float("nan") if self.losses_ > self.at else value

    fitted = condenser().fit(FRAME, Y)
    fitted.discrepancy = Lost(2)
    with pytest.raises(DivergenceError, match="after 3 of 6 steps"):
        fitted.fit(X, Y)
    assert fitted.n_iter_ == 3 and isinstance(next(iter(fitted)), np.ndarray) and np.isfinite(fitted.X_syn_).all()


# Estimators around condensers


class Broken(ClassifierMixin, BaseEstimator):
    """A classifier that cannot be fitted a second time."""

    fits = 0

    def fit(self, X, y):
        Broken.fits += 1
        if Broken.fits > 1:
            raise RuntimeError("broken")
        self.classes_ = np.unique(y)
        self.mean_ = np.asarray(X).mean()
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Halfway(TransformerMixin, BaseEstimator):
    """Numbers that cannot be scaled a second time."""

    fits = 0

    def fit(self, X, y=None):
        Halfway.fits += 1
        self.n_features_in_ = X.shape[1]
        if Halfway.fits > 3:
            raise RuntimeError("broken")
        return self

    def transform(self, X):
        return X

    def inverse_transform(self, X):
        return X


REFITS = {
    "estimator": lambda: CondensedEstimator(RandomSubset(n_per_class=3), Broken()),
    "pipeline": lambda: make_condensing_pipeline(StandardScaler(), RandomSubset(n_per_class=3), Broken()),
    "sampler": lambda: AsSampler(KMeansCondenser(n_per_class=3)),
    "softened": lambda: Softened(Broken()),
    "network": lambda: NetworkClassifier(max_epochs=2, random_state=0),
    "ridge": lambda: KernelRidgeClassifier(),
    "tabular": lambda: TabularEncoder(Halfway()),
    "piecewise": lambda: PiecewiseLinearEncoder(),
    "auto": lambda: AutoCondenser(LogisticRegression(), candidates=[RandomSubset()], n_per_class=3, random_state=0),
}


def state(estimator):
    """Return what an estimator is, and the parts of a pipeline."""
    parts = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else []
    return [dict(vars(part)) for part in [estimator, *parts]]


@pytest.mark.parametrize("name", REFITS)
def test_a_refit_that_fails_changes_nothing(name):
    Broken.fits = Halfway.fits = 0
    estimator = REFITS[name]().fit(FRAME, Y)
    before = state(estimator)
    wrong = np.where(np.arange(40)[:, None] == 3, np.nan, X[:, :2]) if name in ("network", "ridge", "piecewise") else X
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        estimator.fit(wrong[:, :2] + 1, None if name in ("sampler", "auto") else Y if name != "sampler" else Y[:3])
    assert state(estimator) == before


def test_a_first_fit_that_fails_leaves_it_unfitted():
    Broken.fits = 1
    for name in ("estimator", "softened", "pipeline"):
        estimator = REFITS[name]()
        before = state(estimator)
        with pytest.raises(RuntimeError, match="broken"):
            estimator.fit(FRAME, Y)
        assert state(estimator) == before


def test_an_interrupted_condenser_inside_of_an_estimator():
    model = CondensedEstimator(condenser(Bell(3)), LogisticRegression())
    with pytest.warns(InterruptedWarning, match="after 3 of 6"):
        model.fit(X, Y)
    assert model.predict(X).shape == (40,)


def test_a_search_that_is_interrupted_keeps_its_best():
    candidates = {"k-means": KMeansCondenser(), "bell": condenser(Bell(3), n_per_class=None), "never": RandomSubset()}
    auto = AutoCondenser(LogisticRegression(), candidates=candidates, n_per_class=3, time_budget=None, random_state=0)
    with pytest.warns(InterruptedWarning, match="search was interrupted after"):
        auto.fit(X, Y)
    tried = set(auto.leaderboard_.dropna()["candidate"])
    assert "k-means" in tried or "random rows" in tried
    assert len(auto.X_syn_) == 6


def test_a_search_that_is_interrupted_at_once_is_as_before(monkeypatch):
    auto = REFITS["auto"]().fit(X, Y)
    before = dict(vars(auto))

    def ring(*args, **others):
        raise KeyboardInterrupt

    monkeypatch.setattr(RandomSubset, "fit", ring)
    with pytest.raises(KeyboardInterrupt):
        auto.fit(X + 1, Y)
    assert vars(auto) == before
    assert clone(auto).get_params().keys() == auto.get_params().keys()


class Breaks(ClassifierMixin, BaseEstimator):
    """A classifier that fails with more than two classes."""

    def __init__(self, error=ValueError):
        self.error = error

    def fit(self, X, y):
        if len(np.unique(y)) > 2:
            raise self.error
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


def composites():
    scaler = StandardScaler
    return [
        make_pipeline(scaler()),
        make_pipeline(make_pipeline(scaler())),
        make_condensing_pipeline(scaler(), scaler()),
        FeatureUnion([("a", scaler()), ("b", FeatureUnion([("c", scaler())]))]),
        ColumnTransformer([("a", make_pipeline(scaler()), [0, 1])], remainder=scaler()),
    ]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("inside", [False, True], ids=["step", "estimator"])
def test_a_failed_refit_changes_no_step_at_any_depth(place, error, inside):
    step, last = composites()[place], Breaks(error)
    # The only condenser may be in the last step, which fails.
    tail = [CondensedEstimator(KMedoids(3), last)] if inside else [KMedoids(3), last]
    pipe = make_condensing_pipeline(step, *tail).fit(X, Y)
    before = pipe.predict_proba(X)
    with pytest.raises(error):
        pipe.fit(5 + 9 * X[:30], np.arange(30) % 3)
    assert_array_equal(pipe.predict_proba(X), before)


def test_lists_that_a_step_keeps_of_its_own_are_left_alone():
    told = []

    class Teller(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.told_ = told
            told.append(len(X))
            return self

        def transform(self, X):
            return X

    pipe = make_condensing_pipeline(Teller(), KMedoids(3), Breaks()).fit(X, Y)
    with pytest.raises(ValueError):
        pipe.fit(X[:30], np.arange(30) % 3)
    assert told == [40, 30]
