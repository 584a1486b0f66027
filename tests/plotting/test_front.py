"""The front of two objectives: points that are known, and models that are measured by hand."""

import sys
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from skdc import RandomSubset
from skdc.discrepancies import MMD
from skdc.plotting import ObjectiveFrontDisplay

pytest.importorskip("matplotlib")
X, y = load_iris(return_X_y=True)
TRAIN, TEST = np.arange(150) % 2 == 0, np.arange(150) % 2 == 1
DATA = X[TRAIN], y[TRAIN], X[TEST], y[TEST]
NEAREST = KNeighborsClassifier(1)


def n_rows(model, X, y):
    """Return how many rows the model was trained on."""
    return len(model.condenser_.X_syn_)


def test_the_front_is_what_no_other_point_is_better_than():
    objective, score = [1, 2, 2, 3, 4, 1], [5, 7, 6, 7, 9, 5]
    small = ObjectiveFrontDisplay("abcdef", objective, score)
    assert_array_equal(small.front(), [True, True, False, False, True, True])
    large = ObjectiveFrontDisplay("abcdef", objective, score, lower_is_better=False)
    assert_array_equal(large.front(), [False, False, False, False, True, False])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12), st.booleans())
def test_points_off_the_front_have_a_better_one_on_it(points, lower):
    objective, score = np.array(points, dtype=float).T
    front = ObjectiveFrontDisplay(range(len(points)), objective, score, lower_is_better=lower).front()
    gain = -objective if lower else objective
    for i in range(len(points)):
        better = (gain >= gain[i]) & (score >= score[i]) & ((gain > gain[i]) | (score > score[i]))
        assert front[i] == (not better.any())
        assert front[i] or (better & front).any()


def test_points_are_those_of_models_that_are_fitted_by_hand():
    condensers = {"small": RandomSubset(n_per_class=1), "large": RandomSubset(n_per_class=9)}
    display = ObjectiveFrontDisplay.from_condensers(
        condensers, NEAREST, *DATA, objective=n_rows, objective_name="rows", random_states=[3, 4]
    )
    assert display.names == ["small", "large"]
    assert_array_equal(display.objective, [[3, 3], [27, 27]])
    for i, n_per_class in enumerate([1, 9]):
        for j, seed in enumerate([3, 4]):
            X_syn, y_syn = RandomSubset(n_per_class=n_per_class, random_state=seed).fit(X[TRAIN], y[TRAIN])
            expected = accuracy_score(y[TEST], KNeighborsClassifier(1).fit(X_syn, y_syn).predict(X[TEST]))
            assert display.score[i, j] == expected
    assert not hasattr(condensers["small"], "X_syn_"), "what is passed stays unfitted"
    assert display.ax_.get_xlabel() == "rows" and display.ax_.get_ylabel() == "accuracy"


def test_a_parameter_takes_its_values_in_turn():
    condenser = RandomSubset(n_per_class=1, random_state=0)
    display = ObjectiveFrontDisplay.from_parameter(
        condenser,
        "n_per_class",
        [2, 5],
        NEAREST,
        *DATA,
        objective=n_rows,
        score=lambda model, X, y: -n_rows(model, X, y),
    )
    assert display.names == ["2", "5"] and condenser.n_per_class == 1
    assert_array_equal(display.objective[:, 0], [6, 15])
    assert_array_equal(display.score[:, 0], [-6, -15])
    assert display.ax_.get_ylabel() == "score"


class Told(RandomSubset):
    """A condenser that keeps the groups that it was told."""

    groups: ClassVar[list] = []

    def fit(self, X, y=None, *, sample_weight=None, sensitive_features=None):
        Told.groups.append(sensitive_features)
        return super().fit(X, y)


def test_what_fit_takes_reaches_the_condenser():
    Told.groups.clear()
    groups = X[TRAIN, 0] > 5.8
    ObjectiveFrontDisplay.from_condensers(
        {"told": Told(n_per_class=1)}, NEAREST, *DATA, objective=n_rows, fit_params={"sensitive_features": groups}
    )
    assert_array_equal(Told.groups, [groups])


def test_the_picture_shows_points_front_and_names():
    import matplotlib.pyplot as plt

    axes = plt.figure().subplots()
    display = ObjectiveFrontDisplay(
        ["b", "a", "c"], [[2, 4], [1, 1], [5, 5]], [[8, 9], [5, 5], [1, 3]], objective_name="epsilon"
    ).plot(axes, name="sets", color="C3")
    assert display.ax_ is axes and display.figure_ is axes.figure
    line = axes.get_lines()[0]
    assert_allclose(line.get_xydata(), [[1, 5], [3, 8.5]])
    assert {text.get_text(): tuple(text.xy) for text in axes.texts} == {"b": (3, 8.5), "a": (1, 5), "c": (5, 2)}
    (bars,) = axes.containers
    widths = [np.ptp(segment[:, 0]) for segment in bars[2][0].get_segments()]
    assert_allclose(widths, [2, 0, 0])  # a standard deviation of 1 to each side
    assert axes.get_legend().get_texts()[0].get_text() == "sets" and axes.get_xlabel() == "epsilon"


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="at least one condenser"):
        ObjectiveFrontDisplay.from_condensers({}, NEAREST, *DATA, objective=n_rows)
    with pytest.raises(ValueError, match=r"\[\[nan\], \[.*\]\] for 'one': points need finite numbers"):
        ObjectiveFrontDisplay.from_condensers(
            {"one": RandomSubset(n_per_class=1)}, NEAREST, *DATA, objective=lambda *given: np.nan
        )
    with pytest.raises(ValueError, match=r"shape \(3,\) do not go with 2 name\(s\)"):
        ObjectiveFrontDisplay("ab", [1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="as many repeats"):
        ObjectiveFrontDisplay("ab", [1, 2], [[1, 2], [3, 4]])
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skdc\[plot\]'"):
        ObjectiveFrontDisplay("ab", [1, 2], [1, 2]).plot()


def test_a_fit_that_is_refused_says_so():
    with pytest.raises(ValueError, match="pass sensitive_features="):
        ObjectiveFrontDisplay.from_condensers(
            {"fair": RandomSubset(reweight=MMD(by="group"))}, NEAREST, *DATA, objective=n_rows
        )
