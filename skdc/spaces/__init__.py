"""Spaces: what a discrepancy sees of the real and the synthetic set."""

from skdc.spaces.base import PointwiseSpace, Space
from skdc.spaces.data import Identity, Joint, Standardized
from skdc.spaces.features import RandomNetwork
from skdc.spaces.functions import KernelRidgePredictions
from skdc.spaces.gradients import NetworkGradients
from skdc.spaces.last_layer import LastLayerGradients
from skdc.spaces.trajectories import TrainingTrajectories

__all__ = [
    "Identity",
    "Joint",
    "KernelRidgePredictions",
    "LastLayerGradients",
    "NetworkGradients",
    "PointwiseSpace",
    "RandomNetwork",
    "Space",
    "Standardized",
    "TrainingTrajectories",
]
