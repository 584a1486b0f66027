"""Strata of difficulty: budgets by hand, cut-offs of uneven weights, and cut-offs that held-out rows choose."""

import numpy as np
import pytest
import torch

from skdc import CoverageCentricSelection
from skdc.learners import AreaUnderMargin, Difficulty
from skdc.networks import MLP
from skdc.solvers.selection.pruning import _surely_best
from skdc.solvers.selection.strata import budgets, strata_of

SMALL = AreaUnderMargin(MLP(8, 1), n_networks=1, n_epochs=5)


class Given(Difficulty):
    """The first column is how hard a row is."""

    def score(self, epochs, rows):
        """Return nothing: networks are not asked."""

    def scores(self, rows, schema, generator):
        """Return the first column."""
        return rows.X[:, 0]


@pytest.mark.parametrize(
    "counts, size, expected",
    [
        ([2, 5, 100], 30, [2, 5, 23]),
        ([100, 5, 2], 30, [23, 5, 2]),
        ([40, 50, 60], 31, [10, 10, 11]),
        ([0, 3, 0, 9], 5, [0, 2, 0, 3]),
        ([4, 4], 8, [4, 4]),
        ([0, 7], 0, [0, 0]),
    ],
)
def test_small_strata_leave_their_share_to_large_ones(counts, size, expected):
    assert budgets(np.array(counts), size).tolist() == expected


def test_strata_are_of_equal_width():
    assert strata_of(np.array([0.0, 0.9, 1.0, 2.5, 10.0]), 10).tolist() == [0, 0, 1, 2, 9]
    assert strata_of(np.array([3.0, 3.0]), 10).tolist() == [0, 0]


def chosen(X, y, share, weight=None, **settings):
    condenser = CoverageCentricSelection(n_samples=share, difficulty=Given(), encoder=None, random_state=0)
    return condenser.set_params(**settings).fit(X, y, sample_weight=weight)


def test_the_hardest_rows_of_each_class_are_left_out_and_the_others_evenly_kept(rng):
    y = np.repeat([0, 1], [1001, 400])
    X = np.concatenate([rng.permutation(np.linspace(0, 1, 1001)), rng.permutation(np.linspace(5, 6, 400))])[:, None]
    fitted = chosen(X, y, 0.5, cutoff=0.3, n_strata=10)
    easy, hard = fitted.X_syn_[fitted.y_syn_ == 0, 0], fitted.X_syn_[fitted.y_syn_ == 1, 0]
    assert easy.max() < 0.7001 and hard.max() < 5.7001
    assert np.ptp(np.histogram(easy, 10, (0, 0.7))[0]) <= 2
    assert len(set(fitted.indices_)) == len(easy) + len(hard) == 700


def test_skewed_scores_are_evened(rng):
    X = rng.exponential(size=(2002, 1)) ** 2
    y = np.arange(2002) % 2
    hard = np.sort(X[:, 0])[-200]
    random = np.mean(X[rng.permutation(2002)[:400], 0] > hard)
    kept = np.mean(chosen(X, y, 0.2, cutoff=0.0).X_syn_[:, 0] > hard)
    assert kept > 3 * random


def test_the_share_that_is_left_out_is_one_of_weight():
    X, y = np.arange(40.0)[:, None] % 20, np.repeat([0, 1], 20)
    weight = np.where(X[:, 0] < 10, 9.0, 1.0)  # the hard half of the rows is a tenth of the mass
    assert chosen(X, y, 0.5, weight, cutoff=0.1).X_syn_.max() == 9
    assert chosen(X, y, 0.5, weight, cutoff=0.05).X_syn_.max() > 9
    assert chosen(X, y, 0.5, cutoff=0.5).X_syn_.max() == 9


def test_no_more_is_left_out_than_leaves_enough():
    X, y = np.arange(40.0)[:, None] % 20, np.repeat([0, 1], 20)
    fitted = chosen(X, y, 0.9, cutoff=0.5)
    assert sorted(fitted.X_syn_[:18, 0]) == list(range(18))


def test_there_may_be_many_classes_of_few_rows(rng):
    y = np.arange(303) % 101
    condenser = CoverageCentricSelection(2, difficulty=Given(), cutoff=0.1, task="classification")
    fitted = condenser.fit(rng.normal(size=(303, 3)), y)
    assert np.bincount(fitted.y_syn_).tolist() == [2] * 101


def noisy(rng, share):
    y = np.repeat([0, 1], 200)
    X = rng.normal(size=(400, 10)) + y[:, None]
    wrong = rng.uniform(size=400) < share
    return X, np.where(wrong, 1 - y, y), wrong


def test_held_out_rows_tell_the_errors_of_all_that_is_tried(iris):
    fitted = CoverageCentricSelection(n_samples=0.6, difficulty=SMALL, random_state=0).fit(*iris)
    assert len(fitted.indices_) == 90
    assert len(fitted.history_["loss"]) == 6  # random rows, and the cut-offs 0 to 0.4
    assert (fitted.history_["loss"] < 0.5).all()


@pytest.mark.slow
def test_wrong_labels_are_left_out_where_held_out_rows_say_so(rng):
    X, y, wrong = noisy(rng, 0.3)
    difficulty = AreaUnderMargin(MLP(64, 1), n_networks=1)
    fitted = CoverageCentricSelection(n_samples=0.3, difficulty=difficulty, random_state=0).fit(X, y)
    errors = fitted.history_["loss"]
    assert len(errors) == 7  # random rows, and six cut-offs
    assert errors.min() < errors[0]
    assert wrong[fitted.indices_].mean() < 0.1


def test_random_rows_are_kept_where_no_cut_off_is_surely_better():
    same, even = torch.arange(200) % 10 == 0, torch.ones(200)

    def best(*ways, weight=even):
        return _surely_best(torch.stack([torch.stack(way) for way in ways]).double(), weight.double())

    fewer, one_less = same & (torch.arange(200) > 100), same.clone()
    one_less[0] = False
    assert best((same, same), (~same, ~same), (same, same)) == 0
    assert best((same, same), (one_less, one_less)) == 0, "by chance"
    assert best((same, same), (one_less, one_less), (fewer, fewer)) == 2
    assert best((same, one_less), (fewer, same)) == 0, "worse for the second learner"
    light = torch.where(same & ~fewer, 1e-3, 1.0)
    assert best((same, same), (fewer, fewer), weight=light) == 1


def test_single_rows_are_not_held_out(rng):
    fitted = CoverageCentricSelection(1, difficulty=SMALL, random_state=0).fit(rng.normal(size=(3, 2)), [0, 1, 2])
    assert sorted(fitted.y_syn_) == [0, 1, 2]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"cutoff": 1.0}, "cutoff=1.0"),
        ({"cutoff": -0.1}, "cutoff=-0.1"),
        ({"cutoff": "best"}, "'validated', or a share"),
        ({"n_strata": 0}, "n_strata=0"),
        ({"difficulty": "hard"}, "difficulty='hard'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message, rng):
    with pytest.raises((ValueError, TypeError), match=message):
        chosen(rng.normal(size=(20, 2)), np.arange(20) % 2, 0.5, **settings)
