"""Kernels shared by spaces, discrepancies and learners."""

from skdc.kernels.base import FeatureKernel, Kernel, KernelSum
from skdc.kernels.distances import (
    KEPT_ENTRIES,
    MATRIX_ENTRIES,
    MEDIAN_ROWS,
    distance_columns,
    distances,
    distances_of_norms,
    median_distance,
    power,
    resolve_bandwidth,
    squared_distances,
)
from skdc.kernels.dot_product import ArcCosine, Linear, NeuralTangent, Polynomial
from skdc.kernels.fourier import RandomFourierKernel
from skdc.kernels.images import OrientedGradients
from skdc.kernels.network import RandomNetworkKernel
from skdc.kernels.radial import Energy, Gaussian, InverseMultiquadric, Laplace

__all__ = [
    "KEPT_ENTRIES",
    "MATRIX_ENTRIES",
    "MEDIAN_ROWS",
    "ArcCosine",
    "Energy",
    "FeatureKernel",
    "Gaussian",
    "InverseMultiquadric",
    "Kernel",
    "KernelSum",
    "Laplace",
    "Linear",
    "NeuralTangent",
    "OrientedGradients",
    "Polynomial",
    "RandomFourierKernel",
    "RandomNetworkKernel",
    "distance_columns",
    "distances",
    "distances_of_norms",
    "median_distance",
    "power",
    "resolve_bandwidth",
    "squared_distances",
]
