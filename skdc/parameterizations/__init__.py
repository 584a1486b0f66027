"""Parameterizations: how the synthetic set is stored, and what of it may move."""

from skdc.parameterizations.base import LiveSet, Parameterization
from skdc.parameterizations.drawn import Drawn
from skdc.parameterizations.points import Points
from skdc.parameterizations.subset import Subset

__all__ = ["Drawn", "LiveSet", "Parameterization", "Points", "Subset"]
