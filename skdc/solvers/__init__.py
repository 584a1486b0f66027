"""Solvers: how the synthetic set is moved or chosen."""

from skdc.solvers.barycenter import Barycenter
from skdc.solvers.base import DivergenceError, InterruptedWarning, Solution, Solver
from skdc.solvers.descent import Descent
from skdc.solvers.draw import Draw
from skdc.solvers.greedy import Greedy
from skdc.solvers.halving import Halving
from skdc.solvers.least_squares import LeastSquares
from skdc.solvers.lloyd import Lloyd
from skdc.solvers.noisy_descent import PrivateDescent
from skdc.solvers.pivots import Pivots
from skdc.solvers.pursuit import Pursuit
from skdc.solvers.rank import Rank
from skdc.solvers.selection import Selection
from skdc.solvers.snap import Snap

__all__ = [
    "Barycenter",
    "Descent",
    "DivergenceError",
    "Draw",
    "Greedy",
    "Halving",
    "InterruptedWarning",
    "LeastSquares",
    "Lloyd",
    "Pivots",
    "PrivateDescent",
    "Pursuit",
    "Rank",
    "Selection",
    "Snap",
    "Solution",
    "Solver",
]
