"""Discrepancies: distances between the data and the synthetic set, which add and scale."""

from skdc.discrepancies.aligned import Cosine, SquaredL2
from skdc.discrepancies.base import Discrepancy, Hybrid
from skdc.discrepancies.mmd import MMD, RandomFeatureMMD
from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.transport import QuantizationError, Sinkhorn, SlicedWasserstein

__all__ = [
    "MMD",
    "Cosine",
    "Discrepancy",
    "Hybrid",
    "MeanDistance",
    "QuantizationError",
    "RandomFeatureMMD",
    "Sinkhorn",
    "SlicedWasserstein",
    "SquaredL2",
]
