"""Learners that condensed sets are made for: kernel ridge regression, and networks as classifiers."""

from skdc.learners.kernel_ridge import KernelRidgeClassifier, KernelRidgeRegressor, dual_weights, target_offset
from skdc.learners.network import NetworkClassifier

__all__ = ["KernelRidgeClassifier", "KernelRidgeRegressor", "NetworkClassifier", "dual_weights", "target_offset"]
