"""Condense MNIST or Fashion-MNIST by named methods, and score the sets as published tables do, and by DD-Ranking.

Each line that is measured is appended to a file; what is there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from data import images, some

import skdc
from skdc import Condenser
from skdc.augmentation import SiameseAugmentation
from skdc.condensed import CondensedSet
from skdc.discrepancies import SquaredL2
from skdc.evaluation import label_robust_score
from skdc.evaluation.protocol import RowScaling, score_of, trained, variants
from skdc.learners import NetworkClassifier, OnlineNetworks, StandardConvNet
from skdc.networks import ConvNet
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Frequencies, LowResolution, Quantized
from skdc.solvers import Descent, Draw
from skdc.spaces import NetworkRidgePredictions

ALL, RANDOM, SOFT_RANDOM = "all rows", "RandomSubset", "SoftLabelRandom"
NAMES = [
    RANDOM,
    "KMeansCondenser",
    SOFT_RANDOM,
    "DistributionMatching",
    "GradientMatching",
    "SiameseGradientMatching",
    "TrajectoryMatching",
    "StatisticsMatching",
]

BYTES = 28 * 28 * 4  # of an image of float32; there are ten classes

Line = dict[str, Any]


def methods(n_per_class: int) -> dict[str, Any]:
    """Return the condensers by name, with their defaults."""
    found = {name: getattr(skdc, name)(n_per_class) for name in NAMES}
    # Soft labels are those of a network that stops early, as the paper has it.
    found[SOFT_RANDOM].set_params(teacher=NetworkClassifier(ConvNet(width=32), max_epochs=3))
    # Four images of half the side take the room of one.
    found["EfficientCondensation, four images"] = skdc.EfficientCondensation(4 * n_per_class)
    found["FRePo, four images"] = Condenser(
        SquaredL2(space=NetworkRidgePredictions(OnlineNetworks(ConvNet(width=32)), regularization=0.1), by=None),
        Points(LowResolution(2)),
        Descent(step_size=0.05, n_steps=800, batch_size=500),
        n_per_class=4 * n_per_class,
    )
    # Real rows, a number of 4 bits for each of 196 frequencies, in the bytes of so many images of float32.
    found["random rows in few bytes"] = Condenser(
        parameterization=Subset(Quantized(4, Frequencies(196))), solver=Draw(), n_bytes=10 * n_per_class * BYTES
    )
    return found


@dataclass(frozen=True)
class Judge:
    """Training rows, and rows by which learners are judged that they have not seen.

    Parameters
    ----------
    X, y, X_test, y_test : ndarray
    scaling : RowScaling
        Of the training rows: pixels are standardised by their one mean and deviation, whatever the set is.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    scaling: RowScaling

    @classmethod
    def of(cls, dataset: str, held_out: int, n_train: int | None) -> Judge:
        """Return the official split; or training rows alone, some of them held out."""
        X, y, X_test, y_test = images(dataset)
        if held_out:
            order = np.random.default_rng(0).permutation(len(X))
            X, y, X_test, y_test = X[order[held_out:]], y[order[held_out:]], X[order[:held_out]], y[order[:held_out]]
        X, y = some(X, y, n_train)
        return cls(X, y, X_test, y_test, RowScaling.of_rows(X))

    def accuracies(self, condensed: CondensedSet, learner: StandardConvNet) -> dict[str, float]:
        """Return the accuracy of a learner by hard labels, and by soft ones if there are any."""
        shown = replace(condensed, X=self._seen(condensed.X))
        told = {name: kind for name, kind in variants(shown, learner).items() if name != "weights"}
        test = self._seen(self.X_test)
        return {name: score_of(trained(learner, kind), test, self.y_test) for name, kind in told.items()}

    def _seen(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.scaling(X), dtype=np.float32)


def measured(line: Line, condenser: Any, judge: Judge, n_jobs: int) -> Line:
    """Return a line with what a method's set is worth, and the processor's seconds that it took."""
    learner = StandardConvNet(
        line["width"],
        max_epochs=line["epochs"],
        standardize=False,
        augmentation=SiameseAugmentation(flip=line["dataset"] == "fashion_mnist"),
        random_state=line["seed"],
    )
    if condenser is None:
        return line | {"hard labels": judge.accuracies(CondensedSet(judge.X, judge.y), learner)["hard labels"]}
    condenser.set_params(random_state=line["seed"], n_jobs=n_jobs)
    start = time.process_time()
    condenser.fit(judge.X, judge.y)
    seconds = time.process_time() - start
    return line | {"seconds": seconds} | judge.accuracies(condenser.condensed_, learner)


def planned(args: argparse.Namespace, dataset: str) -> Iterator[tuple[Line, Any]]:
    """Yield the lines to be measured, as far as they are known before, with their condensers."""
    shared = {"dataset": dataset, "width": args.width, "held_out": args.held_out, "n_train": args.n_train}
    if args.all_epochs:
        yield shared | {"method": ALL, "n_per_class": None, "epochs": args.all_epochs, "seed": 0}, None
    for seed in range(args.seeds):
        for n_per_class in args.n_per_class:
            for name, condenser in methods(n_per_class).items():
                if not args.methods or any(part.lower() in name.lower() for part in args.methods):
                    own = {"method": name, "n_per_class": n_per_class, "epochs": args.epochs, "seed": seed}
                    yield shared | own, condenser


def print_table(lines: list[Line], dataset: str, n_per_class: int) -> None:
    """Print a Markdown table: median seconds, mean and deviation of accuracies, and the scores of DD-Ranking."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line["dataset"] == dataset and line["n_per_class"] in (n_per_class, None):
            found.setdefault(line["method"], []).append(line)
    print(f"\n### {dataset}, {n_per_class} per class\n")
    print("| method | CPU seconds | hard labels | soft labels | HLR | IOR | LRS |\n|---|---|---|---|---|---|---|")
    for name, own in found.items():
        seconds = [line["seconds"] for line in own if "seconds" in line]
        cells = [f"{np.median(seconds):.0f}" if seconds else "-", *(_accuracy(own, kind) for kind in KINDS)]
        print(f"| {name} | {' | '.join([*cells, *_scores(own, found)])} |")


KINDS = ("hard labels", "soft labels")


def _mean(lines: list[Line], kind: str) -> float | None:
    values = [line[kind] for line in lines if kind in line]
    return float(np.mean(values)) if values else None


def _accuracy(lines: list[Line], kind: str) -> str:
    values = [100 * line[kind] for line in lines if kind in line]
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=len(values) > 1):.1f}" if values else "-"


def _scores(own: list[Line], found: dict[str, list[Line]]) -> list[str]:
    """Return hard-label recovery, improvement over random rows with labels of the same kind, and what both make."""
    hard, soft = (_mean(own, kind) for kind in KINDS)
    random = (
        _mean(found.get(RANDOM, []), "hard labels") if soft is None else _mean(found.get(SOFT_RANDOM, []), KINDS[1])
    )
    everything, value = _mean(found.get(ALL, []), "hard labels"), hard if soft is None else soft
    recovery = None if everything is None or hard is None else everything - hard
    improvement = None if random is None or value is None else value - random
    known = recovery is not None and improvement is not None
    score = f"{label_robust_score(recovery, improvement):.3f}" if known else "-"
    return [*("-" if part is None else f"{100 * part:.1f}" for part in (recovery, improvement)), score]


def main() -> None:
    """Measure what is not in the file yet, and print one table for each set and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="the file of lines")
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], nargs="+", default=["mnist", "fashion_mnist"])
    parser.add_argument("--n-per-class", type=int, nargs="+", default=[10])
    parser.add_argument("--methods", nargs="+", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=128, help="of the standard ConvNet")
    parser.add_argument("--epochs", type=int, default=300, help="of its training")
    parser.add_argument("--all-epochs", type=int, default=0, help="of its training on all rows; 0 leaves that out")
    parser.add_argument("--held-out", type=int, default=0, help="judge by so many training rows, not by the test rows")
    parser.add_argument("--n-train", type=int, help="condense so many rows")
    parser.add_argument("--n-jobs", type=int, default=1, help="threads inside fit")
    args = parser.parse_args()
    lines = [json.loads(text) for text in args.results.read_text().splitlines()] if args.results.exists() else []
    asked = []
    for dataset in args.dataset:
        judge = None
        for line, condenser in planned(args, dataset):
            known = next((old for old in lines if line.items() <= old.items()), None)
            if known is None:
                judge = judge or Judge.of(dataset, args.held_out, args.n_train)
                known = measured(line, condenser, judge, args.n_jobs)
                with args.results.open("a") as file:
                    print(json.dumps(known), file=file, flush=True)
            asked.append(known)
    for dataset in args.dataset:
        for n_per_class in args.n_per_class:
            print_table(asked, dataset, n_per_class)
    judged = f"{args.held_out} held-out training rows" if args.held_out else "the test rows"
    print(
        f"\nStandardConvNet of width {args.width}, {args.epochs} epochs ({ALL}: {args.all_epochs}), {args.seeds} seeds"
        f", clothes mirrored, judged by {judged}; percent, and points of accuracy for HLR and IOR. Four images take "
        "the room of one."
    )


if __name__ == "__main__":
    main()
