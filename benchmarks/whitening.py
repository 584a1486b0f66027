"""Kernel inducing points on photographs, as they are and whitened: accuracy on rows that were seen, and held out."""

from __future__ import annotations

import argparse
import time

import numpy as np
from data import images

from skdc import KernelInducingPoints
from skdc.kernels import Gaussian
from skdc.preprocessing import ZCAWhitening


def main() -> None:
    """Print one table; the test rows are not looked at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regularizations", type=float, nargs="*", default=[0.1, 1, 10], help="of whitening")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.3], help="of the bandwidth")
    parser.add_argument("--ridge", type=float, default=0.01)
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--n-steps", type=int, default=500)
    parser.add_argument("--held-out", type=int, default=1000)
    args = parser.parse_args()
    X, y, _, _ = images("cifar10_small")
    order = np.random.default_rng(0).permutation(len(X))
    held, kept = order[: args.held_out], order[args.held_out :]
    seen = X[kept], y[kept]
    mirrored = np.concatenate([seen[0], seen[0][:, :, ::-1]]), np.concatenate([seen[1], seen[1]])
    print("| whitening | factor | CPU seconds | rows seen | rows held out |\n|---|---|---|---|---|")
    for regularization in [None, *args.regularizations]:
        for factor in args.factors:
            condenser = KernelInducingPoints(
                args.n_per_class,
                encoder=None if regularization is None else ZCAWhitening(regularization),
                kernel=Gaussian(factor=factor),
                regularization=args.ridge,
                n_steps=args.n_steps,
                random_state=0,
            )
            start = time.process_time()
            learner = condenser.fit(*mirrored).learner_
            seconds = time.process_time() - start
            scores = [100 * learner.score(*rows) for rows in (seen, (X[held], y[held]))]
            name = "none" if regularization is None else f"{regularization:g}"
            print(f"| {name} | {factor:g} | {seconds:.0f} | {scores[0]:.1f} | {scores[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
