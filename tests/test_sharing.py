"""A live part in two places of a recipe is one live part, in clones too."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdc import CondensedEstimator, Condenser, DataDAM
from skdc.augmentation import Rotate
from skdc.discrepancies import MMD, MeanDistance, SquaredL2
from skdc.learners import AlternatingNetworks, OnlineNetworks, PretrainedNetworks, RandomNetworks
from skdc.solvers import Descent
from skdc.spaces import AttentionMaps, Augmented, NetworkFeatures, NetworkRidgePredictions, Perturbed, RandomNetwork
from tests.condensers.quick import SMALL, Strip
from tests.sources import row_source, seeded

X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.arange(40) % 2


def shared_space(space=None):
    space = RandomNetwork(SMALL) if space is None else space
    return MMD(space=space) + MeanDistance(space=space)


def wrapped_space():
    space = RandomNetwork(SMALL)
    return MMD(space=Perturbed(space)) + MeanDistance(space=Augmented(space, Rotate(), image_shape=(2, 2)))


def inner_and_outer():
    space = RandomNetwork(SMALL)
    return MeanDistance(space=space) + MMD(space=Perturbed(space))


def shared_pool(pool=None):
    pool = RandomNetworks(Strip()) if pool is None else pool
    return MMD(space=NetworkFeatures(pool)) + MeanDistance(space=AttentionMaps(pool))


def networks_of(objective):
    """Return the live network of each term."""
    spaces = [leaf.space for leaf in objective.leaves()]
    spaces = [getattr(space, "space", space) for space in spaces]
    return [space.pool_.network_ for space in spaces]


SHARING = [shared_space, wrapped_space, inner_and_outer, shared_pool]


@pytest.mark.parametrize("make", SHARING)
@pytest.mark.parametrize(
    "copied",
    [
        clone,
        lambda d: clone(clone(d)),
        lambda d: 2 * d,
        lambda d: clone(d + MMD()),
        lambda d: clone(Condenser(d)).discrepancy,
        lambda d: clone(CondensedEstimator(Condenser(d), None)).condenser.discrepancy,
        lambda d: clone(Condenser().set_params(discrepancy=d)).get_params()["discrepancy"],
        lambda d: clone(GridSearchCV(Condenser(), {"discrepancy": [d]})).param_grid["discrepancy"][0],
        lambda d: pickle.loads(pickle.dumps(Condenser(d))).discrepancy,
    ],
    ids=["clone", "twice", "times", "plus", "condenser", "estimator", "params", "grid", "pickle"],
)
def test_clones_share_what_was_shared(make, copied):
    source, objective = row_source(X, Y), copied(make())
    fitted = clone(objective)
    fitted.fit(source, seeded())
    first, second, *_ = networks_of(type(fitted)(fitted.terms[:2]))
    assert first is second
    assert not set(map(id, objective.leaves())) & set(map(id, fitted.leaves()))


def test_what_was_not_shared_is_not():
    objective = clone(MMD(space=RandomNetwork(SMALL)) + MeanDistance(space=RandomNetwork(SMALL)))
    objective.fit(row_source(X, Y), seeded())
    first, second = networks_of(objective)
    assert first is not second


def test_data_dam_looks_through_one_network():
    objective = clone(clone(DataDAM(network=Strip())).recipe().discrepancy)
    objective.fit(row_source(X, Y), seeded())
    assert len({id(network) for network in networks_of(objective)}) == 1


class Counting(RandomNetworks):
    """A pool that counts how often it is fitted and goes on."""

    def fit(self, source, generator):
        self.fits_ = getattr(self, "fits_", 0) + 1
        self.steps_ = 0
        return super().fit(source, generator)

    def after_step(self, synthetic, source, state):
        self.steps_ += 1
        COUNTS.append((self.fits_, self.steps_))
        super().after_step(synthetic, source, state)


COUNTS = []


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pool: shared_pool(pool),
        lambda pool: shared_space(NetworkFeatures(pool)),
        lambda pool: MMD(space=NetworkFeatures(pool)) + MeanDistance(space=Perturbed(NetworkFeatures(pool))),
        lambda pool: MMD(space=NetworkFeatures(pool)),
    ],
    ids=["pool", "space", "wrapped", "alone"],
)
def test_a_shared_part_is_fitted_and_changed_once(wrap):
    COUNTS.clear()
    Condenser(wrap(Counting(Strip())), solver=Descent(n_steps=3), random_state=0).fit(X, Y)
    assert COUNTS == [(1, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("pool", [OnlineNetworks(SMALL, n_networks=2), PretrainedNetworks(SMALL, 1, 1, 3)])
def test_pools_that_learn_are_one(pool):
    features = NetworkFeatures(pool)
    objective = MMD(space=features) + MeanDistance(space=Perturbed(NetworkFeatures(pool)))
    fitted = Condenser(objective, solver=Descent(n_steps=3), random_state=0).fit(X, Y)
    assert np.isfinite(fitted.X_syn_).all()


def test_parameters_of_a_shared_space_are_learned_once():
    space = NetworkRidgePredictions(RandomNetworks(SMALL))
    both = clone(SquaredL2(space=space, by=None) + SquaredL2(space=Perturbed(space), by=None))
    both.fit(row_source(X, Y), seeded())
    parameters = [id(p) for group in both.parameters() for p in group["params"]]
    assert len(parameters) == len(set(parameters))


class Unused(nn.Module):
    """A network with parameters that it does not use, one matrix and one that is frozen."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.first, self.last = nn.Linear(input_shape[0], 8), nn.Linear(8, n_outputs)
        self.idle, self.frozen = nn.Linear(3, 3), nn.Parameter(nn.init.ones_(nn.Linear(2, 2).weight.data), False)

    def forward(self, x):
        return self.last(self.first(x).relu())


def unused_condensers():
    from skdc import RFAD, GradientMatching, TrajectoryMatching, UncertaintySubset, UnrolledTraining
    from skdc.discrepancies import Adversarial, Cosine, FDivergence, LearnedCharacteristicFunction
    from skdc.learners import GraNd
    from skdc.spaces import ClippedGradients, LinearizedPredictions

    quick, points = {"solver": Descent(n_steps=2), "random_state": 0}, {"n_per_class": 3, "random_state": 0}
    pool = RandomNetworks(Unused)
    return [
        Condenser(FDivergence(network=Unused), **quick),
        Condenser(Adversarial(network=Unused), **quick),
        Condenser(LearnedCharacteristicFunction(network=Unused), **quick),
        Condenser(Cosine(space=ClippedGradients(AlternatingNetworks(Unused)), by=None), **quick),
        Condenser(SquaredL2(space=LinearizedPredictions(pool), by=None), **quick),
        Condenser(MMD(space=NetworkFeatures(OnlineNetworks(Unused, n_networks=2))), **quick),
        Condenser(MMD(space=NetworkFeatures(PretrainedNetworks(Unused, 1, 1, 3))), **quick),
        GradientMatching(network=Unused, n_steps=2, n_train_steps=2, **points),
        TrajectoryMatching(network=Unused, n_experts=1, n_segments=1, n_student_steps=2, n_steps=2, **points),
        UnrolledTraining(network=Unused, n_train_steps=3, n_backward=2, n_steps=2, **points),
        RFAD(network=Unused, n_steps=2, **points),
        UncertaintySubset(difficulty=GraNd(Unused, n_networks=1, n_epochs=1), **points),
    ]


@pytest.mark.parametrize("condenser", unused_condensers(), ids=lambda part: repr(part)[:60])
def test_parameters_without_a_gradient(condenser):
    assert np.isfinite(condenser.fit(X, Y).X_syn_).all()
