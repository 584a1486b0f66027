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
from skdc.meta import AsSampler, CondensedEstimator
from skdc.pipeline import CondensingPipeline, make_condensing_pipeline

__version__ = "0.1.0"

__all__ = [
    "AsSampler",
    "CondensedEstimator",
    "Condenser",
    "CondensingPipeline",
    "DistributionMatching",
    "GradientMatching",
    "KMeansCondenser",
    "KernelHerding",
    "KernelInducingPoints",
    "RandomSubset",
    "TrajectoryMatching",
    "make_condensing_pipeline",
]
