"""Compare sets of images whose points stay within the range of the data with sets whose points may go anywhere."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from data import images
from scores import accuracies, learners, methods

from skdc import Condenser

RANGES = {"pixel": "data", "image": (0.0, 255.0), "none": None}
DEFAULT = ["Condenser (MMD)", "GeneralCondenser", "DistributionMatching (MLP)", "GradientMatching (MLP)"]
DEFAULT += ["TrajectoryMatching (MLP)", "KernelInducingPoints"]
N_ROWS = 10_000  # to condense, and as many others of the training rows to judge by


def main() -> None:
    """Print the accuracies of each method and range, on training rows that are held out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["mnist", "fashion_mnist"])
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--methods", nargs="+", default=DEFAULT, help="names, as in the table of images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ranges", nargs="+", choices=RANGES, default=list(RANGES))
    parser.add_argument("--dtype", default="float32", help="uint8 rounds the pixels of sets within a range")
    args = parser.parse_args()
    print(f"| data, {args.n_per_class} per class, {args.dtype} | method | range | logistic | SVC | 1-NN | MLP | own |")
    print("|---|---|---|---|---|---|---|---|")
    for dataset in args.datasets:
        X, y, _, _ = images(dataset)
        X, rows = X.astype(args.dtype), np.random.default_rng(0).permutation(len(X))
        fitted_on, judged_on = rows[:N_ROWS], rows[N_ROWS : 2 * N_ROWS]
        for name in args.methods:
            recipe = methods(args.n_per_class)[name].recipe()
            for range_name in args.ranges:
                points = recipe.parameterization.set_params(within=RANGES[range_name])
                condenser = Condenser(recipe.discrepancy, points, recipe.solver, n_per_class=args.n_per_class)
                scores = [
                    _scores(condenser.set_params(random_state=seed), X, y, fitted_on, judged_on)
                    for seed in range(args.seeds)
                ]
                cells = [[score.get(learner, np.nan) for score in scores] for learner in scores[0]]
                shown = " | ".join(f"{100 * np.mean(cell):.1f} ± {100 * np.std(cell):.1f}" for cell in cells)
                print(f"| {dataset} | {name} | {range_name} | {shown} |", flush=True)


def _scores(
    condenser: Any, X: np.ndarray, y: np.ndarray, fitted_on: np.ndarray, judged_on: np.ndarray
) -> dict[str, float]:
    X_syn, y_syn = condenser.fit(X[fitted_on], y[fitted_on])
    mean, deviation = X[fitted_on].mean(), X[fitted_on].std()

    def flat(rows: np.ndarray) -> np.ndarray:
        return ((rows.reshape(len(rows), -1) - mean) / deviation).astype(np.float32)

    models = learners(condenser.random_state, boosting=False)
    del models["forest"]
    scores = accuracies(models, flat(X_syn), y_syn, flat(X[judged_on]), y[judged_on])
    if hasattr(condenser, "learner_"):
        scores["own"] = condenser.learner_.score(X[judged_on], y[judged_on])
    return scores


if __name__ == "__main__":
    main()
