"""Dataset condensation for scikit-learn: turn a big training set into a tiny one."""

from skdc.condensers import (
    Condenser,
    DistributionMatching,
    GradientMatching,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    RandomSubset,
    TrajectoryMatching,
)

__version__ = "0.1.0"

__all__ = [
    "Condenser",
    "DistributionMatching",
    "GradientMatching",
    "KMeansCondenser",
    "KernelHerding",
    "KernelInducingPoints",
    "RandomSubset",
    "TrajectoryMatching",
]
