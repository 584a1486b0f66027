"""Condensers with few steps, for tests of contracts rather than of quality."""

from math import prod

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
        UncertaintySubset(difficulty=EL2N(SMALL, n_networks=1, n_epochs=2), random_state=0),
        DistributionMatching(network=SMALL, n_steps=3, random_state=0),
        GradientMatching(network=SMALL, n_steps=3, n_train_steps=2, random_state=0),
        TrajectoryMatching(network=SMALL, n_experts=1, n_segments=1, n_student_steps=2, n_steps=3, random_state=0),
        KernelInducingPoints(n_steps=3, random_state=0),
        ImprovedDistributionMatching(network=SMALL, n_networks=1, n_steps=3, random_state=0),
        CAFE(network=SMALL, n_steps=3, random_state=0),
        M3D(network=SMALL, n_networks=1, n_steps=3, random_state=0),
        NCFM(network=SMALL, n_networks=1, n_frequencies=20, n_steps=3, random_state=0),
        WMDD(network=SMALL, n_steps=3, random_state=0),
        OptimalTransportMatching(network=SMALL, n_steps=3, random_state=0),
        DataDAM(network=Strip(), n_steps=3, random_state=0),
        GeneralCondenser(threshold=0.01, n_steps=3, random_state=0),
        FRePo(network=SMALL, n_networks=2, n_steps=3, random_state=0),
        RFAD(network=SMALL, n_steps=3, random_state=0),
        RCIG(network=SMALL, n_networks=2, n_iterations=3, n_steps=3, random_state=0),
        UnrolledTraining(network=SMALL, n_train_steps=3, n_backward=2, n_steps=3, random_state=0),
        LabelDistillation(network=SMALL, n_networks=2, n_steps=3, random_state=0),
        LabelSolve(random_state=0),
        SoftLabelRandom(teacher=GaussianNB(), random_state=0),
        TabularCondenser(teacher=GaussianNB(), random_state=0),
        Condenser(MMD(), solver=Descent(n_steps=3), random_state=0),
        Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=3), random_state=0),
    ]
