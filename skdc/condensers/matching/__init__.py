"""Condensers that match what networks see: features and gradients."""

from skdc.condensers.matching.distributions import M3D, WMDD, ImprovedDistributionMatching, OptimalTransportMatching
from skdc.condensers.matching.layers import CAFE, NCFM, DataDAM
from skdc.condensers.matching.networks import DistributionMatching, GradientMatching

__all__ = [
    "CAFE",
    "M3D",
    "NCFM",
    "WMDD",
    "DataDAM",
    "DistributionMatching",
    "GradientMatching",
    "ImprovedDistributionMatching",
    "OptimalTransportMatching",
]
