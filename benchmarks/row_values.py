"""Find wrong labels by the values of rows and by `label_agreement`; by cleanlab and pydvl where they are installed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from time import process_time

import numpy as np
import pandas as pd
from data import folder
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc.weighting import label_agreement, row_values

TABLES = ("magic", "phoneme", "segment", "digits")
Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]  # high where a label is thought to be right


def rows_of(name: str, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised rows, some of them, and classes as numbers."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16, y
    frame = pd.read_csv(folder() / f"{name}.csv.gz").sample(frac=1, random_state=seed)[:most]
    y = np.unique(frame.pop("class"), return_inverse=True)[1]
    return StandardScaler().fit_transform(frame), y


def cleanlab_scores(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the quality of labels by out-of-fold probabilities of the teacher of `label_agreement`."""
    from cleanlab.rank import get_label_quality_scores

    teacher = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, tol=1e-3))
    return get_label_quality_scores(y, cross_val_predict(teacher, X, y, cv=5, method="predict_proba"))


def pydvl_scores(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the Shapley values of five neighbours; a fifth of the rows is predicted from the others, fold by fold."""
    from joblib import parallel_config
    from pydvl.valuation import Dataset, KNNShapleyValuation

    total, folds = np.zeros(len(X)), np.arange(len(X)) % 5
    for fold in range(5):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        valuation = KNNShapleyValuation(KNeighborsClassifier(), Dataset(X[test], y[test]), progress=False)
        with parallel_config(n_jobs=1):
            total[train] += valuation.fit(Dataset(X[train], y[train])).result.values
    return total


def methods() -> Iterator[tuple[str, Scores]]:
    """Yield what scores labels, by name."""
    yield "`row_values`, neighbours", row_values
    yield (
        "`row_values`, kernel ridge",
        lambda X, y: row_values(X, y, KernelRidge(1.0, kernel="rbf", gamma=1 / X.shape[1] / X.var())),
    )
    yield "`label_agreement`", lambda X, y: label_agreement(X, y, random_state=0)
    boosting = HistGradientBoostingClassifier(random_state=0)
    yield "`label_agreement`, boosting", lambda X, y: label_agreement(X, y, boosting, random_state=0)
    if find_spec("cleanlab"):
        yield "cleanlab", cleanlab_scores
    if find_spec("pydvl"):
        yield "pydvl, neighbours", pydvl_scores


def main() -> None:
    """Print a table: the share of wrong labels among the lowest fifth, the area under the curve, seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="of each table, at most")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print("| table | rows | method | found | area | CPU s |\n|---|---|---|---|---|---|")
    for name in TABLES:
        for method, scores in methods():
            found, area, seconds = [], [], []
            for seed in range(args.seeds):
                draws = np.random.default_rng(seed)
                X, y = rows_of(name, args.rows, seed)
                n_classes = y.max() + 1
                wrong = draws.random(len(y)) < 0.2
                told = np.where(wrong, (y + draws.integers(1, n_classes, len(y))) % n_classes, y)
                start = process_time()
                score = scores(X, told) + 1e-12 * draws.random(len(y))  # chance breaks ties
                seconds.append(process_time() - start)
                found.append(wrong[np.argsort(score)[: wrong.sum()]].mean())
                area.append(roc_auc_score(~wrong, score))
            cells = f"{100 * np.mean(found):.1f}", f"{100 * np.mean(area):.1f}", f"{np.median(seconds):.2f}"
            print(f"| {name} | {len(X)} | {method} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
