"""Rows of which few numbers change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Edits
from skdc.solvers import Descent

from ...sources import row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


def test_edits_show_where_they_are_larger_than_the_threshold(source):
    live = Points(Edits(threshold=0.5), within=None).build(source, SIZES, seeded())
    start = live().X.detach().clone()
    torch.testing.assert_close(start, Points().build(source, SIZES, seeded())().X.detach(), rtol=0, atol=0)
    with torch.no_grad():
        live.codec.moves.values[:2] = torch.tensor([[0.5, 0.6], [-0.6, 0.1]])
    moved = live().X.detach() - start
    torch.testing.assert_close(moved[:2], torch.tensor([[0, 0.6], [-0.6, 0]]).to(moved))
    assert not moved[2:].any()
    live().X.sum().backward()
    assert (live.codec.moves.values.grad == 1).all(), "what does not show must be able to grow"


def test_edited_rows_begin_again_at_rows_that_are_loaded(source, rng):
    live = Points(Edits(threshold=0.5), within=None).build(source, SIZES, seeded())
    with torch.no_grad():
        live.codec.moves.values += 1
    rows = replace(live(), X=torch.as_tensor(rng.normal(size=(8, 2))))
    live.load(rows)
    torch.testing.assert_close(live().X.detach(), rows.X, rtol=0, atol=0)


def test_most_numbers_of_edited_rows_stay_those_of_the_data(iris):
    X, y = iris
    solver = Descent(n_steps=30)
    for threshold, unchanged in ((1.0, True), (0.0, False)):
        condenser = Condenser(MMD(), Points(Edits(threshold)), solver, n_per_class=5, random_state=0).fit(X, y)
        assert (np.isclose(condenser.X_syn_, X[:, None]).any(0).mean() > 0.9) == unchanged


def test_a_threshold_is_not_negative(source):
    with pytest.raises(ValueError, match=r"Edits\(threshold=-1\): the threshold must not be negative"):
        Points(Edits(threshold=-1)).build(source, SIZES, seeded())
