"""Fits to rows in pieces: what passes over them tell, and the sample that is held."""

from skdc.fitting.partitioned.kept import KeptPasses
from skdc.fitting.partitioned.problem import held_rows, read_partitions

__all__ = ["KeptPasses", "held_rows", "read_partitions"]
