"""Condensers of the data regime that choose or average rows."""

from skdc.condensers.selection.centroids import KMeansCondenser
from skdc.condensers.selection.draws import RandomSubset
from skdc.condensers.selection.embeddings import KernelHerding

__all__ = ["KMeansCondenser", "KernelHerding", "RandomSubset"]
