"""Unrolled training: in the span of the rows as with the parameters themselves."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from skdc.learners import training
from skdc.learners.training import unrolled
from skdc.networks import MLP, LinearNetwork, Scaled
from skdc.sets import LabeledSet

N_ROWS, N_FEATURES = 6, 20


def rows(task="classification", shape=(N_FEATURES,), n_rows=N_ROWS):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n_rows, *shape, generator=generator, dtype=torch.float64, requires_grad=True)
    y = torch.rand(n_rows, 3, generator=generator, dtype=torch.float64)
    y = (y / y.sum(1, keepdim=True) if task == "classification" else y).requires_grad_()
    weight = torch.rand(n_rows, generator=generator, dtype=torch.float64) + 0.5
    return LabeledSet(weight, torch.zeros(n_rows, dtype=torch.int64), X, y)


def tied():
    first = nn.Linear(N_FEATURES, N_FEATURES)
    return nn.Sequential(first, nn.Tanh(), first, nn.Linear(N_FEATURES, 3))


def hooked():
    network = nn.Sequential(nn.Linear(N_FEATURES, 3))
    network[0].register_forward_hook(lambda layer, given, out: 2 * out)
    return network


def hooked_whole():
    network = nn.Sequential(nn.Linear(N_FEATURES, 3))
    network.register_forward_hook(lambda layer, given, out: 2 * out)
    return network


def second_use(name):
    network = nn.Sequential(nn.Linear(N_FEATURES, 5), nn.Tanh(), nn.Linear(5, 5), nn.Linear(5, 3))
    setattr(network[2], name, getattr(network[0], name))
    return network


def frozen(*names):
    network = nn.Sequential(nn.Linear(N_FEATURES, 5), nn.Tanh(), nn.Linear(5, 3))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in names)
    return network


relu = nn.ReLU()
IN_SPAN = {
    "mlp": lambda: MLP(width=7)((N_FEATURES,), 3),
    "images": lambda: MLP(width=7, depth=1)((4, 5), 3),
    "linear": lambda: LinearNetwork()((N_FEATURES,), 3),
    "scaled": lambda: nn.Sequential(nn.Flatten(), Scaled(0.3), nn.Identity(), nn.Linear(N_FEATURES, 3)),
    "no bias": lambda: nn.Sequential(nn.Linear(N_FEATURES, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)),
    "frozen bias": lambda: frozen("0.bias"),
    "frozen later": lambda: frozen("2.weight"),
    "one layer twice": lambda: nn.Sequential(nn.Linear(N_FEATURES, 5), relu, nn.Linear(5, 5), relu, nn.Linear(5, 3)),
    "unused": lambda: nn.Sequential(nn.Linear(N_FEATURES, 3), nn.Sequential(OrderedDict(empty=nn.Identity()))),
}
WHOLE = {
    "frozen first": lambda: frozen("0.weight"),
    "tied": tied,
    "hooked": hooked,
    "dropout": lambda: nn.Sequential(nn.Dropout(0.0), nn.Linear(N_FEATURES, 3)),
    "second use of a bias": lambda: second_use("bias"),
    "hooked whole": hooked_whole,
    "rows that are not flat": lambda: nn.Sequential(nn.Linear(5, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)),
    "named": lambda: nn.Sequential(OrderedDict(first=nn.Linear(N_FEATURES, 3))),
}


def results(network, given, task, momentum, monkeypatch, spans):
    """Return outputs at other rows, and the gradients of their squares in rows, targets and step size."""
    if not spans:
        monkeypatch.setattr(training, "_place_of_linear", lambda *others: None)
    start = {name: value for name, value in network.named_parameters() if value.requires_grad}
    step_size = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    trained = unrolled(network, start, given, task, step_size, 4, 4, momentum)
    assert list(trained) == list(start)
    other = torch.linspace(-1, 1, 5 * N_FEATURES, dtype=torch.float64).reshape(5, *given.X.shape[1:])
    outputs = functional_call(network, trained, other)
    return outputs, *torch.autograd.grad(outputs.square().sum(), [given.X, given.y, step_size])


@pytest.mark.parametrize("name", IN_SPAN)
@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_in_the_span_of_the_rows_all_is_as_with_the_parameters(name, task, momentum, monkeypatch):
    torch.manual_seed(0)
    network = IN_SPAN[name]().double()
    given = rows(task, (4, 5) if name == "images" else (N_FEATURES,))
    start = {key: value for key, value in network.named_parameters() if value.requires_grad}
    assert training._place_of_linear(network, start, given.X) is not None
    with monkeypatch.context() as patch:
        expected = results(network, given, task, momentum, patch, spans=False)
    for found, value in zip(results(network, given, task, momentum, monkeypatch, spans=True), expected, strict=True):
        assert value.abs().max() > 1e-4
        torch.testing.assert_close(found, value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", WHOLE)
def test_other_networks_are_trained_whole(name):
    network, given = WHOLE[name]().double(), rows(shape=(4, 5) if "not flat" in name else (N_FEATURES,), n_rows=3)
    start = {key: value for key, value in network.named_parameters() if value.requires_grad}
    assert training._place_of_linear(network, start, given.X) is None
    unrolled(network, start, given, "classification", torch.tensor(0.1, dtype=torch.float64), 2, 2)


def test_many_rows_and_few_steps_back_are_trained_whole(monkeypatch):
    seen, whole = [], training._Parameters.outputs
    monkeypatch.setattr(training._Parameters, "outputs", lambda self, values: seen.append(self) or whole(self, values))
    for given, n_backward, n_whole in ((rows(n_rows=N_FEATURES), 2, 2), (rows(), 1, 2), (rows(), 2, 0)):
        seen.clear()
        network = MLP(width=7)((N_FEATURES,), 3).double()
        step_size = torch.tensor(0.1, dtype=torch.float64)
        unrolled(network, dict(network.named_parameters()), given, "classification", step_size, 2, n_backward)
        assert len(seen) == n_whole


def test_the_network_itself_does_not_move():
    network, given = IN_SPAN["mlp"]().double(), rows()
    before = [value.detach().clone() for value in network.parameters()]
    unrolled(network, dict(network.named_parameters()), given, "classification", torch.tensor(0.1).double(), 3, 3)
    for value, kept in zip(network.parameters(), before, strict=True):
        np.testing.assert_array_equal(value.detach(), kept)
        assert value.grad is None
