"""Discrepancies between moments."""

from __future__ import annotations

from torch import Tensor

from skdc.discrepancies.embeddings import MeanDiscrepancy


class MeanDistance(MeanDiscrepancy):
    r"""Squared distance between the mean rows [1]_, an MMD with the linear kernel.

    The value is squared, in the squared unit of the space. In the data regime it says little (it is zero for any
    set with the right mean); in a `RandomNetwork` it is distribution matching.

    Parameters
    ----------
    space, by, reduce, weight
        As in `Discrepancy`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance
    >>> from skdc.spaces import RandomNetwork
    >>> MeanDistance(space=RandomNetwork())
    MeanDistance(space=RandomNetwork())
    """

    def features(self, values: Tensor) -> Tensor:
        """Return the rows of the space themselves."""
        return values
