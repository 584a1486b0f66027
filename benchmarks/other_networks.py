"""Sets that are made for one network, by what others learn from them: free points, and latents of generators.

No test rows are looked at: sets are made of 10,000 training rows, and judged on 10,000 others.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from data import images
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdc import DistributionMatching, GenerativePrior, KMedoids, LatentQuantization, RandomSubset
from skdc.augmentation import SiameseAugmentation
from skdc.generators import AdversarialGenerator, DiffusionGenerator, LinearGenerator, StyleGenerator
from skdc.learners import NetworkClassifier
from skdc.networks import MLP, ConvNet

SIDE, PATCH = 28, 7


def sets() -> dict[str, Any]:
    """Return the condensers, all by one discrepancy where they move points: features of random ConvNets."""
    network = ConvNet(width=32)
    return {
        "random rows": RandomSubset(),
        "medoids": KMedoids(),
        "DistributionMatching": DistributionMatching(network=network),
        "GenerativePrior": GenerativePrior(network=network),
        "GenerativePrior, linear": GenerativePrior(network=network, generator=LinearGenerator()),
        "GenerativePrior, adversarial": GenerativePrior(network=network, generator=AdversarialGenerator()),
        "GenerativePrior, style": GenerativePrior(network=network, generator=StyleGenerator(), prior_weight=0.0),
        "GenerativePrior, diffusion": GenerativePrior(network=network, generator=DiffusionGenerator()),
        "LatentQuantization": LatentQuantization(),
    }


class Residual(nn.Module):
    """Two convolutions beside what goes in."""

    def __init__(self, n_inputs: int, n_outputs: int, stride: int) -> None:
        super().__init__()
        self.moved = nn.Sequential(
            nn.Conv2d(n_inputs, n_outputs, 3, stride, padding=1),
            nn.GroupNorm(8, n_outputs),
            nn.ReLU(),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1),
            nn.GroupNorm(8, n_outputs),
        )
        self.shortcut = nn.Conv2d(n_inputs, n_outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return torch.relu(self.moved(x) + self.shortcut(x))


def residual_network(input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Build a residual network of three blocks."""
    blocks = Residual(1, 32, 1), Residual(32, 64, 2), Residual(64, 128, 2)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, n_outputs)
    return nn.Sequential(nn.Unflatten(1, (1, SIDE)), *blocks, *head)


class Patches(nn.Module):
    """Patches of an image as tokens, with their places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(1, width, PATCH, PATCH)
        self.places = nn.Parameter(0.02 * torch.randn((SIDE // PATCH) ** 2, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of shape (m, n_patches, width)."""
        return self.embedding(x[:, None]).flatten(2).transpose(1, 2) + self.places


class Middle(nn.Module):
    """The mean of the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """Return it, of shape (m, width)."""
        return x.mean(dim=1)


def vision_transformer(input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
    """Build a vision transformer of three layers, on patches of a quarter of the side."""
    layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    return nn.Sequential(Patches(64), encoder, nn.LayerNorm(64), Middle(), nn.Linear(64, n_outputs))


NETWORKS: dict[str, Any] = {
    "ConvNet": ConvNet(width=64),
    "MLP": MLP(),
    "residual": residual_network,
    "transformer": vision_transformer,
}


def judged(fitted: Any, X_test: np.ndarray, y_test: np.ndarray, n_epochs: int, seed: int) -> dict[str, float]:
    """Return the accuracy of each network trained on a set, and the mean of those that it was not made for."""
    mean, deviation = fitted.X_syn_.mean(), fitted.X_syn_.std()
    X, X_test = (((rows - mean) / deviation).astype(np.float32) for rows in (fitted.X_syn_, X_test))
    scores = {}
    for name, network in NETWORKS.items():
        learner = NetworkClassifier(
            network,
            lr=0.001,
            max_epochs=n_epochs,
            augmentation=SiameseAugmentation(),
            callbacks=[LRScheduler(CosineAnnealingLR, T_max=n_epochs)],
            random_state=seed,
        )
        scores[name] = 100 * learner.fit(X, fitted.y_syn_).score(X_test, y_test)
    return scores | {"mean of others": float(np.mean([score for name, score in scores.items() if name != "ConvNet"]))}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="fashion_mnist")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n-epochs", type=int, default=500)
    parser.add_argument("--sets", nargs="+", help="parts of names; all by default")
    args = parser.parse_args()
    torch.set_num_threads(1)
    X, y, _, _ = images(args.dataset)
    X = X.reshape(-1, SIDE, SIDE).astype(np.uint8)
    columns = ["seconds", *NETWORKS, "mean of others"]
    print(f"\n### {args.dataset}, {args.n_per_class} per class, {args.seeds} seeds\n")
    print("| set | " + " | ".join(columns) + " |\n|" + "---|" * (1 + len(columns)))
    for name, condenser in sets().items():
        if args.sets and not any(part in name for part in args.sets):
            continue
        found = []
        for seed in range(args.seeds):
            rows = np.random.default_rng(seed).permutation(len(X))
            train, test = rows[:10_000], rows[10_000:20_000]
            start = time.perf_counter()
            fitted = condenser.set_params(n_per_class=args.n_per_class, random_state=seed, n_jobs=1).fit(
                X[train], y[train]
            )
            seconds = {"seconds": time.perf_counter() - start}
            found.append(seconds | judged(fitted, X[test], y[test], args.n_epochs, seed))
        means = [float(np.mean([scores[column] for scores in found])) for column in columns]
        print(f"| {name} | {means[0]:.0f} | " + " | ".join(f"{value:.1f}" for value in means[1:]) + " |", flush=True)


if __name__ == "__main__":
    main()
