"""Condense MNIST or Fashion-MNIST and print the accuracy of learners trained on the sets."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from data import images, some
from scores import HOW, SVC_ROWS, Row, accuracies, learners, methods, print_table

from skdc.learners import NetworkClassifier
from skdc.networks import MLP


def main() -> None:
    """Print one table for each number of rows per class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="mnist")
    parser.add_argument("--n-per-class", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--n-train", type=int, help="use only so many training rows, for a quick look")
    parser.add_argument("--weights", action="store_true", help="give sample_weight_ to the learners that take weights")
    parser.add_argument("--no-all", action="store_true", help="leave out training on all rows, which takes minutes")
    args = parser.parse_args()
    X, y, X_test, y_test = images(args.dataset)
    X, y = some(X, y, args.n_train)
    mean, deviation = X.mean(), X.std()

    def flat(rows: np.ndarray) -> np.ndarray:
        return ((rows.reshape(len(rows), -1) - mean) / deviation).astype(np.float32)

    everything = Row("all data")
    if not args.no_all:
        everything.add(accuracies(learners(0, boosting=False), flat(X), y, flat(X_test), y_test))
    for n_per_class in args.n_per_class:
        rows = [] if args.no_all else [everything]
        for name, condenser in methods(n_per_class).items():
            if args.methods and not any(part.lower() in name.lower() for part in args.methods):
                continue
            row = Row(name)
            for seed in range(args.seeds):
                X_syn, y_syn = fitted = row.fit(condenser, X, y, seed, args.n_jobs)
                weight = fitted.sample_weight_ if args.weights else None
                scores = accuracies(learners(seed, boosting=False), flat(X_syn), y_syn, flat(X_test), y_test, weight)
                row.add(scores)
                if getattr(fitted, "y_soft_", None) is not None:
                    network = NetworkClassifier(MLP(), random_state=seed)
                    condensed = replace(fitted.condensed_, X=flat(X_syn), sample_weight=weight)
                    row.add({"MLP, soft labels": condensed.train(network).score(flat(X_test), y_test)})
                if hasattr(fitted, "learner_"):
                    row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
            rows.append(row)
        print_table(rows, f"{args.dataset}, {n_per_class} per class, {args.n_jobs} threads, {args.seeds} seeds")
    weights = "sample_weight_ for learners that take weights" if args.weights else "no weights"
    print(
        f"\n{HOW} Hard labels (kernel ridge: the learned ones; MLP, soft labels: two "
        f"hidden layers of 128, 300 epochs), {weights}; pixels standardised by one mean and one "
        f"deviation of the training set; all data: {len(X)} rows, of which SVC gets {min(SVC_ROWS, len(X))}."
    )


if __name__ == "__main__":
    main()
