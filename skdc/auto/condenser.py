"""A condenser that tries several on a part of the data, and keeps the set that serves best."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, replace
from numbers import Real
from os import PathLike
from time import monotonic
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from skdc.auto.candidates import Traits, proposed, set_size, suits_teacher
from skdc.auto.exchanges import exchange
from skdc.auto.held import fit_to_sample
from skdc.auto.judges import Judge, panel
from skdc.auto.trials import Study, ranked, resumed
from skdc.condensers.selection.draws import RandomSubset
from skdc.containers import held
from skdc.entropy import draw_entropy
from skdc.exceptions import PartsError
from skdc.fields import Fields, TransformerMixin
from skdc.fitting.base import BaseCondenser
from skdc.fitting.checkpoints import StateFile, fingerprint
from skdc.fitting.counts import sizes_per_class
from skdc.fitting.input import Problem, read, task_of
from skdc.fitting.origin import Origin, provenance_of
from skdc.fitting.output import in_package_of
from skdc.fitting.pair import PairMixin
from skdc.fitting.sizes import ClassSizes
from skdc.fitting.unchanged import UnchangedRows
from skdc.isolation import all_or_nothing
from skdc.partitions import partitions_of
from skdc.seeds import seeded
from skdc.sources import Schema

_FEWEST_ROWS = 1000  # trials on fewer rows tell little of those on all
_TRIALS_SHARE = 0.35  # of the time, where a learner is told: what is left is for exchanges of rows
_MOST_TEST_ROWS = 5000  # enough to tell scores apart that differ by half a point


class AutoCondenser(PairMixin, UnchangedRows, Fields):
    """Try condensers on a part of the data, and keep the set on which learners do best.

    A part of the rows is held out. Candidates condense the others, at first few of them; the third of the candidates on
    whose sets the learner scores best, on the rows held out, goes on to three times the rows (successive halving [1]_,
    by scikit-learn's `HalvingGridSearchCV`). Of all sets, the one with the best score comes out, as it is: the rows
    held out are not condensed, nor are more than 50,000 others. Random rows are always among the candidates: but for
    the noise of a score on the rows held out, no set comes out that is worse.

    Told the estimator, and not the candidates, it goes on with the best set of a table: rows of it are exchanged for
    random others of their classes, some at a time, as long as the learner does no worse (hill climbing). So that this
    is not to the rows held out alone, sets are judged by 5000 rows then: where fewer are held out, rows that are
    condensed are among them. A third of the time is for the candidates, the rest for exchanges, of which there are 500
    without a limit.

    Parameters
    ----------
    estimator : estimator, default=None
        What is to be trained on the set. None takes the mean score of several: a linear model, naive Bayes (of
        classes), nearest neighbours, a random forest and gradient boosting.
    scoring : str or callable, default=None
        As in scikit-learn; None takes the estimator's `score`.
    candidates : "auto", list of condenser or {str: condenser}, default="auto"
        What is tried. "auto" takes what suits the size, dimension, classes and columns of the data, most promising
        first. A condenser without a size gets that of this one.
    time_budget : float, default=60.0
        Seconds for the trials; candidates that take long are stopped early, or left out. None: as long as it takes.
    cv : int, splitter or iterable, default=None
        As in scikit-learn. None holds out a quarter of the rows, 5000 at most. With several splits the mean score
        counts, and a set of it that scores like that comes out.
    n_per_class, n_samples : int, float, at_most(int) or dict, default=None
        As in the condensers: how many rows the set has; `at_most` takes all that are not held out. Without
        `n_per_class`, "auto" candidates share them out in proportion to the classes or equally, whichever serves
        better.
    task, encoder, device, random_state, n_jobs, verbose
        As in the condensers; a `random_state` makes the result the same each time with `time_budget=None` only.
    checkpoint : str or path, default=None
        A file in which the sets and scores are kept after each trial, and beside it, under its name and ".trial", the
        state of a trial that takes long: the same search goes on from there, and removes both at its end.

    Attributes
    ----------
    best_condenser_ : condenser
        The fitted condenser whose set comes out.
    leaderboard_ : DataFrame
        A line for each trial, best first: candidate, rows seen, score, seconds, and why it gave none; "exchanged rows"
        is what exchanges gave. Reading it takes pandas, fitting does not.
    reason_ : str
        Why this set, in a sentence.
    condensed_, X_syn_, y_syn_, y_soft_, sample_weight_, storage_, classes_, indices_
        As in `Condenser`, where the best condenser has them.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    References
    ----------
    .. [1] Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdc import AutoCondenser, KMeansCondenser, KMedoids
    >>> X, y = load_iris(return_X_y=True)
    >>> candidates = {"k-means": KMeansCondenser(), "k-medoids": KMedoids()}
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> auto = AutoCondenser(tree, candidates=candidates, n_per_class=3, random_state=0).fit(X, y)
    >>> X_syn, y_syn = auto
    >>> X_syn.shape
    (9, 4)
    >>> sorted(set(auto.leaderboard_["candidate"]))
    ['k-means', 'k-medoids', 'random rows']
    """

    estimator: Any = None
    scoring: Any = None
    candidates: Literal["auto"] | Sequence[BaseCondenser] | Mapping[str, BaseCondenser] = "auto"
    time_budget: float | None = 60.0
    cv: Any = None
    _: KW_ONLY
    n_per_class: ClassSizes | None = None
    n_samples: float | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    encoder: TransformerMixin | Literal["auto"] | None = "auto"
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None
    n_jobs: int | None = None
    verbose: int = 0
    checkpoint: str | PathLike[str] | None = None

    @all_or_nothing
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        sensitive_features: ArrayLike | None = None,
    ) -> Self:
        """Try the candidates, and keep the best set.

        Parameters
        ----------
        X, y, sample_weight, sensitive_features
            As in the condensers; targets are needed. Of rows in pieces the sample that is held is searched.

        Returns
        -------
        self
            It unpacks into (X_syn, y_syn).

        Raises
        ------
        ValueError
            For bad input, or if no candidate gives a set.
        """
        start = monotonic()
        self._forget()
        partitions = partitions_of(X, y, sample_weight, sensitive_features)
        if partitions is not None:
            return fit_to_sample(self, partitions, self._told_task())
        if y is None:
            raise ValueError(
                "AutoCondenser requires y to be passed, but the target y is None: it judges sets by what learners "
                "learn from them; without targets take a condenser such as KernelHerding()"
            )
        if self.time_budget is not None and not (isinstance(self.time_budget, Real) and self.time_budget > 0):
            raise ValueError(f"time_budget={self.time_budget!r} must be a positive number of seconds, or None")
        named = {"X": X, "y": y, "sample_weight": sample_weight, "sensitive_features": sensitive_features}
        given: tuple[Any, ...] = tuple(None if part is None else held(part, name) for name, part in named.items())
        problem = read(self, *given, task=self._told_task(), encoder=self.encoder)
        kept = None if self.checkpoint is None else StateFile(self.checkpoint, fingerprint(self, problem))
        seed, seconds, known = resumed(kept) or (draw_entropy(self.random_state), 0.0, [])
        ranks = ranked(problem, seed)
        splits = self._splits(problem, given[1], ranks)
        sizes, fewest = self._sizes(problem, splits)
        traits = Traits.of(given[0], problem)
        names, condensers = self._candidates(traits, problem, sizes, seed)
        judge = self._judge(problem, seed, set_size(sizes))
        exchanges = self._exchanges(traits, problem, splits)
        budget = self._budget() * (_TRIALS_SHARE if exchanges else 1)
        how = judge, budget, splits, fewest, start - seconds, seed, kept, known
        study = Study(given, problem.positions, ranks, condensers, *how)
        study.run(names if self.verbose else None)
        study.budget = self._budget()
        if exchanges and not study.interrupted and study.elapsed() < study.budget:
            names.append("exchanged rows")
            exchange(study, suits_teacher(traits, study.budget))
        if not study.interrupted:
            study.forget()
        self._keep(study, names)
        best = self.best_condenser_
        rows, targets = best.condensed_
        origin = provenance_of(self, best.recipe_, problem.schema, best._key, Origin.of(problem), monotonic() - start)
        origin = replace(origin, condenser=f"{best!r}, chosen by {self!r}")
        shown = replace(best.condensed_, X=in_package_of(rows, X), y=in_package_of(targets, y), provenance=origin)
        self.condensed_ = best.condensed_ = shown
        return self

    def _told_task(self) -> str:
        return self.task if self.task != "auto" or self.estimator is None else task_of(self.estimator)

    def _judge(self, problem: Problem, seed: int, size: int) -> Judge:
        if self.estimator is None:
            return panel(problem, self.scoring, seed, size)
        return Judge([seeded(self.estimator, lambda: seed)], self.scoring, lambda rows: rows)

    def _exchanges(self, traits: Traits, problem: Problem, splits: Sequence[Any]) -> bool:
        """Tell whether rows of the best set are exchanged: of a table, for a learner, if nothing else is asked for."""
        told = self.estimator is not None and isinstance(self.candidates, str)
        return told and len(splits) == 1 and not traits.image and not problem.schema.multilabel

    def _budget(self) -> float:
        return np.inf if self.time_budget is None else float(self.time_budget)

    def _candidates(
        self, traits: Traits, problem: Problem, sizes: dict[str, dict[str, Any]], seed: int
    ) -> tuple[list[str], list[BaseCondenser]]:
        """Return names and condensers, with sizes and seeds; random rows come first."""
        schema = problem.schema
        task = "classification" if schema.classes is not None or schema.multilabel else "regression"
        # One encoder for all trials: whether one is needed may not show in the rows of each.
        encoder = None if problem.encoder is None else clone(problem.encoder)
        common = {"task": task, "encoder": encoder, "device": self.device, "n_jobs": self.n_jobs}
        if isinstance(self.candidates, str):
            if self.candidates != "auto":
                raise ValueError(f"candidates={self.candidates!r} must be 'auto', a list or a dict of condensers")
            found = proposed(traits, schema.task, sizes, self._budget())
            found = [(name, part.set_params(**common)) for name, part in found]
        else:
            found = self._given(common, sizes)
        names, condensers = zip(*found, strict=True)
        for i, part in enumerate(condensers):
            if part.random_state is None:
                part.set_params(random_state=(seed + i) % 2**31)
        return list(names), list(condensers)

    def _given(self, common: dict[str, Any], sizes: dict[str, dict[str, Any]]) -> list[tuple[str, BaseCondenser]]:
        """Return random rows, and the user's candidates with what they leave open."""
        given = self.candidates
        pairs = list(given.items() if isinstance(given, Mapping) else ((repr(part), part) for part in given))
        proportion, *equal = sizes.values()
        asked = equal[0] if equal and self.n_samples is None else proportion
        found: list[tuple[str, BaseCondenser]] = [("random rows", RandomSubset(**common, **proportion))]
        for name, part in pairs:
            if not isinstance(part, BaseCondenser):
                raise TypeError(f"candidates must be condensers, such as KMedoids(), got {part!r}")
            if _is_private(part):
                raise PartsError(
                    f"candidates: {part!r} is private, but the set that comes out would be chosen by its score on rows "
                    "of the data, which is no release; fit it by itself"
                )
            open_ones = {key: value for key, value in common.items() if getattr(part, key) in ("auto", None)}
            size = asked if (part.n_per_class, part.n_samples, part.n_bytes) == (None, None, None) else {}
            found.append((str(name), clone(part).set_params(**open_ones, **size)))
        return found

    def _sizes(self, problem: Problem, splits: Sequence[Any]) -> tuple[dict[str, dict[str, Any]], int]:
        """Return the sizes to try by how rows are shared out, and the fewest rows that give such sets.

        Each split leaves fewer rows of a class to condense than there are.
        """
        schema, (counts, mass) = problem.schema, problem.per_class()
        left = np.min([np.bincount(problem.codes[train], minlength=len(counts)) for train, _ in splits], axis=0)
        there = counts if self.n_per_class is None else left
        asked = sizes_per_class(self.n_per_class, self.n_samples, schema, there, mass)
        total = int(asked.sum())
        if self.n_per_class is None and self.n_samples is None:
            total = min(total, int(left.sum()))
        if total > left.sum():
            raise ValueError(
                f"a set of {total} rows cannot be chosen from the {left.sum()} that are left when others are held out; "
                "lower n_per_class or n_samples, or give cv= splits that hold out less"
            )
        if schema.classes is None:
            return {"": {"n_samples": total}}, max(_FEWEST_ROWS, 3 * total)
        if self.n_per_class is not None:
            equal = asked
            _refuse_short(equal, left, schema)
        else:
            equal = asked if self.n_samples is None else np.full(len(counts), max(1, total // int((mass > 0).sum())))
            equal = np.minimum(equal, left)
        # Trials see the classes in proportion: the rarest says how many rows it takes to see enough of it.
        fewest = max(_FEWEST_ROWS, 3 * total, *(-(-equal * len(problem.key) // np.maximum(left, 1))))
        shares = {"n_per_class": {label: int(n) for label, n in zip(schema.classes, equal, strict=True) if n}}
        if self.n_per_class is not None:
            return {"": shares}, int(fewest)
        return {"in proportion": {"n_samples": total}, "in equal shares": shares}, int(fewest)

    def _splits(
        self, problem: Problem, y: Any, ranks: NDArray[np.float64]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return the rows to condense and the rows to judge by, counted among those that have weight."""
        n, there = len(problem.positions), problem.positions
        if self.cv is not None:
            splitter = check_cv(self.cv, y, classifier=problem.schema.classes is not None)
            rows, splits = np.arange(len(y)), splitter.split(np.zeros((len(y), 1)), y)
            found = [[np.searchsorted(there, np.intersect1d(rows[part], there)) for part in split] for split in splits]
            kept = [(train, test) for train, test in found]
            if not all(len(part) for split in kept for part in split):
                raise ValueError(f"cv={self.cv!r} has a split without rows to condense, or without rows to judge by")
            return kept
        n_test = min(n // 4, _MOST_TEST_ROWS)
        if not n_test:
            raise ValueError(f"AutoCondenser holds out a quarter of the rows, but there are {n} (n_samples = {n})")
        order = np.argsort(ranks)
        return [(np.sort(order[:-n_test]), np.sort(order[-n_test:]))]

    def _keep(self, study: Study, names: list[str]) -> None:
        """Show the best set."""
        best, scores = study.best(), study.mean_scores()
        self.best_condenser_ = best.condenser
        for name in _SHOWN:
            if hasattr(best.condenser, name):
                setattr(self, name, getattr(best.condenser, name))
        if hasattr(self, "indices_"):
            self.indices_ = study.positions[best.rows[self.indices_]]
        lines = [(names[r.candidate], r.n_rows, r.score, r.seconds, r.error) for r in study.results]
        self._lines = sorted(lines, key=lambda line: -line[2] if np.isfinite(line[2]) else np.inf)
        random = [f"{score:.4g}" for (candidate, _), score in scores.items() if candidate == 0]
        tried = {candidate for candidate, _ in scores}
        n_tried = f"{len(tried)}" if len(tried) == len(names) else f"{len(tried)} of {len(names)}"
        self.reason_ = (
            f"{names[best.candidate]!r}, condensed from {len(best.rows)} rows, scored "
            f"{scores[best.candidate, best.n_rows]:.4g} on rows held out, where random rows scored "
            f"{' and '.join(random)}; {n_tried} candidates were tried in {study.elapsed():.1f} s."
        )
        given = dict(enumerate(study.candidates))  # exchanges are none of them
        random_only = all(isinstance(given.get(candidate), RandomSubset) for candidate in tried)
        if random_only and len(names) > len(tried) and not study.interrupted:
            errors = {result.error for result in study.results if result.error}
            warnings.warn(
                f"AutoCondenser has tried random rows only, of {len(names)} candidates: the others gave no set "
                f"({'; '.join(sorted(errors)) or 'out of time'}). With time_budget={self.time_budget!r} s, give more "
                "time, or other candidates",
                stacklevel=3,
            )

    @property
    def leaderboard_(self) -> Any:
        """A line for each trial, best first, as a data frame."""
        check_is_fitted(self)
        import pandas as pd  # only here, and skdc itself does not need it

        return pd.DataFrame(self._lines, columns=["candidate", "rows", "score", "seconds", "error"])

    def _shown(self) -> BaseCondenser:
        return self.best_condenser_

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def __sklearn_is_fitted__(self) -> bool:
        return "best_condenser_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(RandomSubset()).input_tags
        tags.input_tags.sparse = False
        tags.target_tags.required = True
        return tags


def _is_private(condenser: BaseCondenser) -> bool:
    """Tell whether a condenser is private; one with private parts where there must be none is refused."""
    if getattr(condenser, "privacy", None) is not None:
        return True
    try:
        return condenser.recipe().privacy is not None
    except PartsError:
        raise
    except (TypeError, ValueError):  # what is wrong is told of by its trials
        return False


def _refuse_short(sizes: NDArray[np.int64], left: NDArray[np.int64], schema: Schema) -> None:
    """Refuse to give fewer rows of a class than were asked for."""
    for label, size, n in zip(schema.labels.tolist(), sizes, left, strict=True):
        if size > n:
            raise ValueError(
                f"AutoCondenser cannot give {size} rows of class {label!r}: {n} are left when others are held out; "
                f"lower n_per_class, take all by n_per_class=at_most({size}), or give cv= splits that hold out less"
            )


_SHOWN = ("X_syn_", "y_syn_", "y_soft_", "y_learned_", "sample_weight_", "storage_", "classes_", "indices_", "learner_")
