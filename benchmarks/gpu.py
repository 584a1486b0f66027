"""Measure on a GPU what needs one: published settings on photographs, and passes over rows in pieces.

It prints a table, and needs no one to watch it. Without a GPU it says so; `--device cpu --quick` tries that it runs.
The photographs are an .npz file with `X_train`, `y_train`, `X_test` and `y_test`, such as all 50,000 of CIFAR-10;
without one, those of the other benchmarks, of which there are 5,000.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import images
from partitions import pieces

from skdc import (
    Condenser,
    DistributionMatching,
    EfficientCondensation,
    KMeansCondenser,
    Partitions,
    RandomSubset,
    SiameseGradientMatching,
    SoftLabelRandom,
    TrajectoryMatching,
)
from skdc.augmentation import SiameseAugmentation
from skdc.discrepancies import RandomFeatureMMD
from skdc.evaluation.protocol import RowScaling
from skdc.learners import NetworkClassifier, StandardConvNet
from skdc.networks import ConvNet
from skdc.solvers import Descent

MIRRORED = SiameseAugmentation(flip=True)


def methods(n_per_class: int, quick: bool) -> dict[str, tuple[Any, float | None]]:
    """Return condensers in published settings, or nearly none of their steps, and what is published at 10 a class."""
    network, share = ConvNet(width=8 if quick else 128), 1000 if quick else 1

    def steps(n: int) -> int:
        return max(2, n // share)

    shared = {"network": network, "augmentation": MIRRORED}
    matched = {"network": network, "n_experts": steps(100), "n_segments": 20, "n_expert_steps": steps(1000)}
    followed = {"n_student_steps": steps(20), "n_steps": steps(5000)}
    aligned = {"gradient": "held", "window": (0, 20), "growth": (10, 0.1), "max_loss": 1.0, "average": 0.999}
    teacher = NetworkClassifier(network, max_epochs=steps(20))
    return {
        "RandomSubset": (RandomSubset(n_per_class), 26.0),
        "SoftLabelRandom": (SoftLabelRandom(n_per_class, teacher=teacher), None),
        "DistributionMatching": (
            DistributionMatching(n_per_class, n_steps=steps(20_000), batch_size=2560, **shared),
            48.9,
        ),
        "SiameseGradientMatching": (
            SiameseGradientMatching(n_per_class, n_train_steps=50, n_steps=steps(10_000), batch_size=2560, **shared),
            52.1,
        ),
        "EfficientCondensation, four images": (
            EfficientCondensation(4 * n_per_class, n_matches=100, n_steps=steps(20_000), batch_size=640, **shared),
            67.5,
        ),
        "TrajectoryMatching (MTT)": (TrajectoryMatching(n_per_class, **matched, **followed), 65.4),
        "TrajectoryMatching (DATM)": (
            TrajectoryMatching(n_per_class, **matched, **followed, **aligned, labels="probabilities", teacher=teacher),
            66.8,
        ),
    }


def photographs(file: Path | None, most: int | None) -> list[np.ndarray]:
    """Return training and test rows, so many of each at most."""
    arrays = images("cifar10_small") if file is None else [np.load(file)[name] for name in NAMES]
    X, y, X_test, y_test = arrays
    return [X[:most], y[:most], X_test[:most], y_test[:most]]


NAMES = ("X_train", "y_train", "X_test", "y_test")


def waited(device: str) -> float:
    """Return the time, once what was sent to a device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def condensed(args: argparse.Namespace) -> None:
    """Print what methods make of photographs."""
    X, y, X_test, y_test = photographs(args.images, 500 if args.quick else None)
    scaling, width, epochs = RowScaling.of_rows(X), 8 if args.quick else 128, 2 if args.quick else 1000
    print(f"{len(X)} photographs, {args.n_per_class} a class, {args.device}; published: of 50,000 photographs\n")
    print("| method | seconds | ConvNet | soft labels | published |\n|---|---|---|---|---|")
    for name, (condenser, published) in methods(args.n_per_class, args.quick).items():
        start = waited(args.device)
        fitted = condenser.set_params(random_state=0, device=args.device).fit(X, y)
        seconds = waited(args.device) - start
        scores = []
        for labels in (fitted.y_syn_, fitted.y_soft_):
            learner = StandardConvNet(
                width, max_epochs=epochs, standardize=False, augmentation=MIRRORED, device=args.device, random_state=0
            )
            scores.append(
                "-" if labels is None else f"{100 * score(learner, scaling, fitted, labels, X_test, y_test):.1f}"
            )
        print(f"| {name} | {seconds:.0f} | {' | '.join(scores)} | {published or '-'} |", flush=True)


def score(learner: Any, scaling: RowScaling, fitted: Any, labels: Any, X_test: np.ndarray, y_test: np.ndarray) -> float:
    """Return the accuracy of a learner that is trained on a set."""
    return float(learner.fit(np.float32(scaling(fitted.X_syn_)), labels).score(np.float32(scaling(X_test)), y_test))


def passed(args: argparse.Namespace) -> None:
    """Print what passes over rows in pieces take, which go to the device as they are read."""
    n_rows = 20_000 if args.quick else 10_000_000
    sketched = Condenser(RandomFeatureMMD(bandwidth=8.0, n_features=500), solver=Descent(n_steps=200), n_per_class=10)
    print(f"\n{n_rows} rows of 50 columns in pieces\n\n| method | device | seconds |\n|---|---|---|")
    for name, condenser in {"sketch": sketched, "KMeansCondenser": KMeansCondenser(10)}.items():
        for device in dict.fromkeys(["cpu", args.device]):
            start = waited(device)
            condenser.set_params(random_state=0, device=device).fit(Partitions(pieces(n_rows)))
            print(f"| {name} | {device} | {waited(device) - start:.0f} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=Path, help="an .npz file of photographs")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="hardly a step of each")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.exit(1, "no CUDA device is to be had here; --device cpu --quick tries that the benchmark runs\n")
    condensed(args)
    passed(args)


if __name__ == "__main__":
    main()
