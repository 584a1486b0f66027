"""Condense images and print the accuracy of the convolutional learners that the methods are made for."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from data import images
from scores import HOW, Row, apart, print_table

from skdc import FRePo, KernelInducingPoints, RandomSubset
from skdc.augmentation import SiameseAugmentation
from skdc.evaluation import transfer_table
from skdc.kernels import RandomNetworkKernel
from skdc.learners import NetworkClassifier
from skdc.networks import ConvNet


def methods(image_shape: tuple[int, ...], n_per_class: int) -> dict[str, Any]:
    """Return the condensers, each with its learner: a quarter of the standard width suits two cores."""
    size = {"n_per_class": n_per_class}
    small = ConvNet(width=32, image_shape=image_shape)
    return {
        "RandomSubset": RandomSubset(**size),
        "FRePo": FRePo(ConvNet(width=32), labels="learned", n_steps=2500, **size),
        "KernelInducingPoints (random ConvNet)": KernelInducingPoints(
            RandomNetworkKernel(small, n_networks=1), n_steps=1000, batch_size=500, **size
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
    args = parser.parse_args()
    X, y, X_test, y_test = images(args.dataset)
    if X.ndim == 4:  # photographs: what is seen in a mirror is as likely
        X, y = np.concatenate([X, X[:, :, ::-1]]), np.concatenate([y, y])
    rows = []
    for name, condenser in methods(X.shape[1:], args.n_per_class).items():
        if args.methods and not any(part.lower() in name.lower() for part in args.methods):
            continue
        row = Row(name)
        for seed in range(args.seeds):
            condenser.set_params(random_state=seed, n_jobs=args.n_jobs)
            seconds, mebibytes, fitted = apart(condenser.fit, X, y)
            row.seconds.append(seconds)
            row.mebibytes.append(mebibytes)
            if hasattr(fitted, "learner_"):
                row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
            if args.n_epochs:
                row.add(standard_network(fitted, X_test, y_test, args.n_epochs, seed))
        rows.append(row)
    print_table(rows, f"{args.dataset}, {args.n_per_class} per class, {args.n_jobs} threads, {args.seeds} seeds")
    print(f"\n{HOW} ConvNet: three blocks of 128, {args.n_epochs} epochs of Adam with siamese augmentation.")


def standard_network(fitted: Any, X_test: np.ndarray, y_test: np.ndarray, n_epochs: int, seed: int) -> dict[str, float]:
    """Return the accuracy of the standard ConvNet trained on a set, by the labels that it is given."""
    network = NetworkClassifier(ConvNet(), max_epochs=n_epochs, augmentation=SiameseAugmentation(), random_state=seed)
    table = transfer_table(fitted, X_test, y_test, learners={"ConvNet": network})
    return {f"ConvNet, {given}": score for given, score in table.scores["ConvNet"].items() if given != "weights"}


if __name__ == "__main__":
    main()
