"""Condensers that match what learners predict which are trained on the set."""

from skdc.condensers.functions.general import GeneralCondenser, TabularCondenser
from skdc.condensers.functions.kernels import KernelInducingPoints
from skdc.condensers.functions.labels import LabelDistillation, LabelSolve, SoftLabelRandom
from skdc.condensers.functions.regression import RCIG, RFAD, FRePo
from skdc.condensers.functions.training import UnrolledTraining

__all__ = [
    "RCIG",
    "RFAD",
    "FRePo",
    "GeneralCondenser",
    "KernelInducingPoints",
    "LabelDistillation",
    "LabelSolve",
    "SoftLabelRandom",
    "TabularCondenser",
    "UnrolledTraining",
]
