"""Sets that are cut short: the first 1, 2 and 5 points a class of sets of 10, with and without `nested=True`.

Digits: 30% of the rows are held out. MNIST: 10,000 training rows are condensed, and 2,000 others judge.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from data import images
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skdc import Condenser, DistributionMatching, KernelHerding, KernelInducingPoints, RandomSubset
from skdc.condensed import CondensedSet
from skdc.discrepancies import MMD
from skdc.learners import KernelRidgeClassifier
from skdc.networks import MLP

SIZES = (1, 2, 5, 10)
LEARNERS = {
    "kernel ridge": KernelRidgeClassifier(),
    "logistic": LogisticRegression(max_iter=1000),
    "1-NN": KNeighborsClassifier(1),
}


METHODS = {
    "MMD": Condenser(MMD()),
    "kernel inducing points": Condenser(*KernelInducingPoints(labels="hard", n_steps=500).recipe()),
    "distribution matching": Condenser(*DistributionMatching(network=MLP()).recipe()),
}


def data(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows to condense and rows that judge, with their labels."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        return X_train, y_train, X_test, y_test
    X, y, _, _ = images(name)
    X = X.reshape(len(X), -1).astype(np.float32) / 255
    rows = np.random.default_rng(seed).permutation(len(X))
    return X[rows[:10_000]], y[rows[:10_000]], X[rows[-2000:]], y[rows[-2000:]]


def score(condensed: CondensedSet, X_test: np.ndarray, y_test: np.ndarray) -> list[float]:
    """Return the accuracy of each learner on a set."""
    return [condensed.train(clone(learner)).score(X_test, y_test) for learner in LEARNERS.values()]


def lines(names: list[str]) -> dict[str, tuple[Any, bool]]:
    """Return the condenser of each line of the table, and whether each size has a set of its own."""
    found: dict[str, tuple[Any, bool]] = {}
    for name in names:
        condenser = METHODS[name]
        found[f"{name}, first points"] = condenser, False
        found[f"{name}, nested"] = clone(condenser).set_params(nested=True), False
        found[f"{name}, a set for each size"] = condenser, True
    return found | {
        "random rows": (RandomSubset(), False),
        "herding, first rows": (KernelHerding(n_passes=0), False),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--methods", choices=list(METHODS), nargs="*", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print(f"\n### {args.dataset}, {args.seeds} seeds\n")
    print(f"| set | {' | '.join(map(str, SIZES))} | mean | {' | '.join(LEARNERS)} | seconds |")
    print("|---" * (len(SIZES) + len(LEARNERS) + 3) + "|")
    for name, (condenser, each) in lines(args.methods).items():
        scores, seconds = np.zeros((args.seeds, len(SIZES), len(LEARNERS))), 0.0
        for seed in range(args.seeds):
            X, y, X_test, y_test = data(args.dataset, seed)
            for place, size in enumerate(SIZES):
                if each or not place:
                    start = time.perf_counter()
                    sized = clone(condenser).set_params(n_per_class=size if each else SIZES[-1], random_state=seed)
                    condensed = sized.fit(X, y).condensed_
                    seconds += time.perf_counter() - start
                scores[seed, place] = score(condensed.shrink(size), X_test, y_test)
        means = 100 * scores.mean(axis=0)
        of_seeds = 100 * scores.mean(axis=(1, 2))
        cells = [f"{value:.1f}" for value in means.mean(axis=1)]
        cells += [f"{of_seeds.mean():.1f} ± {of_seeds.std():.1f}", *(f"{value:.1f}" for value in means.mean(axis=0))]
        print(f"| {name} | {' | '.join(cells)} | {seconds / args.seeds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
