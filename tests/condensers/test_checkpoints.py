"""Fits that are killed, and go on from a checkpoint."""

import random
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from skdc import (
    AutoCondenser,
    Condenser,
    GenerativeModel,
    GenerativePrior,
    GradientMatching,
    KCenter,
    KernelHerding,
    KMedoids,
    RandomSubset,
    TrajectoryMatching,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.fitting import checkpoints
from skdc.fitting.input import Problem
from skdc.generators import AdversarialGenerator, VariationalGenerator
from skdc.learners import DataTrainedNetworks, RandomNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent, InterruptedWarning
from skdc.spaces import NetworkFeatures

from ..sources import PassedOver

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) + np.arange(60)[:, None] % 3
Y = np.arange(60) % 3
SMALL = MLP(width=8, depth=1)


def descent(**others):
    return Condenser(MMD(), solver=Descent(n_steps=12, batch_size=16), n_per_class=2, random_state=0, **others)


CONDENSERS = {
    "descent": descent(),
    "pool": Condenser(
        MMD(space=NetworkFeatures()), solver=Descent(n_steps=9, batch_size=16), n_per_class=2, random_state=0
    ),
    "gradients": GradientMatching(2, network=SMALL, n_steps=9, random_state=0),
    "training": GradientMatching(
        2, networks=DataTrainedNetworks(SMALL, n_matches=4, n_updates=2, batch_size=8), n_steps=9, random_state=0
    ),
    "trajectories": TrajectoryMatching(2, network=SMALL, n_experts=2, n_steps=9, random_state=0),
    "averages": TrajectoryMatching(
        2,
        network=SMALL,
        n_experts=2,
        n_segments=2,
        growth=(1, 0.5),
        gradient="held",
        labels="probabilities",
        n_steps=9,
        average=0.9,
        max_loss=5.0,
        random_state=0,
    ),
    "choice": KMedoids(2, random_state=0),
}


class Killed(BaseException):
    """In place of a signal, within one process."""


def stop_after(n_steps, monkeypatch):
    """Keep every state, and die after some steps."""
    offer, offered = checkpoints.Checkpoint.offer, []

    def kept(self, state):
        self._seconds = 0.0
        offer(self, state)
        offered.append(state.step)
        if len(offered) == n_steps:
            raise Killed

    monkeypatch.setattr(checkpoints.Checkpoint, "offer", kept)


@pytest.mark.parametrize("name", CONDENSERS)
@pytest.mark.parametrize("n_steps", [1, 2])
def test_a_killed_fit_goes_on_as_if_nothing_had_been(name, n_steps, tmp_path, monkeypatch):
    expected = CONDENSERS[name].fit(X, Y)
    X_syn, history = expected.X_syn_.copy(), {key: value.copy() for key, value in expected.history_.items()}
    path = tmp_path / "fit.checkpoint"
    condenser = CONDENSERS[name].set_params(checkpoint=path)
    try:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(n_steps, patch)
            condenser.fit(X, Y)
        assert path.exists()
        began = []
        monkeypatch.setattr(type(condenser), "_begin_solve", lambda *args: began.append(args))
        found = condenser.fit(X, Y)
    finally:
        condenser.set_params(checkpoint=None)
    assert not began
    np.testing.assert_array_equal(found.X_syn_, X_syn)
    np.testing.assert_array_equal(found.history_["loss"], history["loss"])
    assert not path.exists(), "the solve has come to its end"


class PassedOverFrame(PassedOver):
    """Passes over rows as a fit reads them."""

    def __init__(self, rows):
        super().__init__(rows, 25)
        self.moments = rows.moments


@pytest.mark.parametrize("condenser", [KCenter(2), KernelHerding(2)], ids=lambda condenser: type(condenser).__name__)
def test_a_choice_from_rows_that_only_pass_goes_on(condenser, tmp_path, monkeypatch):
    frame, source = pd.DataFrame(X, columns=list("abc")), Problem.source
    held = clone(condenser).fit(frame, Y).indices_
    monkeypatch.setattr(Problem, "source", lambda problem, device: PassedOverFrame(source(problem, device)))
    expected = clone(condenser).fit(frame, Y)
    np.testing.assert_array_equal(expected.indices_, held)
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch, clone(condenser), frame)
    found = clone(condenser).set_params(checkpoint=path).fit(frame, Y)
    np.testing.assert_array_equal(found.indices_, expected.indices_)
    np.testing.assert_array_equal(found.sample_weight_, expected.sample_weight_)
    np.testing.assert_array_equal(found.history_["loss"], expected.history_["loss"])


def interrupted(path, monkeypatch, condenser=None, rows=X):
    """Return the checkpoint of a fit that was killed."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        (descent() if condenser is None else condenser).set_params(checkpoint=path).fit(rows, Y)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda fit: (fit.set_params(solver__step_size=0.1), X, Y),
        lambda fit: (fit.set_params(discrepancy__bandwidth=2.0), X, Y),
        lambda fit: (fit.set_params(random_state=1), X, Y),
        lambda fit: (fit.set_params(solver__optimizer=lambda groups, lr: torch.optim.SGD(groups, lr=lr)), X, Y),
        lambda fit: (fit, X + 1e-9, Y),
        lambda fit: (fit, X, np.roll(Y, 1)),
    ],
    ids=["step", "bandwidth", "seed", "function", "data", "labels"],
)
def test_the_state_of_another_fit_is_not_taken(change, tmp_path, monkeypatch):
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch)
    fit, rows, targets = change(descent())
    expected = fit.fit(rows, targets).X_syn_.copy()
    with pytest.warns(UserWarning, match="is of other data, other parameters or another version: the fit begins anew"):
        found = fit.set_params(checkpoint=path).fit(rows, targets)
    np.testing.assert_array_equal(found.X_syn_, expected)


class Wide:
    """A builder that prints as any other."""

    def __init__(self, width):
        self.width = width

    def __call__(self, input_shape, n_outputs):
        return MLP(width=self.width, depth=1)(input_shape, n_outputs)


def test_builders_that_print_alike_are_told_apart(tmp_path, monkeypatch):
    fits = [GradientMatching(2, network=Wide(width), n_steps=6, random_state=0) for width in (4, 6)]
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch, fits[0])
    with pytest.warns(UserWarning, match="is of other data, other parameters or another version"):
        fits[1].set_params(checkpoint=path).fit(X, Y)


def test_what_does_not_change_the_set_is_no_other_fit(tmp_path, monkeypatch):
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch)
    fit = descent(checkpoint=path, verbose=1, n_jobs=1)
    monkeypatch.setattr(type(fit), "_begin_solve", None)
    fit.fit(X, Y)


@pytest.mark.parametrize(
    "spoil", [lambda held: held[:-7], lambda held: held[:20], lambda held: b"", lambda held: b"x" + held]
)
def test_a_torn_file_is_not_taken(spoil, tmp_path, monkeypatch):
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.warns(UserWarning, match="holds no whole checkpoint: the fit begins anew"):
        found = descent(checkpoint=path).fit(X, Y)
    np.testing.assert_array_equal(found.X_syn_, descent().fit(X, Y).X_syn_)


def test_an_interrupted_saving_leaves_the_old_state(tmp_path, monkeypatch):
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch)
    held = path.read_bytes()

    def fails(descriptor):
        raise OSError("no space left")

    def looks(self, state):
        self.save(state)
        assert path.read_bytes() == held
        assert [kept.name for kept in tmp_path.iterdir()] == ["fit.checkpoint"]

    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="cannot be written: no space left"):
        patch.setattr(checkpoints.Checkpoint, "offer", looks)
        patch.setattr(checkpoints.os, "fsync", fails)
        found = descent(checkpoint=path).fit(X, Y)
    np.testing.assert_array_equal(found.X_syn_, descent().fit(X, Y).X_syn_)


def test_the_data_are_not_in_the_file(tmp_path, monkeypatch):
    rows = np.concatenate([X, RNG.normal(size=(20_000, 3))])
    targets = np.arange(len(rows)) % 3
    path = tmp_path / "fit.checkpoint"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(1, patch)
        RandomSubset(2, random_state=0, checkpoint=path).fit(rows, targets)
    assert path.stat().st_size < rows.nbytes / 10


def test_senseless_checkpoints_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the path of a file"):
        descent(checkpoint=tmp_path).fit(X, Y)
    with pytest.raises(ValueError, match="which is no folder; give the path of a file"):
        descent(checkpoint=tmp_path / "none" / "fit").fit(X, Y)
    with pytest.raises(ValueError, match="has no effect on partial_fit"):
        Condenser(RandomFeatureMMD(bandwidth=1.0), n_per_class=2, checkpoint=tmp_path / "fit").partial_fit(X, Y)


def test_a_private_fit_keeps_nothing(tmp_path):
    privacy = GaussianMechanism(feature_range=(-9, 9))
    fit = Condenser(RandomFeatureMMD(bandwidth=1.0), privacy=privacy, n_per_class=2, checkpoint=tmp_path / "fit")
    with pytest.raises(PartsError, match="would write what is made of private rows into a file"):
        fit.fit(X, Y)
    assert not list(tmp_path.iterdir())


MANY, LABELS = np.random.default_rng(1).normal(size=(2400, 3)), np.arange(2400) % 12
KILLED = {
    "pool": clone(CONDENSERS["pool"]).set_params(solver__n_steps=60),
    "trajectories": clone(CONDENSERS["trajectories"]).set_params(n_steps=60),
    "rows": KMedoids(5, random_state=0),
    "prior": GenerativePrior(
        2, generator=AdversarialGenerator(2, n_steps=150), network=SMALL, n_steps=60, random_state=0
    ),
    "model": GenerativeModel(VariationalGenerator(2, n_steps=600), random_state=0),
    "search": AutoCondenser(
        GaussianNB(),
        candidates={"points": descent(), "rows": KMedoids()},
        time_budget=None,
        n_samples=24,
        random_state=0,
    ),
}
SCRIPT = """
import sys
import numpy as np
from skdc.fitting import checkpoints
from skdc.fitting.input import Problem
from tests.condensers.test_checkpoints import KILLED, LABELS, MANY, made_by
checkpoints.Checkpoint.__init__.__defaults__ = (0.0,)
found = KILLED[sys.argv[1]].set_params(checkpoint=sys.argv[2]).fit(MANY, LABELS)
np.save(sys.argv[3], made_by(found))
"""


def made_by(found):
    return found.sample(20)[0] if isinstance(found, GenerativeModel) else found.X_syn_


@pytest.mark.slow  # four processes load torch
@pytest.mark.parametrize("name", KILLED)
def test_a_fit_that_is_killed_in_another_process_goes_on(name, tmp_path):
    expected, draws = made_by(clone(KILLED[name]).fit(MANY, LABELS)), np.random.default_rng(len(name))
    path, out = tmp_path / "fit.checkpoint", tmp_path / "set.npy"
    command = [sys.executable, "-c", SCRIPT, name, str(path), str(out)]
    for _ in range(3):
        running = subprocess.Popen(command)
        while not any(tmp_path.iterdir()) and running.poll() is None:
            time.sleep(0.01)
        time.sleep(draws.uniform(0, 0.4))
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run(command, check=True)
    np.testing.assert_array_equal(np.load(out), expected)
    assert [file.name for file in tmp_path.iterdir()] == ["set.npy"]


class Dropping:
    """A builder of networks that draw: by torch, and by the generator of numpy."""

    def __call__(self, input_shape, n_outputs):
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), Shifting(), torch.nn.Linear(8, n_outputs)
        )


class Shifting(torch.nn.Module):
    def forward(self, x):
        return x + 0.1 * float(np.random.normal())  # noqa: NPY002  what users do


def test_what_layers_draw_goes_on_and_the_generators_of_the_user_stay(tmp_path, monkeypatch):
    fit = GradientMatching(2, network=Dropping(), n_steps=9, random_state=0)
    expected = fit.fit(X, Y).X_syn_.copy()
    path = interrupted(tmp_path / "fit.checkpoint", monkeypatch, fit)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    found = fit.set_params(checkpoint=path).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]
    np.testing.assert_array_equal(found.X_syn_, expected)


def interrupt_after_two(condenser, monkeypatch):
    """Fit a condenser until the user presses a key, after two steps that are saved."""

    def rings(self, state):
        self.save(state)
        if state.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.warns(InterruptedWarning, match="after 2 of"):
        patch.setattr(checkpoints.Checkpoint, "offer", rings)
        condenser.fit(X, Y)


def test_a_fit_that_the_user_has_interrupted_goes_on(tmp_path, monkeypatch):
    expected, path = descent().fit(X, Y).X_syn_, tmp_path / "fit.checkpoint"
    condenser = descent().set_params(checkpoint=path)

    interrupt_after_two(condenser, monkeypatch)
    assert path.exists() and not np.array_equal(condenser.X_syn_, expected)
    np.testing.assert_array_equal(condenser.fit(X, Y).X_syn_, expected)
    assert not path.exists()


def test_fits_in_threads_may_share_a_path(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints.Checkpoint, "offer", checkpoints.Checkpoint.save)
    path, expected = tmp_path / "fit.checkpoint", descent().fit(X, Y).X_syn_
    with ThreadPoolExecutor(3) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one may take the file of another, or find it gone
        found = list(pool.map(lambda _: descent(checkpoint=path).fit(X, Y).X_syn_, range(6)))
    for X_syn in found:
        np.testing.assert_array_equal(X_syn, expected)


def test_what_a_killed_process_has_half_written_goes(tmp_path):
    half, other = tmp_path / "fit.checkpoint.x1.tmp", tmp_path / "others.checkpoint.x1.tmp"
    half.write_bytes(b"skdc")
    other.write_bytes(b"skdc")
    descent(checkpoint=tmp_path / "fit.checkpoint").fit(X, Y)
    assert list(tmp_path.iterdir()) == [other]


def test_a_state_that_cannot_be_pickled_is_told_of_at_once(tmp_path):
    class Locked(torch.nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(input_shape[0], n_outputs)
            self.lock = Lock()

    condenser = Condenser(MMD(space=NetworkFeatures(RandomNetworks(Locked))), solver=Descent(n_steps=2), n_per_class=1)
    with pytest.raises(PartsError, match="cannot be pickled"):
        condenser.set_params(checkpoint=tmp_path / "fit.checkpoint").fit(X, Y)


def test_a_fit_that_fails_leaves_no_checkpoint(tmp_path):
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(PartsError, match="get no gradient"):
        Condenser(MMD(), Points(labels="learned"), n_per_class=1, checkpoint=path).fit(X, Y)
    assert not path.exists()


def test_a_warm_start_goes_on_too(tmp_path, monkeypatch):
    path = tmp_path / "fit.checkpoint"
    expected = descent(warm_start=True).fit(X, Y).fit(X, Y).X_syn_
    condenser = descent(warm_start=True, checkpoint=path).fit(X, Y)

    interrupt_after_two(condenser, monkeypatch)
    np.testing.assert_array_equal(condenser.fit(X, Y).X_syn_, expected)


WIDTH = 8


def wide(input_shape, n_outputs):
    return widest(input_shape, n_outputs)


def widest(input_shape, n_outputs):
    return torch.nn.Sequential(torch.nn.Linear(input_shape[0], WIDTH), torch.nn.Linear(WIDTH, n_outputs))


def test_what_a_builder_reads_of_its_module_tells_fits_apart(tmp_path, monkeypatch):
    space, path = NetworkFeatures(RandomNetworks(wide)), tmp_path / "fit.checkpoint"
    condenser = Condenser(MMD(space=space), solver=Descent(n_steps=4), n_per_class=1, random_state=0, checkpoint=path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        stop_after(2, patch)
        condenser.fit(X, Y)
    monkeypatch.setattr(sys.modules[__name__], "WIDTH", 64)
    with pytest.warns(UserWarning, match="is of other data, other parameters or another version"):
        condenser.fit(X, Y)
