"""Time a step of discrepancies, value and gradient, against geomloss and POT; and a step from a sketch."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import ot
import torch
from data import images
from geomloss import SamplesLoss
from geomloss._legacy.kernel_samples import gaussian_kernel
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.characteristic import RandomFeatureMMD
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.quantiles import random_directions
from skdc.discrepancies.transport import Sinkhorn, SlicedWasserstein, Wasserstein
from skdc.sets import Block
from skdc.sources import RowSource, Schema

Loss = Callable[[Tensor, Tensor], Tensor]  # of rows and points
SCALINGS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)  # how slowly geomloss anneals, which sets its accuracy
ACCURATE = 1e-4  # relative error of a value
CHUNK = 10_000  # rows that a sketch takes at once


class Comparison(NamedTuple):
    """Two ways to the same loss, and the constant that it lacks to be the discrepancy."""

    ours: str
    our_loss: Loss
    theirs: str
    their_loss: Loss
    constant: float = 0.0


def block(values: Tensor) -> Block:
    return Block(values.new_ones(len(values)), torch.zeros(len(values), dtype=torch.int64), values)


def fitted(discrepancy: Discrepancy, rows: np.ndarray) -> Discrepancy:
    """Fit the scales of a discrepancy on rows, in the units of the rows."""
    n, empty = len(rows), np.empty((len(rows), 0))
    schema = Schema(rows.shape[1:], 0, "none", np.zeros(1, np.int64), rows.dtype)
    source = RowSource(rows, empty, np.ones(n), np.zeros(n, np.int64), schema, torch.device("cpu"), torch.float32)
    return discrepancy.fit(source, seeded())


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def between(discrepancy: Discrepancy) -> Loss:
    return lambda rows, points: discrepancy.between(block(rows), block(points), seeded())


def kernels(x: Tensor, X: np.ndarray) -> list[Comparison]:
    """Return the MMD; geomloss halves it and computes its real-real term each time; its kernel alone does not."""
    mmd = fitted(MMD(), X)
    constant = float(mmd.constant(block(x.double()), seeded()))
    bandwidth = float(mmd.kernel_.bandwidth_[0])
    theirs = SamplesLoss("gaussian", blur=bandwidth, backend="tensorized")

    def kernel_alone(x: Tensor, z: Tensor) -> Tensor:
        return gaussian_kernel(z, z, bandwidth).mean() - 2 * gaussian_kernel(x, z, bandwidth).mean()

    return [
        Comparison("MMD", between(mmd), "geomloss gaussian", lambda x, z: 2 * theirs(x, z) - constant, constant),
        Comparison("MMD", between(mmd), "geomloss gaussian without real-real", kernel_alone, constant),
    ]


def entropic(x: Tensor, z: Tensor, X: np.ndarray) -> list[Comparison]:
    """Return the Sinkhorn divergence; geomloss is asked for its terms one by one, without the real-real one."""
    sinkhorn = fitted(Sinkhorn(), X)
    rows, points = x.double(), z.double()
    constant = float(sinkhorn.constant(block(rows), seeded()))
    exact = float(between(sinkhorn)(rows, points)) + constant

    def geomloss(scaling: float) -> Loss:
        # Without debiasing it is half of a cost of transport.
        half = SamplesLoss("sinkhorn", p=2, blur=(sinkhorn.epsilon_ / 2) ** 0.5, scaling=scaling, debias=False)
        return lambda x, z: 2 * half(x, z) - half(z, z)

    accurate = next(
        (s for s in SCALINGS if abs(float(geomloss(s)(rows, points)) + constant - exact) < ACCURATE * exact),
        SCALINGS[-1],
    )
    return [
        Comparison("Sinkhorn", between(sinkhorn), f"geomloss sinkhorn, scaling {s}", geomloss(s), constant)
        for s in (SCALINGS[0], accurate)
    ]


def projected(x: Tensor, X: np.ndarray) -> list[Comparison]:
    """Return the sliced Wasserstein distance, along the same directions, and the exact one."""
    sliced, exact = fitted(SlicedWasserstein(), X), fitted(Wasserstein(), X)

    def pot_sliced(x: Tensor, z: Tensor) -> Tensor:
        directions = random_directions(x, sliced.n_projections, seeded())
        return ot.sliced_wasserstein_distance(x, z, projections=directions).square()

    def pot_exact(x: Tensor, z: Tensor) -> Tensor:
        return ot.emd2(x.new_full((len(x),), 1 / len(x)), z.new_full((len(z),), 1 / len(z)), ot.dist(x, z))

    return [
        Comparison("SlicedWasserstein", between(sliced), "ot.sliced_wasserstein_distance", pot_sliced),
        Comparison("Wasserstein", between(exact), "ot.emd2", pot_exact),
    ]


def step(loss: Loss, x: Tensor, z: Tensor) -> tuple[float, Tensor, float]:
    """Return the value and its gradient in the points, and the milliseconds that both took."""
    points = z.clone().requires_grad_()
    start = time.perf_counter()
    value = loss(x, points)
    (gradient,) = torch.autograd.grad(value, points)
    return value.item(), gradient, 1000 * (time.perf_counter() - start)


def compare(comparison: Comparison, x: Tensor, z: Tensor, repeats: int) -> str:
    """Return a row of the table."""
    exact, slope, _ = step(comparison.our_loss, x.double(), z.double())
    losses = comparison.our_loss, comparison.their_loss
    errors = []
    for loss in losses:  # which warms up, too
        value, gradient, _ = step(loss, x, z)
        off = float((gradient - slope).norm() / slope.norm())
        errors.append(f"{abs(value - exact) / (exact + comparison.constant):.0e}, {off:.0e}")
    times = np.array([[step(loss, x, z)[2] for loss in losses] for _ in range(repeats)])
    (mine, other), ratio = np.median(times, axis=0), np.median(times[:, 1] / times[:, 0])
    return (
        f"| {comparison.ours} | {mine:.1f} | {errors[0]} | {comparison.theirs} | {other:.1f} | {errors[1]} | "
        f"{ratio:.1f} |"
    )


def sketched(X: np.ndarray, z: Tensor, sizes: list[int], repeats: int) -> None:
    """Print the time of a step from the mean features of so many rows, and that of the pass which sums them."""
    discrepancy = fitted(RandomFeatureMMD(), X[:CHUNK])
    print("\n| rows in the sketch | seconds of the pass | ms of a step |\n|---|---|---|")
    for n in sizes:
        rng, total, start = np.random.default_rng(0), torch.zeros(2 * discrepancy.n_features), time.perf_counter()
        for _ in range(0, n, CHUNK):
            rows = torch.as_tensor(X[rng.choice(len(X), CHUNK, replace=False)])
            total += discrepancy.features(rows).sum(0)
        seconds = time.perf_counter() - start
        mean = block(total[None] / n)

        def loss(_: Tensor, points: Tensor, mean: Block = mean) -> Tensor:
            return discrepancy.between(mean, block(discrepancy.features(points)), seeded())

        times = [step(loss, z, z)[2] for _ in range(repeats)]
        print(f"| {n} | {seconds:.1f} | {np.median(times):.2f} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--sketch-rows", type=int, nargs="+", default=[10_000, 1_000_000], help=f"multiples of {CHUNK}")
    args = parser.parse_args()
    torch.set_num_threads(1)
    pixels, *_ = images("mnist")
    X = pixels.reshape(len(pixels), -1).astype(np.float32)[np.random.default_rng(0).permutation(len(pixels))] / 255
    # Centred, as a condenser's rows are.
    X -= X.mean(0)
    x, z = torch.as_tensor(X[: args.rows]), torch.as_tensor(X[args.rows : args.rows + args.points])
    print("| what | ms | errors | against | ms | errors | times quicker |\n|---|---|---|---|---|---|---|")
    rows = X[: args.rows]
    for comparison in [*kernels(x, rows), *entropic(x, z, rows), *projected(x, rows)]:
        print(compare(comparison, x, z, args.repeats), flush=True)
    print(
        f"\nMNIST, {args.rows} rows and {args.points} points of float32, one thread: value and gradient in the points, "
        f"medians of {args.repeats} alternating runs in one process (times quicker: the median of their ratios). "
        "Errors: of the value and of the gradient, relative to ours in float64. What depends on the rows alone is not "
        "in our times. geomloss computes it for the MMD in the first row; in the second, its kernel is called without. "
        "For its Sinkhorn divergence it does not: the transport between rows and points, less half of that among the "
        "points, is asked for by two calls without debiasing; once as it anneals by default, and once slowly enough "
        "that its value is right to "
        f"{ACCURATE:g}."
    )
    sketched(X, z, args.sketch_rows, args.repeats)


if __name__ == "__main__":
    main()
