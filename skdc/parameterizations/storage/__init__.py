"""Storages: how the rows of a synthetic set are kept."""

from skdc.parameterizations.storage.base import Codec, Storage
from skdc.parameterizations.storage.edits import Edits
from skdc.parameterizations.storage.fixed import Fixed
from skdc.parameterizations.storage.free import Free
from skdc.parameterizations.storage.latents import Latents
from skdc.parameterizations.storage.low_rank import LowRank
from skdc.parameterizations.storage.low_resolution import LowResolution

__all__ = ["Codec", "Edits", "Fixed", "Free", "Latents", "LowRank", "LowResolution", "Storage"]
