"""Sources: the only ways to the real data."""

from skdc.sources.base import (
    Asks,
    Draws,
    Holds,
    Lists,
    Passes,
    Source,
    Sums,
    class_codes,
    draw_seed,
    require,
    require_targets,
)
from skdc.sources.batch import Batch
from skdc.sources.cuts import PLACED_TOGETHER, NearPiece, near_pieces, shared_out, takes_pieces
from skdc.sources.directions import mean_directions, unit_rows
from skdc.sources.listed import listed
from skdc.sources.moments import GaussianMoments
from skdc.sources.partitioned import PartitionedSource, Passing
from skdc.sources.pieces import Piece, Pieces
from skdc.sources.products import (
    TILE,
    copied,
    joined,
    joined_block,
    products,
    products_above,
    relative,
    scaled_products,
    squared_norms,
    squares_from,
)
from skdc.sources.rows import RowSource
from skdc.sources.schema import Schema
from skdc.sources.sketch import Sketch
from skdc.sources.sketched import SketchSource
from skdc.sources.sparse import SparseRows, SparseSource, sparse_rows
from skdc.sources.taught import TaughtSource
from skdc.sources.units import Units

__all__ = [
    "PLACED_TOGETHER",
    "TILE",
    "Asks",
    "Batch",
    "Draws",
    "GaussianMoments",
    "Holds",
    "Lists",
    "NearPiece",
    "PartitionedSource",
    "Passes",
    "Passing",
    "Piece",
    "Pieces",
    "RowSource",
    "Schema",
    "Sketch",
    "SketchSource",
    "Source",
    "SparseRows",
    "SparseSource",
    "Sums",
    "TaughtSource",
    "Units",
    "class_codes",
    "copied",
    "draw_seed",
    "joined",
    "joined_block",
    "listed",
    "mean_directions",
    "near_pieces",
    "products",
    "products_above",
    "relative",
    "require",
    "require_targets",
    "scaled_products",
    "shared_out",
    "sparse_rows",
    "squared_norms",
    "squares_from",
    "takes_pieces",
    "unit_rows",
]
