"""Sources: the only doors to the real data."""

from skdc.sources.base import Source, draw_seed
from skdc.sources.rows import RowSource, require_rows, require_targets
from skdc.sources.schema import Schema
from skdc.sources.sketch import Sketch
from skdc.sources.sketched import SketchSource
from skdc.sources.sparse import SparseRows, sparse_rows

__all__ = [
    "RowSource",
    "Schema",
    "Sketch",
    "SketchSource",
    "Source",
    "SparseRows",
    "draw_seed",
    "require_rows",
    "require_targets",
    "sparse_rows",
]
