"""Print what a step of gradient matching costs, in forward and backward passes over the same rows.

A pass over rows is the training loss of a network and its gradient in all parameters. Real and synthetic rows are taken
class by class by a step, as `Cosine` compares them, and all at once by a pass.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from skdc.discrepancies import L1, Cosine, Discrepancy, SquaredL2
from skdc.learners import RandomNetworks
from skdc.networks import ConvNet, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Batch, RowSource, Schema
from skdc.spaces import LastLayerVariances, NetworkGradients
from skdc.step import Step


def images(n_rows: int, n_classes: int) -> RowSource:
    """Return images of 28 by 28 pixels: what they show does not count."""
    X = np.random.default_rng(0).normal(size=(n_rows, 28, 28)).astype(np.float32)
    key, classes = np.arange(n_rows) % n_classes, np.arange(n_classes)
    schema = Schema((28, 28), n_classes, "classification", classes, X.dtype, classes)
    return RowSource(X, None, np.ones(n_rows), key, schema, torch.device("cpu"))


def seconds(run: Callable[[], object], n_times: int) -> float:
    """Return the median of the seconds of the processor."""
    taken = []
    for _ in range(n_times + 2):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return float(np.median(taken[2:]))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-times", type=int, default=30)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--n-per-class", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    source, generator = images(args.batch_size, 10), torch.Generator().manual_seed(0)
    points = source.rows.take(torch.arange(10 * args.n_per_class) % args.batch_size)
    pool = RandomNetworks(ConvNet(args.width))
    terms = {
        "cosines of gradients": Cosine(space=NetworkGradients(pool)),
        "cosines of gradients, classes together": Cosine(space=NetworkGradients(pool), by=None),
        "absolute differences, convolutions alone": L1(space=NetworkGradients(pool, layers="hidden")),
        "variances at the last layer": SquaredL2(space=LastLayerVariances(pool)),
    }
    print("| a step | seconds | passes over the same rows |\n|---|---|---|")
    for name, term in terms.items():
        fitted = term.fit(source, generator)
        network = fitted.space_.pool_.network_

        def one_pass(network: torch.nn.Module = network) -> None:
            network.requires_grad_(True)
            for rows in (source.rows, points):
                loss = training_loss(network(rows.X), rows.y, rows.mass, "classification")
                torch.autograd.grad(loss, list(network.parameters()))
            network.requires_grad_(False)

        of_step = seconds(lambda term=fitted: step(term, source.rows, points, generator), args.n_times)
        of_pass = seconds(one_pass, args.n_times)
        print(f"| {name} | {of_step:.3f} | {of_step / of_pass:.2f} |", flush=True)


def step(term: Discrepancy, real: LabeledSet, points: LabeledSet, generator: torch.Generator) -> None:
    """Take the gradient of a term in the points."""
    moving = replace(points, X=points.X.clone().requires_grad_())
    term.loss(Batch(real), moving, Step(generator)).backward()


if __name__ == "__main__":
    main()
