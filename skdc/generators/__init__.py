"""Generators: what makes rows like those of the data out of latents."""

from skdc.generators.base import Generator, LiveGenerator, require_encoder
from skdc.generators.linear import LinearGenerator

__all__ = ["Generator", "LinearGenerator", "LiveGenerator", "require_encoder"]
