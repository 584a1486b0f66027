"""Rows as fewer numbers than they show, and how they come back from those: by numpy alone."""

from skdc.codes.base import Code, ElementwiseCode, PlainNumbers, Record
from skdc.codes.bits import label_bits, packed_bits, packed_bytes, unpacked_bits
from skdc.codes.bounds import bounded
from skdc.codes.diffusion import Denoised
from skdc.codes.drawn import DrawnLatents
from skdc.codes.fields import SineFields
from skdc.codes.images import Cosines, Enlarged
from skdc.codes.labels import TopLabels, label_probabilities
from skdc.codes.layers import (
    Affine,
    Cropped,
    Flattened,
    Inputs,
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
from skdc.codes.styles import ModulatedConvolution, Normalized, StyledImages

__all__ = [
    "Affine",
    "Code",
    "CodedRows",
    "Cosines",
    "Cropped",
    "Denoised",
    "DrawnLatents",
    "ElementwiseCode",
    "Enlarged",
    "Flattened",
    "Indexed",
    "Inputs",
    "Layer",
    "LinearRows",
    "Mapped",
    "ModulatedConvolution",
    "Normalized",
    "PlainNumbers",
    "Products",
    "Record",
    "Rectified",
    "Rescaled",
    "Reshaped",
    "SineFields",
    "SparsePatches",
    "Stacked",
    "StyledImages",
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
