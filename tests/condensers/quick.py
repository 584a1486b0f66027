"""Condensers with few steps, for tests of contracts rather than of quality."""

from skdc import (
    Condenser,
    DistributionMatching,
    FacilityLocation,
    GradientMatching,
    GradMatch,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    RandomSubset,
    SteinThinning,
    TrajectoryMatching,
    UncertaintySubset,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.learners import EL2N
from skdc.networks import MLP
from skdc.solvers import Descent

SMALL = MLP(width=8, depth=1)


def quick_condensers():
    """Return one quick instance of every condenser."""
    return [
        RandomSubset(random_state=0),
        KMeansCondenser(random_state=0),
        KernelHerding(random_state=0),
        KernelThinning(random_state=0),
        KCenter(random_state=0),
        FacilityLocation(random_state=0),
        KMedoids(random_state=0),
        SteinThinning(random_state=0),
        WassersteinCoreset(random_state=0),
        RandomlyPivotedCholesky(random_state=0),
        GreedyKernelPoints(random_state=0),
        GradMatch(network=SMALL, random_state=0),
        UncertaintySubset(EL2N(SMALL, n_networks=1, n_epochs=2), random_state=0),
        DistributionMatching(network=SMALL, n_steps=3, random_state=0),
        GradientMatching(network=SMALL, n_steps=3, n_train_steps=2, random_state=0),
        TrajectoryMatching(network=SMALL, n_experts=1, n_segments=1, n_student_steps=2, n_steps=3, random_state=0),
        KernelInducingPoints(n_steps=3, random_state=0),
        Condenser(MMD(), solver=Descent(n_steps=3), random_state=0),
        Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=3), random_state=0),
    ]
