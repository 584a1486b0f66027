"""Generators: what makes rows like those of the data out of latents."""

from skdc.generators.adversarial import AdversarialGenerator
from skdc.generators.base import Generator, LiveGenerator, require_encoder
from skdc.generators.diffusion import DiffusionGenerator
from skdc.generators.flow import FlowGenerator
from skdc.generators.given import GivenGenerator
from skdc.generators.linear import LinearGenerator
from skdc.generators.networks import DownConvolutions, UpConvolutions
from skdc.generators.style import StyleGenerator
from skdc.generators.variational import VariationalGenerator

__all__ = [
    "AdversarialGenerator",
    "DiffusionGenerator",
    "DownConvolutions",
    "FlowGenerator",
    "Generator",
    "GivenGenerator",
    "LinearGenerator",
    "LiveGenerator",
    "StyleGenerator",
    "UpConvolutions",
    "VariationalGenerator",
    "require_encoder",
]
