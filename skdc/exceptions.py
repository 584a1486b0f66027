"""Errors of the library that a caller may want to tell from others."""

from __future__ import annotations

__all__ = ["PartsError", "StoppedWarning", "TrainingError"]


class PartsError(ValueError):
    """Parts, or parts and data, do not go together.

    The message names the two, says why, and what to use instead. Bad input and numbers out of range are plain
    `ValueError`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.exceptions import PartsError
    >>> from skdc.solvers import Draw
    >>> try:
    ...     Condenser(MMD(), solver=Draw()).fit([[0.0], [1.0]])
    ... except PartsError as error:
    ...     print(error)
    Draw minimises nothing, so discrepancy=MMD() would have no effect; leave it out
    """


class StoppedWarning(UserWarning):
    """A choice of rows, or the training of a generator, was asked to stop for want of time before it was complete.

    A choice of rows may be asked by a callback, too.
    """


class TrainingError(ValueError):
    """A network diverges that is trained between two steps of a fit.

    The message names the step size of its training. A fit ends with `skdc.solvers.DivergenceError`, which says the same
    and keeps the last set.
    """
