"""Condensers: estimators that turn a training set into a tiny one."""

from skdc.condensers.compact import (
    AddressableMemories,
    EfficientCondensation,
    FieldCondensation,
    FrequencyCondensation,
)
from skdc.condensers.condenser import Condenser
from skdc.condensers.decoupled.patches import PatchSelection
from skdc.condensers.decoupled.pruned import SoftLabelPruning
from skdc.condensers.decoupled.staggered import StaggeredMatching
from skdc.condensers.decoupled.statistics import StatisticsMatching
from skdc.condensers.functions.general import GeneralCondenser, TabularCondenser
from skdc.condensers.functions.kernels import KernelInducingPoints
from skdc.condensers.functions.labels import LabelDistillation, LabelSolve, SoftLabelRandom
from skdc.condensers.functions.regression import RCIG, RFAD, FRePo
from skdc.condensers.functions.training import UnrolledTraining
from skdc.condensers.generative import GenerativePrior, LatentQuantization
from skdc.condensers.matching.distributions import M3D, WMDD, ImprovedDistributionMatching, OptimalTransportMatching
from skdc.condensers.matching.gradients import CurvatureMatching, GradientMatching, SiameseGradientMatching
from skdc.condensers.matching.layers import CAFE, NCFM, DataDAM
from skdc.condensers.matching.networks import DistributionMatching
from skdc.condensers.matching.prototypes import LearningVectorQuantization
from skdc.condensers.private import PrivateGradientMatching, PrivateKernelInducingPoints, PrivateMeanEmbedding
from skdc.condensers.sampling import CondensedGenerator, InfluenceGuidance, MinimaxDiffusion
from skdc.condensers.selection.centroids import KMeansCondenser
from skdc.condensers.selection.covering import FacilityLocation, KCenter, KMedoids
from skdc.condensers.selection.deduplication import SemanticDeduplication
from skdc.condensers.selection.diversity import DeterminantalSelection, GraphCutSelection, MaxMinDiversification
from skdc.condensers.selection.draws import RandomSubset
from skdc.condensers.selection.embeddings import KernelHerding, SteinThinning
from skdc.condensers.selection.gradients import GradMatch, UncertaintySubset
from skdc.condensers.selection.kernels import GreedyKernelPoints, RandomlyPivotedCholesky
from skdc.condensers.selection.neighbors import CondensedNeighbors, DecrementalReduction, EditedNeighbors
from skdc.condensers.selection.pruning import CoverageCentricSelection, MessagePassingSelection
from skdc.condensers.selection.query import QuerySelection
from skdc.condensers.selection.thinning import KernelThinning
from skdc.condensers.selection.transport import WassersteinCoreset
from skdc.condensers.trajectories import TrajectoryMatching
from skdc.fitting.base import BaseCondenser, NamedCondenser
from skdc.fitting.recipe import Recipe

__all__ = [
    "CAFE",
    "M3D",
    "NCFM",
    "RCIG",
    "RFAD",
    "WMDD",
    "AddressableMemories",
    "BaseCondenser",
    "CondensedGenerator",
    "CondensedNeighbors",
    "Condenser",
    "CoverageCentricSelection",
    "CurvatureMatching",
    "DataDAM",
    "DecrementalReduction",
    "DeterminantalSelection",
    "DistributionMatching",
    "EditedNeighbors",
    "EfficientCondensation",
    "FRePo",
    "FacilityLocation",
    "FieldCondensation",
    "FrequencyCondensation",
    "GeneralCondenser",
    "GenerativePrior",
    "GradMatch",
    "GradientMatching",
    "GraphCutSelection",
    "GreedyKernelPoints",
    "ImprovedDistributionMatching",
    "InfluenceGuidance",
    "KCenter",
    "KMeansCondenser",
    "KMedoids",
    "KernelHerding",
    "KernelInducingPoints",
    "KernelThinning",
    "LabelDistillation",
    "LabelSolve",
    "LatentQuantization",
    "LearningVectorQuantization",
    "MaxMinDiversification",
    "MessagePassingSelection",
    "MinimaxDiffusion",
    "NamedCondenser",
    "OptimalTransportMatching",
    "PatchSelection",
    "PrivateGradientMatching",
    "PrivateKernelInducingPoints",
    "PrivateMeanEmbedding",
    "QuerySelection",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "Recipe",
    "SemanticDeduplication",
    "SiameseGradientMatching",
    "SoftLabelPruning",
    "SoftLabelRandom",
    "StaggeredMatching",
    "StatisticsMatching",
    "SteinThinning",
    "TabularCondenser",
    "TrajectoryMatching",
    "UncertaintySubset",
    "UnrolledTraining",
    "WassersteinCoreset",
]
