"""Learners that condensed sets are made for, pools of networks, and how hard rows are for networks."""

from skdc.learners.alternating import AlternatingNetworks, DataTrainedNetworks
from skdc.learners.defenses import AdversarialTraining, CurvatureRegularization, Defense
from skdc.learners.difficulty import EL2N, AreaUnderMargin, Difficulty, Forgetting, GraNd, LabelLoss, Margin
from skdc.learners.experts import Experts
from skdc.learners.kernel_ridge import (
    KernelExpansionClassifier,
    KernelRidgeClassifier,
    KernelRidgeRegressor,
    dual_weights,
    primal_weights,
    target_offset,
)
from skdc.learners.network import NetworkClassifier
from skdc.learners.pools import GivenNetworks, NetworkPool, OnlineNetworks, PretrainedNetworks, RandomNetworks
from skdc.learners.softened import Softened
from skdc.learners.standard import StandardConvNet

__all__ = [
    "EL2N",
    "AdversarialTraining",
    "AlternatingNetworks",
    "AreaUnderMargin",
    "CurvatureRegularization",
    "DataTrainedNetworks",
    "Defense",
    "Difficulty",
    "Experts",
    "Forgetting",
    "GivenNetworks",
    "GraNd",
    "KernelExpansionClassifier",
    "KernelRidgeClassifier",
    "KernelRidgeRegressor",
    "LabelLoss",
    "Margin",
    "NetworkClassifier",
    "NetworkPool",
    "OnlineNetworks",
    "PretrainedNetworks",
    "RandomNetworks",
    "Softened",
    "StandardConvNet",
    "dual_weights",
    "primal_weights",
    "target_offset",
]
