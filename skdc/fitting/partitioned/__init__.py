"""Fits to rows in pieces: what passes over them tell, and the sample that is held."""

from skdc.fitting.partitioned.problem import read_partitions

__all__ = ["read_partitions"]
