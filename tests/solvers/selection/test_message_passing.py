"""D2 pruning against a straight-line version of the paper."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdc import MessagePassingSelection
from skdc.learners import AreaUnderMargin
from skdc.networks import MLP

from .test_strata import Given, noisy


def by_the_paper(X, scores, y, quotas, n_neighbors, decay, repulsion):
    """Return rows in the order in which they are taken, with all pairs and a fresh maximum each time."""
    squares = np.square(X[:, None] - X[None]).sum(2)
    np.fill_diagonal(squares, np.inf)
    near = np.argsort(squares, axis=1, kind="stable")[:, :n_neighbors]
    of_near = np.take_along_axis(squares, near, axis=1)
    of_near = of_near / np.median(of_near)
    own = (scores - scores.min()) / np.ptp(scores)
    value = own + (np.exp(-decay * of_near) * own[near]).sum(1)
    taken, left = [], dict(quotas)
    while any(left.values()):
        open_rows = [row for row in range(len(X)) if row not in taken and left[y[row]]]
        best = max(open_rows, key=lambda row: value[row])
        taken.append(best)
        left[y[best]] -= 1
        for j, square in zip(near[best], of_near[best], strict=True):
            value[j] -= np.exp(-repulsion * square) * max(value[best], 0)
    return np.array(taken)


def chosen(X, y, share, **settings):
    condenser = MessagePassingSelection(n_samples=share, difficulty=Given(), encoder=None, random_state=0)
    return condenser.set_params(**settings).fit(X, y)


@pytest.mark.parametrize("settings", [(20, 1.0, 0.1), (3, 0.5, 1.0), (7, 2.0, 0.0)])
def test_it_is_that_of_the_paper(settings, rng):
    X, y = rng.normal(size=(301, 3)), np.arange(301) % 2
    scale = X.std(axis=0).mean()
    n_neighbors, decay, repulsion = settings
    fitted = chosen(X, y, 90, cutoff=0.0, n_neighbors=n_neighbors, decay=decay, repulsion=repulsion)
    counts = dict(enumerate(np.bincount(y[fitted.indices_])))
    expected = by_the_paper(X / scale, X[:, 0], y, counts, *settings)
    assert len(np.intersect1d(fitted.indices_, expected)) >= 88  # which of equal values is first may differ
    assert sum(counts.values()) == 90


def test_chosen_rows_are_no_neighbours_or_else_the_hardest(rng):
    X = rng.uniform(size=(1001, 2))
    y = np.zeros(1001, dtype=int)
    fitted = chosen(X, y, 100, cutoff=0.0, task="classification")

    def nearest(rows):
        squares = np.square(rows[:, None] - rows[None]).sum(2)
        np.fill_diagonal(squares, np.inf)
        return np.sqrt(squares.min(axis=1)).mean()

    assert nearest(fitted.X_syn_) > 1.3 * nearest(X[rng.permutation(1001)[:100]])
    attracted = chosen(X, y, 100, cutoff=0.0, task="classification", repulsion=1000.0)
    assert nearest(attracted.X_syn_) < nearest(fitted.X_syn_) / 2
    assert attracted.X_syn_[:, 0].mean() > 0.8 > fitted.X_syn_[:, 0].mean()


def test_the_hardest_rows_are_left_out(rng):
    X, y = rng.uniform(size=(400, 2)), np.repeat([0, 1], 200)
    fitted = chosen(X, y, 0.25, cutoff=0.5)
    for c in (0, 1):
        assert fitted.X_syn_[fitted.y_syn_ == c, 0].max() <= np.quantile(X[y == c, 0], 0.505)


def test_rows_that_are_equal_and_classes_of_few_rows(rng):
    y = np.arange(303) % 101
    fitted = chosen(np.ones((303, 2)), y, 202, cutoff=0.1, task="classification")
    assert np.bincount(fitted.y_syn_).tolist() == [2] * 101
    assert_array_equal(chosen(np.ones((3, 1)), [0, 1, 2], 3, cutoff=0.0).y_syn_, [0, 1, 2])


@pytest.mark.slow
def test_wrong_labels_are_left_out_where_held_out_rows_say_so(rng):
    X, y, wrong = noisy(rng, 0.3)
    difficulty = AreaUnderMargin(MLP(64, 1), n_networks=1)
    fitted = MessagePassingSelection(n_samples=0.3, difficulty=difficulty, random_state=0).fit(X, y)
    errors = fitted.history_["loss"]
    assert errors.min() < errors[0]
    assert wrong[fitted.indices_].mean() < 0.1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"cutoff": 1.0}, "MessagePassing.cutoff=1.0"),
        ({"n_neighbors": 0}, "n_neighbors=0"),
        ({"decay": -1.0}, "decay=-1.0"),
        ({"repulsion": float("inf")}, "repulsion=inf"),
        ({"difficulty": "hard"}, "difficulty='hard'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message, rng):
    with pytest.raises((ValueError, TypeError), match=message):
        chosen(rng.normal(size=(20, 2)), np.arange(20) % 2, 0.5, **settings)
