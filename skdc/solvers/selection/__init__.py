"""Solvers that choose rows."""

from skdc.solvers.selection.any_class import AnyClass
from skdc.solvers.selection.base import Selection
from skdc.solvers.selection.best import BestOf
from skdc.solvers.selection.decremental import DecrementalNeighborhood
from skdc.solvers.selection.distinct import Distinct
from skdc.solvers.selection.draw import Draw
from skdc.solvers.selection.greedy import Greedy
from skdc.solvers.selection.halving import Halving
from skdc.solvers.selection.independent import IndependentSets
from skdc.solvers.selection.message_passing import MessagePassing
from skdc.solvers.selection.neighbors import CondensedNeighborhood, EditedNeighborhood
from skdc.solvers.selection.pivots import Pivots
from skdc.solvers.selection.pruning import Pruning
from skdc.solvers.selection.pursuit import Pursuit
from skdc.solvers.selection.rank import Rank
from skdc.solvers.selection.recombination import Recombination
from skdc.solvers.selection.snap import Snap
from skdc.solvers.selection.strata import Strata

__all__ = [
    "AnyClass",
    "BestOf",
    "CondensedNeighborhood",
    "DecrementalNeighborhood",
    "Distinct",
    "Draw",
    "EditedNeighborhood",
    "Greedy",
    "Halving",
    "IndependentSets",
    "MessagePassing",
    "Pivots",
    "Pruning",
    "Pursuit",
    "Rank",
    "Recombination",
    "Selection",
    "Snap",
    "Strata",
]
