"""What a budget of bytes gives: images as they are, compressed, and condensed, by how they are stored.

All that a set takes is counted: rows at their bits, labels, weights, ranges, masks and bases; not the learner, which is
the same for each set. `--held-out` chooses settings on training rows.
"""

from __future__ import annotations

import argparse
from typing import Any, Literal

import numpy as np
from convnets import standard_network
from data import images
from scores import HOW, Row, compressed, print_table

from skdc import Condenser, DistributionMatching, FieldCondensation, KernelInducingPoints, RandomSubset
from skdc.augmentation import SiameseAugmentation
from skdc.condensed import CondensedSet
from skdc.discrepancies import MeanDistance, SquaredL2
from skdc.kernels import Gaussian, Kernel, OrientedGradients
from skdc.learners import KernelRidgeClassifier, OnlineNetworks
from skdc.networks import ConvNet
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Frequencies, LowRank, LowResolution, NeuralFields, Quantized, Storage
from skdc.solvers import Descent
from skdc.spaces import Augmented, NetworkRidgePredictions, RandomNetwork, Space

SHAPE = (28, 28)
PIXELS = ("random rows", "free points", "free points, edges", "matched, free points")


def edges(dataset: str) -> Kernel:
    """Return the kernel of edges: on clothes beside that of pixels, as held-out training rows say."""
    pixels = Gaussian(factor=0.3)
    if dataset == "mnist":
        return OrientedGradients(pixels, cell=3, image_shape=SHAPE)
    return OrientedGradients(cell=3, contrast=0.3, image_shape=SHAPE) + pixels


def matched(storage: Storage | None, n_steps: int) -> Condenser:
    """Return the standard ConvNet's distribution matching, with a storage."""
    space = RandomNetwork(ConvNet(width=32))
    return Condenser(MeanDistance(space=space), Points(storage), Descent(n_steps=n_steps, batch_size=512))


def predicted(
    storage: Storage | None, n_steps: int, labels: Literal["hard", "learned"] = "hard", changed: bool = False
) -> Condenser:
    """Return the points by which ridge regression on the features of the standard ConvNet predicts, with a storage.

    `changed` shows both sides changed alike, as the ConvNet sees changed images.
    """
    space: Space = NetworkRidgePredictions(OnlineNetworks(ConvNet(width=32)), regularization=0.1)
    space = Augmented(space, SiameseAugmentation()) if changed else space
    bits = 8 if labels == "learned" else None
    points = Points(storage, labels=labels, label_bits=bits)
    return Condenser(SquaredL2(space=space, by=None), points, Descent(step_size=0.05, n_steps=n_steps, batch_size=500))


def sets(n_images: int, dataset: str) -> dict[str, Any]:
    """Return the condensers of a budget of so many images a class."""
    cosines, small, fields = Quantized(4, Frequencies(49)), Quantized(4, LowResolution(2)), Quantized(8, NeuralFields())
    kernel, n_changed = edges(dataset), 800 if n_images == 1 else 300  # a step takes as long as there are points
    if n_images == 1:
        learned: dict[str, Any] = {
            "storage": Quantized(4, LowRank(24, LowResolution(2))),
            "label_bits": 4,
            "n_steps": 1500,
        }
    else:
        learned = {"storage": Quantized(8, Frequencies(100)), "label_bits": 8, "n_steps": 2500}
    hard: dict[str, Any] = {"labels": "hard", "n_steps": 1500 if n_images == 1 else 500}
    return {
        "random rows": RandomSubset(),
        "random rows, 1 bit": compressed(Quantized(1)),
        "random rows, 2 bits": compressed(Quantized(2)),
        "random rows, half side, 2 bits": compressed(Quantized(2, LowResolution(2))),
        "random rows, 49 frequencies, 4 bits": compressed(cosines),
        "random rows, fields, 8 bits": compressed(fields),
        "free points": KernelInducingPoints(**hard),
        "free points, edges": KernelInducingPoints(kernel=kernel, **hard),
        "49 frequencies, 4 bits": KernelInducingPoints(storage=cosines, **hard),
        "49 frequencies, 4 bits, edges": KernelInducingPoints(storage=cosines, kernel=kernel, **hard),
        "half side, 4 bits, edges": KernelInducingPoints(storage=small, kernel=kernel, **hard),
        "fields, 8 bits, edges": KernelInducingPoints(storage=fields, kernel=kernel, **hard),
        "learned labels of few bits": KernelInducingPoints(**learned),
        "learned labels of few bits, edges": KernelInducingPoints(kernel=kernel, **learned),
        "matched, free points": DistributionMatching(network=ConvNet(width=32)),
        "matched, 49 frequencies, 4 bits": matched(cosines, 300),
        "matched, half side, 4 bits": matched(small, 300),
        "FieldCondensation": FieldCondensation(network=ConvNet(width=32)),
        "ConvNet's regression, 49 frequencies, 4 bits": predicted(cosines, 800),
        "ConvNet's regression, half side, 4 bits": predicted(small, 800),
        "ConvNet's regression, learned labels": predicted(cosines, 800, "learned"),
        "ConvNet's regression, changed, 1 bit": predicted(Quantized(1), n_changed, changed=True),
        "ConvNet's regression, changed, 196 frequencies, 4 bits": predicted(
            Quantized(4, Frequencies(196)), n_changed, changed=True
        ),
    }


def ridges(condensed: CondensedSet, dataset: str, X_test: np.ndarray, y_test: np.ndarray) -> dict[str, float]:
    """Return the accuracy of kernel ridge regression on a set with the kernel of pixels, and with that of edges."""
    scores = {}
    for name, kernel in {"pixels": Gaussian(factor=0.3), "edges": edges(dataset)}.items():
        learner = KernelRidgeClassifier(kernel, 0.01).fit(condensed.X.astype(np.float64), condensed.y)
        scores[f"ridge, {name}"] = learner.score(X_test.astype(np.float64), y_test)
    return scores


def main() -> None:
    """Print one table for each budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="mnist")
    parser.add_argument("--images", type=int, nargs="+", default=[1, 10], help="of bytes a class, as a budget")
    parser.add_argument("--sets", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--n-epochs", type=int, default=0, help="of training the standard ConvNet; 0 leaves it out")
    parser.add_argument("--width", type=int, default=128, help="of that ConvNet")
    parser.add_argument("--held-out", action="store_true", help="judge on 10,000 training rows that are left out")
    args = parser.parse_args()
    X, y, X_test, y_test = images(args.dataset)
    X, X_test = (rows.reshape(-1, *SHAPE).astype(np.uint8) for rows in (X, X_test))
    if args.held_out:
        rows = np.random.default_rng(0).permutation(len(X))
        X_test, y_test, X, y = X[rows[:10_000]], y[rows[:10_000]], X[rows[10_000:]], y[rows[10_000:]]
    for n_images in args.images:
        table = []
        for name, condenser in sets(n_images, args.dataset).items():
            if args.sets and not any(part in name for part in args.sets):
                continue
            row = Row(name)
            for seed in range(args.seeds):
                # Pixels have their labels and weights beside what the budget counts.
                plain = name in PIXELS
                condenser.set_params(**{"n_per_class": n_images} if plain else {"n_bytes": 784 * 10 * n_images})
                fitted = row.fit(condenser, X, y, seed, args.n_jobs)
                row.add({"points": fitted.storage_["points"] / 100, "bytes": fitted.storage_["bytes"] / 100})
                row.add(ridges(fitted.condensed_, args.dataset, X_test, y_test))
                if hasattr(fitted, "learner_"):
                    row.add({"own": fitted.learner_.score(X_test, y_test)})
                if args.n_epochs:
                    row.add(standard_network(fitted, X_test, y_test, args.n_epochs, seed, args.width))
            table.append(row)
        print_table(table, f"{args.dataset}, {784 * n_images} bytes a class, {args.n_jobs} threads, {args.seeds} seeds")
    print(f"\n{HOW} Kernel ridge regression with hard labels; own: that of the set, with its labels and kernel.")


if __name__ == "__main__":
    main()
