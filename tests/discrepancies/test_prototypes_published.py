"""The cost of learning vector quantization against that of published code, and written out row by row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from skdc.discrepancies import PrototypeMargin
from skdc.sources import Batch
from skdc.spaces import LearnedMetric

from ..sources import row_source, seeded

OMEGA = np.array([[0.5, 0.2, 0, 0], [0, 0.5, 0.1, 0], [0, 0, 0.5, 0.3], [0.1, 0, 0, 0.5]])
PROTOTYPES = np.array([[-1, 1, -1.2, -1.0], [0, -0.5, 0.3, 0.2], [1, 0.1, 1.0, 1.1]])


def cost_at(source, prototypes, key, slope):
    cost = PrototypeMargin(slope=slope, space=LearnedMetric()).fit(source, seeded())
    cost.space_.matrix_ = torch.as_tensor(OMEGA / np.linalg.norm(OMEGA), dtype=source.dtype)
    key = torch.as_tensor(key)
    given = {"X": source.encode(np.asarray(prototypes)), "key": key, "weight": torch.ones(len(key), dtype=source.dtype)}
    points = replace(source.take(np.arange(len(key))), **given)
    return float(cost.value(Batch(source.rows), points, seeded()))


def test_the_cost_is_that_of_sklvq():
    # sklvq 0.1.2: GMLVQ(activation_type="sigmoid", activation_params={"beta": 3.0}), its objective over 150 rows.
    X, y = load_iris(return_X_y=True)
    source = row_source((X - X.mean(axis=0)) / X.std(axis=0), y)
    assert cost_at(source, PROTOTYPES, [0, 1, 2], slope=3.0) == pytest.approx(0.1988828932666925, abs=1e-6)


def test_several_points_of_a_class_and_uneven_weights(rng):
    X, y, weight = rng.normal(size=(101, 4)), np.arange(101) % 3, rng.uniform(0.1, 3, size=101)
    points, key = rng.normal(size=(7, 4)), np.array([0, 0, 0, 1, 1, 2, 2])
    costs = []
    for row, label in zip(X, y, strict=True):
        squares = np.square(OMEGA @ (points - row).T).sum(axis=0)
        right, wrong = squares[key == label].min(), squares[key != label].min()
        costs.append(1 / (1 + np.exp(-5.0 * (right - wrong) / (right + wrong))))
    found = cost_at(row_source(X, y, weight=weight), points, key, slope=5.0)
    assert found == pytest.approx(np.average(costs, weights=weight), rel=1e-5)
