"""Storages: how the rows of a synthetic set are kept."""

from skdc.parameterizations.storage.base import Codec, Kept, Storage, Unkept
from skdc.parameterizations.storage.edits import Edits
from skdc.parameterizations.storage.fixed import Fixed
from skdc.parameterizations.storage.free import Free
from skdc.parameterizations.storage.frequencies import Frequencies
from skdc.parameterizations.storage.hallucinated import Hallucinated
from skdc.parameterizations.storage.latents import Latents
from skdc.parameterizations.storage.low_rank import LowRank
from skdc.parameterizations.storage.low_resolution import LowResolution
from skdc.parameterizations.storage.neural_fields import NeuralFields
from skdc.parameterizations.storage.palette import Palette
from skdc.parameterizations.storage.quantized import Quantized
from skdc.parameterizations.storage.real import RealRows
from skdc.parameterizations.storage.sparse_codes import SparseCodes

__all__ = [
    "Codec",
    "Edits",
    "Fixed",
    "Free",
    "Frequencies",
    "Hallucinated",
    "Kept",
    "Latents",
    "LowRank",
    "LowResolution",
    "NeuralFields",
    "Palette",
    "Quantized",
    "RealRows",
    "SparseCodes",
    "Storage",
    "Unkept",
]
