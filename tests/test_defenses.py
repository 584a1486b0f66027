"""Networks that are trained to be robust, against losses that are known."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.learners import AdversarialTraining, CurvatureRegularization, NetworkClassifier, Softened
from skdc.learners.defenses import ascended, curvature
from skdc.networks import MLP, training_loss
from skdc.parameterizations import Points
from skdc.sets import LabeledSet
from skdc.solvers import Descent

from .sources import seeded


def some_rows(n=12, d=5):
    X = torch.randn(n, d, generator=seeded(), dtype=torch.float64)
    weight = torch.rand(n, generator=seeded(1), dtype=torch.float64) + 0.5
    y = torch.eye(2, dtype=torch.float64)[torch.arange(n) % 2]
    return LabeledSet(weight, torch.zeros(n, dtype=torch.int64), X, y)


def test_ascent_of_a_linear_loss_ends_where_it_is_largest():
    X, slope = some_rows().X, torch.tensor([1.0, -2.0, 0.5, 3.0, -0.1], dtype=torch.float64)
    moved = ascended(X, lambda rows: (rows @ slope).sum(), 0.2, np.inf, 4, seeded())
    torch.testing.assert_close(moved, X + 0.2 * slope.sign())
    moved = ascended(X, lambda rows: (rows @ slope).sum(), 0.2, 2, 40, seeded())
    gains = (moved - X) @ slope / slope.norm()
    assert (gains <= 0.2 * (1 + 1e-9)).all() and (gains > 0.2 * 0.95).all()


@pytest.mark.parametrize("unit", [1.0, 4.0])
def test_adversarial_training_of_a_linear_network_is_a_margin_less_the_sum_of_slopes(unit):
    # Of two classes the logistic loss of the margin m: in the cube it is that of m - r |w|_1 (Goodfellow et al., 2015).
    rows, network = some_rows(), nn.Linear(5, 2).double()
    found = AdversarialTraining(radius=0.1, n_steps=4).loss(network, rows, unit, seeded())
    slope = network.weight[1] - network.weight[0]
    sign = 2 * rows.y[:, 1] - 1
    margin = sign * (rows.X @ slope + network.bias[1] - network.bias[0]) - 0.1 * unit * slope.abs().sum()
    torch.testing.assert_close(found, rows.mass @ nn.functional.softplus(-margin))


def test_curvature_of_a_squared_loss_is_its_second_derivative_times_the_length():
    # L = (w x - y)^2 has the Hessian 2 w w^T, and its gradient points along w.
    rows, network = some_rows(), nn.Linear(5, 1, bias=False).double()
    X = rows.X.clone().requires_grad_()
    found = curvature(network, X, rows.y[:, :1], 0.3, "regression")
    expected = 2 * 0.3 * network.weight.square().sum().expand(len(rows))
    torch.testing.assert_close(found, expected)


def test_curvature_adds_to_the_loss():
    rows, network = some_rows(), MLP(width=8)((5,), 2).double()
    plain = training_loss(network(rows.X), rows.y, rows.mass, "classification")
    one, two = (CurvatureRegularization(weight).loss(network, rows, 1.0, seeded()) for weight in (1.0, 2.0))
    assert one > plain
    torch.testing.assert_close(two - one, one - plain)


X, Y = load_digits(return_X_y=True)
X = X / 16


def attacked(network, radius):
    module, scale = network.module_, network.scale_
    rows = torch.as_tensor((X[900:] - network.shift_) / scale, dtype=torch.float32)
    targets = torch.eye(10)[Y[900:]]
    ones = torch.ones(len(rows))
    moved = ascended(
        rows, lambda x: training_loss(module(x), targets, ones, "classification"), radius / scale, np.inf, 20, seeded()
    )
    return (module(moved).argmax(1).numpy() == Y[900:]).mean()


@pytest.fixture(scope="module")
def plain():
    return NetworkClassifier(MLP(width=64), lr=0.003, max_epochs=40, random_state=0).fit(X[:900].astype("f4"), Y[:900])


@pytest.mark.parametrize("defense", [AdversarialTraining(0.15), CurvatureRegularization(weight=3.0, step=0.1)])
def test_defended_networks_withstand_attacks_better(plain, defense):
    network = NetworkClassifier(MLP(width=64), lr=0.003, max_epochs=40, random_state=0, defense=defense)
    network.fit(X[:900].astype("f4"), Y[:900])
    assert network.score(X[900:].astype("f4"), Y[900:]) > 0.85
    assert attacked(network, 0.15) > attacked(plain, 0.15) + 0.05


def test_a_defended_fit_is_reproducible_and_leaves_torch_alone():
    state = torch.random.get_rng_state()
    nets = [
        NetworkClassifier(MLP(width=8), max_epochs=3, random_state=0, defense=AdversarialTraining(0.1)).fit(X, Y)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(nets[0].predict_proba(X[:9]), nets[1].predict_proba(X[:9]))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "defense, message",
    [
        (AdversarialTraining(radius=0), "radius must be positive"),
        (AdversarialTraining(norm=1), "norm numpy.inf or 2"),
        (CurvatureRegularization(weight=0), "weight and step must be positive"),
        (CurvatureRegularization(step=-1), "weight and step must be positive"),
    ],
)
def test_settings_that_make_no_sense_are_refused(defense, message):
    with pytest.raises(ValueError, match=message):
        NetworkClassifier(defense=defense, max_epochs=1).fit(X, Y)


def test_softened_probabilities_are_those_of_divided_logits():
    rows = X[:, 10:30]
    teacher = LogisticRegression(max_iter=1000).fit(rows, Y)
    soft = Softened(LogisticRegression(max_iter=1000), temperature=3.0).fit(rows, Y)
    logits = torch.as_tensor(teacher.decision_function(rows))
    np.testing.assert_allclose(soft.predict_proba(rows), (logits / 3).softmax(1), rtol=1e-8)
    np.testing.assert_array_equal(soft.predict(rows), teacher.predict(rows))
    sure = Softened(LogisticRegression(max_iter=1000), temperature=1e-6).fit(rows, Y).predict_proba(rows)
    assert np.isfinite(sure).all() and np.allclose(sure.max(1), 1)
    with pytest.raises(ValueError, match="the temperature must be positive"):
        Softened(LogisticRegression(), temperature=0).fit(rows, Y)


def test_points_take_the_softened_labels_of_a_teacher():
    teacher = Softened(LogisticRegression(max_iter=1000), temperature=5.0)
    points = Points(labels="teacher", teacher=teacher)
    condenser = Condenser(MMD(), points, Descent(n_steps=3), n_per_class=2, random_state=0).fit(X, Y)
    np.testing.assert_allclose(condenser.y_soft_, teacher.fit(X, Y).predict_proba(condenser.X_syn_), atol=1e-4)
