"""Condense for robustness, and print what attacks, hard classes and wrong data cost, with each part and without."""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from convnets import untrained_network
from data import images, table
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skdc import Condenser, KMeansCondenser, RandomSubset
from skdc.condensed import CondensedSet
from skdc.discrepancies import MMD, MeanDistance, SquaredL2
from skdc.evaluation import default_attacks, image_corruptions, robustness_table
from skdc.learners import AdversarialTraining, CurvatureRegularization, NetworkClassifier, OnlineNetworks, Softened
from skdc.networks import ConvNet
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions, NetworkRidgePredictions, Perturbed, RandomNetwork
from skdc.weighting import cluster_groups, label_agreement, trimmed_weights

SMALL = ConvNet(width=32)
RADIUS = 0.1  # pixels are from 0 to 1


def teacher(defense: Any, temperature: float) -> Softened:
    """Return a teacher of images: two passes over 60,000 rows."""
    return Softened(NetworkClassifier(SMALL, lr=0.003, max_epochs=2, defense=defense), temperature)


def sets(temperature: float, n_per_class: int) -> dict[str, Condenser]:
    """Return the condensers: one base each, and the same with a part."""

    def matching(**labels: Any) -> Condenser:
        solver = Descent(n_steps=200, batch_size=512)
        return Condenser(MeanDistance(space=RandomNetwork(SMALL)), Points(**labels), solver, n_per_class=n_per_class)

    def embedding(**labels: Any) -> Condenser:
        return Condenser(MMD(), Points(**labels), n_per_class=n_per_class)

    def regression(radius: float) -> Condenser:
        space: Any = NetworkRidgePredictions(OnlineNetworks(SMALL), regularization=0.1)
        space = Perturbed(space, radius) if radius else space
        solver = Descent(n_steps=200, batch_size=300)
        return Condenser(SquaredL2(space=space, by=None), Points(), solver, n_per_class=n_per_class)

    found = {"random rows": RandomSubset(n_per_class=n_per_class)}
    found |= {"regression": regression(0.0), "regression, Perturbed": regression(RADIUS)}
    defenses = {"plain": None, "robust": AdversarialTraining(RADIUS), "low curvature": CurvatureRegularization()}
    for base, made in {"matching": matching, "MMD": embedding}.items():
        found[base] = made()
        for how, defense in defenses.items():
            found[f"{base}, {how} teacher"] = made(labels="teacher", teacher=teacher(defense, temperature))
    return found


def adversarial(args: argparse.Namespace) -> None:
    """Print the robustness of the standard ConvNet trained on sets."""
    X, y, X_test, y_test = images(args.dataset)
    X, X_test = (X / 255).astype(np.float32), (X_test / 255).astype(np.float32)
    if args.held_out:  # choose here, on rows that are not test rows
        rows = np.random.default_rng(0).permutation(len(X))
        X_test, y_test, X, y = X[rows[:2000]], y[rows[:2000]], X[rows[2000:]], y[rows[2000:]]
    print(f"| set, {args.dataset}, {args.n_per_class} per class | seconds | change | clean | robust | worst class |")
    print("|---|---|---|---|---|---|")
    for name, condenser in sets(args.temperature, args.n_per_class).items():
        if args.sets and name not in args.sets:
            continue
        start = time.perf_counter()
        condenser.set_params(random_state=args.seed).fit(X, y)
        seconds = time.perf_counter() - start
        learner = untrained_network(args.n_epochs, args.seed, args.width)
        attacks = default_attacks(RADIUS, X.shape[1:])
        some = attacks if args.all else {"PGD": attacks["PGD"], "Square": attacks["Square"]}
        found = robustness_table(
            condenser,
            X_test,
            y_test,
            learners={"ConvNet": learner},
            attacks=some,
            corruptions=image_corruptions(),
            n_attacked=args.n_attacked,
        )
        for change, scores in found.scores["ConvNet"].items():
            cells = (f"{100 * scores[column]:.1f}" for column in ("clean", "robust", "worst group"))
            print(f"| {name} | {seconds:.0f} | {change} | {' | '.join(cells)} |", flush=True)


def learners(seed: int) -> dict[str, Any]:
    """Return the learners that were named beforehand."""
    return {
        "logistic": LogisticRegression(max_iter=1000),
        "SVC": SVC(),
        "MLP": MLPClassifier(max_iter=500, random_state=seed),
    }


def predictions(condenser: Any, X_test: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return what learners predict that are trained on a set, and its own where it has one."""
    X, mean, deviation = condenser.X_syn_, condenser.X_syn_.mean(), condenser.X_syn_.std()
    found = {}
    for name, model in learners(seed).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            CondensedSet((X - mean) / deviation, condenser.y_syn_, condenser.sample_weight_).train(model)
        found[name] = model.predict((X_test - mean) / deviation)
    return found | ({"kernel ridge": condenser.learner_.predict(X_test)} if hasattr(condenser, "learner_") else {})


def worst(args: argparse.Namespace) -> None:
    """Print the accuracy, of all and of the worst class and cluster, with a term for the worst and without."""
    X, y, X_test, y_test = images(args.dataset)
    X, X_test = pixels(X), pixels(X_test)
    if args.held_out:
        rows = np.random.default_rng(0).permutation(len(X))
        X_test, y_test, X, y = X[rows[:5000]], y[rows[:5000]], X[rows[5000:]], y[rows[5000:]]
    groups = cluster_groups(X, y, random_state=0)
    clusters = y_test * 10 + nearest_groups(X, y, groups, X_test, y_test)
    space = KernelRidgePredictions()
    mean = SquaredL2(space=space, by=None)
    by_class, by_cluster = (SquaredL2(space=space, by=by, reduce="worst") for by in ("class", "group"))
    objectives = {"mean": mean} | {f"mean + {weight:g} worst": mean + weight * by_class for weight in args.weights}
    objectives |= {f"mean + {weight:g} worst cluster": mean + weight * by_cluster for weight in args.weights}
    objectives["worst"] = by_class
    print("| objective | learner | mean accuracy | worst class | worst cluster |\n|---|---|---|---|---|")
    for name, objective in objectives.items():
        scores: dict[str, list[tuple[float, ...]]] = {}
        told = {"sensitive_features": groups} if "cluster" in name else {}
        for seed in range(args.seeds):
            sizes = {"n_per_class": args.n_per_class, "random_state": seed}
            condenser = Condenser(objective, Points(), Descent(n_steps=300), **sizes).fit(X, y, **told)
            for learner, found in predictions(condenser, X_test, seed).items():
                right = 100.0 * (found == y_test)
                least = (min(right[of == part].mean() for part in np.unique(of)) for of in (y_test, clusters))
                scores.setdefault(learner, []).append((right.mean(), *least))
        for learner, runs in scores.items():
            print_row(name, learner, runs)


def print_row(name: str, how: str, runs: list[Any]) -> None:
    """Print means and deviations over runs."""
    cells = (f"{np.mean(values):.1f} ± {np.std(values):.1f}" for values in zip(*runs, strict=True))
    print(f"| {name} | {how} | {' | '.join(cells)} |", flush=True)


def nearest_groups(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray, X_new: np.ndarray, y_new: np.ndarray
) -> np.ndarray:
    """Return the group of its class whose mean is nearest to each new row."""
    found = np.empty(len(X_new), dtype=int)
    for c in np.unique(y):
        means = [X[(y == c) & (groups == group)].mean(0) for group in range(groups.max() + 1)]
        found[y_new == c] = pairwise_distances_argmin(X_new[y_new == c], means)
    return found


def spoiled(args: argparse.Namespace, X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return rows and labels of which a share is wrong, and which: labels of other classes, or rows of other data.

    Rows of tables are as if numbers had slipped: a fifth of those in a row are a hundred deviations off. Images are
    those of another set.
    """
    wrong = rng.random(len(y)) < args.share
    if args.what == "labels":
        labels, codes = np.unique(y, return_inverse=True)
        others = (codes + rng.integers(1, len(labels), len(y))) % len(labels)
        return X, labels[np.where(wrong, others, codes)], wrong
    X = X.copy()
    if args.dataset == "adult":
        slips = wrong[:, None] & (rng.random(X.shape) < 0.2)
        X[slips] = (100 * X.std(0) * rng.standard_normal(X.shape))[slips]
    else:
        other = pixels(images("mnist" if args.dataset == "fashion_mnist" else "fashion_mnist")[0])
        X[wrong] = other[rng.permutation(len(other))[: wrong.sum()]]
    return X, y, wrong


def pixels(X: np.ndarray) -> np.ndarray:
    """Return images as rows of numbers from 0 to 1."""
    return (X.reshape(len(X), -1) / 255).astype(np.float32)


def contamination(args: argparse.Namespace) -> None:
    """Print the accuracy with right data, with wrong ones, and with wrong ones that are left out where found."""
    print("| set | data | " + " | ".join(learners(0)) + " |\n|---|---|---|---|---|")
    scores: dict[tuple[str, str], list[list[float]]] = {}
    for seed in range(args.seeds):
        X, y, X_test, y_test = table(args.dataset, seed) if args.dataset == "adult" else images(args.dataset)
        if X.ndim > 2:
            X, X_test = pixels(X), pixels(X_test)
        X_bad, y_bad, wrong = spoiled(args, X, y, np.random.default_rng(seed))
        start = time.perf_counter()
        if args.what == "labels":
            weight = label_agreement(X_bad, y_bad, random_state=seed)
        else:
            weight = trimmed_weights(X_bad, y_bad, share=1.5 * args.share, random_state=seed)
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s, kept {weight[~wrong].mean():.3f} of what is right "
              f"and {weight[wrong].mean():.3f} of what is wrong", flush=True)  # fmt: skip
        sizes = {"n_per_class": args.n_per_class, "random_state": seed}
        for name, condenser in {
            "random rows": RandomSubset(**sizes),
            "k-means": KMeansCondenser(**sizes),
            "MMD": Condenser(MMD(), **sizes),
        }.items():
            given = {"right": (X, y, None), "wrong": (X_bad, y_bad, None), "trusted": (X_bad, y_bad, weight)}
            for how, (rows, labels, weights) in given.items():
                found = predictions(condenser.fit(rows, labels, sample_weight=weights), X_test, seed)
                scores.setdefault((name, how), []).append([100 * np.mean(p == y_test) for p in found.values()])
    for (name, how), runs in scores.items():
        print_row(name, how, runs)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["adversarial", "worst", "labels", "outliers"])
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist", "adult"], default="fashion_mnist")
    parser.add_argument("--sets", nargs="+", help="names; all by default")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--held-out", action="store_true", help="test on training rows that are left out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of adversarial, which takes long: one")
    parser.add_argument("--n-epochs", type=int, default=300, help="of the standard ConvNet")
    parser.add_argument("--width", type=int, default=128, help="of the standard ConvNet")
    parser.add_argument("--n-attacked", type=int, default=500)
    parser.add_argument("--all", action="store_true", help="all attacks, not only PGD and Square")
    parser.add_argument("--temperature", type=float, default=4.0, help="of the labels of teachers")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.1], help="of the worst class")
    parser.add_argument("--share", type=float, default=0.2, help="of the rows that are wrong")
    args = parser.parse_args()
    {"adversarial": adversarial, "worst": worst}.get(args.what, contamination)(args)


if __name__ == "__main__":
    main()
