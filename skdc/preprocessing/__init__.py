"""Tables as numbers, and back."""

from skdc.preprocessing.piecewise import PiecewiseLinearEncoder
from skdc.preprocessing.tabular import TabularEncoder

__all__ = ["PiecewiseLinearEncoder", "TabularEncoder"]
