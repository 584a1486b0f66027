"""What each storage gives on photographs, at the bytes of free points, to regression on random convolutional features.

All that a set takes is counted. `--held-out` judges on training rows that are left out.
"""

from __future__ import annotations

import argparse

import numpy as np
from data import images
from scores import HOW, Row, print_table

from skdc import Condenser
from skdc.discrepancies import SquaredL2
from skdc.kernels import RandomNetworkKernel
from skdc.networks import ConvNet
from skdc.parameterizations import Points
from skdc.parameterizations.storage import (
    Frequencies,
    Hallucinated,
    LowRank,
    LowResolution,
    NeuralFields,
    Palette,
    Quantized,
    SparseCodes,
    Storage,
)
from skdc.solvers import Descent
from skdc.spaces import FeatureRidgePredictions

STORAGES: dict[str, Storage] = {
    "2 bits": Quantized(2),
    "16 colours": Palette(16),
    "half side, 4 bits": Quantized(4, LowResolution(2)),
    "64 frequencies, 4 bits": Quantized(4, Frequencies(64)),
    "40 memories of half side, 4 bits": Quantized(4, LowRank(40, LowResolution(2))),
    "3 maps, half side, 4 bits": Quantized(4, Hallucinated(3, LowResolution(2))),
    "8 of 128 atoms of patches of 8, 4 bits": Quantized(4, SparseCodes(128, 8, 8)),
    "fields of 12, 8 bits": Quantized(8, NeuralFields(12)),
}


def condensed(storage: Storage | None, kernel: ConvNet, n_steps: int) -> Condenser:
    """Return kernel inducing points of a random ConvNet, with a storage and learned labels of eight bits."""
    space = FeatureRidgePredictions(RandomNetworkKernel(kernel, n_networks=1), regularization=3.0)
    points = Points(storage, labels="learned", label_bits=8)
    return Condenser(SquaredL2(space=space, by=None), points, Descent(n_steps=n_steps))


def main() -> None:
    """Print one table for each budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 10], help="free points a class")
    parser.add_argument("--storages", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--n-steps", type=int, default=200)
    parser.add_argument("--held-out", action="store_true", help="judge on 1,000 training rows that are left out")
    args = parser.parse_args()
    X, y, X_test, y_test = images("cifar10_small")
    if args.held_out:
        rows = np.random.default_rng(0).permutation(len(X))
        X_test, y_test, X, y = X[rows[:1000]], y[rows[:1000]], X[rows[1000:]], y[rows[1000:]]
    X, y = np.concatenate([X, X[:, :, ::-1]]), np.concatenate([y, y])  # what is seen in a mirror is as likely
    kernel = ConvNet(64, 3, X.shape[1:])
    for n_images in args.images:
        n_bytes, table = 0, []
        for name, storage in {"free points": None, **STORAGES}.items():
            if n_bytes and args.storages and not any(part in name for part in args.storages):
                continue
            row, condenser = Row(name), condensed(storage, kernel, args.n_steps)
            for seed in range(args.seeds):
                condenser.set_params(**{"n_bytes": n_bytes} if n_bytes else {"n_per_class": n_images})
                fitted = row.fit(condenser, X, y, seed, args.n_jobs)
                row.add({"points": fitted.storage_["points"] / 100, "bytes": fitted.storage_["bytes"] / 100})
                row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
                n_bytes = n_bytes or fitted.storage_["bytes"]
            table.append(row)
        print_table(table, f"cifar10_small, bytes of {n_images} free points a class, {args.seeds} seeds")
    print(f"\n{HOW} Kernel ridge: regression on the features of the random ConvNet, with the labels of the set.")


if __name__ == "__main__":
    main()
