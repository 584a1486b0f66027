"""What solvers that move points to means of rows ask for."""

from __future__ import annotations

from typing import Any

from skdc.exceptions import PartsError
from skdc.parameterizations.base import LiveSet
from skdc.solvers.base import Solver
from skdc.spaces.data import InvertibleSpace, Joint


def check_class_means(solver: Solver, verb: str, leaf: Any, synthetic: LiveSet) -> None:
    """Refuse a discrepancy whose space has no means of rows, or shows no targets that move, or is not by class.

    Raises
    ------
    ValueError
        Naming the solver and the discrepancy.
    """
    name, discrepancy = type(solver).__name__, type(leaf).__name__
    if not isinstance(leaf.space_, InvertibleSpace):
        raise PartsError(
            f"{name} averages in the space, and {type(leaf.space_).__name__} cannot map means back to rows; use "
            "Identity(), Standardized() or Joint(), or the solver Descent()"
        )
    if leaf.by != "class":
        raise PartsError(f"{name} {verb} class by class, not by={leaf.by!r}; use {discrepancy}(by='class')")
    if synthetic.learned and not isinstance(leaf.space_, Joint):
        raise PartsError(
            f"{name} moves targets only where the space shows them; use {discrepancy}(space=Joint()) for continuous "
            "targets, Points(labels='hard') for classes"
        )
