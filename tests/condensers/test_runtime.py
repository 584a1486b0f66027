"""What surrounds a fit: randomness, threads, device, progress, interrupts, warm starts and storage on disk."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from skdc import (
    Condenser,
    DecrementalReduction,
    DeterminantalSelection,
    DistributionMatching,
    FacilityLocation,
    GraphCutSelection,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KMedoids,
    MaxMinDiversification,
    RandomSubset,
    SteinThinning,
)
from skdc.discrepancies import MMD, RandomFeatureMMD, SlicedWasserstein
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.solvers import Descent, DivergenceError

from .quick import QUICK, every_condenser, some_condensers

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@every_condenser
def test_same_state_same_bits(condenser):
    first, second = clone(condenser).fit(X, Y), clone(condenser).fit(X, Y)
    for name in ("X_syn_", "y_syn_", "y_learned_", "sample_weight_"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    assert all(np.array_equal(first.history_[name], second.history_[name]) for name in first.history_)


@some_condensers([name for name in QUICK if name != "LatentQuantization"])  # on a line, the best two means are found
def test_other_state_other_set(condenser):
    sets = [clone(condenser).set_params(random_state=seed, n_per_class=2).fit(X, Y).X_syn_ for seed in range(5)]
    same = [np.array_equal(sets[0], other) for other in sets[1:]]
    # These choose the best rows: their randomness is in samples of the data, and these are few rows.
    certain = (KernelHerding, SteinThinning, KCenter, FacilityLocation, KMedoids, GreedyKernelPoints)
    certain += (DecrementalReduction, GraphCutSelection, DeterminantalSelection, MaxMinDiversification)
    assert all(same) if isinstance(condenser, certain) else not any(same)


@every_condenser
def test_random_state_instance(condenser):
    with_instance = [clone(condenser).set_params(random_state=np.random.RandomState(3)).fit(X, Y) for _ in range(2)]
    assert_array_equal(with_instance[0].X_syn_, with_instance[1].X_syn_)
    assert_array_equal(with_instance[0].X_syn_, clone(condenser).set_params(random_state=3).fit(X, Y).X_syn_)


def test_random_state_instance_moves_on():
    state = np.random.RandomState(3)
    first, second = (RandomSubset(n_per_class=3, random_state=state).fit(X, Y).X_syn_ for _ in range(2))
    assert not np.array_equal(first, second)
    # No state at all: other rows each time.
    assert len({RandomSubset(n_per_class=3).fit(X, Y).X_syn_.tobytes() for _ in range(4)}) == 4
    with pytest.raises(ValueError, match="'seven' cannot be used to seed"):
        RandomSubset(random_state="seven").fit(X, Y)


class SlowBuilder(MLP):
    """A builder that takes its time, so that another thread gets in between."""

    def __call__(self, input_shape, n_outputs):
        time.sleep(0.005)
        network = super().__call__(input_shape, n_outputs)
        time.sleep(0.005)
        return network


def test_fits_in_threads_do_not_mix():
    def condense(seed):
        return DistributionMatching(network=SlowBuilder(8, 1), n_steps=3, random_state=seed).fit(X, Y).X_syn_

    expected, state = [condense(seed) for seed in range(4)], torch.random.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        sets = list(pool.map(condense, range(4)))
    for mine, alone in zip(sets, expected, strict=True):
        assert_array_equal(mine, alone)
    assert torch.equal(torch.random.get_rng_state(), state), "torch's global generator moved"


# Threads, device, modes of torch


class Watching(MMD):
    """A discrepancy that notes how many threads there are."""

    def between(self, p, q, generator):
        self.threads_ = torch.get_num_threads(), {pool["num_threads"] for pool in threadpool_info()}
        return super().between(p, q, generator)


@pytest.mark.parametrize("n_jobs, expected", [(None, 1), (1, 1), (2, 2)])
def test_threads_are_pinned_and_restored(two_threads, n_jobs, expected):
    with threadpool_limits(2):
        before = threadpool_info()
        condenser = Condenser(Watching(), solver=Descent(n_steps=1), n_jobs=n_jobs).fit(X, Y)
        n_torch, n_others = condenser.discrepancy_.threads_
        assert n_torch == expected and n_others == {expected}
        assert threadpool_info() == before and torch.get_num_threads() == 2


class Bell(MMD):
    """A discrepancy at whose second value, of the first step, the user presses a key."""

    def between(self, p, q, generator):
        self.values_ = getattr(self, "values_", 0) + 1
        if self.values_ == 2:
            raise KeyboardInterrupt
        return super().between(p, q, generator)


def test_threads_are_restored_after_an_interrupt(two_threads):
    with pytest.raises(KeyboardInterrupt):
        Condenser(Bell()).fit(X, Y)
    assert torch.get_num_threads() == 2 and torch.is_grad_enabled()


STARTED, JOINED, LEFT = Event(), Event(), Event()


class Former(MMD):
    """A discrepancy of a fit that ends after another one has begun."""

    def between(self, p, q, generator):
        STARTED.set()
        JOINED.wait(5)
        return super().between(p, q, generator)


class Latter(MMD):
    """A discrepancy of a fit that begins before another one ends, and ends after it."""

    def between(self, p, q, generator):
        JOINED.set()
        LEFT.wait(5)
        return super().between(p, q, generator)


def test_threads_are_restored_after_fits_that_overlap(two_threads):
    def condense(discrepancy, wait_for, then):
        wait_for.wait(5)
        Condenser(discrepancy, solver=Descent(n_steps=1)).fit(X, Y)
        then.set()

    now = Event()
    now.set()
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(condense, Former(), now, LEFT), pool.submit(condense, Latter(), STARTED, Event())]
        assert [fit.result() for fit in fits] == [None, None] and LEFT.is_set()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2, "a new thread takes what the fits left behind"


@every_condenser
def test_number_of_threads_does_not_show(condenser):
    one, two = (clone(condenser).set_params(n_jobs=n_jobs).fit(X, Y) for n_jobs in (1, 2))
    assert_allclose(two.X_syn_, one.X_syn_, rtol=0, atol=1e-5)


def test_device_by_name():
    automatic, named = (Condenser(solver=Descent(n_steps=2), device=name, random_state=0) for name in ("auto", "cpu"))
    if not torch.cuda.is_available():
        assert_array_equal(automatic.fit(X, Y).X_syn_, named.fit(X, Y).X_syn_)
    assert isinstance(named.fit(X, Y).X_syn_, np.ndarray)


@every_condenser
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=lambda mode: mode.__name__)
def test_modes_of_torch_around_a_fit(condenser, mode):
    with mode():
        X_syn = clone(condenser).fit(X, Y).X_syn_
        assert not torch.is_grad_enabled()
    assert_array_equal(X_syn, clone(condenser).fit(X, Y).X_syn_)
    assert torch.is_grad_enabled()


# Progress


@every_condenser
def test_verbose(condenser, capsys):
    clone(condenser).fit(X, Y)
    assert capsys.readouterr() == ("", "")
    fitted = clone(condenser).set_params(verbose=1).fit(X, Y)
    printed = capsys.readouterr()
    assert printed.out == "", "progress goes to standard error"
    if isinstance(condenser, RandomSubset):
        return  # there is no step to tell of
    *trainings, last = printed.err.splitlines()
    assert type(condenser).__name__ in last and printed.err.endswith("\n")
    assert all("Generator [" in line for line in trainings), "one line a stage, and none but of what is trained before"
    assert "[" + "#" * 30 + "]" in last and "loss nan" not in printed.err
    if "n_steps" in fitted.get_params():
        assert f"{fitted.n_steps}/{fitted.n_steps} loss {fitted.history_['loss'][-1]:.4g}" in last


# Interrupts and failures


@pytest.mark.parametrize("refit", [False, True], ids=["first-fit", "second-fit"])
@pytest.mark.parametrize("warm_start", [False, True], ids=["cold", "warm"])
def test_interrupted_fit_changes_nothing(refit, warm_start):
    discrepancy, solver = MMD(), Descent(n_steps=5)
    condenser = Condenser(discrepancy, solver=solver, warm_start=warm_start, n_per_class=2)
    if refit:
        condenser.fit(pd.DataFrame(X, columns=["p", "q", "r"]), Y)
    before = dict(vars(condenser))
    before["discrepancy"] = condenser.discrepancy = Bell()
    with pytest.raises(KeyboardInterrupt):
        condenser.fit(X, Y)
    assert vars(condenser) == before
    assert hasattr(condenser, "feature_names_in_") == refit
    assert vars(condenser.discrepancy).keys() == condenser.discrepancy.get_params(deep=False).keys()
    assert condenser.set_params(discrepancy=discrepancy).fit(X, Y).n_iter_ == 5


class NoWayBack(TransformerMixin, BaseEstimator):
    """An encoder whose way back fails: with an error, or by losing columns."""

    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float)

    def inverse_transform(self, X):
        if self.error is not None:
            raise self.error("no way back")
        return X[:, :2]


MOVING = [name for name, build in QUICK.items() if build().recipe().parameterization.moves == "values"]
# Of a frame some take rows, which need no way back.
ROWS_OF_FRAMES = {"KMeansCondenser": {"voting": "centroid"}, "WassersteinCoreset": {"snap": False}}


@some_condensers(MOVING)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, None])
def test_failure_on_the_way_out_leaves_nothing(condenser, error):
    condenser = clone(condenser).set_params(encoder=NoWayBack(error), n_per_class=2)
    condenser.set_params(**ROWS_OF_FRAMES.get(type(condenser).__name__, {}))
    before, frame = dict(vars(condenser)), pd.DataFrame(X, columns=["p", "q", "r"])
    with pytest.raises(ValueError if error is None else error):
        condenser.fit(frame, Y)
    assert vars(condenser) == before


# Divergence


class NotANumber(MMD):
    """A discrepancy whose value is lost at some step."""

    def __init__(self, at=0, space=None, by="class", reduce="mean", weight=1.0):
        super().__init__(space=space, by=by, reduce=reduce, weight=weight)
        self.at = at

    def loss(self, real, synthetic, state):
        self.seen_ = getattr(self, "seen_", -1) + 1
        value = super().loss(real, synthetic, state)
        return value * float("nan") if self.seen_ >= self.at else value


@pytest.mark.parametrize("at", [0, 1, 3])
def test_loss_that_is_lost(at):
    condenser = Condenser(NotANumber(at), solver=Descent(step_size=0.1, n_steps=4), random_state=0)
    with pytest.raises(DivergenceError, match=rf"finite after {at + 1} of 4 steps: step_size=0\.1 .* step_size=0\.01"):
        condenser.fit(X, Y)
    last_good = Condenser(MMD(), solver=Descent(step_size=0.1, n_steps=4), random_state=0)
    X_syn, y_syn = condenser
    assert np.isfinite(X_syn).all() and X_syn.shape == (20, 3) and y_syn.shape == (20,)
    if at == 0:
        # Nothing has moved: the set is where it starts.
        assert all(np.isclose(row, X).all(axis=1).any() for row in X_syn)
    else:
        assert not np.array_equal(X_syn, last_good.fit(X, Y).X_syn_)


def test_step_that_is_too_large():
    wild = Descent(step_size=1e6, n_steps=20, optimizer=torch.optim.SGD)
    condenser = Condenser(SlicedWasserstein(), Points(within=None), wild, random_state=0)
    with pytest.raises(
        DivergenceError, match=r"finite after \d+ of 20 steps: step_size=1000000\.0 .* try step_size=100000\."
    ):
        condenser.fit(X, Y)
    assert np.isfinite(condenser.X_syn_).all()
    assert condenser.set_params(solver=Descent(n_steps=2)).fit(X, Y).n_iter_ == 2


def test_points_lost_at_the_last_step():
    leap = Descent(step_size=3e38, n_steps=1, optimizer=torch.optim.SGD)
    condenser = Condenser(SlicedWasserstein(), Points(within=None), leap, random_state=0)
    with pytest.raises(DivergenceError, match=r"finite after 1 of 1 steps: step_size=3e\+38"):
        condenser.fit(1e3 * X, Y)
    assert np.isfinite(condenser.X_syn_).all()


# Warm starts


def still(**parameters):
    """Return a condenser that hardly moves, so that it ends where it starts."""
    solver, points = Descent(step_size=1e-7, n_steps=1), Points(within=None)
    return Condenser(MMD(), points, solver, warm_start=True, random_state=0, **parameters)


def test_warm_start_goes_on():
    condenser = still(n_per_class=3).fit(X, Y)
    first = condenser.X_syn_
    condenser.set_params(random_state=1).fit(X + 0.1, Y)
    assert_allclose(condenser.X_syn_, first, atol=1e-5)
    assert not np.allclose(clone(condenser).fit(X + 0.1, Y).X_syn_, first, atol=0.01), "a clone starts afresh"
    condenser.set_params(warm_start=False).fit(X + 0.1, Y)
    assert not np.allclose(condenser.X_syn_, first, atol=0.01)


def test_warm_start_goes_on_after_other_chunks():
    condenser = still(n_per_class=2).set_params(discrepancy=RandomFeatureMMD(bandwidth=1.0))
    first = condenser.partial_fit(X, Y).X_syn_
    condenser.partial_fit(X + 5, Y).partial_fit(X + 5, Y)
    assert_allclose(condenser.X_syn_, first, atol=1e-5)
    condenser.set_params(warm_start=False).partial_fit(X + 5, Y)
    assert not np.allclose(condenser.X_syn_, first, atol=0.1), "it starts at rows of all chunks"


def test_warm_start_keeps_targets():
    condenser = still(n_samples=5).fit(X, 1e3 * X[:, 0])
    first = condenser.y_syn_
    assert_allclose(condenser.fit(X, 1e3 * X[:, 0] + 500).y_syn_, first, rtol=1e-5)
    learner = KernelInducingPoints(step_size=1e-7, n_steps=1, warm_start=True, n_per_class=3, random_state=0).fit(X, Y)
    first = learner.y_learned_
    assert_allclose(learner.set_params(random_state=1).fit(X, Y).y_learned_, first, atol=1e-5)


def test_warm_start_encodes_anew():
    condenser = still(n_per_class=3, encoder=StandardScaler()).fit(X, Y)
    first = condenser.X_syn_
    assert_allclose(condenser.fit(10 * X + 5, Y).X_syn_, first, atol=1e-3)
    assert_allclose(condenser.set_params(encoder=None).fit(X, Y).X_syn_, first, atol=1e-3)
    assert_allclose(condenser.set_params(encoder=StandardScaler()).fit(X, Y).X_syn_, first, atol=1e-3)
    frame = pd.DataFrame({"city": np.array(["a", "b"])[Y]})
    words = still(n_per_class=3, encoder=OneHotEncoder()).fit(frame, Y)
    assert words.fit(frame, Y).X_syn_["city"].tolist() == list("aaabbb")


@pytest.mark.parametrize(
    "first, change, y, words",
    [
        pytest.param({"n_per_class": 3}, {"n_per_class": 2}, Y, ["warm_start=True", "(4, 3)", "(6, 3)"], id="size"),
        pytest.param(
            {"n_per_class": {0: 1, 1: 3}}, {"n_per_class": {0: 3, 1: 1}}, Y, ["warm_start=True"], id="classes"
        ),
        pytest.param({"n_samples": 4}, {}, np.arange(40) % 4, ["warm_start=True"], id="more-classes"),
        pytest.param({"n_samples": 4}, {}, X[:, 0], ["warm_start=True"], id="other-targets"),
    ],
)
def test_warm_start_from_another_kind_of_set(first, change, y, words):
    condenser = still(**first).fit(X, Y).set_params(**change)
    before = condenser.X_syn_
    with pytest.raises(ValueError) as caught:
        condenser.fit(X, y)
    assert all(word in str(caught.value) for word in words), caught.value
    assert condenser.X_syn_ is before
    condenser.set_params(warm_start=False).fit(X, y)


def test_warm_start_of_learned_targets_of_another_kind():
    condenser = still(n_samples=4).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="warm_start=True"):
        condenser.fit(X, X[:, :2])
    with pytest.raises(ValueError, match=r"warm_start=True.*choice of rows.*warm_start=False"):
        RandomSubset(warm_start=True).fit(X, Y).fit(X, Y)
    with pytest.raises(ValueError, match=r"warm_start=True.*\(6, 2\).*\(6, 3\)"):
        still(n_per_class=3).fit(X, Y).fit(X[:, :2], Y)


# On disk


@every_condenser
def test_dump_and_load(condenser, tmp_path):
    fitted = clone(condenser).fit(pd.DataFrame(X, columns=["p", "q", "r"]), pd.Series(Y, name="t"))
    joblib.dump(fitted, tmp_path / "condenser.joblib")
    loaded = joblib.load(tmp_path / "condenser.joblib")
    for mine, theirs in zip(loaded, fitted, strict=True):
        assert mine.equals(theirs) and mine.index.equals(theirs.index)
    assert_array_equal(loaded.sample_weight_, fitted.sample_weight_)
    assert_array_equal(loaded.fit(X, Y).X_syn_, fitted.fit(X, Y).X_syn_)


# The density of Stein thinning is that of the rows, which stay in the fitted discrepancy.
@some_condensers([name for name in QUICK if name != "SteinThinning"])
def test_data_are_let_go(condenser):
    big, labels = np.random.default_rng(0).normal(size=(2000, 50)), np.arange(2000) % 2
    file = BytesIO()
    pickle.dump(clone(condenser).set_params(n_per_class=2).fit(big, labels), file)
    assert file.tell() < big.nbytes / 10
