"""A recipe: the nouns of a condenser, checked to go together."""

from __future__ import annotations

from typing import NamedTuple

from skdc.discrepancies.objective import Objective, Term
from skdc.parameterizations.base import Parameterization
from skdc.solvers.base import Solver
from skdc.spaces.data import Identity


class Recipe(NamedTuple):
    """The nouns of a condenser; the space is a parameter of the discrepancy."""

    discrepancy: Objective | None
    parameterization: Parameterization
    solver: Solver

    def streams(self) -> bool:
        """Tell whether the data need to be seen once only: a sketch stands for them."""
        parts = self.solver.streams and self.parameterization.streams()
        return parts and self.discrepancy is not None and self.discrepancy.sketchable()

    def leaves(self) -> list[Term]:
        """Return the discrepancies that are minimised: over the points, and over their weights."""
        objectives = (self.discrepancy, getattr(self.solver, "reweight", None))
        return [leaf for objective in objectives if objective is not None for leaf in objective.leaves()]

    def takes_sparse(self) -> bool:
        """Tell whether sparse rows can be chosen from."""
        seen = all(leaf.sparse and (leaf.space is None or isinstance(leaf.space, Identity)) for leaf in self.leaves())
        # A teacher is shown dense rows.
        return self.solver.sparse and seen and getattr(self.parameterization, "labels", "hard") != "teacher"


def checked(recipe: Recipe) -> Recipe:
    """Return a recipe whose parts go together.

    Raises
    ------
    TypeError
        If a part is of another kind.
    ValueError
        If two parts do not go together.
    """
    discrepancy, parameterization, solver = recipe
    kinds = [
        ("discrepancy", discrepancy, Objective),
        ("parameterization", parameterization, Parameterization),
        ("solver", solver, Solver),
        ("reweight", getattr(solver, "reweight", None), Objective),
    ]
    for name, part, kind in kinds:
        if not isinstance(part, kind) and not (name in _OPTIONAL and part is None):
            raise TypeError(f"{name} must be an object such as {_EXAMPLES[name]}, got {part!r}")
    for leaf in recipe.leaves():
        if not leaf.condenses:
            raise ValueError(f"{leaf!r} is an estimate for independent rows, which condensed ones are not; use MMD()")
    solver_name = type(solver).__name__
    if solver.minimizes == (discrepancy is None):
        raise ValueError(
            f"{solver_name} minimises nothing, so discrepancy={discrepancy!r} would have no effect; leave it out"
            if discrepancy is not None
            else f"{solver_name} needs a discrepancy, such as MMD()"
        )
    if solver.moves != parameterization.moves:
        raise ValueError(
            f"{solver_name} moves {solver.moves}, but {type(parameterization).__name__} has "
            f"{parameterization.moves}: use Descent() or Lloyd() with Points(), Greedy() or Draw() with Subset()"
        )
    return recipe


def refuse_idle_groups(recipe: Recipe, has_groups: bool) -> None:
    """Refuse sensitive features that nothing looks at, and a discrepancy by group without them.

    Raises
    ------
    ValueError
        Saying which of the two is missing.
    """
    by_group = [leaf for leaf in recipe.leaves() if leaf.by == "group"]
    if by_group and not has_groups:
        raise ValueError(f"{by_group[0]!r} compares group by group: pass sensitive_features= to fit, or use by='class'")
    if has_groups and not by_group:
        raise ValueError("sensitive_features would have no effect: no discrepancy has by='group'")


_EXAMPLES = {"discrepancy": "MMD()", "parameterization": "Points()", "solver": "Descent()", "reweight": "MMD()"}
_OPTIONAL = ("discrepancy", "reweight")
