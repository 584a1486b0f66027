"""Groups that become one number: mean, worst, and the mean of the worst share."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.base import clone

from skdc import Condenser
from skdc.discrepancies import SquaredL2
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.reduce import CVaR, check_reduction, reduced
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Fixed
from skdc.solvers import Greedy, LeastSquares
from skdc.sources import Batch
from skdc.spaces import KernelRidgePredictions
from skdc.step import Step

from ..sources import row_source, seeded, synthetic

VALUES = torch.tensor([3.0, 1.0, 4.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    "alpha, expected",
    [
        (0.0, 2.5),
        (0.25, 3.0),
        (0.5, 3.5),
        (0.75, 4.0),
        (0.999, 4.0),
        (0.6, (4 + 0.6 * 3) / 1.6),
        (0.1, (4 + 3 + 2 + 0.6 * 1) / 3.6),
    ],
)
def test_cvar_is_the_mean_of_the_worst_share(alpha, expected):
    assert float(CVaR(alpha)(VALUES)) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.floats(0, 0.95))
def test_cvar_is_the_least_of_rockafellar_and_uryasev(values, alpha):
    values = np.array(values)

    def bound(t):
        return t + np.maximum(values - t, 0).mean() / (1 - alpha)

    # The bound is convex and piecewise linear: it is least at one of the values.
    expected = min(bound(t) for t in values)
    assert float(CVaR(alpha)(torch.as_tensor(values))) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert optimize.minimize_scalar(bound, bounds=(-11, 11), method="bounded").fun >= expected - 1e-9


def test_the_ends_are_mean_and_worst():
    assert reduced(VALUES, "mean") == VALUES.mean() == reduced(VALUES, CVaR(0.0))
    assert reduced(VALUES, "worst") == VALUES.max() == reduced(VALUES, CVaR(1 - 1e-9))


def test_cvar_keeps_dtype_and_gradient():
    values = torch.tensor([1.0, 5.0, 3.0], requires_grad=True)
    found = CVaR(0.5)(values)
    found.backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(values.grad, torch.tensor([0.0, 2 / 3, 1 / 3]))


@pytest.mark.parametrize("alpha", [1.0, -0.1, 2.0, np.nan])
def test_bad_shares_are_refused(alpha):
    with pytest.raises(ValueError, match=r"CVaR\(alpha=.*alpha must be at least 0 and less than 1"):
        check_reduction("MMD", CVaR(alpha))


@pytest.mark.parametrize("reduce", ["max", None, 0.5])
def test_unknown_reductions_are_refused(reduce):
    with pytest.raises(ValueError, match=r"MMD\(reduce=.*must be 'mean', 'worst' or CVaR\(\)"):
        check_reduction("MMD", reduce)


def test_cvar_is_a_parameter_object():
    discrepancy = clone(MMD(reduce=CVaR(0.2))).set_params(reduce__alpha=0.7)
    assert repr(discrepancy) == "MMD(reduce=CVaR(alpha=0.7))"


# Which group is worst


def uneven():
    """Return a wide class that is matched well and a narrow one that is matched worse."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(40, 1)) * 5, 50 + rng.normal(size=(40, 1)) * 0.1])
    source = row_source(X, np.repeat([0, 1], 40))
    points = np.concatenate([np.quantile(X[:40], np.arange(0.05, 1, 0.1))[:, None], np.full((10, 1), 51.0)])
    return source, synthetic(source, points, np.repeat([0, 1], 10))


def parts(source, points):
    """Return the loss without the real-real term, and the distance, of each class."""
    discrepancy = MMD(bandwidth=1.0).fit(source, seeded())
    groups = discrepancy.groups(*(discrepancy.space_.block(rows) for rows in (source.rows, points)))
    pairs = [(discrepancy.between(p, q, seeded()), discrepancy.distance(p, q, seeded())) for p, q in groups]
    return torch.tensor([[float(left_out), float(whole)] for left_out, whole in pairs]).T


@pytest.mark.parametrize("reduce", ["worst", CVaR(0.5)], ids=repr)
def test_the_worst_group_is_told_by_the_whole_distance(reduce):
    source, points = uneven()
    without_constant, distance = parts(source, points)
    # Without what depends on the data alone, the other class would be worst.
    assert int(without_constant.argmax()) == 0
    assert int(distance.argmax()) == 1
    points.X.requires_grad_()
    loss = MMD(bandwidth=1.0, reduce=reduce).fit(source, seeded()).loss(Batch(source.rows), points, Step(seeded()))
    (gradient,) = torch.autograd.grad(loss, points.X)
    assert float(loss.detach()) == pytest.approx(float(distance.max()), rel=1e-6)
    assert (gradient[:10] == 0).all()
    assert (gradient[10:] != 0).all()


def test_the_loss_of_the_mean_leaves_the_constant_out_and_the_value_does_not():
    source, points = uneven()
    without_constant, distance = parts(source, points)
    discrepancy = MMD(bandwidth=1.0).fit(source, seeded())
    assert float(discrepancy.loss(Batch(source.rows), points, Step(seeded()))) == pytest.approx(
        float(without_constant.mean())
    )
    assert float(discrepancy.value(Batch(source.rows), points, seeded())) == pytest.approx(
        float(distance.mean()), rel=1e-5
    )


def test_predictions_are_split_by_the_groups_of_the_real_rows(rng):
    source = row_source(rng.normal(size=(30, 3)), np.arange(30) % 3 > 0, groups=np.arange(30) % 5 == 0)
    points = synthetic(source, rng.normal(size=(4, 3)), [0, 0, 1, 1])
    whole = SquaredL2(space=KernelRidgePredictions(), by=None).fit(source, seeded())
    (truth,), (predicted,) = whole.represent(Batch(source.rows), points, Step(seeded()))
    errors = (truth.values - predicted.values).square().sum(1)
    classes = source.schema.class_of_key[source.key]
    for by, of in (("class", classes), ("group", source.key)):
        expected = torch.stack([errors[torch.as_tensor(of == g)].mean() for g in np.unique(of)])
        for reduce in ("mean", "worst", CVaR(0.5)):
            found = SquaredL2(space=KernelRidgePredictions(), by=by, reduce=reduce).fit(source, seeded())
            torch.testing.assert_close(
                found.loss(Batch(source.rows), points, Step(seeded())), reduced(expected, reduce)
            )


@pytest.mark.parametrize("reduce", ["mean", "worst"])
def test_rows_are_chosen_together_where_predictions_are_compared_by_class(reduce, iris):
    # Class by class there would be no other class to tell a row from.
    loss = SquaredL2(space=KernelRidgePredictions(), by="class", reduce=reduce)
    chosen = Condenser(loss, Subset(), Greedy(n_trials=60), n_per_class=2, random_state=0).fit(*iris)
    assert chosen.learner_.score(*iris) > 0.85


def test_targets_are_not_solved_for_by_class(iris):
    loss = SquaredL2(space=KernelRidgePredictions())
    with pytest.raises(ValueError, match="use SquaredL2"):
        Condenser(loss, Points(Fixed(), labels="learned"), LeastSquares(), n_per_class=2).fit(*iris)
