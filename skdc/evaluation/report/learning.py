"""What a report says of learners that are trained on the set, on random rows, and on all rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skdc.condensed import CondensedSet
from skdc.condensers.selection.draws import RandomSubset
from skdc.evaluation.folds import reason
from skdc.evaluation.panels import QUICK, Learners, learners_by_name
from skdc.evaluation.protocol import as_seen, score_of, trained
from skdc.evaluation.report.look import Look
from skdc.evaluation.report.sections import Lines, Section, count

SET, RANDOM, ALL = "set", "random", "all"
_DRAWS = 3  # of random rows
_WIDE = 200  # features, beyond which boosting takes minutes
_UNSCORED = "No learner is scored"


def scores(look: Look, learners: Learners, scoring: Any) -> Section | None:
    """Score learners on test rows; None without targets and without data."""
    if look.real is None or look.kind == "none":
        return None
    why = _why_not(look)
    if why:
        return Section("scores", "Scores", {"scores": {}}, [f"{_UNSCORED}: {why}."])
    found = _scores(look, learners, scoring)
    name = _name_of(scoring, look.kind)
    assert look.test is not None
    among = "" if len(look.test) == look.test.n_rows else f" of {look.test.n_rows:,}"
    summary = _summary(found)
    said = [f"The score is {name}, on {len(look.test):,}{among} test rows.", *_said(found, summary, look)]
    everything = "all rows" if len(look.real) == look.real.n_rows else f"{len(look.real):,} rows"
    tables = [Lines(f"Scores: {name}", ("learner", "set", "random rows", everything), _cells(found))]
    figures = {"measure": name, "all_rows": len(look.real), **summary, "scores": found}
    return Section("scores", "Scores", figures, said, tables=tables)


def _why_not(look: Look) -> str:
    if look.real is None or look.real.y is None:
        return "pass y, the targets of X"
    if look.test is None:
        return (
            "pass X_test and y_test, rows that the set was not made from; on the rows of X, a set of copies of them "
            "would be flattered"
        )
    return "pass y_test, the targets of X_test" if look.test.y is None else ""


def _scores(look: Look, learners: Learners, scoring: Any) -> dict[str, dict[str, Any]]:
    """Return the scores of each learner: of the set, of as many random rows, of all rows; or why there is none."""
    assert look.real is not None and look.real.y is not None
    shape, y = look.real.seen.shape[1:], look.real.y
    default = QUICK if np.prod(shape) <= _WIDE else tuple(name for name in QUICK if name != "boosting")
    n_outputs = y.shape[1] if y.ndim > 1 else 1
    known = learners_by_name(learners, look.kind, shape, n_outputs=n_outputs, default=default, seed=look.random_state)
    everything = CondensedSet(look.real.seen, y, look.real.weight if np.ptp(look.real.weight) else None)
    draws = [_random(look, everything, look.random_state + i) for i in range(_DRAWS)]
    found: dict[str, dict[str, Any]] = {}
    for name, learner in known.items():
        own = _score(look, learner, replace(look.condensed, X=look.seen), scoring)
        random = [_score(look, learner, drawn, scoring) for drawn in draws]
        known_random = [value for value in random if not isinstance(value, str)]
        found[name] = {
            SET: None if isinstance(own, str) else own,
            RANDOM: float(np.mean(known_random)) if known_random else None,
            "random_low": min(known_random, default=None),
            "random_high": max(known_random, default=None),
            ALL: None if isinstance(score := _score(look, learner, everything, scoring), str) else score,
            "error": own if isinstance(own, str) else None,
        }
    return found


def _random(look: Look, everything: CondensedSet, seed: int) -> CondensedSet:
    """Return random rows, as many as the set has points and in proportion to the classes."""
    n_samples = min(look.condensed.X.shape[0], everything.X.shape[0])
    task: Any = look.kind if look.kind in ("classification", "regression") else "auto"
    rows = np.arange(everything.X.shape[0], dtype=np.float64)[:, None]
    subset = RandomSubset(n_samples=n_samples, task=task, random_state=seed)
    chosen: NDArray[np.intp] = subset.fit(rows, everything.y, sample_weight=everything.sample_weight).indices_
    return CondensedSet(everything.X[chosen], everything.y[chosen], subset.sample_weight_)


def _score(look: Look, learner: Any, condensed: CondensedSet, scoring: Any) -> float | str:
    assert look.test is not None
    try:
        X = condensed.X.tocsr() if issparse(condensed.X) else condensed.X
        fitted = trained(learner, replace(condensed, X=as_seen(learner, X)))
        return score_of(fitted, as_seen(learner, look.test.seen), look.test.y, scoring)
    except Exception as error:  # one learner that cannot take a set is no reason to lose what others tell
        return reason(error)


def _name_of(scoring: Any, kind: str) -> str:
    if scoring is None:
        return "R²" if kind == "regression" else "accuracy"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))


def _summary(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return for how many learners the set is better or worse than all random rows, and what shares are kept."""
    both = [score for score in found.values() if score[SET] is not None and score[RANDOM] is not None]
    # Of a score that may be negative, a share says nothing.
    kept = [score[SET] / score[ALL] for score in both if score[ALL] is not None and score[ALL] > 0 <= score[SET]]
    shares = kept if both and len(kept) == len(both) else []
    return {
        "learners": len(both),
        "better_than_random": sum(score[SET] > score["random_high"] for score in both),
        "worse_than_random": sum(score[SET] < score["random_low"] for score in both),
        "least_kept": min(shares, default=None),
        "most_kept": max(shares, default=None),
    }


def _said(found: dict[str, dict[str, Any]], summary: dict[str, Any], look: Look) -> list[str]:
    said = []
    n, better, worse = (summary[name] for name in ("learners", "better_than_random", "worse_than_random"))
    if n:
        said.append(
            f"Trained on the set, {better} of {count(n, 'learner')} {'scores' if 1 in (n, better) else 'score'} higher "
            f"than on any of {_DRAWS} draws of as many random rows, and {worse} lower than on all of them."
        )
    if summary["least_kept"] is not None:
        assert look.real is not None
        rows = f"{len(look.real):,} real rows" if len(look.real) < look.real.n_rows else "all rows"
        said.append(f"They keep {summary['least_kept']:.0%} to {summary['most_kept']:.0%} of the score of {rows}.")
    said.extend(f"{name} was not trained: {score['error']}." for name, score in found.items() if score["error"])
    return said


def _cells(found: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _cell(score[SET]),
            f"{_cell(score[RANDOM])} ({_cell(score['random_low'])} to {_cell(score['random_high'])})"
            if score[RANDOM] is not None
            else "–",
            _cell(score[ALL]),
        )
        for name, score in found.items()
    ]


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
