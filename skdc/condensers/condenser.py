"""The general condenser: any discrepancy, parameterization and solver that go together."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import KW_ONLY, replace
from numbers import Integral
from time import monotonic
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from skdc.condensed import CondensedSet
from skdc.condensers.functions.general import GeneralCondenser, TabularCondenser
from skdc.containers import as_array, checked_targets, has_units, row_bytes
from skdc.devices import find_device
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.objective import Objective
from skdc.entropy import draw_entropy
from skdc.exceptions import PartsError
from skdc.fitting.base import BaseCondenser
from skdc.fitting.checkpoints import fingerprint_of
from skdc.fitting.counts import sizes_of
from skdc.fitting.doors import reopened
from skdc.fitting.encoding import encoder_of_chunks
from skdc.fitting.extremes import refuse_extreme_numbers
from skdc.fitting.input import read
from skdc.fitting.output import common_template, template
from skdc.fitting.recipe import Recipe, checked, nested, refuse_idle_groups
from skdc.fitting.rehearsal import rehearse
from skdc.fitting.releases import declared_rows, private_stream, public_containers, refuse_unbounded
from skdc.fitting.runtime import GivenStart, Start, isolated, tell_early
from skdc.fitting.shown import Containers
from skdc.fitting.stream import Stream
from skdc.isolation import restored_on_failure
from skdc.parameterizations.base import Parameterization
from skdc.parameterizations.points import Points
from skdc.preprocessing.scores import NormalScores
from skdc.privacy import GaussianMechanism
from skdc.randomness import randomness
from skdc.solvers.base import Solver
from skdc.solvers.descent import Descent
from skdc.solvers.selection.greedy import Greedy
from skdc.sources import Schema, Sketch, SketchSource

Part = TypeVar("Part")

_SOLVED = (
    "X_syn_",
    "y_syn_",
    "y_soft_",
    "y_learned_",
    "sample_weight_",
    "n_iter_",
    "history_",
    "discrepancy_",
    "storage_",
    "condensed_",
)


def _is_auto(part: object) -> bool:
    return part is None or (isinstance(part, str) and part == "auto")


def _unless_auto(part: Any, default: Part) -> Part:
    return default if _is_auto(part) else part


def _with_new(classes: NDArray | None, y: ArrayLike) -> NDArray | None:
    """Return the classes and those of a chunk, which are of the same kind; others are refused where they are read."""
    found = np.unique(checked_targets(as_array(y, "y")))
    if classes is None or found.dtype.kind != classes.dtype.kind or found.dtype.kind == "f":
        return classes
    return np.union1d(classes, found)


def _can_stream(condenser: Condenser) -> bool:
    with suppress(TypeError, ValueError):  # parts that do not go together are refused by fit
        if condenser.recipe().streams():
            return True
    raise AttributeError(
        "partial_fit needs a discrepancy that sees the data through mean features only, such as "
        "RandomFeatureMMD(bandwidth=1.0), with Points(start='rows') and Descent()"
    )


class Condenser(BaseCondenser, kw_only=False):
    """Condense a training set by minimising any discrepancy.

    Parameters
    ----------
    discrepancy : "auto", Discrepancy or sum of them, default="auto"
        What is minimised.
    parameterization : "auto" or Parameterization, default="auto"
        How the set is stored.
    solver : "auto" or Solver, default="auto"
        How it is found. Where all three are "auto", tables with classes or continuous targets (frames and arrays of up
        to 100 columns) get the recipe of `TabularCondenser()`, in columns on scales of their own; other data with
        classes get that of `GeneralCondenser()`. Otherwise "auto" is `MMD()`, or nothing for solvers that minimise
        nothing; `Points()`, free points with the labels of the rows that they start from; and `Descent()` for values,
        `Greedy()` for a choice of rows. None is "auto". `recipe_` tells after `fit` what was chosen.
    privacy : GaussianMechanism or ClassGaussians, default=None
        Makes a differentially private set: the budget, and what is public of the data. None: not private.
    nested : bool, default=False
        Whether the first points of each class are to be a good set, too, so that `condensed_.shrink(n)` gives one of n
        points a class. `Descent` minimises the discrepancy of `Prefixes` then; rows that are chosen one by one, class
        by class, are nested as they are; other solvers are refused.
    n_per_class, n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Attributes
    ----------
    condensed_ : CondensedSet
        The set, as a learner or a colleague takes it; what follows says the same, piece by piece.
    X_syn_ : ndarray of shape (m, ...)
        The synthetic rows, in the units and float dtype of X.
    y_syn_ : ndarray of shape (m,) or (m, n_outputs), or None
        Their labels, those for which rows were asked, whatever is learned or a teacher says; or targets.
    y_soft_ : ndarray of shape (m, n_classes) or None
        Class probabilities, where targets were learned.
    y_learned_ : ndarray or None
        The targets as they were optimised, of any sign.
    sample_weight_ : ndarray of shape (m,)
        Masses of mean 1: they carry the class proportions of the data.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    indices_ : ndarray of shape (m,)
        The chosen rows, for a subset.
    recipe_ : Recipe
        Copies of the discrepancy, parameterization, solver and privacy that made the set.
    discrepancy_ : Discrepancy
        A clone, with what was learned in numbers; without networks and data.
    n_iter_ : int
        Steps taken.
    history_ : dict of str to ndarray
        The loss of each step.
    storage_ : dict of str to int
        What the set takes: its `points`; its `bytes` as they are kept, with targets, and with weights where they
        differ; `shared_bytes` among them that do not grow with the points, such as a basis; and `bytes_decoded`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    References
    ----------
    .. [1] Chen and Selvan, "A Discrepancy-Based Perspective on Dataset Condensation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = Condenser(n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape, y_syn
    ((6, 4), array([0, 0, 1, 1, 2, 2]))
    """

    discrepancy: Objective | Literal["auto"] | None = "auto"
    parameterization: Parameterization | Literal["auto"] | None = "auto"
    solver: Solver | Literal["auto"] | None = "auto"
    privacy: GaussianMechanism | None = None
    _: KW_ONLY
    nested: bool = False

    def recipe(self) -> Recipe:
        """Return the nouns: those of the last fit, where they were chosen for its data; else with "auto" filled in."""
        return self.recipe_ if self._is_open() and "recipe_" in vars(self) else self._filled()

    def _filled(self) -> Recipe:
        """Return the nouns, with those for data without classes in place of "auto"."""
        # Anything else than a mechanism is refused with the other parts.
        start = Points() if getattr(self.privacy, "draws", True) else Points(start="noise")
        parameterization = _unless_auto(self.parameterization, start)
        chooses = isinstance(parameterization, Parameterization) and parameterization.moves == "indices"
        solver = _unless_auto(self.solver, Greedy() if chooses else Descent())
        aimless = isinstance(solver, Solver) and not solver.minimizes
        discrepancy = _unless_auto(self.discrepancy, None if aimless else MMD())
        return self._nested(checked(Recipe(discrepancy, parameterization, solver, self.privacy)))

    def _nested(self, recipe: Recipe) -> Recipe:
        return checked(nested(recipe)) if self.nested else recipe

    def _is_open(self) -> bool:
        """Tell whether all is chosen for the data."""
        return all(map(_is_auto, (self.discrepancy, self.parameterization, self.solver)))

    def _encoder_for(self, X: Any, y: Any) -> Any:
        # Where all is chosen for the data, a table with targets is one, whatever holds it.
        auto = isinstance(self.encoder, str) and self.encoder == "auto"
        if auto and y is not None and self.privacy is None and self._is_open():
            rows = as_array(X)
            if not hasattr(rows, "iloc") and has_units(np.asarray(rows)):
                return NormalScores()
        return self.encoder

    def recipe_for(self, recipe: Recipe, schema: Schema) -> Recipe:
        """Return the nouns; where all are chosen for the data, those of the condenser for their kind."""
        if not self._is_open() or recipe.privacy is not None:
            return recipe
        has_classes = schema.task == "classification" and schema.n_classes > 1
        if schema.is_table and (has_classes or schema.task == "regression"):
            return self._nested(TabularCondenser().recipe_for(recipe, schema))
        return self._nested(GeneralCondenser().recipe()) if has_classes else recipe

    @available_if(_can_stream)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add rows to the sketch; the set is solved for when it is read.

        The result is the same however the rows are cut into chunks, and that of `fit` on all of them. The rows from
        which points start are chosen by their content, before the unit of X is known: in another unit they are others.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like, default=None
            All labels that may come, on the first call; another one is refused. None lets classes come with any chunk.
            The rows from which points start are then others than if all classes were known at first.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, or if something must be known before the first chunk and is not.
        """
        with restored_on_failure(self), isolated(self.n_jobs):
            if self.privacy is not None:
                X, y, sample_weight, _ = declared_rows(self.privacy, X, y, sample_weight)
                classes = self.privacy.classes if classes is None else classes
            if "_stream" not in vars(self):
                self._forget()
                self._begin(X, y, classes, sample_weight)
            self._add(X, y, classes, sample_weight)
        return self

    @available_if(_can_stream)
    def merge(self, other: Condenser) -> Self:
        """Add the rows that another condenser was fed, on another machine, say, as if this one had been fed them.

        Parameters
        ----------
        other : Condenser
            With the same parameters, a number as `random_state` among them; it stays as it is.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If one of both was not fed by `partial_fit`, is private or has other parameters; if their rows or labels are
            of different kinds.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdc import Condenser
        >>> from skdc.discrepancies import RandomFeatureMMD
        >>> X, y = load_iris(return_X_y=True)
        >>> here, there = (Condenser(RandomFeatureMMD(bandwidth=1.0), n_per_class=2, random_state=0) for _ in range(2))
        >>> here = here.partial_fit(X[:80], y[:80]).merge(there.partial_fit(X[80:], y[80:]))
        >>> here.y_syn_.tolist()
        [0, 0, 1, 1, 2, 2]
        """
        if not isinstance(other, Condenser) or not all("_stream" in vars(one) for one in (self, other)):
            raise ValueError(f"merge takes condensers that partial_fit has fed rows, not {other!r} into {self!r}")
        if self.privacy is not None or other.privacy is not None:
            raise PartsError("private condensers cannot be merged: each of both releases by itself")
        if fingerprint_of(self, ()) != fingerprint_of(other, ()) or self._stream.seed != other._stream.seed:
            raise ValueError(
                f"{self!r} and {other!r} cannot be merged: give both the same parameters, and a number as random_state"
            )
        stream = self._stream.merged(other._stream)
        self._go_on_from(stream, other._templates, len(stream.schema.labels) > self._stream.schema.n_classes)
        return self

    def _begin(
        self, X: ArrayLike, y: ArrayLike | None, classes: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> None:
        encoder = encoder_of_chunks(self.encoder)
        if self.checkpoint is not None:
            raise ValueError(
                f"checkpoint={str(self.checkpoint)!r} has no effect on partial_fit, of which all is in the condenser; "
                "pickle it between two chunks"
            )
        recipe, device = self.recipe(), find_device(self.device)
        refuse_idle_groups(recipe, has_groups=False)
        if recipe.privacy is not None and recipe.privacy.encoder(None, X) is not None:
            raise ValueError(
                f"partial_fit takes rows as they are, but {recipe.privacy!r} has a range for each column; give (low, "
                "high), two numbers for all, or call fit on all rows"
            )
        if recipe.privacy is not None and encoder is not None:
            raise PartsError(
                f"partial_fit takes private rows as numbers; encode them by {encoder!r} before, and use encoder=None"
            )
        problem = read(self, X, y, sample_weight, task=self.task, encoder=encoder, classes=classes)
        objective, seed = clone(recipe.discrepancy), draw_entropy(self.random_state)
        has_products = recipe.parameterization.needs_products()
        if recipe.privacy is None:
            source = SketchSource(Sketch(len(problem.schema.class_of_key), 0, 0), problem.schema, device)
            size = self._sample_size(problem.schema)
            self._stream = Stream.begin(objective, source, size, seed, has_products)
            self._stream.grows &= classes is None
        else:
            rehearse(self, problem, recipe, None)
            X, y = public_containers(X, y, problem.schema)
            self._stream = private_stream(objective, problem.schema, recipe.privacy, device, seed, has_products)
        self.recipe_ = recipe.copied()
        if problem.schema.classes is not None:
            self.classes_ = problem.schema.classes
        self._templates = template(X), template(y)
        self._input_shape = problem.schema.input_shape

    def _sample_size(self, schema: Schema) -> int:
        if self.n_samples is not None and not isinstance(self.n_samples, Integral):
            raise ValueError(
                f"n_samples={self.n_samples!r} is a fraction of rows that partial_fit has not seen yet; give a "
                "whole number"
            )
        plenty = np.full(schema.n_classes, 10**9)
        sizes = sizes_of(self, self.recipe(), schema, plenty, plenty.astype(float))
        # In proportion to what, is not known yet.
        return int(sizes.max() if self.n_samples is None and self.n_bytes is None else sizes.sum())

    def _add(
        self, X: ArrayLike, y: ArrayLike | None, classes: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> None:
        stream, schema = self._stream, self._stream.schema
        if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), schema.labels):
            raise ValueError(f"classes={classes!r} differ from those of the first call, {schema.labels.tolist()}")
        task = self.task if y is None else schema.task
        if task == "none":
            raise ValueError("the first chunk had no targets, but y is given; pass none")
        labels = None if y is None else _with_new(schema.classes, y) if stream.grows else schema.classes
        encoder = encoder_of_chunks(self.encoder)
        problem = read(self, X, y, sample_weight, task=task, encoder=encoder, classes=labels, reset=False)
        came = False
        if labels is not None and len(labels) > schema.n_classes:
            came = True
            stream = stream.widened(labels)
            schema = stream.schema
        first, this = schema.describe(), problem.schema.describe()
        if this != first:
            raise ValueError(f"this chunk ({this}) is not like the first one ({first})")
        if self.privacy is not None:
            refuse_unbounded(problem, has_groups=False)
        else:
            refuse_extreme_numbers(problem)
        stream.update(replace(problem, schema=schema).source_as_given(stream.device))
        if self.privacy is None:
            stream.schema = replace(schema, float_dtype=np.result_type(schema.float_dtype, problem.schema.float_dtype))
        self._go_on_from(stream, tuple(map(template, (X, y))), came)

    def _go_on_from(self, stream: Stream, templates: tuple[Any, ...], came: bool) -> None:
        """Take a stream that has seen more, in containers like some, and maybe classes that were not known."""
        if self.privacy is None:
            self._templates = tuple(map(common_template, self._templates, templates))
            stream.schema = replace(stream.schema, given_bytes=row_bytes(as_array(self._templates[0])))
        if stream.schema.classes is not None:
            self.classes_ = stream.schema.classes
        self._stream = stream
        if isinstance(self.warm_start, CondensedSet) or not self.warm_start or "X_syn_" in vars(self):
            self._start = Start.of(self)
        last = vars(self).get("_start")
        if came and isinstance(last, Start):
            self._start = GivenStart(last.condensed)
        for name in _SOLVED:
            self.__dict__.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        # Called only for what is not there: after partial_fit, reading the set solves for it.
        if name == "partial_fit":
            _can_stream(self)
        if name not in _SOLVED or "_stream" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        began, stream, (X, y) = monotonic(), self._stream, self._templates
        recipe = self.recipe()
        with restored_on_failure(self), isolated(self.n_jobs), randomness(stream.seed):
            door = reopened(self, stream, recipe, Containers(X, y, encoder_of_chunks(self.encoder)))
            error = self._solve(door, vars(self).get("_start"), began)
        tell_early(self, error)
        return vars(self)[name]

    def __sklearn_is_fitted__(self) -> bool:
        return "X_syn_" in vars(self) or "_stream" in vars(self)
