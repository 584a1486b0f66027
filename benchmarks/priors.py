"""What a generative prior gives: latents, their means, guided samples; beside free points and rows of the data.

No test rows of Fashion-MNIST are looked at: sets are made of 10,000 training rows, and judged on 10,000 others. Tables
are frames of two classes; of them areas under the curve are printed, and how like the data the sets are.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from data import Split, frame_split, images, table_encoder
from scores import accuracies, compressed, learners
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import has_fit_parameter

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
from skdc.evaluation import two_sample_test
from skdc.generators import (
    AdversarialGenerator,
    DiffusionGenerator,
    FlowGenerator,
    LinearGenerator,
    StyleGenerator,
    VariationalGenerator,
)
from skdc.learners import PretrainedNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Frequencies, Latents, Quantized
from skdc.plotting.columns import columns_of, distance
from skdc.preprocessing import ModeEncoder, TabularEncoder
from skdc.spaces import NetworkGradients

PER_CLASS, DRAWN = 10, 5000
TABLES = "magic", "credit_g", "bank_full"
MOST_ROWS = 4000  # of a table, to train on and to test on
INFLUENCE = Cosine(space=NetworkGradients(PretrainedNetworks(MLP(), n_networks=1)))
CODED, LINEAR = Latents(VariationalGenerator()), LinearGenerator()


def sets() -> dict[str, Any]:
    """Return the condensers; networks are MLPs, which suit one core."""
    return {
        "random rows": RandomSubset(),
        "rows as 49 frequencies, 4 bits": compressed(Quantized(4, Frequencies(49))),
        "rows as latents, 4 bits": compressed(Quantized(4, CODED)),
        "rows as linear latents, 4 bits": compressed(Quantized(4, Latents(LINEAR))),
        "rows as 48 linear latents of all, 2 bits": compressed(Quantized(2, Latents(LinearGenerator(48, by="all")))),
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
        "InfluenceGuidance, gradients, a fifth": InfluenceGuidance(discrepancy=INFLUENCE, guidance=0.1),
        "CondensedGenerator": CondensedGenerator(network=MLP()),
        "CondensedGenerator, MMD": CondensedGenerator(discrepancy=MMD()),
        "CondensedGenerator, adversarial": CondensedGenerator(network=MLP(), generator=AdversarialGenerator()),
        "CondensedGenerator, as it is fitted": CondensedGenerator(network=MLP(), step_size=1e-12, n_steps=1),
        "CondensedGenerator, long steps": CondensedGenerator(network=MLP(), step_size=0.001),
        "LatentQuantization": LatentQuantization(),
        "LatentQuantization, linear": LatentQuantization(generator=LINEAR),
    }


def table_sets() -> dict[str, Any]:
    """Return the condensers of tables."""
    modes = TabularEncoder(numbers=ModeEncoder())
    return {
        "random rows": RandomSubset(),
        "medoids": KMedoids(),
        "k-means": KMeansCondenser(voting="centroid"),
        "LatentQuantization, linear": LatentQuantization(generator=LinearGenerator(4)),
        "LatentQuantization, VAE": LatentQuantization(generator=VariationalGenerator()),
        "LatentQuantization, VAE, modes": LatentQuantization(generator=VariationalGenerator(), encoder=modes),
        "LatentQuantization, flow": LatentQuantization(generator=FlowGenerator()),
    }


def split(dataset: str, seed: int) -> Any:
    """Return training rows, test rows and their labels."""
    if dataset in TABLES:
        return frame_split(dataset, seed, MOST_ROWS)
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


def judged_table(
    rows: Any, labels: np.ndarray, data: Any, seed: int, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Return the area under the curve of each learner on a set, their mean, and how like the data the set is."""
    X, y, X_test, y_test = data
    shown, found = table_encoder(X).fit(X), {}
    for name, model in learners(seed, boosting=False).items():
        given = {} if weight is None or not has_fit_parameter(model, "sample_weight") else {"sample_weight": weight}
        model.fit(shown.transform(rows), labels, **given)
        tell = getattr(model, "decision_function", None) or (lambda rows, m=model: m.predict_proba(rows)[:, 1])
        found[name] = roc_auc_score(y_test == model.classes_[1], tell(shown.transform(X_test)))
    found["mean"] = float(np.mean(list(found.values())))
    return found | fidelity(X, y, rows, labels, weight)


def fidelity(X: Any, y: np.ndarray, rows: Any, labels: np.ndarray, weight: np.ndarray | None) -> dict[str, float]:
    """Return how like the data a set is: the distance of columns within classes, and the p-value of a test by MMD."""
    mass = np.ones(len(rows)) if weight is None else weight
    tested = two_sample_test(MMD(), X, rows, y, labels, sample_weight_syn=mass, n_witnesses=0)
    # Of each class by itself: the classes of the set are not as common as those of the data, unless weights say so.
    gaps = [
        distance(*pair)
        for label in np.unique(y)
        for pair in zip(
            columns_of(X[y == label], np.ones((y == label).sum())),
            columns_of(rows[labels == label], mass[labels == label]),
        )
    ]
    return {"columns": float(np.mean(gaps)), "p-value": tested.p_value}


def bytes_of(fitted: Any, data: Any) -> dict[str, int]:
    """Return what a set takes with the decoder, also where a file keeps its few rows in place of it, and without."""
    taken = fitted.storage_
    storage = getattr(fitted.recipe_.parameterization, "storage", None)
    if storage is None or taken["shared_bytes"] or storage.keeps() != "codes":
        return {"bytes": taken["bytes"], "without decoder": taken["bytes"] - taken["shared_bytes"]}
    shape, dtype = data[0].shape[1:], fitted.X_syn_.dtype
    beside = taken["bytes"] - fitted.X_syn_.nbytes  # labels and weights
    itemsize = dtype.itemsize if dtype.kind == "f" else 8
    kept, shared = (storage.n_bytes(n, shape, itemsize, len(fitted.classes_)) for n in (taken["points"], 0))
    return {"bytes": kept + beside, "without decoder": kept - shared + beside}


def measured(condenser: Any, data: Split, seed: int) -> dict[str, dict[str, float]]:
    """Return what a set takes and gives; once more with the masses of clusters as weights, where there are such.

    And once more for many rows that are drawn, of a set that is a generator.
    """
    start = time.perf_counter()
    fitted = clone(condenser).set_params(random_state=seed, n_jobs=1).fit(data[0], data[1])
    taken, judge = fitted.storage_, judged_table if hasattr(data[0], "iloc") else judged
    sizes = {
        "seconds": time.perf_counter() - start,
        "points": taken["points"],
        **bytes_of(fitted, data),
    }
    found = {"": sizes | judge(fitted.X_syn_, fitted.y_syn_, data, seed)}
    if hasattr(fitted, "drawing_"):
        drawn = fitted.drawing_.sample(DRAWN, random_state=seed)
        found[f", {DRAWN} drawn"] = sizes | {"points": DRAWN} | judge(*drawn, data, seed)
    weight = fitted.sample_weight_
    if any(np.ptp(weight[fitted.y_syn_ == label]) > 0 for label in fitted.classes_):
        found[", masses as weights"] = sizes | judge(fitted.X_syn_, fitted.y_syn_, data, seed, weight)
    return found


def main() -> None:
    """Print a table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["digits", "mnist", "fashion_mnist", *TABLES], default="digits")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", help="parts of names; all by default")
    parser.add_argument("--n-per-class", type=int, default=PER_CLASS)
    parser.add_argument("--n-bytes", type=int, help="of each set, in place of rows a class")
    args = parser.parse_args()
    size = {"n_per_class": args.n_per_class} if args.n_bytes is None else {"n_bytes": args.n_bytes}
    splits, header = [split(args.dataset, seed) for seed in range(args.seeds)], False
    for name, condenser in (table_sets() if args.dataset in TABLES else sets()).items():
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
