"""Pictures of sets, of what they score, and of what that costs."""

from skdc.plotting.budget import BudgetCurveDisplay
from skdc.plotting.comparison import ComparisonDisplay
from skdc.plotting.front import ObjectiveFrontDisplay
from skdc.plotting.history import HistoryDisplay
from skdc.plotting.images import ImagesDisplay
from skdc.plotting.leaderboard import LeaderboardDisplay
from skdc.plotting.marginals import MarginalsDisplay
from skdc.plotting.sets import SetDisplay
from skdc.plotting.transfer import TransferDisplay
from skdc.plotting.witness import WitnessDisplay

__all__ = [
    "BudgetCurveDisplay",
    "ComparisonDisplay",
    "HistoryDisplay",
    "ImagesDisplay",
    "LeaderboardDisplay",
    "MarginalsDisplay",
    "ObjectiveFrontDisplay",
    "SetDisplay",
    "TransferDisplay",
    "WitnessDisplay",
]
