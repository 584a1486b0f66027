"""Penalties against their definitions, and what they do to a condensed set."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel

from skdc import Condenser
from skdc.discrepancies import MMD, MeanDistance, SquaredL2
from skdc.discrepancies.generative import LatentPrior
from skdc.discrepancies.penalties import Diversity, L2Norm, LabelMargin, TotalVariation
from skdc.discrepancies.similarity import GreatestSimilarity
from skdc.discrepancies.teachers import Curvature, TeacherLoss
from skdc.generators import LinearGenerator
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions

from ..sources import finite_differences, row_source, seeded, synthetic

SMALL = MLP(width=16, depth=1)
TEACHERS = [TeacherLoss(network=SMALL, n_steps=100), Curvature(network=SMALL, n_steps=100)]
ALL = [
    L2Norm(),
    TotalVariation(image_shape=(1, 3)),
    LabelMargin(),
    Diversity(),
    LatentPrior(LinearGenerator(2)),
    GreatestSimilarity(),
    *TEACHERS,
]


def fitted(penalty, source):
    """Return the penalty as it is inside a sum."""
    return (MMD(bandwidth=1.0) + penalty).fit(source, seeded()).leaves()[1]


def value(penalty, source, X, **parts):
    with torch.no_grad():
        return float(fitted(penalty, source).penalty(synthetic(source, X, **parts), seeded()))


def test_penalties_add_to_what_sees_the_data():
    terms = (MMD() + 0.1 * TotalVariation() + 2 * Diversity(weight=3.0)).terms
    assert [(name, term.weight) for name, term in terms] == [("mmd", 1.0), ("totalvariation", 0.1), ("diversity", 6.0)]


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_alone_they_are_refused(penalty, digits):
    with pytest.raises(ValueError, match=r"add it to a discrepancy: MMD\(\) \+"):
        Condenser(penalty).fit(*digits)
    with pytest.raises(ValueError, match="does not look at the data; add a discrepancy"):
        Condenser(penalty + L2Norm()).fit(*digits)


# Total variation


def variation(images):
    """Return the mean difference of neighbours of images (n, C, H, W), each."""
    pairs = [np.abs(np.diff(images, axis=axis)).reshape(len(images), -1) for axis in (2, 3)]
    return np.concatenate(pairs, axis=1).mean(axis=1)


@pytest.mark.parametrize(
    "shape, penalty, axes",
    [
        ((5, 4), TotalVariation(), lambda X: X[:, None]),
        ((3, 5, 6), TotalVariation(), lambda X: X),
        ((5, 4, 3), TotalVariation(), lambda X: X.transpose(0, 3, 1, 2)),
        ((3, 4, 3), TotalVariation(channels="last"), lambda X: X.transpose(0, 3, 1, 2)),
        ((20,), TotalVariation(image_shape=(5, 4)), lambda X: X.reshape(-1, 1, 5, 4)),
    ],
)
def test_total_variation_is_in_the_unit_of_the_images(shape, penalty, axes, rng):
    # The mean of the data is far from flat, and takes no part.
    data = 7 + 30 * rng.normal(size=(20, *shape)) + np.arange(np.prod(shape)).reshape(shape) ** 2
    images, weight = 5 * rng.normal(size=(4, *shape)), rng.uniform(0.5, 2, 4)
    found = value(penalty, row_source(data), images, weight=weight)
    assert found == pytest.approx(np.average(variation(axes(images)), weights=weight))


def test_flat_images_have_no_variation(digits):
    X, y = digits
    assert value(TotalVariation((8, 8)), row_source(X, y), np.full((2, 64), 3.0)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "penalty, message",
    [
        (
            TotalVariation(),
            r"needs images, but rows of shape \(64,\) are none; for flattened images",
        ),
        (TotalVariation((8, 9)), r"image_shape=\(8, 9\) has 72 values, but a row has 64"),
        (TotalVariation((4, 4, 4)), "cannot tell the channels"),
    ],
)
def test_rows_that_are_no_images_are_refused(penalty, message, digits):
    with pytest.raises(ValueError, match=message):
        Condenser(MMD() + penalty).fit(*digits)


# Labels


def test_the_label_margin_is_that_of_the_two_best_classes(digits, rng):
    scores, weight = rng.normal(size=(6, 10)) / 4, rng.uniform(0.5, 2, 6)
    ranked = np.sort(scores, axis=1)
    margins = ranked[:, -1] - ranked[:, -2]
    assert margins.min() < 0.1 < margins.max()
    expected = -np.average(np.minimum(margins, 0.1), weights=weight)
    assert value(LabelMargin(), row_source(*digits), np.zeros((6, 64)), y=scores, weight=weight) == pytest.approx(
        expected
    )


def test_labels_that_stay_have_no_margin_to_gain(digits):
    with pytest.raises(ValueError, match=r"no effect on labels that stay as they are: use Points\(labels='learned'\)"):
        Condenser(MMD() + LabelMargin()).fit(*digits)


def test_the_label_margin_needs_classes(digits):
    with pytest.raises(ValueError, match="needs y with at least two classes"):
        Condenser(MMD() + LabelMargin()).fit(digits[0])


# Diversity


def test_diversity_is_the_mean_similarity_within_classes(rng):
    X, y = rng.normal(size=(30, 2)), np.repeat([0, 1, 2], 10)
    points, key, weight = rng.normal(size=(6, 2)), np.array([0, 0, 0, 1, 1, 2]), rng.uniform(0.5, 2, 6)
    expected, mass = 0.0, weight / weight.sum()
    for c in range(3):
        own = mass[key == c]
        similar = rbf_kernel(points[key == c], gamma=0.5 / 1.3**2)
        expected += own.sum() * (own @ similar @ own) / own.sum() ** 2
    found = value(Diversity(bandwidth=1.3), row_source(X, y), points, codes=key, weight=weight)
    assert found == pytest.approx(expected)


def test_points_that_are_alike_have_similarity_one(digits):
    source = row_source(*digits)
    assert value(Diversity(), source, np.ones((5, 64))) == pytest.approx(1.0)
    assert value(Diversity(bandwidth=0.1), source, 50 * np.eye(5, 64)) == pytest.approx(1 / 5)


# Teachers


@pytest.fixture
def teacher(iris):
    """Return a source, and points with labels of no class."""
    source, draws = row_source(*iris), np.random.default_rng(0)
    points = synthetic(source, iris[0][::30] + 0.3, codes=iris[1][::30], y=draws.dirichlet(np.ones(3), 5))
    return source, replace(points, weight=torch.arange(1.0, 6.0).double())


def test_the_teacher_loss_is_the_cross_entropy_of_a_network_that_knows_the_data(teacher, iris):
    source, points = teacher
    penalty = fitted(TeacherLoss(network=SMALL), source)
    outputs = penalty.network_(points.X)
    losses = torch.nn.functional.cross_entropy(outputs, points.y, reduction="none")
    assert float(penalty.penalty(points, None).detach()) == pytest.approx(float(points.mass @ losses))
    accuracy = (penalty.network_(source.rows.X).argmax(1).numpy() == iris[1]).mean()
    assert accuracy > 0.95


def test_the_teacher_is_frozen(teacher):
    penalty = fitted(TeacherLoss(network=SMALL, n_steps=2), teacher[0])
    assert not any(p.requires_grad for p in penalty.network_.parameters())
    assert not penalty.network_.training


def test_teachers_of_continuous_targets_lose_squared_errors(rng):
    X = rng.normal(size=(200, 3))
    source = row_source(X, 100 * X[:, 0], regression=True)
    penalty = fitted(TeacherLoss(network=SMALL), source)
    points = synthetic(source, X[:20], y=100 * X[:20, :1])
    right, wrong = (float(penalty.penalty(replace(points, y=points.y + off), None)) for off in (0.0, 1.0))
    assert right < 0.05
    assert wrong == pytest.approx(1.0, abs=0.3)


def test_curvature_is_the_change_of_the_slope_along_the_slope(teacher):
    source, points = teacher
    penalty = fitted(Curvature(step=0.2, network=SMALL), source)

    def slopes(X):
        slope = np.zeros_like(X)
        for i, row in enumerate(X):

            def loss(x, i=i):
                outputs = penalty.network_(torch.as_tensor(x)[None])
                return float(torch.nn.functional.cross_entropy(outputs, points.y[i : i + 1]))

            slope[i] = finite_differences(loss, row)
        return slope

    X = points.X.numpy()
    here = slopes(X)
    # Four features of variance 1 in the mean: rows are 2 from their mean.
    there = slopes(X + 0.2 * 2.0 * here / np.linalg.norm(here, axis=1, keepdims=True))
    expected = points.mass.numpy() @ np.linalg.norm(there - here, axis=1)
    assert float(penalty.penalty(points, None).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("penalty", TEACHERS, ids=repr)
def test_teachers_need_targets_and_rows(penalty, iris):
    name = type(penalty).__name__
    with pytest.raises(ValueError, match=f"{name} trains on targets, but y is None"):
        Condenser(MMD() + penalty).fit(iris[0])
    with pytest.raises(AttributeError, match="partial_fit needs"):
        Condenser(MeanDistance() + penalty).partial_fit(*iris)


@pytest.mark.parametrize(
    "penalty, message",
    [
        (TeacherLoss(n_steps=0), r"TeacherLoss\(n_steps=0, step_size=0.003, batch_size=256\): they must be positive"),
        (Curvature(step=0), r"Curvature\(step=0\): the step must be positive"),
        (Diversity(bandwidth=-1.0), "bandwidth=-1.0 must be 'median', or positive numbers"),
    ],
)
def test_senseless_parameters_are_refused(penalty, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(MMD() + penalty).fit(*iris)


# In a condenser


@pytest.mark.slow
@pytest.mark.parametrize(
    "penalty",
    [L2Norm(), TotalVariation((8, 8)), Diversity(), TeacherLoss(network=SMALL), Curvature(network=SMALL)],
    ids=repr,
)
def test_a_penalty_is_lower_where_it_is_minimised(penalty, digits, monkeypatch):
    # The networks are asked that the fit has seen; what it keeps has none.
    monkeypatch.setattr("skdc.fitting.base.settled", lambda part: part)
    X, y = digits
    source = row_source(X, y, dtype=torch.float32)
    sets = [
        Condenser(discrepancy, solver=Descent(n_steps=60), n_per_class=2, random_state=0).fit(X, y)
        for discrepancy in (MMD(), MMD() + 0.3 * penalty)
    ]
    # By the very network that was asked.
    own = sets[1].discrepancy_.leaves()[1]
    plain, penalised = (
        float(own.penalty(synthetic(source, c.X_syn_, codes=c.y_syn_), seeded()).detach()) for c in sets
    )
    assert penalised < 0.98 * plain


def test_a_label_margin_grows_where_it_is_asked_for(digits):
    X, y = digits
    space = KernelRidgePredictions()
    margins = []
    for weight in (1e-12, 10.0):
        condenser = Condenser(
            SquaredL2(space=space, by=None) + LabelMargin(weight=weight),
            Points(labels="learned"),
            Descent(step_size=0.2, n_steps=60),
            n_per_class=1,
            random_state=0,
        ).fit(X, y)
        ranked = np.sort(condenser.y_learned_, axis=1)
        margins.append(np.minimum(ranked[:, -1] - ranked[:, -2], 0.1).min())
    assert margins[1] >= margins[0]


def test_a_stream_has_penalties_that_need_no_rows(digits):
    from skdc.discrepancies import RandomFeatureMMD

    X, y = digits
    term = RandomFeatureMMD(bandwidth=20.0, n_features=100)
    condenser = Condenser(term + TotalVariation((8, 8)), solver=Descent(n_steps=20), n_per_class=2, random_state=0)
    plain = Condenser(term, solver=Descent(n_steps=20), n_per_class=2, random_state=0)
    sets = [c.partial_fit(X[:500], y[:500], classes=range(10)).X_syn_ for c in (condenser, plain)]
    smooth, rough = (variation(rows.reshape(-1, 1, 8, 8)).mean() for rows in sets)
    assert smooth < 0.9 * rough
