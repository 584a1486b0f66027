"""How fair and how right learners are that are trained on sets of Adult, whose sensitive columns they do not see.

Differences are those of fairlearn, on the official test rows; with --held-out, on a third of the training rows, on
which the weight of the fairness terms was chosen: the least at which both are at most 0.45 of those of random rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from dataclasses import replace
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
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions, NeighborPredictions

GROUPS = ["sex", "sex and white or not", "sex and race"]
WEIGHTS = {"sex": 3.0, "sex and white or not": 10.0, "sex and race": 30.0}
MEASURES = ("accuracy", "balanced accuracy", "equalized odds", "demographic parity")


class Adult:
    """Adult without its sensitive columns, which are kept apart.

    Parameters
    ----------
    held_out : bool
        Whether a third of the training rows is the test.
    seed : int
        Of that third, and of the learners.
    """

    def __init__(self, held_out: bool, seed: int) -> None:
        frame = pd.read_csv(folder() / "adult.csv.gz", na_values="?")
        test = np.flatnonzero(frame["split"] == "test")
        train = np.setdiff1d(np.arange(len(frame)), test)
        if held_out:
            train, test = train_test_split(train, test_size=1 / 3, random_state=seed, stratify=frame["income"][train])
        X, y = frame.drop(columns=["income", "split", "sex", "race"]), frame["income"].to_numpy()
        white = np.where(frame["race"] == "White", "White", "other")
        groups = dict(zip(GROUPS, (frame["sex"], frame["sex"] + white, frame["sex"] + frame["race"]), strict=True))
        self.groups, self.groups_test = ({n: g.to_numpy()[rows] for n, g in groups.items()} for rows in (train, test))
        self.X, self.y, self.y_test, self.seed = X.iloc[train], y[train], y[test], seed
        self.encoder = table_encoder(X).fit(self.X)
        self.X_test = self.shown(X.iloc[test])

    def shown(self, X: pd.DataFrame) -> np.ndarray:
        """Return what learners see of rows."""
        return self.encoder.transform(X).astype(np.float32)

    def measures(self, predicted: np.ndarray, grouping: str) -> list[float]:
        """Return the measures of predictions of the test rows."""
        truth, chosen = self.y_test == ">50K", predicted == ">50K"
        given = {"y_true": truth, "y_pred": chosen, "sensitive_features": self.groups_test[grouping]}
        differences = equalized_odds_difference(**given), demographic_parity_difference(**given)
        return [np.mean(truth == chosen), balanced_accuracy_score(truth, chosen), *differences]

    def predicted(self, condenser: Any) -> dict[str, np.ndarray]:
        """Return what each learner that is trained on a condensed set predicts of the test rows."""
        condensed = replace(condenser.condensed_, X=self.shown(condenser.condensed_.X))
        models = learners(self.seed, boosting=False)
        return {name: condensed.train(clone(model)).predict(self.X_test) for name, model in models.items()}

    def chance(self, grouping: str, n_draws: int = 20) -> np.ndarray:
        """Return the measures of predictions that are right by chance, at rates that are the same for all groups."""
        rng, rates = np.random.default_rng(self.seed), np.where(self.y_test == ">50K", 0.5, 0.06)
        drawn = (np.where(rng.random(len(rates)) < rates, ">50K", "<=50K") for _ in range(n_draws))
        return np.mean([self.measures(predicted, grouping) for predicted in drawn], axis=0)


def fair(weight: float, n_per_class: int) -> Condenser:
    """Return rows whose labels are learned such that two learners do well and, for a positive weight, are fair."""
    terms, ridge = [], KernelRidgePredictions(regularization=0.1, kernel_rate=0.0)
    for temperature, space in ((0.2, ridge), (1.0, NeighborPredictions())):
        terms.append(CrossEntropy(temperature, space=space, by=None))
        if weight:
            terms += [weight * term(temperature, space=space) for term in (EqualizedOdds, DemographicParity)]
    rows = Points(Fixed(), start=GreedyKernelPoints(n_passes=1), labels="probabilities")
    return Condenser(sum(terms), rows, Descent(step_size=0.1, n_steps=150), n_per_class=n_per_class)


def methods(groupings: list[str], weights: list[float] | None, n_per_class: int) -> dict[str, tuple[Any, list[str]]]:
    """Return condensers, and by which groupings their sets are measured; one that is told groups, by those."""
    plain = {
        "random rows": RandomSubset(n_per_class=n_per_class),
        "random rows, in proportion": RandomSubset(n_samples=2 * n_per_class),
        "TabularCondenser": TabularCondenser(n_per_class=n_per_class),
        "learned labels": fair(0.0, n_per_class),
    }
    found = {name: (condenser, groupings) for name, condenser in plain.items()}
    for grouping in groupings:
        for weight in weights or [WEIGHTS[grouping]]:
            found[f"learned labels, fairness {weight:g} ({grouping})"] = fair(weight, n_per_class), [grouping]
    return found


def main() -> None:
    """Print a table for each grouping."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--methods", nargs="+", default=[""], help="parts of names; all by default")
    parser.add_argument("--n-per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--held-out", action="store_true", help="test on training rows")
    parser.add_argument("--weights", type=float, nargs="+", help="of the fairness terms; by default those chosen")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # a learner that has not converged on a hundred rows is no news
    torch.set_num_threads(1)
    scores, seconds = {grouping: defaultdict(list) for grouping in args.groups}, defaultdict(list)
    for seed in range(args.seeds):
        adult = Adult(args.held_out, seed)
        chosen = methods(args.groups, args.weights, args.n_per_class)
        for name, (condenser, measured) in chosen.items():
            if not any(part in name for part in args.methods):
                continue
            start = time.perf_counter()
            told = {"sensitive_features": adult.groups[measured[0]]} if "fairness" in name else {}
            predicted = adult.predicted(condenser.set_params(random_state=seed).fit(adult.X, adult.y, **told))
            seconds[name].append(time.perf_counter() - start)
            for grouping in measured:
                found = {learner: adult.measures(labels, grouping) for learner, labels in predicted.items()}
                scores[grouping][name].append(found)
                mean = np.mean(list(found.values()), axis=0).round(3).tolist()
                print(f"{seed} {name}, by {grouping}: {mean} ({seconds[name][-1]:.1f} s)", flush=True)
    where = "held-out training rows" if args.held_out else "test rows"
    for grouping in args.groups:
        show(f"{grouping}, {args.n_per_class} per class, {args.seeds} seeds, {where}", scores[grouping])
        means = dict(zip(MEASURES, adult.chance(grouping).round(3).tolist(), strict=True))
        print(f"\nRight by chance, half of one class and 6% of the other, whatever the group: {means}", flush=True)


def show(title: str, scores: dict[str, list]) -> None:
    """Print the means over learners and seeds as Markdown, with deviations over seeds; then learner by learner."""
    print(f"\n### {title}\n\n| set | {' | '.join(MEASURES)} |\n|---|" + "---|" * len(MEASURES))
    for name, found in scores.items():
        by_seed = np.array([np.mean(list(learned.values()), axis=0) for learned in found])
        cells = [f"{m:.3f} ± {d:.3f}" for m, d in zip(by_seed.mean(axis=0), by_seed.std(axis=0), strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")
    names = list(next(iter(scores.values()))[0])
    print("\naccuracy / equalized odds / demographic parity\n")
    print(f"| set | {' | '.join(names)} |\n|---|" + "---|" * len(names))
    for name, found in scores.items():
        means = [np.mean([learned[learner] for learned in found], axis=0) for learner in names]
        print(f"| {name} | {' | '.join(f'{m[0]:.3f} / {m[2]:.3f} / {m[3]:.3f}' for m in means)} |", flush=True)


if __name__ == "__main__":
    main()
