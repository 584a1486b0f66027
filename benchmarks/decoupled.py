"""Make sets by a teacher and print what networks learn from them with hard and with soft labels, beside random rows."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
from data import TABLES, Split, images, some, table
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skdc import (
    PatchSelection,
    RandomSubset,
    SoftLabelPruning,
    SoftLabelRandom,
    StaggeredMatching,
    StatisticsMatching,
)
from skdc.augmentation import CropCurriculum
from skdc.learners import NetworkClassifier
from skdc.networks import MLP, ConvNet


def methods(of_images: bool, n_per_class: int, teacher: Any) -> dict[str, Any]:
    """Return the condensers, all with the same teacher of labels."""
    size = {"n_per_class": n_per_class, "teacher": teacher}
    found: dict[str, Any] = {
        "random rows": RandomSubset(n_per_class=n_per_class),
        "SoftLabelRandom": SoftLabelRandom(**size),
        "StatisticsMatching": StatisticsMatching(**size),
        "StatisticsMatching, by=None": StatisticsMatching(by=None, **size),
        "StaggeredMatching": StaggeredMatching(**size),
        "SoftLabelPruning": SoftLabelPruning(**size),
        "PatchSelection": PatchSelection(**size),
    }
    if of_images:
        curriculum = CropCurriculum(last=0.5)
        found["StatisticsMatching, crops"] = StatisticsMatching(augmentation=curriculum, **size)
        found["PatchSelection, factor=2"] = PatchSelection(factor=2, **size)
    return found


def split(name: str, seed: int, n_rows: int, held_out: bool) -> Split:
    """Return a part of the training rows, and test rows; or, in their place, other training rows."""
    if name in TABLES:
        X, y, X_test, y_test = table(name, seed)
    else:
        X, y, X_test, y_test = images(name)
        X, X_test = (X / np.float32(255)), (X_test / np.float32(255))
    if held_out:
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        X_test, y_test = X_test[:5000], y_test[:5000]
    X, y = some(X, y, n_rows)
    return X, y, X_test, y_test


def accuracies(fitted: Any, learner: Any, X_test: np.ndarray, y_test: np.ndarray) -> dict[str, float]:
    """Return the accuracy of a network from hard labels, and from soft ones if any."""
    condensed = replace(fitted.condensed_, y_soft=None, coded_labels=None)
    scores = {"hard": condensed.train(learner).score(X_test, y_test)}
    if fitted.y_soft_ is not None:
        scores["soft"] = fitted.condensed_.train(learner).score(X_test, y_test)
    return scores


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist", *TABLES], default="mnist")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--n-rows", type=int, default=10_000, help="training rows, drawn at random")
    parser.add_argument("--methods", nargs="+", help="names; all by default")
    parser.add_argument("--set", nargs="*", default=[], help="of parameters, name=value, for those that have them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--n-epochs", type=int, default=200, help="of the learner")
    parser.add_argument("--held-out", action="store_true", help="score by training rows that were held out")
    args = parser.parse_args()
    of_images, found = args.dataset not in TABLES, {}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        X, y, X_test, y_test = split(args.dataset, seed, args.n_rows, args.held_out)
        batch_normed = ConvNet(32, norm="batch") if of_images else MLP(norm="batch")
        teacher = NetworkClassifier(batch_normed, max_epochs=5, random_state=seed).fit(X, y)
        print(f"seed {seed}: the teacher tells {100 * teacher.score(X_test, y_test):.1f}", flush=True)
        learner = NetworkClassifier(ConvNet(32) if of_images else MLP(), max_epochs=args.n_epochs, random_state=seed)
        for name, condenser in methods(of_images, args.n_per_class, FrozenEstimator(teacher)).items():
            if args.methods and name not in args.methods:
                continue
            given = {k: eval(v) for k, v in (pair.split("=", 1) for pair in args.set)}
            condenser.set_params(**{k: v for k, v in given.items() if k in condenser.get_params()})
            start = time.perf_counter()
            fitted = condenser.set_params(random_state=seed).fit(X, y)
            row = found.setdefault(name, {"seconds": []})
            row["seconds"].append(time.perf_counter() - start)
            for labels, score in accuracies(fitted, learner, X_test, y_test).items():
                row.setdefault(labels, []).append(100 * score)
            print(seed, name, fitted.storage_["bytes"], *(f"{row[k][-1]:.1f}" for k in row), flush=True)
    print(f"\n### {args.dataset}, {args.n_per_class} per class, {len(X)} training rows, {args.seeds} seeds\n")
    print("| method | seconds | hard labels | soft labels |\n|---|---|---|---|")
    for name, row in found.items():
        cells = [f"{np.mean(row[k]):.1f} ± {np.std(row[k]):.1f}" if k in row else "" for k in ("hard", "soft")]
        print(f"| {name} | {np.median(row['seconds']):.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
