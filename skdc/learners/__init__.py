"""Learners that condensed sets are made for, and how hard rows are for networks."""

from skdc.learners.difficulty import EL2N, Difficulty, Forgetting, GraNd, Margin
from skdc.learners.kernel_ridge import KernelRidgeClassifier, KernelRidgeRegressor, dual_weights, target_offset
from skdc.learners.network import NetworkClassifier

__all__ = [
    "EL2N",
    "Difficulty",
    "Forgetting",
    "GraNd",
    "KernelRidgeClassifier",
    "KernelRidgeRegressor",
    "Margin",
    "NetworkClassifier",
    "dual_weights",
    "target_offset",
]
