"""Parameterizations: how the synthetic set is stored, and what of it may move."""

from skdc.parameterizations.base import LiveSet, Parameterization
from skdc.parameterizations.edited import EditedRows
from skdc.parameterizations.low_rank import LowRank
from skdc.parameterizations.low_resolution import LowResolution
from skdc.parameterizations.points import Points
from skdc.parameterizations.relabeled import RelabeledRows
from skdc.parameterizations.subset import Subset

__all__ = ["EditedRows", "LiveSet", "LowRank", "LowResolution", "Parameterization", "Points", "RelabeledRows", "Subset"]
