"""What the benchmark tables share: methods, learners, time, memory and printing."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.utils.validation import has_fit_parameter

from skdc import (
    CAFE,
    M3D,
    NCFM,
    RCIG,
    RFAD,
    WMDD,
    Condenser,
    DistributionMatching,
    FacilityLocation,
    FRePo,
    GeneralCondenser,
    GradientMatching,
    GradMatch,
    GreedyKernelPoints,
    ImprovedDistributionMatching,
    KCenter,
    KernelHerding,
    KernelInducingPoints,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    LabelDistillation,
    LabelSolve,
    OptimalTransportMatching,
    RandomlyPivotedCholesky,
    RandomSubset,
    SoftLabelRandom,
    SteinThinning,
    TrajectoryMatching,
    UncertaintySubset,
    UnrolledTraining,
    WassersteinCoreset,
)
from skdc.discrepancies import MMD
from skdc.learners import EL2N, NetworkClassifier, RandomNetworks
from skdc.networks import MLP
from skdc.parameterizations import Subset
from skdc.parameterizations.storage import Storage
from skdc.solvers import Draw
from skdc.spaces import LastLayerGradients

SVC_ROWS = 10_000  # an RBF-SVC of all 60,000 rows takes minutes: "all data" is that many rows for it
HOW = (
    "Each fit in a fresh process, libraries loaded before: median wall seconds, and the highest resident memory above "
    "what the process held with the data. Test accuracy in percent, mean ± standard deviation over the seeds."
)


def methods(n_per_class: int) -> dict[str, Any]:
    """Return the condensers of the tables; the network methods take the MLP, which suits two cores."""
    size = {"n_per_class": n_per_class}
    return {
        "RandomSubset": RandomSubset(**size),
        "KMeansCondenser": KMeansCondenser(**size),
        "KMeansCondenser (nearest rows)": KMeansCondenser(voting="nearest", **size),
        "KernelHerding": KernelHerding(**size),
        "KernelThinning": KernelThinning(**size),
        "SteinThinning": SteinThinning(**size),
        "KCenter": KCenter(**size),
        "KCenter (10% outliers)": KCenter(outliers=0.1, **size),
        "KMedoids": KMedoids(**size),
        "FacilityLocation": FacilityLocation(**size),
        "FacilityLocation (CRAIG, MLP)": FacilityLocation(space=LastLayerGradients(RandomNetworks(MLP())), **size),
        "GradMatch (MLP)": GradMatch(network=MLP(), **size),
        "RandomlyPivotedCholesky": RandomlyPivotedCholesky(**size),
        "GreedyKernelPoints": GreedyKernelPoints(**size),
        "UncertaintySubset (MLP)": UncertaintySubset(difficulty=EL2N(network=MLP()), **size),
        "WassersteinCoreset": WassersteinCoreset(**size),
        "WassersteinCoreset (nearest rows)": WassersteinCoreset(snap=True, **size),
        "Condenser (MMD)": Condenser(MMD(), **size),
        "GeneralCondenser": GeneralCondenser(**size),
        "DistributionMatching (MLP)": DistributionMatching(network=MLP(), **size),
        "ImprovedDistributionMatching (MLP)": ImprovedDistributionMatching(network=MLP(), **size),
        "OptimalTransportMatching (MLP)": OptimalTransportMatching(network=MLP(), **size),
        "CAFE (MLP)": CAFE(network=MLP(), **size),
        "M3D (MLP)": M3D(network=MLP(), **size),
        "NCFM (MLP)": NCFM(network=MLP(), **size),
        "WMDD (MLP)": WMDD(network=MLP(), **size),
        "GradientMatching (MLP)": GradientMatching(network=MLP(), **size),
        "TrajectoryMatching (MLP)": TrajectoryMatching(network=MLP(), **size),
        "KernelInducingPoints": KernelInducingPoints(**size),
        "LabelSolve": LabelSolve(**size),
        "LabelDistillation (MLP)": LabelDistillation(network=MLP(), **size),
        "SoftLabelRandom (MLP)": SoftLabelRandom(teacher=NetworkClassifier(MLP(), max_epochs=5), **size),
        "FRePo (MLP)": FRePo(network=MLP(), **size),
        "RFAD (MLP)": RFAD(network=MLP(), **size),
        "RCIG (MLP)": RCIG(network=MLP(), **size),
        "UnrolledTraining (MLP)": UnrolledTraining(network=MLP(), **size),
    }


def compressed(storage: Storage | None) -> Condenser:
    """Return random rows, as a storage keeps them."""
    return Condenser(None, Subset(storage), Draw())


def learners(seed: int, boosting: bool) -> dict[str, Any]:
    """Return the downstream learners, with scikit-learn's defaults."""
    found = {
        "logistic": LogisticRegression(max_iter=1000),
        "SVC": SVC(),
        "1-NN": KNeighborsClassifier(1),
        "MLP": MLPClassifier(max_iter=500, random_state=seed),
        "forest": RandomForestClassifier(random_state=seed, n_jobs=2),
    }
    return found | ({"boosting": HistGradientBoostingClassifier(random_state=seed)} if boosting else {})


@dataclass
class Row:
    """A line of the table: seconds, MiB and accuracies, one entry a seed."""

    method: str
    seconds: list[float] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)

    def fit(self, condenser: Any, X: np.ndarray, y: np.ndarray, seed: int, n_jobs: int) -> Any:
        """Return the condenser fitted in a fresh process; add the seconds and the memory that it took."""
        condenser.set_params(random_state=seed, n_jobs=n_jobs)
        seconds, mebibytes, fitted = apart(condenser.fit, X, y)
        self.seconds.append(seconds)
        self.mebibytes.append(mebibytes)
        return fitted

    def add(self, scores: dict[str, float]) -> None:
        """Add the accuracies of one seed."""
        for name, score in scores.items():
            self.scores.setdefault(name, []).append(score)


def resident(kind: str) -> float:
    """Return this process's resident memory in MiB: now (VmRSS), or at its highest (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(kind)).split()[1]) / 1024


def apart(run: Callable[..., Any], *args: Any) -> tuple[float, float, Any]:
    """Call a function in a fresh process; return its seconds, its memory and what it returns.

    The memory is the highest resident size during the call above the size before it, with data and libraries loaded
    (MiB; from the kernel's own count, so Linux only).
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, run, args))
    process.start()
    sender.close()  # else a process that dies would be waited for
    result = pickle.loads(receiver.recv_bytes())
    process.join()
    return result


def _measure(sender: Any, run: Callable[..., Any], args: tuple[Any, ...]) -> None:
    KernelHerding(n_per_class=1).fit(np.eye(64), np.arange(64) % 2)  # libraries load before the clock starts
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory is counted from here
    before = resident("VmRSS")
    start = time.perf_counter()
    result = run(*args)
    seconds = time.perf_counter() - start
    mebibytes = resident("VmHWM") - before
    # Not `send`: tensors would come as handles of a process that is gone.
    sender.send_bytes(pickle.dumps((seconds, mebibytes, result)))


def apart_within(
    minutes: float, gibibytes: float, n_cores: int, prepare: Callable[..., Callable[[], Any]], *args: Any
) -> tuple[float, float, Any] | str:
    """Prepare a call in a fresh process, and measure the call as `apart` does; or say why that cannot be.

    The process sees the first `n_cores` cores only. Preparation and call may take so many minutes each, and both
    together so much memory.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_within, args=(sender, gibibytes, prepare, args))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:n_cores])  # before the process starts: libraries count cores when they load
    try:
        process.start()
    finally:
        os.sched_setaffinity(0, cores)
    sender.close()
    try:
        for what in ("preparation over", "over"):
            if not receiver.poll(60 * minutes):
                return f"{what} {minutes:g} min"
            message = pickle.loads(receiver.recv_bytes())
            if isinstance(message, str):
                break
        return message
    except EOFError:
        process.join()
        return "out of memory" if process.exitcode == -signal.SIGKILL else "failed"
    finally:
        process.kill()
        process.join()


def _measure_within(
    sender: Any, gibibytes: float, prepare: Callable[..., Callable[[], Any]], args: tuple[Any, ...]
) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (int(gibibytes * 2**30),) * 2)
    try:
        call = prepare(*args)
        sender.send_bytes(pickle.dumps(None))
        _measure(sender, call, ())
    except ImportError:
        sender.send_bytes(pickle.dumps("not installed"))
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or "memory" in str(error).lower()):
            raise
        sender.send_bytes(pickle.dumps("out of memory"))


def accuracies(
    models: dict[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    weight: np.ndarray | None = None,
) -> dict[str, float]:
    """Return the test accuracy of each learner trained on a set; weights go to the learners that take them."""
    scores = {}
    for name, model in models.items():
        rows = np.random.default_rng(0).permutation(len(X))[: SVC_ROWS if name == "SVC" else None]
        weights = (
            {} if weight is None or not has_fit_parameter(model, "sample_weight") else {"sample_weight": weight[rows]}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a learner that has not converged on ten rows is no news
            scores[name] = clone(model).fit(X[rows], y[rows], **weights).score(X_test, y_test)
    return scores


def print_table(rows: list[Row], title: str) -> None:
    """Print a Markdown table: median seconds and memory, mean and standard deviation of the accuracies."""
    names = list(dict.fromkeys(name for row in rows for name in row.scores))
    print(f"\n### {title}\n")
    print("| method | seconds | peak MiB | " + " | ".join(names) + " |")
    print("|---|---|---|" + "---|" * len(names))
    for row in rows:
        cells = [
            f"{np.median(row.seconds):.1f}" if row.seconds else "",
            f"{np.median(row.mebibytes):.0f}" if row.mebibytes else "",
        ]
        for name in names:
            values = row.scores.get(name)
            cells.append(f"{100 * np.mean(values):.1f} ± {100 * np.std(values):.1f}" if values else "")
        print(f"| {row.method} | " + " | ".join(cells) + " |", flush=True)
