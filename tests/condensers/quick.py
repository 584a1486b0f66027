"""Condensers with few steps, for tests of contracts rather than of quality."""

from math import prod

import pytest
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB
from torch import nn

from skdc import (
    CAFE,
    M3D,
    NCFM,
    RCIG,
    RFAD,
    WMDD,
    Condenser,
    DataDAM,
    DistributionMatching,
    FacilityLocation,
    FRePo,
    GeneralCondenser,
    GradientMatching,
    GradMatch,
    GreedyKernelPoints,
    ImprovedDistributionMatching,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    LabelDistillation,
    LabelSolve,
    OptimalTransportMatching,
    RandomlyPivotedCholesky,
    RandomSubset,
    SoftLabelRandom,
    SteinThinning,
    TabularCondenser,
    TrajectoryMatching,
    UncertaintySubset,
    UnrolledTraining,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.learners import EL2N
from skdc.networks import MLP
from skdc.solvers import Descent

SMALL = MLP(width=8, depth=1)


class Strip(BaseEstimator):
    """Two convolutions for rows of any shape, which are taken for strips of pixels."""

    def __call__(self, input_shape, n_outputs):
        """Build the network."""
        size = prod(input_shape)
        return nn.Sequential(
            nn.Flatten(),
            nn.Unflatten(1, (1, 1, size)),
            nn.Conv2d(1, 4, (1, 3), padding=(0, 1)),
            nn.ReLU(),
            nn.Conv2d(4, 4, (1, 3), padding=(0, 1)),
            nn.Flatten(),
            nn.Linear(4 * size, n_outputs),
        )


# By the name of the class, or of the discrepancy of a `Condenser`; built anew for each test.
QUICK = {
    "RandomSubset": lambda: RandomSubset(random_state=0),
    "KMeansCondenser": lambda: KMeansCondenser(random_state=0),
    "KernelHerding": lambda: KernelHerding(random_state=0),
    "KernelThinning": lambda: KernelThinning(random_state=0),
    "KCenter": lambda: KCenter(random_state=0),
    "FacilityLocation": lambda: FacilityLocation(random_state=0),
    "KMedoids": lambda: KMedoids(random_state=0),
    "SteinThinning": lambda: SteinThinning(random_state=0),
    "WassersteinCoreset": lambda: WassersteinCoreset(random_state=0),
    "RandomlyPivotedCholesky": lambda: RandomlyPivotedCholesky(random_state=0),
    "GreedyKernelPoints": lambda: GreedyKernelPoints(random_state=0),
    "GradMatch": lambda: GradMatch(network=SMALL, random_state=0),
    "UncertaintySubset": lambda: UncertaintySubset(difficulty=EL2N(SMALL, n_networks=1, n_epochs=2), random_state=0),
    "DistributionMatching": lambda: DistributionMatching(network=SMALL, n_steps=3, random_state=0),
    "GradientMatching": lambda: GradientMatching(network=SMALL, n_steps=3, n_train_steps=2, random_state=0),
    "TrajectoryMatching": lambda: TrajectoryMatching(
        network=SMALL, n_experts=1, n_segments=1, n_student_steps=2, n_steps=3, step_size=0.01, random_state=0
    ),
    "KernelInducingPoints": lambda: KernelInducingPoints(n_steps=3, random_state=0),
    "ImprovedDistributionMatching": lambda: ImprovedDistributionMatching(
        network=SMALL, n_networks=1, n_steps=3, random_state=0
    ),
    "CAFE": lambda: CAFE(network=SMALL, n_steps=3, random_state=0),
    "M3D": lambda: M3D(network=SMALL, n_networks=1, n_steps=3, random_state=0),
    "NCFM": lambda: NCFM(network=SMALL, n_networks=1, n_frequencies=20, n_steps=3, random_state=0),
    "WMDD": lambda: WMDD(network=SMALL, n_steps=3, random_state=0),
    "OptimalTransportMatching": lambda: OptimalTransportMatching(network=SMALL, n_steps=3, random_state=0),
    "DataDAM": lambda: DataDAM(network=Strip(), n_steps=3, random_state=0),
    "GeneralCondenser": lambda: GeneralCondenser(threshold=0.01, n_steps=3, random_state=0),
    "FRePo": lambda: FRePo(network=SMALL, n_networks=2, n_steps=3, random_state=0),
    "RFAD": lambda: RFAD(network=SMALL, n_steps=3, random_state=0),
    "RCIG": lambda: RCIG(network=SMALL, n_networks=2, n_iterations=3, n_steps=3, step_size=0.01, random_state=0),
    "UnrolledTraining": lambda: UnrolledTraining(
        network=SMALL, n_train_steps=3, n_backward=2, n_steps=3, step_size=0.01, random_state=0
    ),
    "LabelDistillation": lambda: LabelDistillation(network=SMALL, n_networks=2, n_steps=3, random_state=0),
    "LabelSolve": lambda: LabelSolve(random_state=0),
    "SoftLabelRandom": lambda: SoftLabelRandom(teacher=GaussianNB(), random_state=0),
    "TabularCondenser": lambda: TabularCondenser(teacher=GaussianNB(), random_state=0),
    "MMD": lambda: Condenser(MMD(), solver=Descent(n_steps=3), random_state=0),
    "RandomFeatureMMD": lambda: Condenser(
        RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=3), random_state=0
    ),
}
# The base class does the same for all; these take each of its paths: rows drawn, chosen with masses, labelled by a
# teacher; clusters, barycentres, networks, learned targets with a learner, a sketch. The others have their turn with
# the tests that take long.
PATHS = (
    "RandomSubset",
    "KMedoids",
    "TabularCondenser",
    "KMeansCondenser",
    "WassersteinCoreset",
    "DistributionMatching",
    "KernelInducingPoints",
    "RandomFeatureMMD",
)


def some_condensers(names):
    """Return a mark that runs a test for condensers by name, those beside the paths with the tests that take long."""
    marked = [pytest.param(name, marks=[] if name in PATHS else pytest.mark.slow) for name in names]
    return pytest.mark.parametrize("condenser", marked, indirect=True)


every_condenser = some_condensers(QUICK)


def quick_condensers():
    """Return one quick instance of every condenser."""
    return [build() for build in QUICK.values()]
