"""Compare sets on the digits by critics whose step size stays with those by critics whose step size decays."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skdc import Condenser
from skdc.discrepancies import Adversarial, FDivergence, LearnedCharacteristicFunction
from skdc.solvers import Descent

N_SPLITS = 6
CASES = [
    (Adversarial, {}, Descent()),
    (Adversarial, {"penalty": 1.0, "critic_rate": 0.01}, Descent(0.02, 100)),
    (FDivergence, {}, Descent()),
    (FDivergence, {}, Descent(0.02, 100)),
    (LearnedCharacteristicFunction, {}, Descent()),
]


def decaying(cls: type[Any]) -> type[Any]:
    """Return a critic like another, whose step size decays as that of the set does."""

    def own_parameters(self: Any) -> list[dict[str, Any]]:
        return [group | {"decays": True} for group in cls.own_parameters(self)]

    return type(cls.__name__, (cls,), {"own_parameters": own_parameters})


def accuracy(condenser: Condenser, seed: int) -> float:
    """Return the mean test accuracy, in percent, of three learners trained on ten rows a class."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
    condensed = condenser.set_params(n_per_class=10, random_state=seed).fit(X, y).condensed_
    learners = [LogisticRegression(max_iter=500), KNeighborsClassifier(1), SVC()]
    return 100 * float(np.mean([learner.fit(*condensed).score(X_test, y_test) for learner in learners]))


def main() -> None:
    """Print a line for each discrepancy and solver."""
    print("| discrepancy | solver | decays | stays | difference |\n|---|---|---|---|---|")
    for cls, settings, solver in CASES:
        both = [
            [accuracy(Condenser(kind(**settings), solver=solver), seed) for seed in range(N_SPLITS)]
            for kind in (decaying(cls), cls)
        ]
        difference = np.subtract(both[1], both[0])
        spread = f"{difference.mean():.2f} ± {difference.std() / N_SPLITS**0.5:.2f}"
        print(
            f"| {cls(**settings)!r} | {solver!r} | {np.mean(both[0]):.2f} | {np.mean(both[1]):.2f} | {spread} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
