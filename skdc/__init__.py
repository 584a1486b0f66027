"""Dataset condensation for scikit-learn: turn a big training set into a tiny one."""

from skdc.condensers import (
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
from skdc.meta import AsSampler, CondensedEstimator
from skdc.pipeline import CondensingPipeline, make_condensing_pipeline

__version__ = "0.1.0"

__all__ = [
    "AsSampler",
    "CondensedEstimator",
    "Condenser",
    "CondensingPipeline",
    "DistributionMatching",
    "FacilityLocation",
    "GradMatch",
    "GradientMatching",
    "GreedyKernelPoints",
    "KCenter",
    "KMeansCondenser",
    "KMedoids",
    "KernelHerding",
    "KernelInducingPoints",
    "KernelThinning",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "SteinThinning",
    "TrajectoryMatching",
    "UncertaintySubset",
    "WassersteinCoreset",
    "make_condensing_pipeline",
]
