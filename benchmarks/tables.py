"""Condense tables and print the accuracy of learners trained on the sets."""

from __future__ import annotations

import argparse

from data import TABLES, some, table
from scores import HOW, SVC_ROWS, Row, accuracies, learners, methods, print_table


def main() -> None:
    """Print one table for each data set and number of rows per class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", nargs="+", choices=sorted(TABLES), default=["adult"])
    parser.add_argument("--n-per-class", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2, help="threads inside fit")
    parser.add_argument("--n-train", type=int, help="use only so many training rows, for a quick look")
    parser.add_argument("--no-weights", action="store_true", help="do not give sample_weight_ to the learners")
    args = parser.parse_args()
    for dataset in args.dataset:
        splits = [table(dataset, seed) for seed in range(args.seeds)]
        splits = [(*some(X, y, args.n_train), *test) for X, y, *test in splits]
        everything = Row("all data")
        for seed, (X, y, X_test, y_test) in enumerate(splits):
            everything.add(accuracies(learners(seed, boosting=True), X, y, X_test, y_test))
        for n_per_class in args.n_per_class:
            rows = [everything]
            for name, condenser in methods(n_per_class).items():
                if args.methods and not any(part.lower() in name.lower() for part in args.methods):
                    continue
                row = Row(name)
                for seed, (X, y, X_test, y_test) in enumerate(splits):
                    X_syn, y_syn = fitted = row.fit(condenser, X, y, seed, args.n_jobs)
                    weight = None if args.no_weights else fitted.sample_weight_
                    row.add(accuracies(learners(seed, boosting=True), X_syn, y_syn, X_test, y_test, weight))
                    if hasattr(fitted, "learner_"):
                        row.add({"kernel ridge": fitted.learner_.score(X_test, y_test)})
                rows.append(row)
            print_table(rows, f"{dataset}, {n_per_class} per class, {args.n_jobs} threads, {args.seeds} seeds")
    weights = "no weights" if args.no_weights else "sample_weight_ (class proportions) for learners that take weights"
    print(
        f"\n{HOW} Hard labels (kernel ridge: the learned ones); {weights}. All data: SVC gets at most {SVC_ROWS} rows. "
        "Boosting has leaves of 20 rows or more: trained on fewer than 40 it knows the class proportions only."
    )


if __name__ == "__main__":
    main()
