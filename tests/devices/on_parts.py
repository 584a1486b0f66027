"""Every discrepancy, penalty, space, kernel, storage, generator and pool works on a device as on the CPU."""

import numpy as np
import pytest
from torch import nn

from skdc import Condenser, UncertaintySubset, discrepancies, generators, kernels, learners, spaces
from skdc.discrepancies import MMD, Discrepancy, KernelStein, Penalty, SquaredL2, StatisticsDistance
from skdc.discrepancies.stein import Score
from skdc.generators import Generator, LinearGenerator, VariationalGenerator
from skdc.kernels import Kernel
from skdc.learners import Difficulty, NetworkClassifier, NetworkPool
from skdc.networks import MLP, ConvNet
from skdc.parameterizations import Points, Subset, storage
from skdc.solvers import Descent, Greedy
from skdc.spaces import Identity, KernelRidgePredictions, NetworkFeatures, Space
from skdc.structures import Flat

from ..condensers.quick import SETTINGS, Strip, quick
from .data import IMAGES, LABELS, X, Y, concrete

FEW = Descent(n_steps=3)
PREDICTIONS = SquaredL2(space=KernelRidgePredictions(), by=None)
# For images.
PARTS = {
    **SETTINGS,
    "network": ConvNet(width=4, depth=2),
    "networks": learners.RandomNetworks(ConvNet(width=4, depth=2)),
    "space": Identity(),
    "n_expert_steps": 2,
    "teachers": [ConvNet(width=4, depth=2)((8, 8), 3)],
    "n_stages": 1,
    "rank": 2,
    "generator": LinearGenerator(4),
    "kernels": [kernels.Gaussian(), kernels.Laplace()],
}


def moved(discrepancy, parameterization=None):
    parts = (parameterization, FEW) if parameterization or not is_flat(discrepancy) else (Subset(), Greedy())
    return Condenser(discrepancy, *parts, n_per_class=2, random_state=0)


def is_flat(discrepancy):
    """Tell whether points cannot move by a discrepancy: rows are chosen by it."""
    return any(isinstance(part, Flat) for leaf in discrepancy.leaves() for part in (leaf, leaf.space))


def ids(cls):
    return cls.__name__


@pytest.mark.parametrize("cls", concrete(discrepancies, Discrepancy), ids=ids)
def test_discrepancy(cls, same):
    discrepancy = quick(cls, {**SETTINGS, "query": X[:5]})
    if discrepancy.compares == "aligned":
        discrepancy.set_params(space=KernelRidgePredictions(), by=None)
    same(moved(discrepancy), X, Y)


@pytest.mark.parametrize("cls", concrete(discrepancies, Penalty), ids=ids)
def test_penalty(cls, same):
    settings = {**PARTS, "space": NetworkFeatures(PARTS["networks"]), "teacher": PARTS["teachers"][0]}
    same(moved(MMD() + PREDICTIONS + quick(cls, settings), Points(labels="learned")), IMAGES, LABELS)


@pytest.mark.parametrize("cls", [discrepancies.DemographicParity, discrepancies.EqualizedOdds], ids=ids)
def test_fairness(cls, same):
    fair = SquaredL2(space=KernelRidgePredictions(), by=None) + cls(space=KernelRidgePredictions())
    same(moved(fair), X, Y == 0, sensitive_features=np.arange(len(X)) % 2)


@pytest.mark.parametrize("cls", concrete(discrepancies, Score), ids=ids)
def test_score(cls, same):
    same(moved(KernelStein(score=cls())), X, Y)


@pytest.mark.parametrize("cls", concrete(spaces, Space), ids=ids)
def test_space(cls, same):
    space = quick(cls, PARTS)
    of_clouds = {"clouds": MMD, "moments": StatisticsDistance}.get(space.yields)
    discrepancy = SquaredL2(space=space, by=None) if of_clouds is None else of_clouds(space=space)
    same(moved(discrepancy), IMAGES, LABELS)


@pytest.mark.parametrize("cls", concrete(kernels, Kernel), ids=ids)
def test_kernel(cls, same):
    kernel = quick(cls, {**PARTS, "network": Strip(), "image_shape": (2, 2), "cell": 1})
    same(moved(SquaredL2(space=KernelRidgePredictions(kernel), by=None)), X, Y)


@pytest.mark.parametrize("cls", concrete(storage, storage.Storage), ids=ids)
def test_storage(cls, same):
    points = Points(storage=quick(cls, PARTS), labels="learned")
    same(moved(MMD() + PREDICTIONS, points), IMAGES, LABELS)


@pytest.mark.parametrize("cls", concrete(generators, Generator), ids=ids)
def test_generator(cls, same):
    module = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (8, 8)))
    settings = {
        **PARTS,
        "n_components": 4,
        "module": module,
        "latent_shape": (4,),
        "n_search_steps": 3,
        "n_diffusion_steps": 3,
    }
    settings |= {"autoencoder": VariationalGenerator(4, n_steps=3), "network": MLP(width=8)}
    same(moved(MMD(), Points(storage.Latents(quick(cls, settings)))), IMAGES, LABELS)


@pytest.mark.parametrize("cls", concrete(learners, NetworkPool), ids=ids)
def test_pool(cls, same):
    same(moved(MMD(space=NetworkFeatures(quick(cls, PARTS)))), IMAGES, LABELS)


@pytest.mark.parametrize("cls", concrete(learners, Difficulty), ids=ids)
def test_difficulty(cls, same):
    difficulty = cls(MLP(width=8, depth=1), n_networks=1, n_epochs=2)
    same(UncertaintySubset(2, difficulty=difficulty, random_state=0), X, Y)


def test_teacher_that_is_trained(same):
    teacher = NetworkClassifier(MLP(width=8, depth=1), max_epochs=2)
    same(moved(MMD() + discrepancies.TeacherLoss(teacher=teacher)), X, Y)
