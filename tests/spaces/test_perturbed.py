"""Real rows that are moved to where the synthetic set is least like them, against moves that are known."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.augmentation import Brightness
from skdc.discrepancies import MeanDistance, SquaredL2
from skdc.kernels import Linear
from skdc.learners import AlternatingNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.solvers import Descent, Greedy
from skdc.sources import Batch
from skdc.spaces import (
    Augmented,
    FeatureRidgePredictions,
    Identity,
    KernelRidgePredictions,
    NetworkGradients,
    NetworkRidgePredictions,
    Perturbed,
    RandomNetwork,
)
from skdc.step import Step

from ..sources import row_source, seeded, synthetic

SMALL = MLP(width=6, depth=1)


@pytest.fixture
def sides(rng):
    """Return a source of two classes with two groups each, and a set of three points a class."""
    source = row_source(rng.normal(size=(24, 5)), np.arange(24) % 2, groups=np.arange(24) // 2 % 2)
    # Clear of zero, lest a random start decides to which side a row goes.
    return source, synthetic(source, rng.normal(size=(6, 5)) + 3, np.arange(6) % 2)


def gaps(source, points):
    """Return the difference of the means of both classes, in the units of the data."""
    rows, codes = source.decode(source.rows.X), source.schema.class_of_key[source.key]
    own = source.decode(points.X)
    return [rows[codes == c].mean(0) - own[points.key.numpy() == c].mean(0) for c in range(2)]


def test_in_the_cube_rows_of_a_class_move_by_the_radius_along_the_signs_of_the_gap(sides):
    source, points = sides
    space = Perturbed(Identity(), radius=0.3, n_steps=5)
    found = MeanDistance(space=space).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded()))
    expected = np.mean([np.square(gap + 0.3 * np.sign(gap)).sum() for gap in gaps(source, points)])
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_in_the_ball_rows_of_a_class_move_by_the_radius_along_the_gap(sides):
    source, points = sides
    space = Perturbed(Identity(), radius=0.3, norm=2, n_steps=50)
    found = MeanDistance(space=space).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded()))
    worst = np.mean([(np.linalg.norm(gap) + 0.3) ** 2 for gap in gaps(source, points)])
    assert 0.99 * worst < float(found) <= worst * (1 + 1e-9)


def test_predictions_of_a_linear_model_err_more_by_the_radius_times_the_sum_of_its_slopes(rng):
    source = row_source(rng.normal(size=(30, 3)), rng.normal(size=30), regression=True)
    points = synthetic(source, rng.normal(size=(8, 3)), y=rng.normal(size=(8, 1)))
    plain = KernelRidgePredictions(Linear()).fit(source, seeded())
    space = Perturbed(KernelRidgePredictions(Linear()), radius=0.05, n_steps=4).fit(source, seeded())
    here = replace(source.rows, X=source.rows.X.clone().requires_grad_())
    (truth,), (predicted,) = plain.represent(here, points, Step(seeded()))
    slopes = torch.autograd.grad(predicted.values.sum(), here.X)[0] / source.units.scale
    further = 0.05 * slopes.abs().sum(1)
    errors = (predicted.values - truth.values).abs()[:, 0].detach()
    (truth,), (predicted,) = space.represent(source.rows, points, Step(seeded()))
    clear = errors > 2 * further  # others may be pushed to the other side of their target
    assert clear.sum() > 20
    found = (predicted.values - truth.values).abs()[:, 0]
    torch.testing.assert_close(found[clear], (errors + further)[clear])


@pytest.mark.parametrize("norm", [np.inf, 2])
def test_no_row_moves_further_than_the_radius(sides, norm, monkeypatch):
    source, points = sides
    seen = []
    embed = Identity.embed
    monkeypatch.setattr(Identity, "embed", lambda self, rows: seen.append(rows.X.detach()) or embed(self, rows))
    space = Perturbed(Identity(), radius=0.3, norm=norm, n_steps=3).fit(source, seeded())
    space.represent(source.rows, points, Step(seeded()))
    moves = [(X - source.rows.X).flatten(1) * source.units.scale for X in seen if len(X) == len(source)]
    lengths = torch.stack([torch.linalg.vector_norm(move, norm, dim=1) for move in moves])
    assert len(moves) == 4 and lengths.max() <= 0.3 * (1 + 1e-9)
    assert lengths[-1].min() > 0.25


@pytest.mark.parametrize(
    "discrepancy, space",
    [
        (MeanDistance, RandomNetwork(SMALL)),
        (SquaredL2, NetworkGradients(AlternatingNetworks(SMALL))),
        (lambda space: SquaredL2(space=space, by=None), NetworkRidgePredictions()),
        (lambda space: SquaredL2(space=space, by=None), KernelRidgePredictions()),
    ],
    ids=["features", "gradients", "ridge", "kernel ridge"],
)
def test_differentiable_spaces_are_further_apart_for_it(sides, discrepancy, space):
    source, _ = sides
    points = synthetic(source, source.decode(source.rows.X[:6]) + 0.1, np.arange(6) % 2)
    plain, moved = (
        float(discrepancy(space=one).fit(source, seeded()).value(Batch(source.rows), points, seeded()).detach())
        for one in (space, Perturbed(space, radius=0.5, n_steps=3))
    )
    assert moved > 1.05 * plain


def test_the_other_space_draws_the_same_for_the_adversary_and_for_the_loss(sides):
    source, points = sides
    space = Perturbed(Augmented(Identity(), Brightness(50), image_shape=(1, 5)), radius=0.3, n_steps=5)
    fitted = MeanDistance(space=space).fit(source, seeded())
    # A brightness that both sides share leaves the gap as it is.
    expected = np.mean([np.square(gap + 0.3 * np.sign(gap)).sum() for gap in gaps(source, points)])
    assert float(fitted.loss(Batch(source.rows), points, Step(seeded(3)))) == pytest.approx(expected, rel=1e-9)


def test_points_get_the_gradient_of_the_loss_at_the_moved_rows(sides):
    source, points = sides
    fitted = MeanDistance(space=Perturbed(Identity(), radius=0.3, n_steps=5)).fit(source, seeded())
    free = replace(points, X=points.X.clone().requires_grad_())
    fitted.loss(Batch(source.rows), free, Step(seeded())).backward()
    gap = gaps(source, points)[0]
    expected = (
        -2 * (gap + 0.3 * np.sign(gap)) / 3 / 2 * source.units.scale
    )  # three points a class, the mean of two classes
    np.testing.assert_allclose(free.X.grad[0], expected, rtol=1e-6)


@pytest.mark.parametrize("settings", [{"radius": 0}, {"radius": np.nan}, {"norm": 1}, {"n_steps": 0}])
def test_settings_that_make_no_sense_are_refused(sides, settings):
    with pytest.raises(ValueError, match="radius must be positive, norm numpy"):
        Perturbed(Identity(), **settings).fit(sides[0], seeded())


@pytest.mark.parametrize("space", [Perturbed(Identity()), Augmented(Identity(), image_shape=(2, 2))])
def test_rows_are_not_chosen_for_data_that_change(space, iris):
    changing = MeanDistance(space=space)
    with pytest.raises(ValueError, match="rows are chosen from data that stay"):
        Condenser(changing, Subset(), Greedy(), n_per_class=2).fit(*iris)


def test_what_does_not_look_at_the_rows_is_refused(iris):
    space = Perturbed(FeatureRidgePredictions())
    message = re.escape("has no gradient at the real rows, so that they cannot be perturbed")
    with pytest.raises(ValueError, match=message):
        Condenser(SquaredL2(space=space, by=None), Points(), Descent(n_steps=2), n_per_class=2).fit(*iris)
