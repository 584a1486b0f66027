"""Rows without near-duplicates."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.transport import QuantizationError
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.distinct import Distinct
from skdc.solvers.selection.greedy import Greedy


class SemanticDeduplication(NamedCondenser):
    """Semantic deduplication (SemDeDup): rows of embeddings of which no two are near-duplicates [1]_.

    Of the rows of a class whose cosine is above a bound all but one are left out, so that the data say how many are
    kept; where a size is asked for, as many of these are chosen as the others are near to, as in `FacilityLocation`.
    Rows may be of float16, in a file that is mapped to memory, or sparse, such as counts of words; they are looked at
    in pieces. Rows of zeros alone, such as empty texts, are duplicates of each other.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`; without any size all rows are kept that are no near-duplicates of others that are.
    max_similarity : float, default=0.95
        The largest cosine of two rows that are kept, about the origin of the user: less than 1. What is a
        near-duplicate depends on the model that embeds: look at some pairs.
    keep : {"farthest", "nearest"}, default="farthest"
        Which row of some near-duplicates is kept: that farthest from the centre of its cluster, as in the paper, or the
        nearest.
    overlap : float, default=0.1
        As in `Distinct`: 0 compares rows of a cluster alone, as the paper does, 1 finds all near-duplicates.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the kept rows, and `sample_weight_` the mass for which
    each stands: a learner that gets the weights counts near-duplicates as the data do, one that does not counts each
    once. The paper compares a row with all that come before, kept or not; here with those that are kept, so that each
    row that is left out has a near-duplicate among them. It compares rows of a cluster alone; here they are
    compared across its borders too. Rows in `Partitions` are gone through piece by piece: those that are left have to
    fit into memory.

    References
    ----------
    .. [1] Abbas et al., "SemDeDup: Data-efficient Learning at Web-scale through Semantic Deduplication", 2023,
       section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skdc import SemanticDeduplication
    >>> texts = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float16)
    >>> X = np.concatenate([texts, texts[:10] + np.float16(0.01)])
    >>> SemanticDeduplication(random_state=0).fit(X).X_syn_.shape
    (50, 64)
    """

    max_similarity: float = 0.95
    keep: Literal["farthest", "nearest"] = "farthest"
    overlap: float = 0.1

    def recipe(self) -> Recipe:
        """Return the nouns."""
        settings = self.max_similarity, self.keep, self.overlap
        if self.n_per_class is None and self.n_samples is None and self.n_bytes is None:
            return Recipe(None, Subset(), Distinct(*settings))
        return Recipe(QuantizationError(exponent=1), Subset(), Distinct(*settings, Greedy(max_rows=8192)))
