"""Guided sampling: plain DDIM where nothing guides, and lower discrepancies where something does."""

from functools import partial

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD, Adversarial
from skdc.exceptions import PartsError
from skdc.generators import DiffusionGenerator, LinearGenerator, VariationalGenerator
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Quantized
from skdc.solvers import DivergenceError, GuidedSampling

from ..sources import row_source, seeded

SMALL = MLP(width=32)
DIFFUSION = DiffusionGenerator(
    VariationalGenerator(2, SMALL, SMALL, n_steps=300), SMALL, n_diffusion_steps=6, n_steps=300
)
GUIDED = partial(GuidedSampling, DIFFUSION)


def solved(solver, source):
    """Return where points start, and where the solver leads them."""
    live = Points(within=None).build(source, np.array([4, 4, 4]), seeded())
    start = live().X.detach().clone()
    return start, solver.solve(MMD().fit(source, seeded(1)), live, source, seeded(2))


@pytest.mark.parametrize("skip", [False, True])
def test_without_guidance_it_is_ddim_bit_for_bit(iris, skip):
    source = row_source(*iris, dtype=torch.float32)
    part = DiffusionGenerator(**DIFFUSION.get_params(deep=False) | {"skip": skip})
    start, solution = solved(GuidedSampling(part, guidance=0.0), source)
    live, key = part.fit(source, seeded()), solution.synthetic.key
    with torch.no_grad():
        expected = live.decode(live.encode(start / source.spread, key), key) * source.spread
    assert torch.equal(solution.synthetic.X, expected)
    assert solution.n_iter == 6 and solution.history["loss"].shape == (6,)


def test_guidance_lowers_the_discrepancy(iris):
    X, y = iris

    def measured(**settings):
        fitted = Condenser(MMD(), solver=GUIDED(**settings), n_per_class=10, random_state=0).fit(X, y)
        return sum(MMD()(X[y == c], fitted.X_syn_[fitted.y_syn_ == c]) for c in range(3))

    plain, guided, early = measured(guidance=0.0), measured(guidance=0.5), measured(guidance=0.5, window=(0.0, 0.2))
    assert guided < 0.8 * plain and guided < early


def test_only_a_part_of_the_way_is_guided(iris):
    source = row_source(*iris, dtype=torch.float32)
    plain, guided = (solved(GUIDED(guidance=g, window=(0.5, 1.0)), source)[1].history["loss"] for g in (0.0, 0.5))
    np.testing.assert_array_equal(plain[:4], guided[:4])
    assert guided[4] < plain[4]


@pytest.mark.slow
def test_any_storage_keeps_the_rows_and_a_teacher_labels_them(iris):
    points = Points(Quantized(3), labels="teacher")
    fitted = Condenser(MMD(), points, GUIDED(), n_per_class=4, random_state=0).fit(*iris)
    assert all(len(np.unique(column)) <= 8 for column in fitted.X_syn_.T)
    assert fitted.y_soft_.shape == (12, 3)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"guidance": -1.0}, "guidance must be at least 0"),
        ({"window": (0.5, 0.5)}, "window a part of"),
        ({"batch_size": 0}, "batch_size at least 1"),
        ({"generator": LinearGenerator(2)}, "which a DiffusionGenerator"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message, iris):
    with pytest.raises(ValueError, match=rf"(?s)GuidedSampling\(.*{message}"):
        Condenser(MMD(), solver=GuidedSampling(**{"generator": DIFFUSION} | settings)).fit(*iris)


def test_parts_that_need_more_are_refused(iris):
    with pytest.raises(PartsError, match="moves rows, and no targets"):
        Condenser(MMD(), Points(labels="learned"), GUIDED()).fit(*iris)
    with pytest.raises(PartsError, match="trains nothing beside the points"):
        Condenser(Adversarial(), solver=GUIDED()).fit(*iris)


def test_steps_that_are_too_long_leave_the_last_good_set(iris):
    with pytest.raises(DivergenceError, match=r"no longer finite after 1 of 6 steps: guidance=1e\+60.*try guidance"):
        solved(GUIDED(guidance=1e60), row_source(*iris, dtype=torch.float32))
