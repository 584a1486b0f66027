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
    AnyClass,
    BestOf,
    CondensedNeighborhood,
    DecrementalNeighborhood,
    Distinct,
    Draw,
    EditedNeighborhood,
    Greedy,
    Halving,
    IndependentSets,
    MessagePassing,
    Pivots,
    Pruning,
    Pursuit,
    Rank,
    Recombination,
    Selection,
    Snap,
    Strata,
)

__all__ = [
    "AnyClass",
    "Barycenter",
    "BestOf",
    "CondensedNeighborhood",
    "DecrementalNeighborhood",
    "Descent",
    "Distinct",
    "DivergenceError",
    "Draw",
    "EditedNeighborhood",
    "Greedy",
    "GuidedSampling",
    "Halving",
    "IndependentSets",
    "InterruptedWarning",
    "LeastSquares",
    "Lloyd",
    "MessagePassing",
    "PatchChoice",
    "Pivots",
    "PrivateDescent",
    "Pruning",
    "Pursuit",
    "Rank",
    "Recombination",
    "Selection",
    "Snap",
    "Solution",
    "Solver",
    "Strata",
]
