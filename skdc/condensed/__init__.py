"""Condensed sets, as what people and learners take of them, and the files that they are kept in."""

from skdc.condensed.set import CondensedSet, load

__all__ = ["CondensedSet", "load"]
