"""Condense MNIST or Fashion-MNIST and print the accuracy of learners trained on the sets."""

from __future__ import annotations

import argparse

import numpy as np
from data import images
from scores import SVC_ROWS, Row, accuracies, fit_apart, learners, methods, print_table


def main() -> None:
    """Print one table for each number of rows per class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="mnist")
    parser.add_argument("--n-per-class", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--no-all", action="store_true", help="leave out training on all rows, which takes minutes")
    args = parser.parse_args()
    X, y, X_test, y_test = images(args.dataset)

    mean, deviation = X.mean(), X.std()

    def flat(rows: np.ndarray) -> np.ndarray:
        return ((rows.reshape(len(rows), -1) - mean) / deviation).astype(np.float32)

    everything = Row("all data")
    if not args.no_all:
        everything.add(accuracies(learners(0, boosting=False), flat(X), y, flat(X_test), y_test))
    for n_per_class in args.n_per_class:
        rows = [everything]
        for name, condenser in methods(n_per_class).items():
            if args.methods and not any(part.lower() in name.lower() for part in args.methods):
                continue
            row = Row(name)
            for seed in range(args.seeds):
                condenser.set_params(random_state=seed, n_jobs=args.n_jobs)
                seconds, mebibytes, fitted = fit_apart(condenser, X, y)
                X_syn, y_syn = fitted
                row.seconds.append(seconds)
                row.mebibytes.append(mebibytes)
                row.add(accuracies(learners(seed, boosting=False), flat(X_syn), y_syn, flat(X_test), y_test))
                if hasattr(fitted, "learner_"):
                    row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
            rows.append(row)
        print_table(rows, f"{args.dataset}, {n_per_class} per class, {args.n_jobs} threads, {args.seeds} seeds")
    print(
        "\nHard labels, no weights; pixels standardised by one mean and one deviation; all data for SVC: "
        f"{SVC_ROWS} rows."
    )


if __name__ == "__main__":
    main()
