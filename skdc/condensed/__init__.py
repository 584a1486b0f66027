"""Condensed sets, as what people and learners take of them, and the files that they are kept in."""

from skdc.condensed.loading import load
from skdc.condensed.set import CondensedSet

__all__ = ["CondensedSet", "load"]
