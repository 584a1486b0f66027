"""What all condensers share: fitting a recipe to data and showing the result."""

# Annotations are evaluated here: the constructors of subclasses, in other modules, have those of the fields.
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from time import monotonic
from typing import Any, Literal, Self, dataclass_transform

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Tags

from skdc.codes import label_probabilities, on_simplex
from skdc.condensed import CondensedSet
from skdc.condensed.scalings import scaling_bytes
from skdc.devices import find_device
from skdc.entropy import draw_entropy
from skdc.exceptions import PartsError
from skdc.fields import SharedParts, TransformerMixin
from skdc.fitting.budget import storage_of
from skdc.fitting.callbacks import CallbackSupportMixin, announced, with_callbacks
from skdc.fitting.checkpoints import Checkpoint, fingerprint
from skdc.fitting.doors import Door, opened
from skdc.fitting.encoding import dense
from skdc.fitting.inner import chooser_of
from skdc.fitting.input import Problem
from skdc.fitting.origin import provenance_of
from skdc.fitting.output import template
from skdc.fitting.pair import PairMixin
from skdc.fitting.progress import tell_stage
from skdc.fitting.recipe import Recipe, checked
from skdc.fitting.rehearsal import rehearse
from skdc.fitting.releases import read_as_told
from skdc.fitting.runtime import GivenStart, Start, isolated, progress_of, tell_early
from skdc.fitting.sizes import ClassSizes
from skdc.fitting.trainings import trainings_of
from skdc.fitting.unchanged import UnchangedRows
from skdc.isolation import restored_on_failure
from skdc.randomness import randomness
from skdc.settled import settled
from skdc.solvers.base import DivergenceError, Interruption, Solution, State
from skdc.sources import Schema


@dataclass_transform(eq_default=False, kw_only_default=True)
class BaseCondenser(PairMixin, CallbackSupportMixin, UnchangedRows, SharedParts, ABC, kw_only=True):
    """Base of all condensers: subclasses say their `recipe`.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        Synthetic rows of each class. A class with fewer rows is refused by what chooses rows; what makes rows warns,
        and makes more. `at_most(n)`, also in a dictionary, takes all of such a class.
    n_samples : int or float, default=None
        Synthetic rows in all, no more than X has, or a fraction of the rows of X; shared out in proportion to the
        classes, at least one each.
    n_bytes : int or str, default=None
        What the set may take: bytes, or words such as "784 B", "64 kB" (1000 bytes each) or "1.5 MiB" (1024 * 1024).
        It gets as many rows as that gives, stored as they are (`storage_`), shared out as `n_samples` are; no more than
        X has. Weights count 8 bytes each. With none of the three given: 10 per class, or min(100, N) without classes;
        no more than there are.
    task : {"auto", "classification", "regression"}, default="auto"
        What y is.
    encoder : transformer, "auto" or None, default="auto"
        Maps X to numbers and back (`inverse_transform`); the set is condensed in between. "auto" takes
        `skdc.preprocessing.TabularEncoder()` for a frame, and none for other data, but that `Condenser()`, of which
        nothing is given, takes `NormalScores()` for arrays of columns. More than 100 columns of numbers of one type and
        like ranges, such as pixels, keep one scale; so do frames of numbers where one pass over the data is enough
        (`partial_fit`).
    device : str, default="auto"
        Any that torch has, such as "cpu", "cuda" or "cuda:1". "auto" takes the accelerator of the machine if it has
        float64, which MPS has not, else the CPU.
    random_state : int, RandomState or None, default=None
        An int makes the result the same bit for bit on one CPU machine.
    n_jobs : int, default=None
        Threads inside fit; None is one, -1 all.
    verbose : int, default=0
        1 shows stage, steps and time left on standard error: a bar, or a line every few seconds if it is no terminal.
    warm_start : bool or CondensedSet, default=False
        True starts from the synthetic set of the last fit, which must have the same sizes. A set, such as one that
        `skdc.load` returns, gives the first points of each class that it has; others start as they would without.
    checkpoint : str or path, default=None
        A file in which the state of the solve, and of the training of generators before it, is kept every half minute,
        whole or not at all. The same fit (parameters, data and versions) goes on from it, with the set of one that was
        never interrupted, and removes it at the end; after an interrupt it stays, and the next fit goes on.
        It is to be trusted as code is.
    """

    n_per_class: ClassSizes | None = None
    n_samples: float | None = None
    n_bytes: int | str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    encoder: TransformerMixin | Literal["auto"] | None = "auto"
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None
    n_jobs: int | None = None
    verbose: int = 0
    warm_start: bool | CondensedSet = False
    checkpoint: str | PathLike[str] | None = None

    def __init_subclass__(cls, *, kw_only: bool = True, **settings: Any) -> None:
        super().__init_subclass__(kw_only=kw_only, **settings)

    @abstractmethod
    def recipe(self) -> Recipe:
        """Return the nouns, made from the parameters.

        Raises
        ------
        ValueError
            If a parameter is a word that is not known, or parameters do not go together.
        """

    def recipe_for(self, recipe: Recipe, schema: Schema) -> Recipe:
        """Return the nouns for data of a kind, which is known now; unless a subclass says otherwise, those of `recipe`.

        Parameters
        ----------
        recipe : Recipe
            What `recipe()` has returned, once for this fit.
        schema : Schema
            What is known of the data without looking at rows, such as the task, and whether they are a table.
        """
        return recipe

    def _encoder_for(self, X: Any, y: Any) -> Any:
        """Return the encoder for data of a kind."""
        return self.encoder

    def chooser(self, place: str, task: str) -> Recipe:
        """Return the recipe by which rows are chosen for a part that this condenser is given to.

        Parameters
        ----------
        place : str
            How it is given, for messages, in which a `PartsError` says what does not fit there.
        task : str
            What the data are for; "auto" where it is not known yet.
        """
        return chooser_of(self, place, task)

    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        sensitive_features: ArrayLike | None = None,
    ) -> Self:
        """Condense the data.

        Parameters
        ----------
        X : array, frame or tensor of shape (n, ...), Partitions or collection of Dask
            Table, or images as (N, C, H, W), (N, H, W, C) or (N, H, W). Rows in pieces are read when they are asked
            for; of more than `max_rows` a sample may stand for all, as `skdc.Partitions` tells.
        y : array-like of shape (n,) or (n, n_outputs), or str, default=None
            Labels, continuous targets, or nothing. Of frames in pieces it may name a column; else pieces hold their
            own, and collections of Dask come with one.
        sample_weight : array-like of shape (n,), default=None
            A row of weight 2 counts as the row twice.
        sensitive_features : array-like of shape (n,) or (n, n_features), default=None
            Groups for discrepancies with `by="group"`, and for fairness terms; no column of what comes out.

        Returns
        -------
        self
            It unpacks into (X_syn, y_syn).

        Raises
        ------
        ValueError
            For bad input, and for parts that do not go together.
        DivergenceError
            If the loss is no longer finite; the last good set is kept.
        KeyboardInterrupt
            If the user interrupts it before there is a set; the condenser is what it was before. Later, the set of the
            last step is kept, and an `InterruptedWarning` says so.
        """
        began, previous = monotonic(), Start.of(self)
        with restored_on_failure(self):
            self._forget()
            with isolated(self.n_jobs), announced(self, "fit", None, X, y):
                recipe = checked(self.recipe())
                problem, recipe = read_as_told(self, (X, y, sample_weight, sensitive_features), recipe)
                if recipe.privacy is not None:
                    rehearse(self, problem, recipe, previous)
                error = self._condense(problem, recipe, previous, began)
        tell_early(self, error)
        return self

    def _condense(
        self, problem: Problem, recipe: Recipe, previous: Start | GivenStart | None, began: float
    ) -> DivergenceError | Interruption | None:
        """Open the door to what was read, solve, and show; return the error of a solver that stopped early."""
        device, seed = find_device(self.device), draw_entropy(self.random_state)
        with randomness(seed):
            checkpoint = None if self.checkpoint is None else Checkpoint(self.checkpoint, fingerprint(self, problem))
            door = opened(self, problem, recipe, device, seed)
            self._input_shape, self.recipe_ = door.source.schema.input_shape, door.recipe.copied()
            if door.stream is not None:
                self._stream, self._templates = door.stream, tuple(map(template, problem.given))
            return self._solve(door, previous, began, checkpoint)

    def _solve(
        self, door: Door, previous: Start | GivenStart | None, began: float, checkpoint: Checkpoint | None = None
    ) -> DivergenceError | Interruption | None:
        """Solve and show the set; return the error of a solver that stopped early, whose last good set is shown."""
        solver = door.recipe.solver
        state = None if checkpoint is None else checkpoint.load(door.source)
        if state is None:
            with trainings_of(self, checkpoint):
                state = self._begin_solve(door, previous)
                if checkpoint is not None:  # what cannot be pickled is told now, and not after half a minute
                    checkpoint.save(state)
        early, keep = None, None if checkpoint is None else checkpoint.offer
        try:
            solution = solver.go_on(state, progress_of(self, type(solver).__name__), keep)
        except (DivergenceError, Interruption) as error:
            solution, early = error.solution, error
        except Exception:
            if checkpoint is not None:
                checkpoint.remove()
            raise
        self._show(solution, state, door, began)
        if checkpoint is not None and not isinstance(early, Interruption):  # of an interrupt the user may think better
            checkpoint.remove()
        return early

    def _begin_solve(self, door: Door, previous: Start | GivenStart | None) -> State:
        recipe, (objective, seed) = door.recipe, door.learn()
        generator = torch.Generator().manual_seed(seed)
        tell_stage(self, "chooses where to start")
        synthetic = recipe.parameterization.build(door.source, door.sizes, generator)
        if previous is not None:
            previous.load(synthetic, door.source, door.containers.encoder)
        return recipe.solver.begin(objective, synthetic, door.source, generator)

    def _show(self, solution: Solution, state: State, door: Door, began: float) -> None:
        """Set the fitted attributes from what the nouns declare."""
        source: Any = door.source
        containers, rows, synthetic, schema = door.containers, solution.synthetic, state.synthetic, source.schema
        targets, y_syn, y_soft = source.decode_targets(rows.y), None, None
        coded_labels = None if synthetic.kept_labels is None else synthetic.kept_labels.code(targets)
        targets = targets if coded_labels is None else coded_labels.decode()
        if schema.task == "classification":
            self.classes_ = schema.classes
            # What is learned, or what a teacher says, may say otherwise: labels are those that were asked for.
            y_syn = schema.labels[rows.key.cpu().numpy()]
            if synthetic.soft:
                y_soft = on_simplex(targets) if coded_labels is None else label_probabilities(coded_labels)
        elif schema.task == "regression":
            targets = targets[:, 0] if schema.flat_targets else targets
            within = np.clip(targets, *source.target_range())
            y_syn = (within > 0.5).astype(schema.label_dtype) if schema.multilabel else within
        shown = synthetic.shown(rows, y_syn, source, containers)
        for attributes in (solution.attributes, source.attributes(), door.attributes, shown.attributes):
            vars(self).update(attributes)
        if containers.encoder is not None:
            self.encoder_ = containers.encoder
            if "learner_" in vars(self):
                densify = FunctionTransformer(dense, accept_sparse=True).set_output(transform="default")
                self.learner_ = make_pipeline(FrozenEstimator(containers.encoder), densify, self.learner_)
        weight = rows.weight.cpu().double().numpy()
        self.X_syn_, self.y_syn_, self.y_soft_ = shown.X_syn, shown.y_syn, y_soft
        self.sample_weight_, self._key = weight / weight.mean(), rows.key.cpu().numpy()
        self.y_learned_ = targets if synthetic.learned else None
        self.n_iter_, self.history_ = solution.n_iter, dict(solution.history)
        if door.origin.n_seen is not None:
            self.history_["n_seen"] = np.array([door.origin.n_seen])
        self.discrepancy_ = None if state.objective is None else settled(state.objective)
        learned = self.y_learned_ if schema.task == "classification" else None
        condensed = CondensedSet(shown.X, shown.y, self.sample_weight_, y_soft, schema.classes, y_learned=learned)
        condensed = replace(condensed, coded=shown.coded, coded_labels=coded_labels)
        self.storage_ = storage_of(
            door.recipe.parameterization, schema, condensed, self._key, scaling_bytes(door.origin.scaling)
        )
        origin = provenance_of(self, door.recipe, schema, self._key, door.origin, monotonic() - began)
        self.condensed_ = replace(condensed, provenance=origin)

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name in _OUTPUTS or _FITTED.fullmatch(name)]:
            delattr(self, name)

    def __sklearn_is_fitted__(self) -> bool:
        return "X_syn_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        with suppress(TypeError, ValueError):  # parts that do not go together are refused by fit
            tags.input_tags.sparse = isinstance(self.encoder, str | None) and checked(self.recipe()).takes_sparse()
        tags.target_tags.required = False
        return tags


_OUTPUTS = ("_key", "_input_shape", "_stream", "_templates", "_start")
_FITTED = re.compile(r"[a-zA-Z]\w*_")


class NamedCondenser(BaseCondenser, kw_only=False):
    """A published method: a recipe with a name. Subclasses are annotated fields with defaults, and `recipe`."""

    n_per_class: ClassSizes | None = None  # the one parameter that may be given without its name

    def _condense(self, *given: Any) -> DivergenceError | Interruption | None:
        try:
            return super()._condense(*given)
        except PartsError as error:  # of parts that the user has not written
            raise PartsError(f"{type(self).__name__}: {error}") from error
