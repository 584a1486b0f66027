"""Time the ConvNet in three ways on the CPU: as it is, with the channels last in memory, and in bfloat16."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from skdc.networks import ConvNet

WAYS: dict[str, tuple[torch.memory_format, Callable[[], AbstractContextManager[None]]]] = {
    "as it is": (torch.contiguous_format, nullcontext),
    "channels last": (torch.channels_last, nullcontext),
    "bfloat16": (torch.contiguous_format, lambda: torch.autocast("cpu", torch.bfloat16)),
    "both": (torch.channels_last, lambda: torch.autocast("cpu", torch.bfloat16)),
}


def main() -> None:
    """Print a line for each width and way: medians in milliseconds, the ways taking turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.n_jobs)
    print("| width | way | forward, 500 rows | forward and backward, 100 rows |\n|---|---|---|---|")
    for width in args.widths:
        network = ConvNet(width=width)((1, 28, 28), 10)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(args.repeats):
            for way, (layout, context) in WAYS.items():
                found[way].append(milliseconds(network.to(memory_format=layout), layout, context))
        for way, times in found.items():
            forward, both = np.median(times, axis=0)
            print(f"| {width} | {way} | {forward:.0f} | {both:.0f} |", flush=True)


def milliseconds(
    network: torch.nn.Module, layout: torch.memory_format, context: Callable[[], AbstractContextManager[None]]
) -> tuple[float, float]:
    """Return the time of a forward pass of 500 rows, and of both passes of 100 whose pixels want gradients."""
    rows = torch.randn(500, 1, 28, 28).contiguous(memory_format=layout)
    moving = rows[:100].clone().requires_grad_()
    with context():
        network(moving).square().sum().backward()
        start = time.perf_counter()
        with torch.no_grad():
            network(rows)
        between = time.perf_counter()
        network(moving).square().sum().backward()
    return 1e3 * (between - start), 1e3 * (time.perf_counter() - between)


if __name__ == "__main__":
    main()
