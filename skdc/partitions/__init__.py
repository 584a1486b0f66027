"""Rows in pieces that are read when they are asked for."""

from skdc.partitions.collections import from_dask, is_dask, partitions_of
from skdc.partitions.partitions import MOST_ROWS, Partitions
from skdc.partitions.pieces import Partition, PieceError, RawRows, naming

__all__ = [
    "MOST_ROWS",
    "Partition",
    "Partitions",
    "PieceError",
    "RawRows",
    "from_dask",
    "is_dask",
    "naming",
    "partitions_of",
]
