"""The device refuses what CUDA refuses; on CUDA, these tests say what that is."""

import copy

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture
def x(device):
    return torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x, other: x + other,
        lambda x, other: other @ x,
        lambda x, other: x.add_(other),
        lambda x, other: torch.cat([x, other]),
        lambda x, other: torch.where(x > 1, x, other),
        lambda x, other: other[x.long()[:, 0] - 1],
        lambda x, other: nn.Linear(2, 2)(x),
    ],
)
def test_tensors_of_the_cpu_are_refused(mix, x):
    with pytest.raises(RuntimeError, match=r"device|indices"):
        mix(x, torch.ones(4, 2)[:2])


def test_generators_of_the_cpu_are_refused(x, device):
    generator = torch.Generator()
    with pytest.raises(RuntimeError, match="generator"):
        torch.randn(2, device=device, generator=generator)
    with pytest.raises(RuntimeError, match="generator"):
        x.normal_(generator=generator)
    with pytest.raises(RuntimeError, match="generator"):
        x.multinomial(1, generator=generator)


def test_arrays_are_made_on_the_cpu_only(x):
    with pytest.raises((RuntimeError, TypeError)):
        x.numpy()
    with pytest.raises((RuntimeError, TypeError)):
        np.asarray(x)
    assert x.cpu().numpy().tolist() == x.tolist() == [[1, 2], [3, 4]]


def test_what_may_be_mixed(x, device):
    assert (x + torch.tensor(1.0)).device.type == device, "a number alone"
    assert x[torch.tensor([1])].tolist() == [[3, 4]], "indices of the CPU"
    assert torch.zeros(2, 2).copy_(x).tolist() == x.clone().zero_().copy_(x.cpu()).tolist() == x.tolist()
    assert float(x.sum()) == 10 and x.double().device.type == device


def test_changes_of_shape_in_place(x):
    assert x.unsqueeze_(0).shape == (1, 2, 2) and x.squeeze_(0).t_().tolist() == [[1, 3], [2, 4]]


def test_networks_are_trained(x, device):
    network = nn.Linear(2, 1).to(device)
    start = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    network(x).sum().backward()
    optimizer.step()
    assert all(p.grad.device.type == p.device.type == device for p in network.parameters())
    assert float((network.weight.detach() - start.weight).abs().min()) == pytest.approx(0.1, rel=1e-3)
