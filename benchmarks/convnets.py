"""Condense images and print the accuracy of the convolutional learners that the methods are made for."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from data import images
from scores import HOW, Row, print_table
from sklearn.model_selection import train_test_split
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdc import Condenser, DataDAM, EfficientCondensation, FRePo, RandomSubset, SiameseGradientMatching
from skdc.augmentation import SiameseAugmentation
from skdc.condensed import CondensedSet
from skdc.discrepancies import SquaredL2
from skdc.kernels import RandomNetworkKernel
from skdc.learners import NetworkClassifier, OnlineNetworks
from skdc.networks import ConvNet
from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowResolution
from skdc.solvers import Descent
from skdc.spaces import FeatureRidgePredictions, NetworkRidgePredictions


def methods(n_per_class: int, kernel: ConvNet, regularization: float, n_steps: int) -> dict[str, Any]:
    """Return the condensers; networks of a quarter of the standard width suit two cores."""
    size = {"n_per_class": n_per_class}
    small = ConvNet(width=32)
    features = FeatureRidgePredictions(RandomNetworkKernel(kernel, n_networks=1), regularization)
    regression = SquaredL2(space=NetworkRidgePredictions(OnlineNetworks(small), regularization=0.1), by=None)
    # Four images of half the side take the room of one: multi-formation.
    quarters = Condenser(
        regression,
        Points(LowResolution(2)),
        Descent(step_size=0.05, n_steps=800, batch_size=500),
        n_per_class=4 * n_per_class,
    )
    return {
        "RandomSubset": RandomSubset(**size),
        "DataDAM": DataDAM(network=small, **size),
        "FRePo": FRePo(network=small, n_steps=1000, **size),
        "SiameseGradientMatching": SiameseGradientMatching(network=small, **size),
        "EfficientCondensation": EfficientCondensation(4 * n_per_class, network=small),
        "FRePo, four images in the room of one": quarters,
        "kernel inducing points, moments of a random ConvNet": Condenser(
            SquaredL2(space=features, by=None), Points(labels="learned"), Descent(n_steps=n_steps), **size
        ),
    }


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist", "cifar10_small"], default="mnist")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--n-epochs", type=int, default=300, help="of training the standard ConvNet; 0 leaves it out")
    parser.add_argument("--learner-width", type=int, default=128, help="of the ConvNet that is trained on the set")
    parser.add_argument("--held-out", action="store_true", help="judge by 10,000 training rows that no fit sees")
    parser.add_argument("--width", type=int, default=64, help="of the network of the kernel")
    parser.add_argument("--depth", type=int, default=2, help="of the network of the kernel")
    parser.add_argument("--regularization", type=float, default=0.01, help="of kernel inducing points")
    parser.add_argument("--n-steps", type=int, default=150, help="of kernel inducing points")
    args = parser.parse_args()
    X, y, X_test, y_test = images(args.dataset)
    if args.held_out:
        X, X_test, y, y_test = train_test_split(X, y, test_size=10_000, stratify=y, random_state=0)
    if X.ndim == 4:  # photographs: what is seen in a mirror is as likely
        X, y = np.concatenate([X, X[:, :, ::-1]]), np.concatenate([y, y])
    rows = []
    kernel = ConvNet(args.width, args.depth, X.shape[1:])
    for name, condenser in methods(args.n_per_class, kernel, args.regularization, args.n_steps).items():
        if args.methods and not any(part.lower() in name.lower() for part in args.methods):
            continue
        row = Row(name)
        for seed in range(args.seeds):
            fitted = row.fit(condenser, X, y, seed, args.n_jobs)
            if hasattr(fitted, "learner_"):
                row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
            if args.n_epochs:
                row.add(standard_network(fitted, X_test, y_test, args.n_epochs, seed, args.learner_width))
        rows.append(row)
    print_table(rows, f"{args.dataset}, {args.n_per_class} per class, {args.n_jobs} threads, {args.seeds} seeds")
    how = f"{args.n_epochs} epochs of Adam with siamese augmentation, steps from 0.003 to 0 along a cosine"
    print(f"\n{HOW} ConvNet: three blocks of {args.learner_width}, {how}.")


def untrained_network(n_epochs: int, seed: int, width: int = 128) -> NetworkClassifier:
    """Return the standard ConvNet, to be trained."""
    return NetworkClassifier(
        ConvNet(width),
        lr=0.003,
        max_epochs=n_epochs,
        augmentation=SiameseAugmentation(),
        callbacks=[LRScheduler(CosineAnnealingLR, T_max=n_epochs)],
        random_state=seed,
    )


def standard_network(
    fitted: Any, X_test: np.ndarray, y_test: np.ndarray, n_epochs: int, seed: int, width: int = 128
) -> dict[str, float]:
    """Return the accuracy of the standard ConvNet trained on a set with hard labels, and with soft ones if any."""
    mean, deviation = fitted.X_syn_.mean(), fitted.X_syn_.std()
    X, X_test = (((rows - mean) / deviation).astype(np.float32) for rows in (fitted.X_syn_, X_test))
    given = {"hard": None, "soft": getattr(fitted, "y_soft_", None)}
    scores = {}
    for labels, soft in given.items():
        if labels == "hard" or soft is not None:
            network = untrained_network(n_epochs, seed, width)
            CondensedSet(X, fitted.y_syn_, None, soft, fitted.classes_).train(network)
            scores[f"ConvNet, {labels} labels"] = network.score(X_test, y_test)
    return scores


if __name__ == "__main__":
    main()
