"""Devices of torch, by their names."""

from __future__ import annotations

import torch


def find_device(name: str) -> torch.device:
    """Return a device that torch has here by its name; "auto" is the accelerator, if it has float64, else the CPU."""
    accelerator = _accelerator()
    if name == "auto":
        # Distances that lose their digits in float32 are taken in float64.
        if accelerator is None or not has_device(accelerator, torch.float64):
            return torch.device("cpu")
        return accelerator
    if isinstance(name, str) and has_device(name):
        return torch.device(name)
    names = ["cpu"]
    if accelerator is not None:
        n_devices = getattr(torch, "accelerator", torch.cuda).device_count()
        names += [f"{accelerator.type}:{index}" for index in range(n_devices)]
    there = ", ".join(map(repr, names))
    raise ValueError(f"device={name!r} must be 'auto', or a device that torch has on this machine: {there}")


def has_device(device: str | torch.device, dtype: torch.dtype = torch.float32) -> bool:
    """Tell whether a number can be put on a device of torch, and got back."""
    try:
        torch.zeros(1, dtype=dtype, device=device).cpu()
    except Exception:  # each kind of device has an error of its own
        return False
    return True


def _accelerator() -> torch.device | None:
    if hasattr(torch, "accelerator"):
        return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return torch.device("cuda") if torch.cuda.is_available() else None  # before torch 2.6
