"""The curve of scores by size, of learners whose scores are known."""

import numpy as np
import pytest

from skdc import KMedoids, RandomSubset
from skdc.evaluation import budget_curve
from tests.evaluation.learners import CountsRows

X, Y = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
GIVEN = {"X_test": X, "y_test": Y, "learner": CountsRows()}


def test_the_least_size_is_one_that_was_tried_or_none():
    curve = budget_curve(KMedoids(), X, Y, sizes=[20, 2, 45], **GIVEN)
    assert curve.sizes.tolist() == [4, 40, 90]
    assert curve.scores == pytest.approx([0.04, 0.4, 0.9]) and curve.random_scores == pytest.approx(curve.scores)
    assert (curve.all_rows, curve.all_score) == (100, 1.0)
    assert curve.least_size() is None
    assert curve.least_size(0.11) == 90 and curve.least_size(0.61) == 40 and curve.least_size(1) == 4


def test_it_says_what_it_has_and_what_is_missing():
    curve = budget_curve(KMedoids(), X, Y, sizes=[2, 45], **GIVEN)
    lines = str(curve).splitlines()
    assert lines[0].split()[:2] == ["rows", "KMedoids"] and lines[2].split()[:2] == ["90", "0.900"]
    assert lines[-1] == "None of these sizes is within 0.01 of all rows, for CountsRows."
    assert set(curve.to_frame()["condenser"]) == {"KMedoids", "random rows", "random rows, equal shares", "all rows"}
    changed = curve.to_frame()
    changed["score"] = 0
    assert curve.to_frame()["score"].max() == 1

    class Some(RandomSubset):
        def fit(self, X, y=None, **given):
            if self.n_per_class > 10:
                raise RuntimeError("too large")
            return super().fit(X, y, **given)

    broken = budget_curve(Some(), X, Y, sizes=[5, 20], seeds=1, **GIVEN)
    assert broken.scores[0] == 0.1 and np.isnan(broken.scores[1]) and broken.sizes.tolist() == [10, 40]
    assert str(broken).splitlines()[2].split()[1] == "-"
