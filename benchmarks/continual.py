"""Classes that come two at a time: replay from a condensed memory against reservoir sampling, at equal bytes.

Digits or MNIST in five tasks of two classes; the rows of a task are gone when the next one comes. A memory holds 100
rows: 50 a class after the first task, 10 after the last. Condensed memories are cut short (`shrink`), and the points of
the new classes are put behind (`join`). A network learns task after task, by batches of which one half is of the task
and the other of the memory; other learners see the memory alone, when all tasks are done.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from nested import LEARNERS, METHODS, data, score
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier

from skdc import KernelHerding, RandomSubset
from skdc.condensed import CondensedSet

CAPACITY, N_TASKS, N_EPOCHS, HALF = 100, 5, 10, 32

Memory = tuple[np.ndarray, np.ndarray]


def tasks(X: np.ndarray, y: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the rows of each task: of two classes, drawn at random."""
    classes = np.random.default_rng(seed).permutation(10).reshape(N_TASKS, 2)
    return [np.flatnonzero(np.isin(y, pair)) for pair in classes]


def reservoir(X: np.ndarray, y: np.ndarray, parts: list[np.ndarray], seed: int) -> Iterator[Memory]:
    """Yield a memory after each task: rows drawn from all that have come, each with the same chance."""
    draws, held, seen = np.random.default_rng(seed), np.zeros(0, int), 0
    for rows in parts:
        for row in draws.permutation(rows):
            seen += 1
            if len(held) < CAPACITY:
                held = np.append(held, row)
            elif (place := draws.integers(seen)) < CAPACITY:
                held[place] = row
        yield X[held], y[held]


def grown(condenser: Any, X: np.ndarray, y: np.ndarray, parts: list[np.ndarray], seed: int) -> Iterator[CondensedSet]:
    """Yield a memory after each task: the first points of each class that it had, and those of the new ones."""
    memory = None
    for task, rows in enumerate(parts):
        n_per_class = CAPACITY // (2 * (task + 1))
        sized = clone(condenser).set_params(n_per_class=n_per_class, random_state=seed)
        new = sized.fit(X[rows], y[rows]).condensed_
        memory = new if memory is None else memory.shrink(n_per_class).join(new)
        yield memory


def learn_tasks(
    X: np.ndarray, y: np.ndarray, parts: list[np.ndarray], memories: list[Memory], seed: int
) -> Iterator[MLPClassifier]:
    """Yield a network after each task: it sees batches of the task, with as many rows of the memory before it."""
    network, draws = MLPClassifier(random_state=seed), np.random.default_rng(seed)
    for task, rows in enumerate(parts):
        for batch in np.array_split(np.tile(draws.permutation(rows), N_EPOCHS), len(rows) * N_EPOCHS // HALF):
            X_batch, y_batch = X[batch], y[batch]
            if task:
                X_old, y_old = memories[task - 1]
                old = draws.integers(len(y_old), size=HALF)
                X_batch, y_batch = np.concatenate([X_batch, X_old[old]]), np.concatenate([y_batch, y_old[old]])
            network.partial_fit(X_batch / X.max(), y_batch, classes=np.arange(10))
        yield network


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--memories", nargs="*", help="parts of names; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    memories: dict[str, Any] = {"reservoir": None, "random rows of each class": RandomSubset()}
    memories["herding"] = KernelHerding(n_passes=0)
    memories |= {f"{name}, nested": clone(condenser).set_params(nested=True) for name, condenser in METHODS.items()}
    print(f"\n### {args.dataset}, {args.seeds} seeds\n")
    print(f"| memory | bytes | network: mean over tasks | network: last | {' | '.join(LEARNERS)} | seconds |")
    print("|---" * (len(LEARNERS) + 5) + "|")
    for name, condenser in memories.items():
        if args.memories and not any(part in name for part in args.memories):
            continue
        found, seconds, n_bytes = [], 0.0, set()
        for seed in range(args.seeds):
            X, y, X_test, y_test = data(args.dataset, seed)
            scale = 255 if args.dataset == "mnist" else 1
            X, X_test = ((scale * rows).round().astype(np.uint8) for rows in (X, X_test))
            parts, start = tasks(X, y, seed), time.perf_counter()
            if condenser is None:
                kept: list[Any] = list(reservoir(X, y, parts, seed))
            else:
                kept = list(grown(condenser, X, y, parts, seed))
            seconds += time.perf_counter() - start
            n_bytes |= {np.asarray(rows).nbytes for rows, _ in kept}
            last, accuracies = CondensedSet(*kept[-1], classes=np.arange(10)), []
            pairs: list[Memory] = [tuple(memory) for memory in kept]
            for task, network in enumerate(learn_tasks(X, y, parts, pairs, seed)):
                seen = np.isin(y_test, y[np.concatenate(parts[: task + 1])])
                accuracies.append(network.score(X_test[seen] / X.max(), y_test[seen]))
            found.append([np.mean(accuracies), accuracies[-1], *score(last, X_test, y_test)])
        cells = [
            f"{100 * mean:.1f} ± {100 * std:.1f}" for mean, std in zip(np.mean(found, 0), np.std(found, 0), strict=True)
        ]
        print(f"| {name} | {max(n_bytes)} | {' | '.join(cells)} | {seconds / args.seeds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
