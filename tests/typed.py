"""What a type checker sees of parameters that are fields: `make lint` fails where an ignored error is none."""

from typing import assert_type

from skdc import CondensedSet, Condenser, KernelHerding
from skdc.condensers import NamedCondenser, Recipe
from skdc.discrepancies import MMD, Hybrid, Sinkhorn
from skdc.learners import KernelRidgeClassifier
from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowRank
from skdc.solvers import Descent, PrivateDescent
from skdc.spaces import Augmented, Identity


class EnergyCondenser(NamedCondenser):
    n_steps: int = 100

    def recipe(self) -> Recipe:
        return Recipe(MMD(), Points(), Descent(n_steps=self.n_steps))


def constructors() -> None:
    assert_type(KernelHerding(10, n_passes=1, n_jobs=2).n_passes, int)
    assert_type(EnergyCondenser(n_steps=5, random_state=0).warm_start, bool | CondensedSet)
    Condenser(MMD(), Points(), Descent(), None, n_per_class=10)
    KernelHerding(n_pases=1)  # type: ignore[call-arg]
    KernelHerding(10, 1)  # type: ignore[call-arg]
    KernelHerding(n_passes="one")  # type: ignore[arg-type]
    KernelHerding(verbose="yes")  # type: ignore[arg-type]
    EnergyCondenser(word="energy")  # type: ignore[call-arg]
    EnergyCondenser(n_steps=None)  # type: ignore[arg-type]
    Condenser(MMD(), Points(), Descent(), None, 10)  # type: ignore[call-arg]
    Condenser(solver=3)  # type: ignore[arg-type]


def parts() -> None:
    assert_type(MMD(None, 1.0, space=Identity(), weight=2).weight, float)
    assert_type(Points(LowRank(3)), Points)
    assert_type(PrivateDescent(0.1, n_steps=5).clip, float)
    Descent(0.02, 100, 64)
    KernelRidgeClassifier(regularization=0.1)
    MMD(bandwith=1.0)  # type: ignore[call-arg]
    MMD(bandwidth="mean")  # type: ignore[arg-type]
    MMD(None, 1.0, False, 2.0)  # type: ignore[call-arg]
    Descent(n_step=3)  # type: ignore[call-arg]
    PrivateDescent(batch_size=3)  # type: ignore[call-arg]
    Augmented()  # type: ignore[call-arg]
    KernelRidgeClassifier(regularisation=0.1)  # type: ignore[call-arg]


def algebra() -> None:
    assert_type(0.5 * MMD(), MMD)
    assert_type(0.5 * MMD() + 2 * Sinkhorn(), Hybrid)
    Condenser(0.5 * MMD() + Sinkhorn(), n_per_class=10)
    0.5 * MMD() + 1.0  # type: ignore[operator]
