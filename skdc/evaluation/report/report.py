"""The report, and how it is shown."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from numpy.typing import ArrayLike

from skdc.evaluation.panels import Learners
from skdc.evaluation.report.distances import likeness, membership, nearest
from skdc.evaluation.report.learning import scores
from skdc.evaluation.report.look import Look, look_at
from skdc.evaluation.report.making import classes, making, privacy, sizes, storage
from skdc.evaluation.report.marginals import marginals
from skdc.evaluation.report.page import framed, page
from skdc.evaluation.report.pictures import WITHOUT, can_draw, pictures_of
from skdc.evaluation.report.sections import Section, share
from skdc.evaluation.tables import data_frame
from skdc.files import written_whole


@dataclass(frozen=True, eq=False)
class CondensationReport:
    """What `condensation_report` found.

    Parameters
    ----------
    sections : tuple of Section
        Each with `name`, `title`, `figures`, and the `sentences`, `alarms` and `tables` that say them.
    look : Look
        The set and the rows that were looked at, of which pictures are drawn.
    """

    sections: tuple[Section, ...]
    look: Look

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return the figures of each section by its name: numbers, words and None, in dictionaries."""
        return {section.name: section.figures for section in self.sections}

    def to_frame(self) -> Any:
        """Return a pandas frame with a line for each figure: `section`, `of` (of what), `figure` and `value`.

        Raises
        ------
        ImportError
            Without pandas.
        """
        lines = [(section.name, *figure) for section in self.sections for figure in section.flat()]
        return data_frame(lines, ("section", "of", "figure", "value"))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return all figures and sentences as JSON, by section, or write them.

        Parameters
        ----------
        path : str or path, default=None
            Where they are written, whole or not at all; None returns them.
        """
        found = {
            section.name: {"figures": section.figures, "alarms": section.alarms, "sentences": section.sentences}
            for section in self.sections
        }
        return _given_or_written(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False), path)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Return the report as a page, one file that loads nothing from elsewhere, or write it.

        Its pictures take matplotlib; without it, the page says so.

        Parameters
        ----------
        path : str or path, default=None
            Where it is written, whole or not at all; None returns it.
        """
        return _given_or_written(self._page(), path)

    def _page(self) -> str:
        drawn = list(pictures_of(self.look, list(self.sections))) if can_draw() else []
        without = "" if can_draw() else f" {WITHOUT}"
        foot = f"Written by skdc {version('skdc')}.{without}"
        origin = self.look.condensed.provenance
        by = "" if origin is None else f"By {' '.join(origin.condenser.split())}"
        return page(self._heading(), by, self._cards(), self.sections, drawn, foot)

    def __str__(self) -> str:
        lines = [self._heading()]
        for section in self.sections:
            lines += ["", section.title, *(f"  ! {alarm}" for alarm in section.alarms)]
            lines += [f"  {sentence}" for sentence in section.sentences]
            if section.name == "scores":
                lines += [f"  {'  '.join(cells)}" for table in section.tables for cells in _aligned(table)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return framed(self._page())

    def _heading(self) -> str:
        figures = self.figures()["sizes"]
        of = "" if figures["rows"] is None else f" in place of {figures['rows']:,} rows"
        return f"{figures['points']:,} points{of}"

    def _cards(self) -> list[tuple[str, str]]:
        """Return the figures that stand first."""
        found = self.figures()
        cards = [("Points", f"{found['sizes']['points']:,}")]
        if found["sizes"]["rows"] is not None:
            cards.append(("Share of the rows", share(found["sizes"]["share"])))
        by_learner = found.get("scores", {}).get("scores", {})
        if by_learner:
            better = found["scores"]["better_than_random"]
            cards.append(("Better than random rows", f"{better} of {len(by_learner)} learners"))
            kept = found["scores"]["least_kept"], found["scores"]["most_kept"]
            if None not in kept:
                cards.append(("Score kept", f"{kept[0]:.0%} to {kept[1]:.0%}"))
        if "nearest" in found:
            cards.append(("Copies of real rows", f"{found['nearest']['copies']:,}"))
        if found.get("membership", {}).get("advantage") is not None:
            cards.append(("Membership advantage", f"{found['membership']['advantage']:.2f}"))
        if found["privacy"].get("epsilon") is not None:
            cards.append(("Epsilon", str(found["privacy"]["epsilon"])))
        return cards


def _aligned(table: Any) -> list[list[str]]:
    rows = [table.columns, *table.cells]
    widths = [max(len(row[j]) for row in rows) for j in range(len(table.columns))]
    return [[f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows]


def _given_or_written(text: str, path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return text
    with written_whole(path) as file:
        file.write(text.encode())
    return None


def condensation_report(
    condenser: Any,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    learners: Learners = None,
    scoring: Any = None,
    image_shape: tuple[int, ...] | None = None,
    max_rows: int = 10_000,
    random_state: int = 0,
) -> CondensationReport:
    """Report on a condensed set: what it is, what it is worth, and what it gives away.

    It says sizes and shares of classes; columns, one by one, beside those of the data; scores of learners that are
    trained on the set, on as many random rows and on all rows; whether the set could be random rows, and which rows it
    misses; how many points are copies of real rows, or nearly so; whether an attack tells the rows that it was made
    from; what it takes, what it promises, and how it was made.

    Real rows are shown in it, those that the set misses most. Of a private set it is for you alone, and says so;
    without `X` it tells only what the set tells.

    Parameters
    ----------
    condenser : condenser or CondensedSet
        Fitted; or its set, also one that was loaded.
    X : array, frame or sparse matrix of shape (n, ...), default=None
        The data that the set was made from; the report says if they are others. None: only the set is looked at.
    y : array-like of shape (n,) or (n, n_outputs), default=None
        Their labels or targets.
    X_test, y_test : array-like of shape (n_test, ...) and (n_test,), default=None
        Rows that the set was not made from. Without them there are no scores and no attack, as rows that the set has
        seen would flatter it.
    sample_weight : array-like of shape (n,), default=None
        Weights of the data. They count as in `fit`.
    learners : dict, list, estimator, str or None, default=None
        As in `compare`. None takes four quick ones that differ; of more than 200 features no boosting.
    scoring : str, callable or None, default=None
        As in scikit-learn; None is accuracy or R².
    image_shape : tuple of int, default=None
        Of images that are flattened in X, as (28, 28).
    max_rows : int, default=10000
        How many rows, and test rows, are looked at; of more, some at random and one of each class at least. Classes and
        exact copies are counted among all rows.
    random_state : int, default=0
        Seed of all that is drawn.

    Returns
    -------
    CondensationReport
        It prints as text and shows as a page in a notebook; `to_html(path)`, `to_json(path)`, `to_frame()`.

    Raises
    ------
    NotFittedError
        If the condenser is not fitted.
    ValueError
        For data that do not go with each other or with the set.

    See Also
    --------
    compare : which of several condensers is best.
    membership_inference : attacks that fit the condenser again, and find more.

    References
    ----------
    .. [1] Gretton et al., "A Kernel Two-Sample Test", 2012, section 7 (the test).
    .. [2] Chen et al., "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative Models", 2020,
       section 4 (the attack).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import KMedoids
    >>> from skdc.evaluation import condensation_report
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = KMedoids(n_per_class=5, random_state=0).fit(X[::2], y[::2])
    >>> report = condensation_report(condenser, X[::2], y[::2], X[1::2], y[1::2], learners="neighbors")
    >>> report.figures()["nearest"]["copies"]
    15
    >>> page = report.to_html()  # or to_html("report.html")
    """
    look = look_at(
        condenser,
        (X, y, sample_weight),
        (X_test, y_test),
        image_shape=image_shape,
        max_rows=max_rows,
        random_state=random_state,
    )
    sections = (
        sizes(look),
        classes(look),
        scores(look, learners, scoring),
        marginals(look),
        likeness(look),
        nearest(look),
        membership(look),
        storage(look),
        privacy(look),
        making(look),
    )
    return CondensationReport(tuple(section for section in sections if section is not None), look)
