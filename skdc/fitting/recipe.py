"""A recipe: the nouns of a condenser, checked to go together."""

from __future__ import annotations

from typing import NamedTuple

from sklearn.base import clone

from skdc.discrepancies.objective import Objective, Term
from skdc.discrepancies.penalties import Penalty
from skdc.discrepancies.prefixes import Prefixes
from skdc.exceptions import PartsError
from skdc.fitting.parts import refuse_others
from skdc.parameterizations.base import Parameterization
from skdc.privacy import GaussianMechanism
from skdc.privacy.steps import refuse_caches
from skdc.solvers.base import Reducer, Solver
from skdc.solvers.descent import Descent
from skdc.solvers.noisy_descent import PrivateDescent
from skdc.spaces.invertible import Identity
from skdc.structures import Cut, Volume


class Recipe(NamedTuple):
    """The nouns of a condenser; the space is a parameter of the discrepancy."""

    discrepancy: Objective | None
    parameterization: Parameterization
    solver: Solver
    privacy: GaussianMechanism | None = None

    def copied(self) -> Recipe:
        """Return a recipe of copies, which changes of its parts do not reach."""
        return Recipe._make(None if part is None else clone(part) for part in self)

    def draws(self) -> bool:
        """Tell whether rows drawn from a release stand for the data."""
        return self.privacy is not None and self.privacy.draws

    def streams(self) -> bool:
        """Tell whether the data need to be seen once only: a sketch stands for them."""
        if self.draws():
            return False
        parts = self.solver.streams() and self.parameterization.streams()
        return parts and self.discrepancy is not None and self.discrepancy.sketchable()

    def passes(self) -> bool:
        """Tell whether it takes no more than passes over the data, and some drawn rows: they may be in pieces."""
        return self.solver.passes() and self.parameterization.passes()

    def reducer(self) -> Reducer | None:
        """Return what chooses rows of pieces, each of which stands for others; None where a sample is as good."""
        return self.solver.reducer(self.discrepancy) if self.parameterization.passes() else None

    def n_releases(self) -> int:
        """Return how often private rows are asked, by spaces as they are fitted and in all steps."""
        spaces = [leaf.space for leaf in self.leaves() if leaf.space is not None]
        once = len({id(space) for space in spaces if space.asks == "once"})
        each = 1 if isinstance(self.solver, PrivateDescent) else sum(space.asks == "each step" for space in spaces)
        # Terms that are normalised are asked once more, for their value at the start.
        n_times = self.solver.n_steps + (self.discrepancy is not None and self.discrepancy.normalizes())
        return once + each * n_times

    def leaves(self) -> list[Term]:
        """Return the discrepancies that are minimised: over the points, and over their weights."""
        objectives = (self.discrepancy, self.solver.own_objective())
        return [leaf for objective in objectives if objective is not None for leaf in objective.leaves()]

    def takes_sparse(self) -> bool:
        """Tell whether sparse rows can be chosen from; none are drawn from a release."""
        if self.draws():
            return False
        seen = all(leaf.sparse and (leaf.space is None or isinstance(leaf.space, Identity)) for leaf in self.leaves())
        return self.solver.sparse and seen and self.parameterization.takes_sparse()


def checked(recipe: Recipe) -> Recipe:
    """Return a recipe whose parts go together."""
    discrepancy, parameterization, solver, privacy = recipe
    refuse_others(recipe._asdict().items())
    kinds = [
        ("discrepancy", discrepancy, Objective),
        ("parameterization", parameterization, Parameterization),
        ("solver", solver, Solver),
        ("reweight", solver.own_objective() if isinstance(solver, Solver) else None, Objective),
        ("privacy", privacy, GaussianMechanism),
    ]
    for name, part, kind in kinds:
        if not isinstance(part, kind) and not (name in _OPTIONAL and part is None):
            raise TypeError(f"{name} must be an object such as {_EXAMPLES[name]}, got {part!r}")
    for leaf in recipe.leaves():
        leaf.check_condensing()
    solver_name = type(solver).__name__
    if solver.minimizes == (discrepancy is None):
        raise PartsError(
            f"{solver_name} minimises nothing, so discrepancy={discrepancy!r} would have no effect; leave it out"
            if discrepancy is not None
            else f"{solver_name} needs a discrepancy, such as MMD()"
        )
    _check_moves(solver, parameterization)
    if isinstance(discrepancy, Prefixes):
        _check_prefixes(recipe, discrepancy)
    if privacy is not None:
        privacy.check()
        for part in (discrepancy, parameterization, solver):
            refuse_caches(f"{part!r}: ", {} if part is None else part.get_params())
        if not privacy.draws:
            _refuse_leaks(recipe, privacy)
    return recipe


def _check_moves(solver: Solver, parameterization: Parameterization) -> None:
    """Refuse a solver that moves what a parameterization has not."""
    solver_name = type(solver).__name__
    if solver.moves != parameterization.moves:
        raise PartsError(
            f"{solver_name} moves {solver.moves}, but {type(parameterization).__name__} has "
            f"{parameterization.moves}: use Descent() or Lloyd() with Points(), Greedy() or Draw() with Subset()"
        )
    if solver.places_rows() and parameterization.is_generator():
        raise PartsError(
            f"{solver_name} puts rows in the place of points, but of {parameterization!r} a generator is what moves; "
            "use Descent(), or Points()"
        )


def _check_prefixes(recipe: Recipe, discrepancy: Prefixes) -> None:
    """Refuse parts that do not look at prefixes, or ask private rows for each."""
    if not isinstance(recipe.solver, Descent):
        raise PartsError(
            f"{recipe.solver!r} does not look at prefixes; with {discrepancy!r} use Points() and Descent()"
        )
    if recipe.privacy is not None and not recipe.draws() and not recipe.streams():
        raise PartsError(
            f"{discrepancy!r} would ask private rows anew for each prefix; use a discrepancy that asks them once, such "
            "as RandomFeatureMMD(bandwidth=1.0)"
        )


def nested(recipe: Recipe) -> Recipe:
    """Return a recipe of which the first points of each class are a good set, too.

    Raises
    ------
    PartsError
        If its solver minimises nothing, or makes sets of which no part is good by itself.
    """
    discrepancy, solver = recipe.discrepancy, recipe.solver
    if discrepancy is None:
        raise PartsError(f"nested=True: {solver!r} minimises no discrepancy of the first points; use nested=False")
    if isinstance(solver, Descent):
        return recipe._replace(discrepancy=Prefixes(discrepancy))
    if not solver.nested():
        raise PartsError(
            f"nested=True: {solver!r} does not choose the rows of a class one after the other, so that the first are "
            "no good set; use Greedy(n_passes=0), or Points() and Descent()"
        )
    for leaf in recipe.leaves():
        if isinstance(leaf, Cut | Volume):
            raise PartsError(
                f"nested=True: {leaf!r} is that of a set of the size asked for, of which the first rows are no good "
                "set; use MMD(), or CoveringRadius()"
            )
        if leaf.by is None or (leaf.space is not None and leaf.space.splits == "rows"):
            raise PartsError(
                f"nested=True: rows of all classes are chosen together for {leaf!r}, and the first of each class are "
                "no good set; use a discrepancy with by='class', such as MMD(), or Points() and Descent()"
            )
    return recipe


def _refuse_leaks(recipe: Recipe, privacy: GaussianMechanism) -> None:
    """Refuse parts of a private recipe that look at rows."""
    parts, solver = recipe.parameterization, recipe.solver
    if parts.moves == "indices":
        raise PartsError(f"{parts!r} chooses rows of the data, and gives them away; private sets need Points()")
    if not parts.streams() or parts.start != "noise":
        raise PartsError(f"{parts!r} looks at rows, which are private; use Points(start='noise')")
    if not isinstance(solver, Descent):
        raise PartsError(f"{solver!r} looks at rows, which are private; use Descent()")
    if isinstance(solver, PrivateDescent) and recipe.discrepancy is not None and recipe.discrepancy.normalizes():
        raise PartsError(
            f"{recipe.discrepancy!r} would divide by losses at private rows, which PrivateDescent does not release; "
            "use normalize=False, and weights"
        )
    for leaf in recipe.leaves():
        if isinstance(leaf, Penalty):
            continue
        if isinstance(solver, PrivateDescent):
            bounded, wanted = leaf.quadratic and leaf.by is None, "SquaredL2(space=KernelRidgePredictions(), by=None)"
        else:
            sketched = leaf.compares == "means" and leaf.sketchable() and leaf.bound() is not None
            bounded = (recipe.streams() and sketched) or (leaf.space is not None and leaf.space.asks is not None)
            wanted = "RandomFeatureMMD(bandwidth=1.0)"
        if not bounded:
            raise PartsError(
                f"{leaf!r} sees private rows without a bound on what one of them can change; with "
                f"{type(solver).__name__} use one that has, such as {wanted}"
            )
    if recipe.streams() and privacy.sampling_rate < 1:
        raise PartsError(
            f"{privacy!r}: all rows are asked once, and a sampling_rate would have no effect; use sampling_rate=1"
        )


def refuse_idle_groups(recipe: Recipe, has_groups: bool) -> None:
    """Refuse sensitive features that nothing looks at, and a discrepancy by group without them."""
    by_group = [leaf for leaf in recipe.leaves() if leaf.by == "group"]
    if by_group and not has_groups:
        raise PartsError(f"{by_group[0]!r} compares group by group: pass sensitive_features= to fit, or use by='class'")
    if has_groups and not by_group:
        raise PartsError("sensitive_features would have no effect: no discrepancy has by='group'")


_EXAMPLES = {
    "discrepancy": "MMD()",
    "parameterization": "Points()",
    "solver": "Descent()",
    "reweight": "MMD()",
    "privacy": "GaussianMechanism()",
}
_OPTIONAL = ("discrepancy", "reweight", "privacy")
