"""The benchmarks' data sets, read from $SKDC_DATA or ../shared/data beside the project."""

from __future__ import annotations

import io
import lzma
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # X_train, y_train, X_test, y_test

TABLES = {
    "adult": ("income", ["split"]),
    "bank_full": ("y", ["duration"]),
    "magic": ("class", []),
    "phoneme": ("class", []),
    "credit_g": ("class", []),
}


def folder() -> Path:
    """Return where the data are."""
    return Path(os.environ.get("SKDC_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def images(name: str) -> Split:
    """Return the official split of an image set, rows of shape (28, 28), uint8."""
    arrays = np.load(io.BytesIO(lzma.decompress((folder() / f"{name}.npz.xz").read_bytes())))
    return arrays["X_train"], arrays["y_train"], arrays["X_test"], arrays["y_test"]


def table(name: str, seed: int) -> Split:
    """Return a table as numbers: standardised columns and indicators of categories, fitted on the training rows.

    Adult has an official split; the others give 30% of their rows, drawn anew for each seed, to the test.
    """
    frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
    target, dropped = TABLES[name]
    if name == "adult":
        test = frame["split"].to_numpy() == "test"
        train, test = np.flatnonzero(~test), np.flatnonzero(test)
    else:
        train, test = train_test_split(np.arange(len(frame)), test_size=0.3, random_state=seed, stratify=frame[target])
    X, y = frame.drop(columns=[target, *dropped]), frame[target].to_numpy()
    encoder = table_encoder(X)
    X_train = encoder.fit_transform(X.iloc[train]).astype(np.float32)
    return X_train, y[train], encoder.transform(X.iloc[test]).astype(np.float32), y[test]


def frame_split(name: str, seed: int, most: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
    """Return a table as frames: some 70% of its rows, no more than so many, and as many of the others at most."""
    frame = pd.read_csv(folder() / f"{name}.csv.gz", na_values="?")
    target, dropped = TABLES[name]
    X, y = frame.drop(columns=[target, *dropped]), frame[target].to_numpy()
    sizes = min(most, int(0.7 * len(y))), min(most, int(0.3 * len(y)))
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=sizes[0], test_size=sizes[1], random_state=seed, stratify=y
    )
    return X.reset_index(drop=True), y, X_test.reset_index(drop=True), y_test


def table_encoder(X: pd.DataFrame) -> ColumnTransformer:
    """Return what standardises the numbers of a frame, medians where they are missing, and indicates categories."""
    numbers = X.select_dtypes("number").columns
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), X.columns.difference(numbers)),
        ]
    )


def some(X: np.ndarray, y: np.ndarray, n: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return n rows drawn at random, or all if n is None."""
    if n is None:
        return X, y
    rows = np.random.default_rng(0).permutation(len(X))[:n]
    return X[rows], y[rows]


def rows(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows of a data set as a float32 matrix, pixels from 0 to 1, and codes of their classes."""
    if name in TABLES:
        X, y, _, _ = table(name, 0)
    else:
        X, y, _, _ = images(name)
        X = (X.reshape(len(X), -1) / 255).astype(np.float32)
    return X, np.unique(y, return_inverse=True)[1]


def mixture(n: int, n_features: int = 50, n_components: int = 20) -> np.ndarray:
    """Return rows of a mixture of Gaussians with unit covariances, drawn from seed 0."""
    generator = np.random.default_rng(0)
    centers = 3 * generator.standard_normal((n_components, n_features), dtype=np.float32)
    X = generator.standard_normal((n, n_features), dtype=np.float32)
    X += centers[generator.integers(n_components, size=n)]
    return X
