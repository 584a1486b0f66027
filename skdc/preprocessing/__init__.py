"""Tables as numbers, and back."""

from skdc.preprocessing.piecewise import PiecewiseLinearEncoder
from skdc.preprocessing.scores import NormalScores
from skdc.preprocessing.tabular import TabularEncoder

__all__ = ["NormalScores", "PiecewiseLinearEncoder", "TabularEncoder"]
