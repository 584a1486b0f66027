"""A condenser that chooses itself."""

from skdc.auto.condenser import AutoCondenser

__all__ = ["AutoCondenser"]
