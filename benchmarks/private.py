"""How good private sets are: accuracy of learners trained on them, by epsilon, beside a set that never saw data.

Settings are fixed: pixels from 0 to 1, a support vector machine with C=10 and a network with weight decay 1, chosen on
sets of k-means centres and held-out training rows. The noise is that of the operating system, so figures differ a
little from run to run.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from data import folder, images, table_encoder
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skdc import (
    Condenser,
    GeneralCondenser,
    PrivateGradientMatching,
    PrivateKernelInducingPoints,
    PrivateMeanEmbedding,
    RandomSubset,
)
from skdc.condensers import BaseCondenser
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents
from skdc.privacy import ClassGaussians, GaussianMechanism

PIXELS = {"feature_range": (0.0, 1.0)}
WIDTHS = (3.0, 5.0, 10.0)  # of kernels, known of 28 x 28 pixels from 0 to 1
WITHOUT_ROWS = 1e-3  # the epsilon of a set that has seen hardly more than the range


def private_condensers(epsilon: float, n_per_class: int) -> dict[str, BaseCondenser]:
    """Return the condensers of images that are compared."""
    once, some = GaussianMechanism(epsilon, **PIXELS), GaussianMechanism(epsilon, sampling_rate=0.005, **PIXELS)
    size = {"n_per_class": n_per_class}
    return {
        "Condenser(privacy=ClassGaussians)": Condenser(privacy=ClassGaussians(epsilon, **PIXELS), **size),
        "PrivateMeanEmbedding": PrivateMeanEmbedding(bandwidth=WIDTHS, privacy=once, **size),
        "the same in latents by class": in_latents(LinearGenerator(16), once, n_per_class),
        "the same in latents of all": in_latents(LinearGenerator(48, by="all"), once, n_per_class),
        "PrivateKernelInducingPoints": PrivateKernelInducingPoints(bandwidth=WIDTHS, privacy=once, **size),
        "PrivateGradientMatching": PrivateGradientMatching(privacy=some, **size),
    }


def in_latents(prior: LinearGenerator, privacy: GaussianMechanism, n_per_class: int) -> BaseCondenser:
    """Return the mean embedding of points in the latents of a generator, which the same release tells."""
    recipe, points = PrivateMeanEmbedding(bandwidth=WIDTHS).recipe(), Points(Latents(prior), start="noise")
    return Condenser(recipe.discrepancy, points, recipe.solver, privacy, n_per_class=n_per_class)


def measured(fitted: BaseCondenser, X_test: np.ndarray, y_test: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the accuracy of the two learners."""
    X_syn, y_syn = fitted
    learners = SVC(C=10.0), MLPClassifier(alpha=1.0, max_iter=500, random_state=seed)
    flat = X_syn.reshape(len(X_syn), -1), X_test.reshape(len(X_test), -1)
    return tuple(learner.fit(flat[0], y_syn).score(flat[1], y_test) for learner in learners)


def of_images(name: str, epsilons: list[float], seeds: int, n_per_class: int, methods: list[str] | None) -> None:
    """Print a table of an image set."""
    X, y, X_test, y_test = images(name)
    X, X_test = X.astype(np.float32) / 255, X_test.astype(np.float32) / 255

    def row(label: str, condenser: BaseCondenser) -> None:
        if methods and not any(part.lower() in label.lower() for part in methods):
            return
        scores, seconds = [], []
        for seed in range(seeds):
            start = time.perf_counter()
            fitted = condenser.set_params(random_state=seed).fit(X, y)
            seconds.append(time.perf_counter() - start)
            scores.append(measured(fitted, X_test, y_test, seed))
        (svc, network), spread = 100 * np.mean(scores, axis=0), 100 * np.std(scores, axis=0)
        means = f"{svc:.1f} ± {spread[0]:.1f} | {network:.1f} ± {spread[1]:.1f}"
        print(f"| {label} | {means} | {np.median(seconds):.0f} |", flush=True)

    print(f"\n{name}, {n_per_class} per class, {seeds} seeds\n\n| set | SVC | MLP | seconds |\n|---|---|---|---|")
    row("not private: random rows", RandomSubset(n_per_class=n_per_class))
    row("not private: GeneralCondenser", GeneralCondenser(n_per_class=n_per_class))
    for epsilon in epsilons:
        for method, condenser in private_condensers(epsilon, n_per_class).items():
            row(f"{method}, {_of(epsilon)}", condenser)


def _of(epsilon: float) -> str:
    return f"epsilon {epsilon:g}" if epsilon > WITHOUT_ROWS else "no data"


def adult() -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray, dict]:
    """Return Adult, and what its census form says of the columns."""
    frame = pd.read_csv(folder() / "adult.csv.gz", na_values="?")
    X, y, test = frame.drop(columns=["income", "split"]), frame["income"].to_numpy(), frame["split"] == "test"
    known = {"age": (17, 90), "fnlwgt": (0, 1_500_000), "education-num": (1, 16), "hours-per-week": (1, 99)}
    known |= {"capital-gain": (0, 99_999), "capital-loss": (0, 5_000)}
    levels = {name: sorted(X[name].dropna().unique()) for name in X.columns if name not in known}
    return X[~test], y[~test], X[test], y[test], {name: {**known, **levels}[name] for name in X.columns}


def of_adult(epsilons: list[float], seeds: int, n_per_class: int) -> None:
    """Print a table of Adult: learners that see indicators of categories, and weights of the rows."""
    X, y, X_test, y_test, known = adult()
    most_frequent = X.mode().iloc[0]
    X, X_test = X.fillna(most_frequent), X_test.fillna(most_frequent)
    shown = table_encoder(X).fit(X)  # how columns are shown is the same for all sets
    condensers = {
        "not private: random rows": RandomSubset(n_per_class=n_per_class),
        "not private: Condenser": Condenser(n_per_class=n_per_class),
    }
    for epsilon in epsilons:
        privacy = ClassGaussians(epsilon, feature_range=known)
        condensers[f"Condenser(privacy=ClassGaussians), {_of(epsilon)}"] = Condenser(
            privacy=privacy, n_per_class=n_per_class
        )
    print(
        f"\nAdult, {n_per_class} per class, {seeds} seeds\n\n| set | logistic | forest | seconds |\n|---|---|---|---|"
    )
    for label, condenser in condensers.items():
        scores, seconds = [], []
        for seed in range(seeds):
            start = time.perf_counter()
            fitted = condenser.set_params(random_state=seed).fit(X, y)
            seconds.append(time.perf_counter() - start)
            rows, y_syn, weight = shown.transform(fitted.X_syn_), fitted.y_syn_, fitted.sample_weight_
            learners = LogisticRegression(max_iter=1000), RandomForestClassifier(random_state=seed)
            scores.append([m.fit(rows, y_syn, weight).score(shown.transform(X_test), y_test) for m in learners])
        means, spread = 100 * np.mean(scores, axis=0), 100 * np.std(scores, axis=0)
        cells = " | ".join(f"{m:.1f} ± {s:.1f}" for m, s in zip(means, spread, strict=True))
        print(f"| {label} | {cells} | {np.median(seconds):.0f} |", flush=True)


def main() -> None:
    """Print one table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", nargs="+", default=["mnist", "fashion_mnist", "adult"])
    parser.add_argument("--epsilon", type=float, nargs="+", default=[WITHOUT_ROWS, 0.2, 1.0, 10.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in args.dataset:
        if name == "adult":
            of_adult(args.epsilon, args.seeds, args.n_per_class)
        else:
            of_images(name, args.epsilon, args.seeds, args.n_per_class, args.methods)


if __name__ == "__main__":
    main()
