"""Condensers for learners of many kinds: of any data, and of tables."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier

from skdc.condensers.selection.kernels import GreedyKernelPoints
from skdc.discrepancies.aligned import CrossEntropy, SquaredL2, ZeroOne
from skdc.discrepancies.transport import QuantizationError
from skdc.exceptions import PartsError
from skdc.fitting.base import BaseCondenser, NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.kernels import Gaussian, Laplace
from skdc.learners import RandomNetworks
from skdc.networks import MLP, Builder, LinearNetwork
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import Edits
from skdc.parameterizations.subset import Subset
from skdc.solvers.descent import Descent
from skdc.solvers.selection.best import BestOf
from skdc.solvers.selection.draw import Draw
from skdc.solvers.selection.greedy import Greedy
from skdc.sources import Schema
from skdc.spaces.estimators import EstimatorPredictions
from skdc.spaces.functions import KernelRidgePredictions
from skdc.spaces.invertible import Joint
from skdc.spaces.neighbors import NeighborPredictions
from skdc.spaces.unrolled import UnrolledPredictions


def _trained(network: Builder, n_steps: int, step_size: float) -> UnrolledPredictions:
    return UnrolledPredictions(RandomNetworks(network), n_steps, None, 0.9, step_size, step_size_rate=0.0)


class GeneralCondenser(NamedCondenser):
    """A set for learners of many kinds: linear models, kernel machines, neighbours, networks and trees.

    A set that is made for one learner is often poor for another. This one minimises the sum of what several learners
    that are trained on it make wrong on the data: kernel ridge regression with a Gaussian and with a Laplace kernel
    [1]_, logistic regression and a small network by steps of gradient descent [2]_, and soft nearest neighbours. It
    starts at rows that are good for a kernel machine by themselves, and edits only numbers that have to change by much,
    for the sake of trees. The weights of the terms were chosen on held-out training rows of MNIST and Fashion-MNIST.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    threshold : float, default=1.0
        The least edit, in units of the spread of the data; 0 lets all points move freely.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=400
        Steps in all; fewer where they would see each row more than 50 times.
    batch_size : int, default=500
        Real rows predicted in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`. Classes only.

    References
    ----------
    .. [1] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, eq. 7, for one kernel.
    .. [2] Wang et al., "Dataset Distillation", 2018, algorithm 1, for one network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GeneralCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = GeneralCondenser(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    threshold: float = 1.0
    step_size: float = 0.05
    n_steps: int = 400
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        gaussian, laplace = (
            0.5 * SquaredL2(space=KernelRidgePredictions(kernel, kernel_rate=0.0), by=None)
            for kernel in (Gaussian(), Laplace())
        )
        neighbors = 0.5 * CrossEntropy(space=NeighborPredictions(), by=None)
        logistic = CrossEntropy(space=_trained(LinearNetwork(), 30, 8.0), by=None)
        network = 0.5 * CrossEntropy(space=_trained(MLP(width=100, depth=1), 15, 0.1), by=None)
        discrepancy = gaussian + laplace + neighbors + logistic + network
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size, max_passes=50)
        return Recipe(discrepancy, Points(Edits(self.threshold), start=GreedyKernelPoints()), solver)


_MOST_BOOSTED = 3  # classes
# Rows that are chosen from: fewer make another choice, in less time.
_MANY, _SOME, _FEW = 4096, 1024, 512


def _ways_for_values() -> list[tuple[Any, Any]]:
    """Return ways to choose rows for continuous targets, random ones among them."""
    medoids = QuantizationError(exponent=1, space=Joint(target_weight="all"))
    return [*_medoids(medoids, 4), (None, Draw())]


def _ways_for_classes() -> list[tuple[Any, Any]]:
    """Return ways to choose rows for classes, random ones among them."""
    space = KernelRidgePredictions(Gaussian(factor=0.5), regularization=0.01, kernel_rate=0.0)
    wrong = SquaredL2(space=space, by=None) + 0.6 * SquaredL2(space=space, by="class")
    points = wrong, Greedy(max_rows=_SOME)  # exchanges would take most of the time, and change the regret by nothing
    return [*_medoids(QuantizationError(exponent=1), 2), points, points, (None, Draw())]


def _medoids(discrepancy: QuantizationError, n_more: int) -> list[tuple[Any, Any]]:
    """Return a choice from many rows, and more from other few."""
    return [(discrepancy, Greedy(n_passes=2, max_rows=n)) for n in (_MANY, *[_FEW] * n_more)]


class TabularCondenser(NamedCondenser):
    """Real rows of a table, with what a teacher says of them: for learners of many kinds, trees among them.

    It chooses rows in some simple ways, and keeps those from which estimators of several kinds predict rows that were
    held out best. First a teacher that was fitted without them tells the probabilities of the classes of all rows, or
    predicts their targets [1]_: where these are noisy, that of a single row says less. Of classes only such rows are
    chosen from as the teacher gives their own class most. Then the ways are k-medoids of each class, of 4096 rows and,
    twice, of 512; twice those of 1024 rows from which kernel ridge regression predicts the others best [2]_; and random
    rows. For continuous targets they are k-medoids of rows and predictions together, of 4096 rows and, four times, of
    512; and random rows.

    The first set is judged with what the teacher says and, for classes, with the labels of the rows alone, and the
    others with those that were better. Rows whose classes the teacher tells no better than the class shares (targets:
    the mean) keep their labels; hard labels are always those of the rows. Give `n_samples` rather than `n_per_class` if
    learners are to know how frequent classes are: weights say it too, but not to learners that take none, such as
    nearest neighbours.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    rows : condenser, default=None
        What chooses the rows, in one way. None: as above. Size, seed, encoder and the like are those of this
        condenser, and are not set on it.
    teacher : estimator, default=None
        Classifier with `predict_proba`, or regressor; it sees encoded rows. None takes gradient boosting of 50 trees,
        or a random forest of as many for more than three classes. Three of them are fitted, on 16,384 rows at most, or
        eight for each row to be chosen.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`, and `indices_`; `history_["loss"]` has what was predicted wrong by each
    set. `CondensedEstimator` shows learners the probabilities as weighted copies. A quarter of the rows, 2000 at most,
    are held out to judge by, and are not chosen, but where all rows of a class are asked for. The ways were chosen on
    fifteen tables, and are reported with each left out in turn.

    References
    ----------
    .. [1] Qin, Deng and Alvarez-Melis, "A Label is Worth a Thousand Images in Dataset Distillation", 2024.
    .. [2] Nguyen, Chen and Lee, "Dataset Meta-Learning from Kernel Ridge-Regression", 2021, eq. 7, for points that
       move.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdc import TabularCondenser
    >>> frame = pd.DataFrame({"size": [1, 2, 3, 4, 7, 8, 9, 10] * 9, "shape": [*"aabbabab"] * 9})
    >>> X_syn, y_syn = TabularCondenser(n_per_class=1, random_state=0).fit(frame, frame["size"] > 5)
    >>> X_syn.columns.tolist(), y_syn.tolist()
    (['size', 'shape'], [False, True])
    """

    rows: BaseCondenser | None = None
    teacher: Any = None

    def recipe(self) -> Recipe:
        """Return the nouns: those of the last fit, where its data told what suits them."""
        return self.recipe_ if "recipe_" in vars(self) else _labeled_rows(self, self.task)

    def recipe_for(self, recipe: Recipe, schema: Schema) -> Recipe:
        """Return the nouns for the task and the number of classes that the data tell."""
        return _labeled_rows(self, schema.task, schema.n_classes)


def _labeled_rows(condenser: TabularCondenser, task: str, n_classes: int = 2) -> Recipe:
    """Return a choice of rows, and a teacher, for a task; "auto" is that of classes."""
    continuous, rows = task == "regression", condenser.rows
    teacher = _teacher(continuous, n_classes) if condenser.teacher is None else condenser.teacher
    if rows is None:
        wrong = (SquaredL2 if continuous else ZeroOne)(space=EstimatorPredictions(), by=None)
        chosen = Recipe(wrong, Subset(), BestOf(_ways_for_values() if continuous else _ways_for_classes()))
    elif not isinstance(rows, BaseCondenser):
        raise PartsError(f"rows={rows!r} must be a condenser that chooses rows, such as KMedoids()")
    elif rows.random_state is not None and condenser.random_state is None:
        raise PartsError(f"rows={rows!r} takes the seed of the condenser outside; set random_state there")
    else:
        chosen = rows.chooser(f"rows={rows!r}", task)
    return Recipe(chosen.discrepancy, Subset(labels="teacher", teacher=teacher, taught="all"), chosen.solver)


def _teacher(continuous: bool, n_classes: int) -> Any:
    """Return a teacher: boosting grows a tree for each class, a forest one for all."""
    if continuous:
        return HistGradientBoostingRegressor(max_iter=50, early_stopping=False)
    if n_classes > _MOST_BOOSTED:
        return RandomForestClassifier(n_estimators=50)
    # Early stopping would ask for two rows of each class.
    return HistGradientBoostingClassifier(max_iter=50, early_stopping=False)
