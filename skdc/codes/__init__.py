"""Rows as fewer numbers than they show, and how they come back from those: by numpy alone."""

from skdc.codes.base import Code, ElementwiseCode, PlainNumbers
from skdc.codes.bits import label_bits, packed_bits, packed_bytes, unpacked_bits
from skdc.codes.bounds import bounded
from skdc.codes.fields import SineFields
from skdc.codes.images import Cosines, Enlarged
from skdc.codes.labels import TopLabels, label_probabilities
from skdc.codes.layers import (
    Affine,
    Cropped,
    Flattened,
    Layer,
    Rectified,
    Rescaled,
    Reshaped,
    TransposedConvolution,
    WithGroups,
)
from skdc.codes.levels import UniformLevels
from skdc.codes.linear import LinearRows
from skdc.codes.maps import Mapped
from skdc.codes.palettes import Indexed
from skdc.codes.patches import SparsePatches
from skdc.codes.products import Products
from skdc.codes.rows import CodedRows
from skdc.codes.simplex import on_simplex
from skdc.codes.stacked import Stacked

__all__ = [
    "Affine",
    "Code",
    "CodedRows",
    "Cosines",
    "Cropped",
    "ElementwiseCode",
    "Enlarged",
    "Flattened",
    "Indexed",
    "Layer",
    "LinearRows",
    "Mapped",
    "PlainNumbers",
    "Products",
    "Rectified",
    "Rescaled",
    "Reshaped",
    "SineFields",
    "SparsePatches",
    "Stacked",
    "TopLabels",
    "TransposedConvolution",
    "UniformLevels",
    "WithGroups",
    "bounded",
    "label_bits",
    "label_probabilities",
    "on_simplex",
    "packed_bits",
    "packed_bytes",
    "unpacked_bits",
]
