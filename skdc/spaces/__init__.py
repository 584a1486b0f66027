"""Spaces: what a discrepancy sees of the real and the synthetic set."""

from skdc.spaces.augmented import Augmented
from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.encoded import Encoded
from skdc.spaces.estimators import EstimatorPredictions
from skdc.spaces.features import AttentionMaps, NetworkFeatures, RandomNetwork
from skdc.spaces.functions import FeatureRidgePredictions, KernelRidgePredictions
from skdc.spaces.gradients import ClippedGradients, NetworkGradients
from skdc.spaces.invertible import Identity, Joint, Standardized
from skdc.spaces.last_layer import LastLayerGradients, LastLayerVariances
from skdc.spaces.linearized import LinearizedPredictions
from skdc.spaces.metric import LearnedMetric
from skdc.spaces.neighbors import NeighborPredictions
from skdc.spaces.perturbed import Perturbed
from skdc.spaces.ridge import NetworkRidgePredictions
from skdc.spaces.statistics import LayerStatistics
from skdc.spaces.trajectories import TrainingTrajectories
from skdc.spaces.unrolled import UnrolledPredictions

__all__ = [
    "AttentionMaps",
    "Augmented",
    "ClippedGradients",
    "Encoded",
    "EstimatorPredictions",
    "FeatureRidgePredictions",
    "Identity",
    "Joint",
    "KernelRidgePredictions",
    "LastLayerGradients",
    "LastLayerVariances",
    "LayerStatistics",
    "LearnedMetric",
    "LinearizedPredictions",
    "NeighborPredictions",
    "NetworkFeatures",
    "NetworkGradients",
    "NetworkRidgePredictions",
    "Perturbed",
    "PointwiseSpace",
    "RandomNetwork",
    "Space",
    "Standardized",
    "TrainingTrajectories",
    "UnrolledPredictions",
]
