"""Rows that stay where they start."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed

from ...sources import row_source, seeded

SIZES = np.array([3, 0, 5])


@pytest.fixture
def source(rng):
    """Return weighted rows of three classes, the second one absent from the set."""
    y = np.repeat([0, 1, 2], [20, 4, 16])
    return row_source(rng.normal(size=(40, 2)) + 10 * y[:, None], y, weight=rng.uniform(0.5, 2, 40))


@pytest.mark.parametrize("start", ["rows", "spread"])
def test_rows_of_the_data_stay_and_their_targets_move(start, source):
    live = Points(Fixed(), start=start, labels="learned").build(source, SIZES, seeded())
    start_rows = Points(start=start).build(source, SIZES, seeded())()
    optimizer = torch.optim.SGD(live.parameters(), lr=0.1)
    (live().X.square().sum() + live().y.square().sum()).backward()
    optimizer.step()
    torch.testing.assert_close(live().X, start_rows.X.detach(), rtol=0, atol=0)
    torch.testing.assert_close(live().y, 0.8 * start_rows.y)


def test_fixed_rows_take_other_rows_and_targets(source, rng):
    live = Points(Fixed(), labels="learned").build(source, SIZES, seeded())
    rows = replace(live(), X=live().X.flip(0), y=torch.as_tensor(rng.normal(size=(8, 3))))
    live.load(rows)
    torch.testing.assert_close(live().X, rows.X)
    torch.testing.assert_close(live().y.detach(), rows.y)


def test_noise_is_no_row_of_the_data(iris):
    with pytest.raises(ValueError, match="start must be 'rows' or 'spread'"):
        Points(Fixed(), start="noise", labels="learned").build(row_source(*iris), np.array([2, 2, 2]), seeded())
