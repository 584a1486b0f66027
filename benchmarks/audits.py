"""How much sets give away of the rows that they were made from, with privacy and without."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from skdc import (
    Condenser,
    GeneralCondenser,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.evaluation import canary_scores, epsilon_lower_bound, membership_inference
from skdc.evaluation.audits import AttackResult
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent

N_ROWS = 600  # half of them members
STEPS = Descent(n_steps=100)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the digits of scikit-learn, pixels from 0 to 1, in random order."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order] / 16, y[order]


def private(epsilon: float, n_per_class: int, n_features: int, n_steps: int) -> Condenser:
    """Return a condenser that releases one noisy sketch; its bandwidth was not chosen on the rows."""
    return Condenser(
        RandomFeatureMMD(bandwidth=2.0, n_features=n_features),
        solver=Descent(n_steps=n_steps),
        n_per_class=n_per_class,
        privacy=GaussianMechanism(epsilon=epsilon, feature_range=(0, 1)),
    )


def selections() -> dict[str, Any]:
    """Return the condensers that take little time."""
    size = {"n_per_class": 5}
    return {
        "`RandomSubset`": RandomSubset(**size),
        "`KernelHerding`": KernelHerding(**size),
        "`KCenter`": KCenter(**size),
        "`KMedoids`": KMedoids(**size),
        "`KMeansCondenser`": KMeansCondenser(**size),
    }


def membership(n_fits: int) -> None:
    """Print what both attacks find, and the accuracy of an SVC on a set of the first half on rows of neither."""
    X, y = digits()
    condensers = selections() | {
        "`Condenser(MMD())`": Condenser(MMD(), solver=STEPS, n_per_class=5),
        "`KernelInducingPoints`": KernelInducingPoints(n_per_class=5),
        "`GeneralCondenser`": GeneralCondenser(n_per_class=5),
        "private, epsilon 10": private(10.0, 5, 500, 100),
        "private, epsilon 1": private(1.0, 5, 500, 100),
    }
    attacks = "AUC | advantage | true positives"
    print(f"| set | SVC | closest: {attacks} | ratios: {attacks} |")
    print("|---|---|---|---|---|---|---|---|")
    for name, condenser in condensers.items():
        X_syn, y_syn = clone(condenser).set_params(random_state=0).fit(X[: N_ROWS // 2], y[: N_ROWS // 2])
        score = SVC().fit(X_syn, y_syn).score(X[N_ROWS:], y[N_ROWS:])
        results = membership_inference(condenser, X[:N_ROWS], y[:N_ROWS], n_fits=n_fits)
        print(f"| {name} | {100 * score:.1f} | {' | '.join(map(_cells, results))} |", flush=True)


def canaries(n_fits: int, n_private_fits: int) -> None:
    """Print lower bounds on the epsilon of whole fits, by a checkerboard that is labelled as a 0."""
    X, y = digits()
    X, y = X[: N_ROWS // 2], y[: N_ROWS // 2]
    canary = np.indices((8, 8)).sum(axis=0).ravel() % 2.0
    print("| set | claimed | fits | epsilon at least | if Gaussian |\n|---|---|---|---|---|")
    for name, condenser in selections().items():
        scores = canary_scores(condenser, X, y, canary, 0, n_fits=n_fits)
        print(f"| {name} | - | 2 x {n_fits} | {epsilon_lower_bound(*scores):.2f} | - |", flush=True)
    # In a class of its own but for one row, the canary moves the set most.
    kept = (y != 0) | (np.arange(len(y)) == np.argmax(y == 0))
    for epsilon in (1.0, 10.0):
        scores = canary_scores(private(epsilon, 1, 100, 10), X[kept], y[kept], canary, 0, n_fits=n_private_fits)
        plain, gaussian = epsilon_lower_bound(*scores), epsilon_lower_bound(*scores, gaussian=True)
        print(f"| private | {epsilon:g} | 2 x {n_private_fits} | {plain:.2f} | {gaussian:.2f} |", flush=True)


def _cells(result: AttackResult) -> str:
    return f"{result.auc:.3f} | {result.advantage:.3f} | {100 * result.true_positive_rate:.1f}%"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["membership", "canaries"])
    parser.add_argument(
        "--n-fits", type=int, help="of each condenser; default 12, 60 with a canary and as many without"
    )
    parser.add_argument("--n-private-fits", type=int, default=400, help="with a canary, and as many without")
    options = parser.parse_args()
    if options.what == "membership":
        membership(options.n_fits or 12)
    else:
        canaries(options.n_fits or 60, options.n_private_fits)
