"""Time recombination of rows against that of coreax, where it is installed, and tell how exact both are."""

from __future__ import annotations

import os
from importlib.util import find_spec
from time import process_time

import numpy as np

from skdc.solvers.selection.recombination import recombined

os.environ.setdefault("JAX_PLATFORMS", "cpu")


def by_coreax(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights by the tree of coreax, in float64, and the seconds of its second run, which is compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from coreax import Data
    from coreax.solvers import TreeRecombination

    solver, data = TreeRecombination(), Data(jax.numpy.asarray(features))
    reduce = jax.jit(lambda given: solver.reduce(given)[0])
    for _ in range(2):
        start = process_time()
        coreset = jax.block_until_ready(reduce(data))
        seconds = process_time() - start
    weight = np.zeros(len(features))
    np.add.at(weight, np.asarray(coreset.unweighted_indices), np.asarray(coreset.points.weights))
    return weight, seconds


def main() -> None:
    """Print a table."""
    print("| rows | features | solver | rows kept | largest error of a mean | CPU s |\n|---|---|---|---|---|---|")
    for n in (10_000, 100_000, 1_000_000):
        for d in (10, 50, 200):
            features = np.random.default_rng(0).normal(size=(n, d))
            seconds = []
            for _ in range(3):
                start = process_time()
                weight = recombined(features, np.ones(n))
                seconds.append(process_time() - start)
            found = [("skdc", weight, float(np.median(seconds)))]
            if find_spec("coreax") and n * d <= 5_000_000:
                found.append(("coreax", *by_coreax(features)))
            for name, own, taken in found:
                error = np.abs(own @ features / own.sum() - features.mean(axis=0)).max()
                print(f"| {n} | {d} | {name} | {(own > 0).sum()} | {error:.0e} | {taken:.2f} |", flush=True)


if __name__ == "__main__":
    main()
