"""Dataset condensation for scikit-learn: turn a big training set into a tiny one."""

from skdc.condensers import (
    Condenser,
    DistributionMatching,
    FacilityLocation,
    GradientMatching,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    SteinThinning,
    TrajectoryMatching,
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
    "GradientMatching",
    "KCenter",
    "KMeansCondenser",
    "KMedoids",
    "KernelHerding",
    "KernelInducingPoints",
    "RandomSubset",
    "SteinThinning",
    "TrajectoryMatching",
    "WassersteinCoreset",
    "make_condensing_pipeline",
]
