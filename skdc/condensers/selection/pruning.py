"""Rows of all degrees of difficulty."""

from __future__ import annotations

from typing import Literal

from skdc.discrepancies.objective import Objective
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners.difficulty import Difficulty
from skdc.parameterizations.subset import Subset
from skdc.solvers.selection.message_passing import MessagePassing
from skdc.solvers.selection.strata import Strata


class CoverageCentricSelection(NamedCondenser):
    """Coverage-centric selection (CCS): rows of all degrees of difficulty but the hardest [1]_.

    For keeping a tenth to nine tenths of the data, of which some labels are wrong; where they are right, random rows
    are as good. Rows are scored by networks that are trained on all of them. The hardest share of each class is left
    out, and the rest is cut into strata of difficulty, of which as many rows each are drawn. How large the share is, is
    found by held-out rows, against random rows, which are taken where no share is surely better; `cutoff=0.3` is the
    published method, and takes a quarter of the time.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    difficulty : Difficulty, default=None
        `AreaUnderMargin()`, as in the paper, `EL2N()`, `Forgetting()` or another one of `skdc.learners`; None takes
        the first.
    cutoff : float or "validated", default="validated"
        Share of the rows of each class that is left out for being hard; "validated" finds it, as `Pruning` says.
    n_strata : int, default=50
        Strata of equal width.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows. With "validated"
    `history_["loss"]` holds the errors on held-out rows: of random rows, then of the cut-offs 0, 0.1 ... 0.5 that leave
    enough rows.

    References
    ----------
    .. [1] Zheng, Liu, Lai and Prakash, "Coverage-centric Coreset Selection for High Pruning Rates", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import CoverageCentricSelection
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = CoverageCentricSelection(n_samples=0.5, cutoff=0.1, random_state=0).fit(X, y)
    >>> X_syn.shape
    (75, 4)
    """

    difficulty: Difficulty | None = None
    cutoff: float | Literal["validated"] = "validated"
    n_strata: int = 50
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return Recipe(None, Subset(), Strata(self.difficulty, self.cutoff, self.n_strata, reweight=self.reweight))


class MessagePassingSelection(NamedCondenser):
    """D2 pruning (D2): rows in hard regions of which no two are neighbours, without the hardest [1]_.

    For keeping a share of the data, as `CoverageCentricSelection`, with coverage by nearest neighbours in place of
    strata: a row gets the scores of its neighbours, and takes some off theirs when it is chosen. How many of the
    hardest rows are left out, is found by held-out rows, against random rows, which are taken where nothing is surely
    better.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    difficulty : Difficulty, default=None
        `AreaUnderMargin()`, `EL2N()`, `Forgetting()` or another one of `skdc.learners`; None takes the first.
    cutoff : float or "validated", default="validated"
        Share of the rows of each class that is left out for being hard; "validated" finds it, as `Pruning` says.
    n_neighbors : int, default=20
        From which a row gets scores, and from which it takes some.
    decay, repulsion : float, default=1.0 and 0.1
        How fast that fades with the distance, as in `skdc.solvers.MessagePassing`.
    reweight : discrepancy, default=None
        What the weights of the chosen rows are to make least, such as `MMD()`. None: equal weights.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `indices_` holds the chosen rows, and with "validated"
    `history_["loss"]` the errors on held-out rows, as `CoverageCentricSelection` says.

    References
    ----------
    .. [1] Maharana, Yadav and Bansal, "D2 Pruning: Message Passing for Balancing Diversity and Difficulty in Data
       Pruning", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import MessagePassingSelection
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = MessagePassingSelection(n_samples=0.5, cutoff=0.1, random_state=0).fit(X, y)
    >>> X_syn.shape
    (75, 4)
    """

    difficulty: Difficulty | None = None
    cutoff: float | Literal["validated"] = "validated"
    n_neighbors: int = 20
    decay: float = 1.0
    repulsion: float = 0.1
    reweight: Objective | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        passing = self.n_neighbors, self.decay, self.repulsion
        solver = MessagePassing(self.difficulty, self.cutoff, *passing, reweight=self.reweight)
        return Recipe(None, Subset(), solver)
