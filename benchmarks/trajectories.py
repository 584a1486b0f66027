"""Trajectory matching with its variants: how well an MLP learns from ten rows a class, by hard and by soft labels.

Settings are chosen on 4,000 training rows that are held out (`--held-out`), with sets made of the others; figures are
of test rows, with sets made of all training rows. Nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from data import Split, images
from sklearn.base import clone

from skdc import DistributionMatching, RandomSubset, SoftLabelRandom, TrajectoryMatching
from skdc.learners import NetworkClassifier
from skdc.networks import MLP

N_HELD_OUT = 4_000
TEACHER = NetworkClassifier(MLP(), max_epochs=5)
LONG: dict[str, Any] = {"network": MLP(), "n_expert_steps": 100, "n_student_steps": 20, "n_steps": 1500}
SOFT = LONG | {"labels": "probabilities"}


def methods() -> dict[str, Any]:
    """Return the condensers."""
    return {
        "random rows": RandomSubset(),
        "random rows, labels of a teacher": SoftLabelRandom(teacher=TEACHER),
        "DistributionMatching": DistributionMatching(),
        "DistributionMatching, MLP": DistributionMatching(network=MLP()),
        "TrajectoryMatching, MLP": TrajectoryMatching(network=MLP()),
        "long": TrajectoryMatching(**LONG),
        "soft": TrajectoryMatching(**SOFT),
        "soft, from a teacher": TrajectoryMatching(**SOFT, teacher=TEACHER),
        "soft, flat experts": TrajectoryMatching(**SOFT, sharpness=0.05),
        "soft, average": TrajectoryMatching(**SOFT, average=0.99),
        "soft, window grows": TrajectoryMatching(**SOFT, growth=(1, 0.5)),
        "soft, skipped above 1": TrajectoryMatching(**SOFT, max_loss=1.0),
        "soft, gradient held": TrajectoryMatching(**SOFT, gradient="held"),
    }


def split(dataset: str, held_out: bool) -> Split:
    """Return rows to make sets of, and rows to judge by."""
    X, y, X_test, y_test = images(dataset)
    if not held_out:
        return X, y, X_test, y_test
    rows = np.random.default_rng(0).permutation(len(X))
    judged, used = rows[:N_HELD_OUT], rows[N_HELD_OUT:]
    return X[used], y[used], X[judged], y[judged]


def accuracies(fitted: Any, X: np.ndarray, y: np.ndarray, seed: int) -> list[float]:
    """Return the accuracy of an MLP that is trained on the hard labels of a set, and on its soft ones (or nan)."""
    found = []
    for labels in (fitted.y_syn_, fitted.y_soft_):
        classes = None if labels is fitted.y_syn_ else np.unique(fitted.y_syn_)
        network = NetworkClassifier(MLP(), classes=classes, random_state=seed)
        found.append(
            np.nan if labels is None else network.fit(fitted.X_syn_.astype(np.float32), labels).score(floats(X), y)
        )
    return [100 * accuracy for accuracy in found]


def floats(X: np.ndarray) -> np.ndarray:
    """Return pixels as floats."""
    return X.astype(np.float32)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", choices=["mnist", "fashion_mnist"], default=["mnist", "fashion_mnist"])
    parser.add_argument("--methods", nargs="+", choices=methods(), default=list(methods()))
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held-out", action="store_true")
    args = parser.parse_args()
    for dataset in args.datasets:
        X, y, X_judged, y_judged = split(dataset, args.held_out)
        print(f"\n### {dataset}, {args.n_per_class} per class, {args.seeds} seeds\n")
        print("| method | CPU seconds | hard labels | soft labels |\n|---|---|---|---|")
        for name in args.methods:
            seconds, scores = [], []
            for seed in range(args.seeds):
                start = time.process_time()
                condenser = clone(methods()[name]).set_params(n_per_class=args.n_per_class, n_jobs=1, random_state=seed)
                fitted = condenser.fit(X, y)
                seconds.append(time.process_time() - start)
                scores.append(accuracies(fitted, X_judged, y_judged, seed))
            cells = [
                "" if np.isnan(mean) else f"{mean:.1f} ± {deviation:.1f}"
                for mean, deviation in zip(np.mean(scores, axis=0), np.std(scores, axis=0), strict=True)
            ]
            print(f"| {name} | {np.median(seconds):.0f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
