"""Columns: what centroids of frames do to trees, and whether columns of arrays should have scales of their own."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
import pandas as pd
from data import folder, images, table_encoder
from defaults import CLASSES
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc import Condenser, GeneralCondenser, KernelHerding, KMeansCondenser, KMedoids, RandomSubset, TabularCondenser
from skdc.discrepancies import MMD

MOST = 10_000, 4_000  # training and test rows
IMAGES = "digits", "mnist", "mnist, hidden layer"


def voting(n_per_class: int, n_seeds: int) -> None:
    """Print the area under the curve of boosting on sets of frames."""
    print("| table | random rows | k-means, nearest rows (auto) | k-means, centroids | TabularCondenser |")
    print("|---|---|---|---|---|")
    for name in ("adult", "bank_full", "magic", "credit_g"):
        scores = []
        for seed in range(n_seeds):
            X, y = _frame(name)
            parts = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
            X_train, X_test, y_train, y_test = parts
            shown = table_encoder(X).fit(X_train)
            methods = [RandomSubset(), KMeansCondenser(), KMeansCondenser(voting="centroid"), TabularCondenser()]
            scores.append([])
            for method in methods:
                X_syn, y_syn = method.set_params(n_per_class=n_per_class, random_state=seed).fit(X_train, y_train)
                model = HistGradientBoostingClassifier(random_state=seed).fit(shown.transform(X_syn), y_syn)
                told = model.predict_proba(shown.transform(X_test))[:, 1]
                scores[-1].append(roc_auc_score(y_test == model.classes_[1], told))
        cells = [f"{100 * np.mean(cell):.1f} ± {100 * np.std(cell):.1f}" for cell in np.transpose(scores)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def arrays(n_per_class: int, n_seeds: int) -> None:
    """Print the mean accuracy of learners on sets of arrays, compared in one scale and in one a column."""
    methods = [GeneralCondenser(), Condenser(MMD()), KMedoids(), KernelHerding()]
    names = [name for method in methods for name in (repr(method), f"{method!r}, by column")]
    print("| array | random rows | Condenser() | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 3) + "|")
    for name in (*CLASSES, *IMAGES):
        found = []
        for seed in range(n_seeds):
            X, y = _array(name)
            sizes = min(MOST[0], int(0.7 * len(y))), min(MOST[1], int(0.3 * len(y)))
            parts = train_test_split(X, y, train_size=sizes[0], test_size=sizes[1], random_state=seed, stratify=y)
            least = np.unique(parts[2], return_counts=True)[1].min()
            given = {"n_per_class": int(min(n_per_class, least)), "random_state": seed}
            found.append([_score(condenser, *parts, seed) for condenser in (RandomSubset(**given), Condenser(**given))])
            for method in methods:
                for encoder in (None, StandardScaler()):
                    found[-1].append(_score(method.set_params(encoder=encoder, **given), *parts, seed))
                method.set_params(encoder="auto", n_per_class=None, random_state=None)
        print(f"| {name} | " + " | ".join(f"{100 * value:.1f}" for value in np.mean(found, axis=0)) + " |", flush=True)


def _score(condenser: Any, X: Any, X_test: Any, y: Any, y_test: Any, seed: int) -> float:
    X_syn, y_syn = condenser.fit(X, y)
    scaler = StandardScaler().fit(X)
    models = [
        LogisticRegression(max_iter=300),
        HistGradientBoostingClassifier(min_samples_leaf=1, max_iter=30, random_state=seed),
        RandomForestClassifier(50, random_state=seed),
        KNeighborsClassifier(min(5, len(y_syn))),
        MLPClassifier(max_iter=150, random_state=seed),
    ]
    return float(
        np.mean(
            [
                make_pipeline(model).fit(scaler.transform(X_syn), y_syn).score(scaler.transform(X_test), y_test)
                for model in models
            ]
        )
    )


def _frame(name: str) -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
    target, dropped = CLASSES[name]
    frame = frame[frame.groupby(target)[target].transform("size") > 9].reset_index(drop=True)
    return frame.drop(columns=[target, *dropped]), frame[target]


def _array(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of a table in their own units, with codes of words, or images as rows of pixels."""
    if name == "digits":
        return load_digits(return_X_y=True)
    if name.startswith("mnist"):
        X, y, _, _ = images("mnist")
        X, _, y, _ = train_test_split(X.reshape(len(X), -1) / 255.0, y, train_size=14_000, random_state=0, stratify=y)
        if name == "mnist":
            return X, y
        network = MLPClassifier((64,), max_iter=20, random_state=0).fit(X[:2000], y[:2000])
        return np.maximum(X @ network.coefs_[0] + network.intercepts_[0], 0), y
    X, y = _frame(name)
    words = X.select_dtypes(exclude="number").columns
    X = pd.get_dummies(X, columns=list(words)).astype(float)
    return X.fillna(X.median()).to_numpy(), np.unique(y, return_inverse=True)[1]


def main() -> None:
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["voting", "arrays"])
    parser.add_argument("--n-per-class", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.table == "voting":
        voting(args.n_per_class or 50, args.seeds)
    else:
        arrays(args.n_per_class or 10, args.seeds)


if __name__ == "__main__":
    main()
