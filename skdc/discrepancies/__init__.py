"""Discrepancies: distances between the data and the synthetic set, which add and scale; and penalties."""

from skdc.discrepancies.aligned import L1, Cosine, CrossEntropy, KLDivergence, SquaredL2, ZeroOne
from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.characteristic import CharacteristicFunction, LearnedCharacteristicFunction, RandomFeatureMMD
from skdc.discrepancies.classification import CenterCrossEntropy, NetworkLoss
from skdc.discrepancies.conditional import ConditionalMMD
from skdc.discrepancies.critics import Adversarial
from skdc.discrepancies.divergences import FDivergence, GaussianKL, NearestNeighborKL
from skdc.discrepancies.diversity import Dispersion, GraphCut, LogDeterminant
from skdc.discrepancies.duality import DualityGap
from skdc.discrepancies.fairness import DemographicParity, EqualizedOdds
from skdc.discrepancies.generative import LatentPrior
from skdc.discrepancies.mmd import MMD, EnergyDistance
from skdc.discrepancies.moments import MeanDistance, Moments, StatisticsDistance
from skdc.discrepancies.nystrom import NystromError
from skdc.discrepancies.objective import Hybrid
from skdc.discrepancies.penalties import Diversity, L2Norm, LabelMargin, Penalty, TotalVariation
from skdc.discrepancies.prefixes import Prefixes
from skdc.discrepancies.prototypes import PrototypeMargin
from skdc.discrepancies.quantiles import CramerVonMises, QuantileMatching
from skdc.discrepancies.query import QueryMMD
from skdc.discrepancies.reduce import CVaR
from skdc.discrepancies.similarity import GreatestDissimilarity, GreatestSimilarity
from skdc.discrepancies.stein import GaussianScore, KernelDensityScore, KernelStein, MixtureScore
from skdc.discrepancies.teachers import Curvature, TeacherLoss
from skdc.discrepancies.transport import (
    CoveringRadius,
    GaussianWasserstein,
    GromovWasserstein,
    LabeledTransport,
    MaxSlicedWasserstein,
    QuantizationError,
    Sinkhorn,
    SlicedWasserstein,
    UnbalancedSinkhorn,
    Wasserstein,
)

__all__ = [
    "L1",
    "MMD",
    "Adversarial",
    "CVaR",
    "CenterCrossEntropy",
    "CharacteristicFunction",
    "ConditionalMMD",
    "Cosine",
    "CoveringRadius",
    "CramerVonMises",
    "CrossEntropy",
    "Curvature",
    "DemographicParity",
    "Discrepancy",
    "Dispersion",
    "Diversity",
    "DualityGap",
    "EnergyDistance",
    "EqualizedOdds",
    "FDivergence",
    "GaussianKL",
    "GaussianScore",
    "GaussianWasserstein",
    "GraphCut",
    "GreatestDissimilarity",
    "GreatestSimilarity",
    "GromovWasserstein",
    "Hybrid",
    "KLDivergence",
    "KernelDensityScore",
    "KernelStein",
    "L2Norm",
    "LabelMargin",
    "LabeledTransport",
    "LatentPrior",
    "LearnedCharacteristicFunction",
    "LogDeterminant",
    "MaxSlicedWasserstein",
    "MeanDistance",
    "MixtureScore",
    "Moments",
    "NearestNeighborKL",
    "NetworkLoss",
    "NystromError",
    "Penalty",
    "Prefixes",
    "PrototypeMargin",
    "QuantileMatching",
    "QuantizationError",
    "QueryMMD",
    "RandomFeatureMMD",
    "Sinkhorn",
    "SlicedWasserstein",
    "SquaredL2",
    "StatisticsDistance",
    "TeacherLoss",
    "TotalVariation",
    "UnbalancedSinkhorn",
    "Wasserstein",
    "ZeroOne",
]
