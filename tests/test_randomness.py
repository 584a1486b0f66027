"""Networks that draw: a fit is the same bit for bit, and the user's generators stay where they are."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from skdc import (
    CAFE,
    Condenser,
    DistributionMatching,
    GradientMatching,
    ImprovedDistributionMatching,
    TrajectoryMatching,
    UnrolledTraining,
)
from skdc.discrepancies import MMD, FDivergence
from skdc.learners import GivenNetworks, NetworkClassifier
from skdc.networks import MLP
from skdc.parameterizations import Subset
from skdc.solvers import Descent, Draw
from skdc.spaces import NetworkFeatures

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


class Noise(nn.Module):
    """A layer of the user's that adds noise from torch's global generator, in several ways."""

    def forward(self, x):
        noise = torch.rand_like(x) + torch.randn(x.shape) + torch.empty_like(x).normal_()
        return x + 0.1 * noise[torch.randperm(len(x))] + 0.1 * nn.functional.dropout(x, 0.5)


def drawing(layer):
    """Return a builder of networks with a layer that draws."""

    def build(input_shape, n_outputs):
        return nn.Sequential(nn.Linear(input_shape[0], 8), layer(), nn.ReLU(), nn.Linear(8, n_outputs))

    return build


class Foreign(nn.Module):
    """A layer of the user's that adds noise from the global generators of numpy and Python."""

    def forward(self, x):
        noise = np.random.normal(size=x.shape[1]) + random.random()  # noqa: NPY002
        return x + 0.1 * torch.as_tensor(noise, dtype=x.dtype)


LAYERS = {
    "dropout": lambda: nn.Dropout(0.3),
    "alpha": lambda: nn.AlphaDropout(0.3),
    "rrelu": nn.RReLU,
    "own": Noise,
    "foreign": Foreign,
}


class NumpyInit(nn.Module):
    """A layer whose weights come from numpy's global generator."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.as_tensor(np.random.rand(8), dtype=torch.float32))  # noqa: NPY002

    def forward(self, x):
        return x * self.weight


def condensers(network):
    return [
        DistributionMatching(network=network, n_steps=3, random_state=0),
        GradientMatching(network=network, n_steps=3, n_train_steps=2, random_state=0),
        TrajectoryMatching(network=network, n_experts=1, n_segments=1, n_student_steps=2, n_steps=3, random_state=0),
        TrajectoryMatching(
            network=network, n_experts=1, n_segments=1, n_student_steps=2, gradient="held", n_steps=3, random_state=0
        ),
        ImprovedDistributionMatching(network=network, n_networks=1, n_steps=3, random_state=0),
        UnrolledTraining(network=network, n_train_steps=3, n_backward=2, n_steps=3, random_state=0),
        CAFE(network=network, n_steps=3, random_state=0),
        Condenser(FDivergence(network=network), solver=Descent(n_steps=3), random_state=0),
    ]


def states():
    _, keys, place, *_ = np.random.get_state()  # noqa: NPY002
    return torch.random.get_rng_state().numpy().tobytes(), keys.tobytes(), place, random.getstate()


def move_generators():
    torch.rand(3)
    np.random.rand(3)  # noqa: NPY002
    random.random()


CASES = [
    pytest.param(condenser, id=f"{type(condenser).__name__}-{name}")
    for name, layer in LAYERS.items()
    for condenser in condensers(drawing(layer))
]


@pytest.mark.slow
@pytest.mark.parametrize("condenser", CASES)
def test_networks_that_draw_are_repeatable(condenser):
    before = states()
    first = clone(condenser).fit(X, Y).X_syn_
    assert states() == before, "a global generator moved"
    move_generators()
    assert_array_equal(clone(condenser).fit(X, Y).X_syn_, first)


@pytest.mark.parametrize("make", [Noise, Foreign, lambda: nn.Dropout(0.5)], ids=["own", "foreign", "dropout"])
def test_what_is_drawn_matters(make):
    seeds = [GradientMatching(network=drawing(make), n_steps=2, random_state=s).fit(X, Y).X_syn_ for s in (0, 1)]
    still = GradientMatching(network=drawing(nn.Identity), n_steps=2, random_state=0).fit(X, Y).X_syn_
    assert not np.array_equal(*seeds) and not np.array_equal(seeds[0], still)


def test_numbers_of_numpy_in_a_builder():
    condenser, before = DistributionMatching(network=drawing(NumpyInit), n_steps=3, random_state=0), states()
    first = clone(condenser).fit(X, Y).X_syn_
    assert states() == before
    move_generators()
    assert_array_equal(clone(condenser).fit(X, Y).X_syn_, first)


def test_given_networks_that_draw():
    teacher = drawing(Noise)((3,), 2)
    condenser = Condenser(
        MMD(space=NetworkFeatures(GivenNetworks([teacher]))), solver=Descent(n_steps=3), random_state=0
    )
    before = states()
    first = clone(condenser).fit(X, Y).X_syn_
    assert states() == before
    move_generators()
    assert_array_equal(clone(condenser).fit(X, Y).X_syn_, first)


@pytest.mark.parametrize("layer", [Noise, Foreign])
def test_fits_in_threads_do_not_mix(layer):
    def condense(seed):
        return GradientMatching(network=drawing(layer), n_steps=5, n_train_steps=5, random_state=seed).fit(X, Y).X_syn_

    def learn(seed):
        net = NetworkClassifier(drawing(lambda: nn.Dropout(0.3)), max_epochs=20, batch_size=16, random_state=seed)
        return net.fit(X, Y).predict_proba(X)

    def both(seed):
        return condense(seed), learn(seed)

    alone, before = [both(seed) for seed in range(4)], states()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(both, range(4)))
    assert states() == before
    for mine, expected in zip(together, alone, strict=True):
        for one, other in zip(mine, expected, strict=True):
            assert_array_equal(one, other)


def test_draws_of_the_user_in_another_thread_are_his():
    torch.manual_seed(3)
    expected = [torch.rand(5) for _ in range(200)]
    torch.manual_seed(3)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(lambda: condensers(drawing(Noise))[1].fit(X, Y))
        drawn = [torch.rand(5) for _ in range(200)]
        fit.result()
    assert all(torch.equal(one, other) for one, other in zip(drawn, expected, strict=True))


def test_an_interrupt_leaves_nothing_behind():
    class Bell(nn.Module):
        def forward(self, x):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DistributionMatching(network=drawing(Bell), n_steps=3).fit(X, Y)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3), expected) and torch.random.initial_seed() == 0


def test_an_interrupt_gives_the_generators_back():
    class Bell(Foreign):
        def forward(self, x):
            super().forward(x)
            raise KeyboardInterrupt

    before = states()
    with pytest.raises(KeyboardInterrupt):
        DistributionMatching(network=drawing(Bell), n_steps=3).fit(X, Y)
    assert states() == before
    with ThreadPoolExecutor(1) as pool:  # nothing is locked
        pool.submit(lambda: condensers(drawing(Foreign))[0].fit(X, Y)).result(timeout=60)


def test_networks_of_skorch_leave_the_generators():
    network = drawing(Foreign)((3,), 2)
    net = NeuralNetClassifier(network, criterion=nn.CrossEntropyLoss, max_epochs=1, batch_size=10, verbose=0)
    condenser = Condenser(
        parameterization=Subset(labels="teacher", teacher=net), solver=Draw(), n_per_class=2, random_state=0
    )
    before = states()
    first = clone(condenser).fit(X.astype(np.float32), Y).y_soft_
    assert states() == before
    move_generators()
    assert_array_equal(clone(condenser).fit(X.astype(np.float32), Y).y_soft_, first)


class BatchNorm(MLP):
    """A builder of networks with batch norm."""

    def __call__(self, input_shape, n_outputs):
        return nn.Sequential(nn.Linear(input_shape[0], 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_outputs))


def test_batch_norm_on_one_row_is_refused_in_a_sentence():
    condenser = GradientMatching(network=BatchNorm(), n_steps=2, n_train_steps=2, random_state=0)
    with pytest.raises(ValueError, match=r"BatchNorm1d cannot train on one row.*n_per_class=2"):
        condenser.set_params(n_per_class=1).fit(X, Y)
    fitted = condenser.set_params(n_per_class=2).fit(X, Y)
    assert fitted.X_syn_.shape == (4, 3) and np.isfinite(fitted.X_syn_).all()
    with pytest.raises(ValueError, match="BatchNorm1d cannot train on one row"):
        NetworkClassifier(BatchNorm(), batch_size=39, random_state=0).fit(X, Y)
