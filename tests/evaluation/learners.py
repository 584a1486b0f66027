"""Learners whose scores are known."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class CountsRows(ClassifierMixin, BaseEstimator):
    """A classifier whose score is a share of the rows that it was trained on."""

    def __init__(self, full=100, augmentation=None):
        self.full = full
        self.augmentation = augmentation

    def fit(self, X, y):
        self.classes_, self.n_ = np.unique(y), len(X)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y, sample_weight=None):
        return self.n_ / self.full


class Table(ClassifierMixin, BaseEstimator):
    """A classifier whose score is looked up: one score by its parameter for many rows, another one for few."""

    many: ClassVar = {}
    few: ClassVar = {}

    def __init__(self, choice=0):
        self.choice = choice

    def fit(self, X, y):
        self.classes_, self.n_ = np.unique(y), len(X)
        if self.few.get(self.choice, 0) is None and self.n_ < 30:
            raise ValueError("too few rows for this choice")
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y, sample_weight=None):
        return (self.many if self.n_ >= 30 else self.few)[self.choice]


class Refuses(ClassifierMixin, BaseEstimator):
    """A classifier that can be trained on many rows only."""

    def fit(self, X, y):
        if len(X) < 50:
            raise RuntimeError(f"{len(X)} rows are not enough")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])
