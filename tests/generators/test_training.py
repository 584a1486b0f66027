"""Trainings of generators: they are told of, stop in time, and go on where a fit was killed."""

import re
import warnings
from threading import Lock

import numpy as np
import pytest
import torch

from skdc import Condenser, GenerativeModel, GenerativePrior
from skdc.discrepancies import MMD, LatentPrior
from skdc.exceptions import PartsError, StoppedWarning
from skdc.fitting import checkpoints
from skdc.fitting.deadlines import time_limit
from skdc.fitting.trainings import FitWatch
from skdc.generators import AdversarialGenerator, DiffusionGenerator, StyleGenerator, VariationalGenerator
from skdc.generators.training import Training
from skdc.learners import RandomNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers import Descent
from skdc.spaces import NetworkFeatures

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 8, 8)), np.arange(60) % 3
SMALL = {"encoder": MLP(width=8, depth=1), "decoder": MLP(width=8, depth=1), "batch_size": 16}


class Dropping(torch.nn.Sequential):
    """A network with running statistics, and layers that draw."""

    def __init__(self, input_shape, n_outputs):
        n = int(np.prod(input_shape))
        super().__init__(
            torch.nn.Flatten(), torch.nn.Linear(n, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(), torch.nn.ReLU()
        )
        self.append(torch.nn.Linear(8, n_outputs))


VARIATIONAL = VariationalGenerator(2, n_steps=8, **SMALL)
GENERATORS = {
    "variational": VARIATIONAL,
    "drawing": VariationalGenerator(2, encoder=Dropping, decoder=MLP(width=8, depth=1), n_steps=8, batch_size=16),
    "adversarial": AdversarialGenerator(2, n_steps=4, **SMALL),
    "style": StyleGenerator(4, width=2, n_steps=8, batch_size=16),
    "diffusion": DiffusionGenerator(VARIATIONAL, MLP(width=8, depth=1), 3, n_steps=8, batch_size=16),
}
N_STEPS = {"adversarial": 4 * 3 + 4, "diffusion": 8 + 8}


class Killed(BaseException):
    """In place of a signal, within one process."""


def rings_after(n_steps, monkeypatch, kind=Killed):
    """Keep every step of trainings, and end after some."""
    offer, offered = FitWatch.offer, []

    def kept(self, position):
        offer(self, position)
        offered.append(position)
        if len(offered) == n_steps:
            raise kind

    monkeypatch.setattr(checkpoints.Checkpoint.__init__, "__defaults__", (0.0,))
    monkeypatch.setattr(FitWatch, "offer", kept)


def n_descents(fit, monkeypatch):
    """Return how many steps of trainings a fit takes."""
    descend, taken = Training.descend, []
    with monkeypatch.context() as patch:
        patch.setattr(
            Training,
            "descend",
            lambda self, loss, optimizer=0: (taken.append(optimizer), descend(self, loss, optimizer)),
        )
        fit()
    return taken.count(0)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_fit_that_was_killed_in_a_training_goes_on_as_if_nothing_had_been(name, tmp_path, monkeypatch):
    model, n_steps = GenerativeModel(GENERATORS[name], random_state=0), N_STEPS.get(name, 8)
    expected = model.fit(X, Y).sample(5)[0]
    path = tmp_path / "fit.checkpoint"
    model.set_params(checkpoint=path)
    for done in (3, n_steps - 5):  # in the first training, and in the second one where there are two
        with monkeypatch.context() as patch, pytest.raises(Killed):
            rings_after(done, patch)
            model.fit(X, Y)
        assert path.exists()
    assert n_descents(lambda: model.fit(X, Y), monkeypatch) == 2
    np.testing.assert_array_equal(model.sample(5)[0], expected)
    assert not list(tmp_path.iterdir())


def prior(generator=VARIATIONAL, **parameters):
    return GenerativePrior(
        2, generator=generator, network=MLP(width=8, depth=1), n_steps=4, random_state=0, **parameters
    )


def test_condensers_go_on_inside_the_trainings_of_their_generators(tmp_path, monkeypatch):
    other = VariationalGenerator(3, n_steps=6, **SMALL)
    twice = Condenser(MMD() + LatentPrior(other), Points(Latents(VARIATIONAL)), Descent(n_steps=4), n_per_class=2)
    for condenser, done, left in ((prior(), 5, 3), (twice.set_params(random_state=0), 9, 5)):
        expected, path = condenser.fit(X, Y).X_syn_.copy(), tmp_path / "fit.checkpoint"
        condenser.set_params(checkpoint=path)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            rings_after(done, patch)
            condenser.fit(X, Y)
        assert n_descents(lambda fit=condenser.fit: fit(X, Y), monkeypatch) == left
        np.testing.assert_array_equal(condenser.X_syn_, expected)
        assert not path.exists()


def test_a_solve_that_was_killed_trains_nothing_again(tmp_path, monkeypatch):
    condenser, path = prior(), tmp_path / "fit.checkpoint"
    expected = condenser.fit(X, Y).X_syn_.copy()

    def dies(self, state):
        self.save(state)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoints.Checkpoint, "offer", dies)
        condenser.set_params(checkpoint=path).fit(X, Y)
    assert n_descents(lambda: condenser.fit(X, Y), monkeypatch) == 0
    np.testing.assert_array_equal(condenser.X_syn_, expected)


def test_an_interrupt_leaves_a_model_as_it_was_and_the_next_fit_goes_on(tmp_path, monkeypatch):
    model = GenerativeModel(VARIATIONAL, random_state=0, checkpoint=tmp_path / "fit.checkpoint").fit(X, Y)
    before = model.sample(5)[0]
    expected = GenerativeModel(VARIATIONAL, random_state=0).fit(2 * X + 1, Y).sample(5)[0]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        rings_after(5, patch, KeyboardInterrupt)
        model.fit(2 * X + 1, Y)
    np.testing.assert_array_equal(model.sample(5)[0], before)
    assert n_descents(lambda: model.fit(2 * X + 1, Y), monkeypatch) == 3
    np.testing.assert_array_equal(model.sample(5)[0], expected)


def test_trainings_are_shown(capsys):
    GenerativeModel(GENERATORS["adversarial"], random_state=0, verbose=1).fit(X, Y)
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"GenerativeModel AdversarialGenerator \[#{30}\] 12/12 loss \S+, 0 s in all", first)
    assert re.fullmatch(r"GenerativeModel AdversarialGenerator, encoder \[#{30}\] 4/4 loss \S+, 0 s in all", second)
    prior(verbose=1).fit(X, Y)
    assert [line.split(" [")[0] for line in capsys.readouterr().err.splitlines()] == [
        "GenerativePrior VariationalGenerator",
        "GenerativePrior Descent",
    ]
    prior().fit(X, Y)
    assert not capsys.readouterr().err


def test_a_training_stops_when_the_time_is_over(monkeypatch):
    with (
        time_limit(0.0) as limit,
        pytest.warns(StoppedWarning, match="VariationalGenerator was asked to stop: after 1 of 8"),
    ):
        assert n_descents(lambda: prior().fit(X, Y), monkeypatch) == 1
    assert limit.stopped
    model = GenerativeModel(VARIATIONAL, random_state=0)
    with time_limit(0.0) as limit, pytest.warns(StoppedWarning, match="asked to stop: after 1 of 8"):
        assert n_descents(lambda: model.fit(X, Y), monkeypatch) == 1
    assert limit.stopped and model.sample(3)[0].shape == (3, 8, 8)
    with time_limit(1000.0) as limit, warnings.catch_warnings():
        warnings.simplefilter("error", StoppedWarning)
        prior().fit(X, Y)
    assert not limit.stopped


def test_a_training_that_diverges_ends_at_once_and_leaves_no_checkpoint(tmp_path, monkeypatch):
    part = VariationalGenerator(2, n_steps=500, step_size=1e30, **SMALL)
    message = r"VariationalGenerator\(.*\) has not converged: step_size=1e\+30 is too large, and after \d of 500 steps"
    for estimator in (GenerativeModel(part, random_state=0), prior(part)):
        estimator.set_params(checkpoint=tmp_path / "fit.checkpoint")
        monkeypatch.setattr(checkpoints.Checkpoint.__init__, "__defaults__", (0.0,))
        with pytest.raises(ValueError, match=f"(?s){message}"):
            estimator.fit(X, Y)
        assert not list(tmp_path.iterdir())


def test_the_training_of_other_data_is_not_taken(tmp_path, monkeypatch):
    model = GenerativeModel(VARIATIONAL, random_state=0, checkpoint=tmp_path / "fit.checkpoint")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        rings_after(5, patch)
        model.fit(X, Y)
    with pytest.warns(UserWarning, match="is of other data, other parameters or another version"):
        assert n_descents(lambda: model.fit(X + 1, Y), monkeypatch) == 8


def test_a_solve_that_cannot_be_kept_leaves_no_training(tmp_path, monkeypatch):
    class Locked(torch.nn.Linear):
        def __init__(self, input_shape, n_outputs):
            super().__init__(64, n_outputs)
            self.lock = Lock()

        def forward(self, x):
            return super().forward(x.flatten(1))

    monkeypatch.setattr(checkpoints.Checkpoint.__init__, "__defaults__", (0.0,))
    space = NetworkFeatures(RandomNetworks(Locked))
    condenser = Condenser(MMD(space=space), Points(Latents(VARIATIONAL)), Descent(n_steps=2), n_per_class=1)
    with pytest.raises(PartsError, match="cannot be pickled"):
        condenser.set_params(checkpoint=tmp_path / "fit.checkpoint").fit(X, Y)
    assert not list(tmp_path.iterdir())
