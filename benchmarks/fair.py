"""How fair and how right learners are that are trained on sets of Adult, whose sensitive columns they do not see.

Differences are those of fairlearn, on the official test rows; with --held-out, on a third of the training rows, on
which the weight of the fairness terms was chosen: the least at which both are at most 0.45 of those of random rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from data import folder, table_encoder
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scores import learners
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from skdc import Condenser, GreedyKernelPoints, RandomSubset, TabularCondenser
from skdc.discrepancies import CrossEntropy, DemographicParity, EqualizedOdds
from skdc.meta import fit_on_set
from skdc.parameterizations import RelabeledRows
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions, NeighborPredictions

GROUPS = {"sex": 2, "sex and white or not": 4, "sex and race": 10}
WEIGHTS = {"sex": 1.0, "sex and white or not": 1.0, "sex and race": 10.0}
MEASURES = ("accuracy", "balanced accuracy", "equalized odds", "demographic parity")


class Adult:
    """Adult without its sensitive columns, which are kept apart.

    Parameters
    ----------
    grouping : str
        One of GROUPS.
    held_out : bool
        Whether a third of the training rows is the test.
    seed : int
        Of that third, and of the learners.
    """

    def __init__(self, grouping: str, held_out: bool, seed: int) -> None:
        frame = pd.read_csv(folder() / "adult.csv.gz", na_values="?")
        test = np.flatnonzero(frame["split"] == "test")
        train = np.setdiff1d(np.arange(len(frame)), test)
        if held_out:
            train, test = train_test_split(train, test_size=1 / 3, random_state=seed, stratify=frame["income"][train])
        X, y = frame.drop(columns=["income", "split", "sex", "race"]), frame["income"].to_numpy()
        race = np.where(frame["race"] == "White", "White", "other") if GROUPS[grouping] == 4 else frame["race"]
        groups = frame["sex"].to_numpy() if grouping == "sex" else (frame["sex"] + ", " + race).to_numpy()
        self.X, self.y, self.groups = X.iloc[train], y[train], groups[train]
        self.y_test, self.groups_test, self.seed = y[test], groups[test], seed
        self.encoder = table_encoder(X).fit(self.X)
        self.X_test = self.shown(X.iloc[test])

    def shown(self, X: pd.DataFrame) -> np.ndarray:
        """Return what learners see of rows."""
        return self.encoder.transform(X).astype(np.float32)

    def measures(self, predicted: np.ndarray) -> list[float]:
        """Return the measures of predictions of the test rows."""
        truth, chosen = self.y_test == ">50K", predicted == ">50K"
        given = {"y_true": truth, "y_pred": chosen, "sensitive_features": self.groups_test}
        differences = equalized_odds_difference(**given), demographic_parity_difference(**given)
        return [np.mean(truth == chosen), balanced_accuracy_score(truth, chosen), *differences]

    def scores(self, condenser: Any) -> dict[str, list[float]]:
        """Return the measures of each learner trained on a condensed set."""
        X, y = condenser
        given = self.shown(X), np.asarray(y), condenser.sample_weight_, condenser.y_soft_, condenser.classes_
        found = {}
        for name, learner in learners(self.seed, boosting=False).items():
            found[name] = self.measures(fit_on_set(clone(learner), *given).predict(self.X_test))
        return found

    def chance(self, n_draws: int = 50) -> list[float]:
        """Return the measures of predictions that are right by chance, at rates that are the same for all groups."""
        rng, rates = np.random.default_rng(self.seed), np.where(self.y_test == ">50K", 0.5, 0.06)
        drawn = (np.where(rng.random(len(rates)) < rates, ">50K", "<=50K") for _ in range(n_draws))
        return np.mean([self.measures(predicted) for predicted in drawn], axis=0).tolist()


def fair(weight: float, n_per_class: int) -> Condenser:
    """Return rows whose labels are learned such that two learners do well and, for a positive weight, are fair."""
    terms, ridge = [], KernelRidgePredictions(regularization=0.1, kernel_rate=0.0)
    for temperature, space in ((0.2, ridge), (1.0, NeighborPredictions())):
        terms.append(CrossEntropy(temperature, space=space, by=None))
        if weight:
            terms += [weight * term(temperature, space=space) for term in (EqualizedOdds, DemographicParity)]
    rows = RelabeledRows(start=GreedyKernelPoints(n_passes=1), labels="probabilities")
    return Condenser(sum(terms), rows, Descent(step_size=0.1, n_steps=150), n_per_class=n_per_class)


def methods(weights: list[float], n_per_class: int) -> dict[str, tuple[Any, bool]]:
    """Return condensers, and whether they are told the groups."""
    n_samples = 2 * n_per_class
    found = {
        "random rows": (RandomSubset(n_per_class=n_per_class), False),
        "random rows, in proportion": (RandomSubset(n_samples=n_samples), False),
        "TabularCondenser": (TabularCondenser(n_per_class=n_per_class), False),
        "learned labels": (fair(0.0, n_per_class), False),
    }
    return found | {f"learned labels, fairness {w:g}": (fair(w, n_per_class), True) for w in weights}


def main() -> None:
    """Print a table for each grouping."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--n-per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", action="store_true", help="test on training rows, several weights")
    parser.add_argument("--weights", type=float, nargs="+", help="of the fairness terms; by default those chosen")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # a learner that has not converged on a hundred rows is no news
    torch.set_num_threads(1)
    for grouping in args.groups:
        weights = args.weights or ([1.0, 3.0, 10.0, 30.0] if args.held_out else [WEIGHTS[grouping]])
        scores, seconds, chance = defaultdict(list), defaultdict(list), []
        for seed in range(args.seeds):
            adult = Adult(grouping, args.held_out, seed)
            chance.append(adult.chance())
            for name, (condenser, told) in methods(weights, args.n_per_class).items():
                start = time.perf_counter()
                groups = {"sensitive_features": adult.groups} if told else {}
                fitted = condenser.set_params(random_state=seed).fit(adult.X, adult.y, **groups)
                seconds[name].append(time.perf_counter() - start)
                scores[name].append(adult.scores(fitted))
                line = np.mean(list(scores[name][-1].values()), axis=0).round(3).tolist()
                print(f"{grouping} {seed} {name}: {line} ({seconds[name][-1]:.1f} s)", flush=True)
        where = "held-out training rows" if args.held_out else "test rows"
        show(f"{grouping}, {args.n_per_class} per class, {args.seeds} seeds, {where}", scores, seconds)
        means = dict(zip(MEASURES, np.mean(chance, axis=0).round(3).tolist(), strict=True))
        print(f"\nRight by chance, half of one class and 6% of the other, whatever the group: {means}", flush=True)


def show(title: str, scores: dict[str, list], seconds: dict[str, list[float]]) -> None:
    """Print the means over learners and seeds as Markdown, with deviations over seeds; then learner by learner."""
    print(f"\n### {title}\n\n| set | {' | '.join(MEASURES)} | seconds |\n|---|" + "---|" * (len(MEASURES) + 1))
    for name, found in scores.items():
        by_seed = np.array([np.mean(list(learned.values()), axis=0) for learned in found])
        cells = [f"{m:.3f} ± {d:.3f}" for m, d in zip(by_seed.mean(axis=0), by_seed.std(axis=0), strict=True)]
        print(f"| {name} | {' | '.join(cells)} | {np.median(seconds[name]):.1f} |")
    names = list(next(iter(scores.values()))[0])
    print("\naccuracy / equalized odds / demographic parity\n")
    print(f"| set | {' | '.join(names)} |\n|---|" + "---|" * len(names))
    for name, found in scores.items():
        means = [np.mean([learned[learner] for learned in found], axis=0) for learner in names]
        print(f"| {name} | {' | '.join(f'{m[0]:.3f} / {m[2]:.3f} / {m[3]:.3f}' for m in means)} |", flush=True)


if __name__ == "__main__":
    main()
