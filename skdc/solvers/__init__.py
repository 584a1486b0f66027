"""Solvers: how the synthetic set is moved or chosen."""

from skdc.solvers.base import DivergenceError, Solution, Solver
from skdc.solvers.descent import Descent
from skdc.solvers.draw import Draw
from skdc.solvers.greedy import Greedy
from skdc.solvers.lloyd import Lloyd
from skdc.solvers.selection import Selection

__all__ = ["Descent", "DivergenceError", "Draw", "Greedy", "Lloyd", "Selection", "Solution", "Solver"]
