"""Names of devices, on machines with and without an accelerator."""

import pytest
import torch

from skdc.devices import find_device, has_device


@pytest.fixture
def two_devices(monkeypatch):
    """A machine with two CUDA devices, as an old version of torch shows it, on which nothing can be put."""
    monkeypatch.delattr(torch, "accelerator", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_the_cpu_is_there_and_what_cannot_be_read_is_not():
    assert find_device("cpu").type == "cpu" and has_device("cpu", torch.float64)
    assert not any(has_device(name) for name in ("meta", "gpu", "cuda:99", "mkldnn"))


def test_errors_name_what_there_is(two_devices):
    with pytest.raises(ValueError, match=r"device='meta' must be 'auto', or .*: 'cpu', 'cuda:0', 'cuda:1'"):
        find_device("meta")


def test_the_automatic_device_has_float64(two_devices, monkeypatch):
    zeros = torch.zeros

    def zeros_of_float32(*size, device, dtype):
        if dtype == torch.float64:
            raise TypeError("Cannot convert to float64 as the framework doesn't support it")
        return zeros(*size, dtype=dtype)

    monkeypatch.setattr(torch, "zeros", zeros_of_float32)
    assert find_device("auto").type == "cpu"
    assert find_device("cuda:1") == torch.device("cuda:1"), "by its name it is taken all the same"


def test_the_automatic_device_is_the_accelerator(two_devices, monkeypatch):
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *size, device, dtype: zeros(*size, dtype=dtype))
    assert find_device("auto") == torch.device("cuda")
