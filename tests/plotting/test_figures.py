"""Names beside points do not overlap, panels fit in, and lines through the front are those of the definition."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from skdc.plotting.figures import Panels, have_room, label_points, panels_for, short


def extents(labels):
    return np.array([Text.get_window_extent(label).extents for label in labels])


def n_overlaps(boxes):
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    return (np.all((low < boxes[:, 2:]) & (high > boxes[:, :2]), axis=2).sum() - len(boxes)) // 2


@pytest.mark.parametrize("spread", [1.0, 0.05, 0.0])
def test_names_of_crowded_points_do_not_overlap(rng, spread):
    axes = plt.figure(figsize=(6.4, 4.8), layout="constrained").subplots()
    x, y = spread * rng.random((2, 12))
    axes.scatter(x, y)
    axes.set(xlim=(-1, 2), ylim=(-1, 2))
    labels = label_points(axes, x, y, [f"condenser {i}" for i in range(12)])
    axes.figure.draw_without_rendering()
    boxes = extents(labels)
    assert n_overlaps(boxes) == 0
    inside = axes.get_window_extent().extents
    assert np.all(boxes[:, :2] >= inside[:2]) and np.all(boxes[:, 2:] <= inside[2:])


def test_names_of_a_second_call_keep_off_those_of_the_first():
    axes = plt.figure().subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    first = label_points(axes, np.array([0.5]), np.array([0.5]), ["first"])
    axes.set(xlim=(0.4, 0.6))
    second = label_points(axes, np.array([0.5]), np.array([0.5]), ["second"])
    axes.figure.draw_without_rendering()
    assert n_overlaps(extents([*first, *second])) == 0


def test_a_line_leads_to_points_that_stand_apart():
    axes = plt.figure().subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels = label_points(axes, np.full(12, 0.5), np.full(12, 0.5), ["twelve of them"] * 12)
    lines = [label.arrow_patch.get_visible() for label in labels]
    assert not lines[0] and any(lines)


def test_room_is_told_by_the_size_of_the_axes():
    names = [f"condenser {i}" for i in range(12)]
    assert have_room(plt.figure(figsize=(6.4, 4.8)).subplots(), names)
    assert not have_room(plt.figure(figsize=(3, 3)).subplots(), names)


@given(st.integers(1, 40), st.floats(0.5, 20), st.floats(0.5, 20))
@settings(max_examples=50)
def test_panels_fit_into_their_place(n, width, height):
    panels = panels_for(n, (width, height), (1.1, 0.9))
    assert panels.columns == 1 or panels.columns * 1.1 <= width
    assert panels.rows == 1 or panels.rows * 0.9 <= height
    assert panels.rows * panels.columns - n < panels.columns, "no line is empty"
    assert panels_for(9, (10, 10), (1, 1)) == Panels(3, 3)


def test_long_words_are_cut_off():
    assert short("a" * 20, 5) == "aaaa…" and short("abcde", 5) == "abcde" and short(3) == "3"
