"""Losses, budgets, tables of learners, comparisons and leaderboards: what is drawn is what was found."""

import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdc import Condenser, RandomSubset
from skdc.discrepancies import MMD
from skdc.evaluation import TransferTable
from skdc.plotting import (
    BudgetCurveDisplay,
    ComparisonDisplay,
    HistoryDisplay,
    ImagesDisplay,
    LeaderboardDisplay,
    MarginalsDisplay,
    SetDisplay,
    TransferDisplay,
    WitnessDisplay,
)
from skdc.solvers import Descent

pd = pytest.importorskip("pandas")


def small_axes(inches=3.0):
    return plt.figure(figsize=(inches, inches), layout="constrained").subplots()


def words(legend):
    return [text.get_text() for text in legend.get_texts()]


def stands_off(display):
    """Tell whether the legend covers no part of the axes."""
    display.figure_.draw_without_rendering()
    return not display.ax_.get_legend().get_window_extent().overlaps(display.ax_.get_window_extent())


def test_losses_are_those_of_the_steps(iris):
    condenser = Condenser(MMD(), solver=Descent(n_steps=30), n_per_class=2, random_state=0).fit(*iris)
    display = HistoryDisplay.from_condenser(condenser)
    (line,) = display.lines_
    assert_array_equal(line.get_xdata(), np.arange(1, 31))
    assert_array_equal(line.get_ydata(), condenser.history_["loss"])
    assert display.ax_.get_ylabel() == "loss" and display.ax_.get_legend() is None
    two = HistoryDisplay.from_condensers({"a": condenser, "b": condenser}, ax=small_axes())
    assert words(two.ax_.get_legend()) == ["a", "b"] and stands_off(two)


def test_losses_that_differ_much_have_a_scale_of_logarithms():
    assert HistoryDisplay({"": [100.0, 1.0]}).plot().ax_.get_yscale() == "log"
    assert HistoryDisplay({"": [100.0, 50.0]}).plot().ax_.get_yscale() == "linear"
    assert HistoryDisplay({"": [100.0, -1.0]}).plot().ax_.get_yscale() == "linear"


def test_a_condenser_without_steps_has_no_history(iris):
    with pytest.raises(ValueError, match="RandomSubset has no history"):
        HistoryDisplay.from_condenser(RandomSubset(n_per_class=1).fit(*iris))
    with pytest.raises(ValueError, match=r"losses=\{\} has nothing to draw"):
        HistoryDisplay({})
    with pytest.raises(ValueError, match=r"losses of 'a' of shape \(0,\) are no line"):
        HistoryDisplay({"a": []})


CURVE = {"size": [50, 10, 20], "score": [0.93, 0.8, 0.91], "spread": [0.01, 0.02, 0.03]}


def test_the_least_size_is_the_first_that_is_enough():
    display = BudgetCurveDisplay(**CURVE, random_score=[0.9, 0.6, 0.8], all_score=0.915).plot(small_axes())
    assert display.least_size == 20 and display.least_line_.get_xdata()[0] == 20
    assert_array_equal(display.line_.get_xydata(), [[10, 0.8], [20, 0.91], [50, 0.93]])
    assert_array_equal(display.random_line_.get_ydata(), [0.6, 0.8, 0.9])
    assert_allclose(display.all_line_.get_ydata(), 0.915)
    assert "20 rows are enough" in words(display.ax_.get_legend()) and stands_off(display)
    band = display.ax_.collections[0].get_paths()[0].vertices
    assert_allclose([band[:, 1].min(), band[:, 1].max()], [0.78, 0.94])
    assert BudgetCurveDisplay(**CURVE, all_score=0.915, tolerance=0.001).least_size == 50
    assert BudgetCurveDisplay(**CURVE, all_score=0.99).plot().least_line_ is None
    assert BudgetCurveDisplay(**CURVE).plot().least_size is None


def test_ticks_are_sizes_that_do_not_overlap():
    sizes = [10, 11, 12, 20, 50, 100, 110, 500, 1000]
    display = BudgetCurveDisplay(sizes, np.linspace(0, 1, 9)).plot(small_axes())
    display.figure_.draw_without_rendering()
    labels = display.ax_.get_xticklabels()
    assert {label.get_text().replace(",", "") for label in labels} <= {str(size) for size in sizes}
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes)) and len(boxes) >= 3


class Curve:
    """What `budget_curve` returns, as far as it is drawn."""

    sizes, scores, spreads = np.array([5, 10]), np.array([0.5, 0.9]), np.array([0.1, 0.0])
    random_scores, random_spreads, all_score, condenser = np.array([0.4, 0.6]), np.zeros(2), 0.9, "KMedoids"


def test_curves_and_frames_are_drawn_alike():
    of_curve = BudgetCurveDisplay.from_curve(Curve())
    frame = pd.DataFrame(
        {"size": Curve.sizes, "score": Curve.scores, "random_score": Curve.random_scores, "all_score": 0.9}
    )
    of_frame = BudgetCurveDisplay.from_frame(frame, name="KMedoids")
    assert of_curve.least_size == of_frame.least_size == 10
    assert words(of_curve.ax_.get_legend()) == words(of_frame.ax_.get_legend())
    with pytest.raises(ValueError, match=r"a curve needs the column 'score', but there are \['size'\]"):
        BudgetCurveDisplay.from_frame(frame[["size"]])
    with pytest.raises(ValueError, match=r"spread of shape \(2,\) does not go with 3 sizes"):
        BudgetCurveDisplay([1, 2, 3], [1, 2, 3], [1, 2])


TABLES = {
    "random": TransferTable({"tree": {"hard labels": 0.5, "weights": 0.6}, "1-NN": {"hard labels": 0.75}}),
    "KIP": TransferTable({"tree": {"hard labels": 0.25, "soft labels": 0.9}, "1-NN": {"hard labels": 1.0}}),
}


def test_fields_have_the_scores_of_the_tables():
    display = TransferDisplay.from_tables(TABLES)
    assert_array_equal(display.image_.get_array(), [[0.5, 0.75], [0.25, 1.0]])
    assert [text.get_text() for text in display.texts_] == ["0.50", "0.75", "0.25", "1.00"]
    assert [text.get_position() for text in display.texts_] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["random", "KIP"]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["tree", "1-NN"]
    assert_array_equal(TransferDisplay.from_tables(TABLES, variant="best").scores, [[0.6, 0.75], [0.9, 1.0]])
    soft = TransferDisplay.from_tables(TABLES, variant="soft labels")
    assert np.isnan(soft.scores).sum() == 3 and [text.get_text() for text in soft.texts_] == ["–", "–", "0.90", "–"]


def test_one_table_shows_its_variants():
    display = TransferDisplay.from_table(TABLES["KIP"])
    assert display.sets == ["hard labels", "soft labels"]
    assert_array_equal(display.scores, [[0.25, 1.0], [0.9, np.nan]])


def test_scores_are_written_where_there_is_room(rng):
    many = rng.random((40, 30))
    names = [f"set {i}" for i in range(40)], [f"learner {i}" for i in range(30)]
    assert TransferDisplay(many, *names).plot(small_axes()).texts_ == []
    assert len(TransferDisplay(many, *names).plot().texts_) == 1200
    with pytest.raises(ValueError, match="'logits' is in none of the tables"):
        TransferDisplay.from_tables(TABLES, variant="logits")
    with pytest.raises(ValueError, match=r"scores of shape \(2, 2\) do not go with 2 sets and 3 learners"):
        TransferDisplay(np.zeros((2, 2)), "ab", "abc")
    with pytest.raises(ValueError, match=r"tables=\{\} has nothing to draw"):
        TransferDisplay.from_tables({})


FRAME = pd.DataFrame(
    {
        "condenser": ["random rows", "k-means", "DM", "broken", "all rows", "k-means"],
        "size": [10, 10, 10, 10, 150, 10],
        "learner": ["mean"] * 5 + ["tree"],
        "score": [0.7, 0.9, 0.85, np.nan, 0.95, 0.5],
        "low": [0.6, 0.8, 0.8, np.nan, np.nan, 0.5],
        "high": [0.8, 1.0, 0.9, np.nan, np.nan, 0.5],
        "seconds": [0.01, 0.1, 9.0, np.nan, 0.0, 0.1],
        "bytes": [100, 400, 300, np.nan, 9000, 400],
    }
)


def test_points_are_those_of_the_frame():
    display = ComparisonDisplay.from_frame(FRAME)
    assert display.names == ["random rows", "k-means", "DM"]
    assert_array_equal(display.cost, [0.01, 0.1, 9.0])
    assert_array_equal(display.front_line_.get_xydata(), [[0.01, 0.7], [0.1, 0.9]])
    assert display.ax_.get_xscale() == "log" and display.all_score == 0.95
    assert {label.get_text(): tuple(label.xy) for label in display.labels_} == {
        "random rows": (0.01, 0.7),
        "k-means": (0.1, 0.9),
        "DM": (9.0, 0.85),
    }
    segments = [container[2][0].get_segments()[0][:, 1] for container in display.ax_.containers]
    assert_allclose(segments, [[0.6, 0.8], [0.8, 1.0], [0.8, 0.9]])
    by_bytes = ComparisonDisplay.from_frame(FRAME, cost="bytes")
    assert_array_equal(by_bytes.front(), [True, True, True])
    assert ComparisonDisplay.from_frame(FRAME, learner="tree").names == ["k-means"]


def test_sizes_of_one_condenser_are_joined():
    display = ComparisonDisplay(["a", "b", "a"], [5, 1, 1], [0.9, 0.5, 0.6]).plot(small_axes())
    assert display.labels_ == [] and words(display.ax_.get_legend()) == ["a", "b"] and stands_off(display)
    line = next(line for line in display.ax_.get_lines() if line is not display.front_line_)
    assert_array_equal(line.get_xydata(), [[1, 0.6], [5, 0.9]])


def test_what_costs_nothing_has_a_place():
    display = ComparisonDisplay("abc", [0.0, 0.1, 10.0], [1, 2, 3]).plot()
    assert display.ax_.get_xscale() == "symlog" and display.ax_.get_xlim()[0] < 0


def test_comparisons_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="a comparison needs the column 'seconds'"):
        ComparisonDisplay.from_frame(FRAME.drop(columns="seconds"))
    with pytest.raises(ValueError, match=r"learner='forest' is none of \['mean', 'tree'\]"):
        ComparisonDisplay.from_frame(FRAME, learner="forest")
    with pytest.raises(ValueError, match="no line of learner='mean' but that of all rows"):
        ComparisonDisplay.from_frame(FRAME.iloc[3:])
    with pytest.raises(ValueError, match="finite scores"):
        ComparisonDisplay("ab", [1, 2], [np.nan, 1])


BOARD = pd.DataFrame(
    {
        "candidate": ["k-medoids", "k-means", "random rows", "k-medoids", "slow"],
        "rows": [900, 300, 900, 300, 300],
        "score": [0.9, 0.85, 0.8, 0.7, np.nan],
        "seconds": 1.0,
        "error": ["", "", "", "", "out of time"],
    }
)


def test_candidates_stand_best_first():
    display = LeaderboardDisplay(BOARD).plot(small_axes())
    assert display.candidates_ == ["k-medoids", "k-means", "random rows", "slow"]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["k-medoids", "k-means", "random rows", "slow (gave none)"]
    assert display.ax_.yaxis_inverted()
    few, many = display.ax_.collections
    assert_allclose(few.get_offsets(), [[0.85, 1], [0.7, 0]])
    assert_allclose(many.get_offsets(), [[0.9, 0], [0.8, 2]])
    assert words(display.ax_.get_legend()) == ["300 rows", "900 rows", "random rows"] and stands_off(display)
    assert_allclose(display.ax_.get_lines()[0].get_xdata(), 0.8)


def test_random_rows_are_always_there():
    display = LeaderboardDisplay(BOARD).plot(n_candidates=2)
    assert display.candidates_ == ["k-medoids", "random rows"]
    assert display.ax_.get_title() == "2 of 4 candidates"
    with pytest.raises(ValueError, match="a leaderboard needs the column 'rows'"):
        LeaderboardDisplay(BOARD.drop(columns="rows"))
    with pytest.raises(ValueError, match="leaderboard is empty"):
        LeaderboardDisplay(BOARD.iloc[:0])


@pytest.mark.parametrize(
    "display",
    [
        BudgetCurveDisplay([1], [1]),
        ComparisonDisplay("a", [1], [1]),
        HistoryDisplay({"": [1]}),
        ImagesDisplay(np.zeros((1, 4, 4))),
        LeaderboardDisplay(BOARD),
        MarginalsDisplay(np.zeros((2, 2)), np.zeros((2, 2))),
        SetDisplay(np.zeros((2, 2)), np.zeros((2, 2))),
        TransferDisplay([[1]], "a", "b"),
        WitnessDisplay(np.zeros((2, 2)), np.zeros(2), np.zeros((2, 2))),
    ],
    ids=lambda display: type(display).__name__,
)
def test_without_matplotlib_the_extra_is_named(monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ImportError, match=rf"{type(display).__name__} draws with matplotlib: pip install 'skdc\[plot\]'"
    ):
        display.plot()
