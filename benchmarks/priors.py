"""What a generative prior gives: latents, their means, guided samples; beside free points and rows of the data.

No test rows of Fashion-MNIST are looked at: sets are made of 10,000 training rows, and judged on 10,000 others.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from data import Split, images
from scores import accuracies, learners
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdc import (
    CondensedGenerator,
    Condenser,
    DistributionMatching,
    GenerativePrior,
    InfluenceGuidance,
    KMeansCondenser,
    KMedoids,
    LatentQuantization,
    MinimaxDiffusion,
    RandomSubset,
)
from skdc.discrepancies import MMD, Cosine
from skdc.generators import (
    AdversarialGenerator,
    DiffusionGenerator,
    LinearGenerator,
    StyleGenerator,
    VariationalGenerator,
)
from skdc.learners import PretrainedNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Latents, Quantized
from skdc.spaces import NetworkGradients

PER_CLASS, DRAWN = 10, 5000
INFLUENCE = Cosine(space=NetworkGradients(PretrainedNetworks(MLP(), n_networks=1)))
CODED, LINEAR = Latents(VariationalGenerator()), LinearGenerator()


def sets() -> dict[str, Any]:
    """Return the condensers; networks are MLPs, which suit one core."""
    return {
        "random rows": RandomSubset(),
        "medoids": KMedoids(),
        "k-means": KMeansCondenser(),
        "MMD, free points, anywhere": Condenser(MMD(), Points(within=None)),
        "MMD, free points": Condenser(MMD()),
        "MMD, free points, 4 bits": Condenser(MMD(), Points(Quantized(4))),
        "MMD, latents": Condenser(MMD(), Points(CODED)),
        "MMD, latents, 4 bits": Condenser(MMD(), Points(Quantized(4, CODED))),
        "MMD, linear latents": Condenser(MMD(), Points(Latents(LINEAR))),
        "DistributionMatching": DistributionMatching(network=MLP()),
        "GenerativePrior": GenerativePrior(network=MLP()),
        "GenerativePrior, no penalty": GenerativePrior(network=MLP(), prior_weight=0.0),
        "GenerativePrior, linear": GenerativePrior(network=MLP(), generator=LINEAR),
        "GenerativePrior, linear, no penalty": GenerativePrior(network=MLP(), generator=LINEAR, prior_weight=0.0),
        "GenerativePrior, adversarial": GenerativePrior(network=MLP(), generator=AdversarialGenerator()),
        "GenerativePrior, style": GenerativePrior(network=MLP(), generator=StyleGenerator(), prior_weight=0.0),
        "GenerativePrior, diffusion": GenerativePrior(network=MLP(), generator=DiffusionGenerator()),
        "MinimaxDiffusion": MinimaxDiffusion(),
        "rows of the diffusion, not guided": InfluenceGuidance(guidance=0.0),
        "InfluenceGuidance": InfluenceGuidance(),
        "InfluenceGuidance, gradients": InfluenceGuidance(discrepancy=INFLUENCE),
        "CondensedGenerator": CondensedGenerator(network=MLP()),
        "CondensedGenerator, MMD": CondensedGenerator(discrepancy=MMD()),
        "CondensedGenerator, adversarial": CondensedGenerator(network=MLP(), generator=AdversarialGenerator()),
        "CondensedGenerator, as it is fitted": CondensedGenerator(network=MLP(), step_size=1e-12, n_steps=1),
        "LatentQuantization": LatentQuantization(),
        "LatentQuantization, linear": LatentQuantization(generator=LINEAR),
    }


def split(dataset: str, seed: int) -> Split:
    """Return training rows, test rows and their labels."""
    if dataset == "digits":
        X, y = load_digits(return_X_y=True)
        rows = X.reshape(-1, 8, 8).astype(np.uint8)
        X, X_test, y, y_test = train_test_split(rows, y, train_size=1000, stratify=y, random_state=seed)
        return X, y, X_test, y_test
    X, y, _, _ = images(dataset)
    X, rows = X.reshape(-1, 28, 28).astype(np.uint8), np.random.default_rng(seed).permutation(len(X))
    train, test = rows[:10_000], rows[10_000:20_000]
    return X[train], y[train], X[test], y[test]


def judged(
    rows: np.ndarray, labels: np.ndarray, data: Split, seed: int, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Return the accuracy of each learner on some rows, and their mean."""
    X, _, X_test, y_test = data

    def flat(rows: np.ndarray) -> np.ndarray:
        return (rows.reshape(len(rows), -1) / X.max()).astype(np.float32)

    scores = accuracies(learners(seed, boosting=False), flat(rows), labels, flat(X_test), y_test, weight)
    return scores | {"mean": float(np.mean(list(scores.values())))}


def measured(condenser: Any, data: Split, seed: int) -> dict[str, dict[str, float]]:
    """Return what a set takes and gives; once more with the masses of clusters as weights, where there are such.

    And once more for many rows that are drawn, of a set that is a generator.
    """
    start = time.perf_counter()
    fitted = clone(condenser).set_params(random_state=seed, n_jobs=1).fit(data[0], data[1])
    taken = fitted.storage_
    sizes = {
        "seconds": time.perf_counter() - start,
        "points": taken["points"],
        "bytes": taken["bytes"],
        "without decoder": taken["bytes"] - taken["shared_bytes"],
    }
    found = {"": sizes | judged(fitted.X_syn_, fitted.y_syn_, data, seed)}
    if hasattr(fitted, "drawing_"):
        drawn = fitted.drawing_.sample(DRAWN, random_state=seed)
        found[f", {DRAWN} drawn"] = sizes | {"points": DRAWN} | judged(*drawn, data, seed)
    weight = fitted.sample_weight_
    if any(np.ptp(weight[fitted.y_syn_ == label]) > 0 for label in fitted.classes_):
        found[", masses as weights"] = sizes | judged(fitted.X_syn_, fitted.y_syn_, data, seed, weight)
    return found


def main() -> None:
    """Print a table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["digits", "mnist", "fashion_mnist"], default="digits")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", help="parts of names; all by default")
    parser.add_argument("--n-bytes", type=int, help="of each set, in place of ten rows a class")
    args = parser.parse_args()
    size = {"n_per_class": PER_CLASS} if args.n_bytes is None else {"n_bytes": args.n_bytes}
    splits, header = [split(args.dataset, seed) for seed in range(args.seeds)], False
    for name, condenser in sets().items():
        if args.sets and not any(part in name for part in args.sets):
            continue
        runs = [measured(condenser.set_params(**size), data, seed) for seed, data in enumerate(splits)]
        for end in runs[0]:
            means = {key: np.mean([run[end][key] for run in runs]) for key in runs[0][end]}
            if not header:
                print(f"| {args.dataset} | " + " | ".join(means) + " |\n|" + "---|" * (len(means) + 1))
                header = True
            cells = [f"{100 * v:.1f}" if v <= 1 and key != "seconds" else f"{v:.0f}" for key, v in means.items()]
            print(f"| {name}{end} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
