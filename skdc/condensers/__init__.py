"""Condensers: estimators that turn a training set into a tiny one."""

from skdc.condensers.base import BaseCondenser, NamedCondenser
from skdc.condensers.condenser import Condenser
from skdc.condensers.kernels import KernelInducingPoints
from skdc.condensers.matching import DistributionMatching, GradientMatching
from skdc.condensers.recipe import Recipe
from skdc.condensers.selection import (
    FacilityLocation,
    GradMatch,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomlyPivotedCholesky,
    RandomSubset,
    SteinThinning,
    UncertaintySubset,
    WassersteinCoreset,
)
from skdc.condensers.trajectories import TrajectoryMatching

__all__ = [
    "BaseCondenser",
    "Condenser",
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
    "NamedCondenser",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "Recipe",
    "SteinThinning",
    "TrajectoryMatching",
    "UncertaintySubset",
    "WassersteinCoreset",
]
