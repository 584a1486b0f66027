"""Tables as numbers, and images that are white, and back (tables need the extra ``tables``)."""

from typing import Any

from skdc.preprocessing.modes import ModeEncoder
from skdc.preprocessing.piecewise import PiecewiseLinearEncoder
from skdc.preprocessing.scores import NormalScores
from skdc.preprocessing.whitening import ZCAWhitening

__all__ = ["ModeEncoder", "NormalScores", "PiecewiseLinearEncoder", "TabularEncoder", "ZCAWhitening"]


def __getattr__(name: str) -> Any:
    # It needs pandas, which skdc itself does not.
    if name == "TabularEncoder":
        from skdc.preprocessing.tabular import TabularEncoder

        return TabularEncoder
    raise AttributeError(f"module 'skdc.preprocessing' has no attribute {name!r}")
