"""Condensers of the data regime that choose or average rows."""

from skdc.condensers.selection.centroids import KMeansCondenser
from skdc.condensers.selection.covering import FacilityLocation, KCenter, KMedoids
from skdc.condensers.selection.draws import RandomSubset
from skdc.condensers.selection.embeddings import KernelHerding, SteinThinning
from skdc.condensers.selection.gradients import GradMatch, UncertaintySubset
from skdc.condensers.selection.kernels import GreedyKernelPoints, RandomlyPivotedCholesky
from skdc.condensers.selection.thinning import KernelThinning
from skdc.condensers.selection.transport import WassersteinCoreset

__all__ = [
    "FacilityLocation",
    "GradMatch",
    "GreedyKernelPoints",
    "KCenter",
    "KMeansCondenser",
    "KMedoids",
    "KernelHerding",
    "KernelThinning",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "SteinThinning",
    "UncertaintySubset",
    "WassersteinCoreset",
]
