"""Soft labels of which few are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skdc.codes.base import Code
from skdc.codes.bits import label_bits, taken_bits, unpacked_bits
from skdc.codes.simplex import on_simplex


@dataclass(frozen=True, eq=False)
class TopLabels(Code):
    """Soft labels of which those of a few classes are kept; the others are zero.

    Parameters
    ----------
    n_classes : int
    packed : ndarray of uint8
        The places of the classes that each point has labels of, as `packed_bits` gives them, of as many bits as tell
        all classes apart.
    values : Code
        Of shape (m, n_kept): their labels, in the same order.
    """

    n_classes: int
    packed: NDArray[np.uint8]
    values: Code

    def decode(self) -> NDArray[np.floating]:
        """Return the labels, of shape (m, n_classes)."""
        return self._among_all(self.values.decode())

    def probabilities(self) -> NDArray[np.float64]:
        """Return the nearest probabilities that are zero for the other classes."""
        return self._among_all(on_simplex(self.values.decode()))

    def take(self, places: NDArray[np.intp]) -> Self:
        """Return the code of a part of the rows."""
        packed = taken_bits(self.packed, label_bits(self.n_classes), self.values.decode().shape, places)
        return replace(self, packed=packed, values=self.values.take(places))

    def _among_all(self, values: NDArray) -> NDArray[np.float64]:
        classes = unpacked_bits(self.packed, label_bits(self.n_classes), values.size).reshape(values.shape)
        found = np.zeros((len(values), self.n_classes))
        np.put_along_axis(found, classes.astype(np.intp), values, axis=1)
        return found


def label_probabilities(labels: Code) -> NDArray[np.float64]:
    """Return the class probabilities that are nearest to the soft labels of a code; of classes that it keeps alone.

    Parameters
    ----------
    labels : Code
        Of shape (m, n_classes).
    """
    return labels.probabilities() if isinstance(labels, TopLabels) else on_simplex(labels.decode())
