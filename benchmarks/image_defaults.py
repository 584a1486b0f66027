"""What default fits of 60,000 images take, and what the settings that make them short cost in accuracy."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from data import images
from scores import accuracies, apart_within, learners
from sklearn.base import clone

from skdc import (
    Condenser,
    DistributionMatching,
    FacilityLocation,
    GeneralCondenser,
    GradientMatching,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    TrajectoryMatching,
)
from skdc.networks import ConvNet

DEFAULTS = [
    RandomSubset(),
    KMeansCondenser(),
    KernelHerding(),
    KernelThinning(),
    FacilityLocation(),
    KMedoids(),
    DistributionMatching(),
    KernelInducingPoints(),
    Condenser(),
    GradientMatching(),
    TrajectoryMatching(),
]
SETTINGS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "DM": (
        DistributionMatching(),
        [
            {"batch_size": 1024, "n_steps": 300},
            {"batch_size": 256, "n_steps": 300},
            {"batch_size": 256, "n_steps": 300, "step_size": 0.03},
            {"batch_size": 256, "n_steps": 400},
            {"batch_size": 384, "n_steps": 200},
            {"batch_size": 512, "n_steps": 300, "network": ConvNet(width=16)},
        ],
    ),
    "KIP": (KernelInducingPoints(), [{"n_steps": 5000}, {"n_steps": 4000}]),
    "general": (GeneralCondenser(), [{}]),
}
N_JUDGED = 4_000  # training rows that are held out; with 50,000 others sets are made


def seconds(dataset: str) -> None:
    """Print the seconds of one default fit, with one thread, for each condenser."""
    X, y, _, _ = images(dataset)
    print("| method | seconds | peak MiB |\n|---|---|---|")
    for condenser in DEFAULTS:
        found = apart_within(10, 16, 1, _prepared, condenser.set_params(random_state=0, n_jobs=1), X, y)
        shown = f"{found} | " if isinstance(found, str) else f"{found[0]:.1f} | {found[1]:.0f}"
        print(f"| {type(condenser).__name__} | {shown} |", flush=True)


def _prepared(condenser: Any, X: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    return lambda: condenser.fit(X, y) and None  # what comes back is not looked at


def settings(dataset: str, methods: list[str], n_seeds: int) -> None:
    """Print CPU seconds and accuracies of settings on held-out training rows, means over seeds."""
    X, y, _, _ = images(dataset)
    rows = np.random.default_rng(0).permutation(len(X))
    judged, used = rows[:N_JUDGED], rows[N_JUDGED : N_JUDGED + 50_000]
    mean, deviation = X[used].mean(), X[used].std()

    def flat(pixels: np.ndarray) -> np.ndarray:
        return ((pixels.reshape(len(pixels), -1) - mean) / deviation).astype(np.float32)

    print(
        "| method | setting | CPU seconds | logistic | SVC | 1-NN | forest | mean | own learner |\n" + "|---" * 9 + "|"
    )
    for method in methods:
        condenser, candidates = SETTINGS[method]
        for setting in candidates:
            found = []
            for seed in range(n_seeds):
                start = time.process_time()
                fitted = clone(condenser).set_params(n_jobs=1, random_state=seed, **setting).fit(X[used], y[used])
                spent = time.process_time() - start
                models = learners(seed, boosting=False)
                del models["MLP"]
                scores = accuracies(models, flat(fitted.X_syn_), fitted.y_syn_, flat(X[judged]), y[judged])
                learner = getattr(fitted, "learner_", None)
                own = np.nan if learner is None else learner.score(X[judged], y[judged])
                found.append([spent, *(100 * s for s in [*scores.values(), np.mean(list(scores.values())), own])])
            shown = " | ".join(f"{value:.1f}" for value in np.mean(found, axis=0))
            words = ", ".join(f"{name}={value!r}" for name, value in setting.items())
            print(f"| {method}, {dataset} | {words} | {shown} |", flush=True)


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["seconds", "settings"])
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="mnist")
    parser.add_argument("--methods", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if args.table == "seconds":
        seconds(args.dataset)
    else:
        settings(args.dataset, args.methods, args.seeds)


if __name__ == "__main__":
    main()
