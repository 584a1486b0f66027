"""Solvers: how the synthetic set is moved or chosen."""

from skdc.solvers.barycenter import Barycenter
from skdc.solvers.base import DivergenceError, InterruptedWarning, Solution, Solver
from skdc.solvers.descent import Descent
from skdc.solvers.guided import GuidedSampling
from skdc.solvers.least_squares import LeastSquares
from skdc.solvers.lloyd import Lloyd
from skdc.solvers.noisy_descent import PrivateDescent
from skdc.solvers.patches import PatchChoice
from skdc.solvers.selection import (
    BestOf,
    Distinct,
    Draw,
    Greedy,
    Halving,
    Pivots,
    Pursuit,
    Rank,
    Selection,
    Snap,
)

__all__ = [
    "Barycenter",
    "BestOf",
    "Descent",
    "Distinct",
    "DivergenceError",
    "Draw",
    "Greedy",
    "GuidedSampling",
    "Halving",
    "InterruptedWarning",
    "LeastSquares",
    "Lloyd",
    "PatchChoice",
    "Pivots",
    "PrivateDescent",
    "Pursuit",
    "Rank",
    "Selection",
    "Snap",
    "Solution",
    "Solver",
]
