"""Distribution matching with the authors' networks and augmentation, and ours, in as many seconds of the processor.

The authors' code is not part of this project: --checkout names a copy of VICO-UoE/DatasetCondensation, of which
networks.py and utils.py are imported. Its main_DM.py is one function that knows no time limit and no processor, so that
the loop is written out here, with its settings. Both sets are judged by one learner.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from standard import Judge

from skdc import DistributionMatching
from skdc.augmentation import SiameseAugmentation
from skdc.condensed import CondensedSet
from skdc.learners import StandardConvNet
from skdc.networks import ConvNet

FILES = ("networks.py", "utils.py", "main_DM.py")


@dataclass(frozen=True)
class Checkout:
    """What is used of the authors' code.

    Parameters
    ----------
    networks, utils : module
    """

    networks: ModuleType
    utils: ModuleType

    @classmethod
    def of(cls, folder: Path) -> Checkout:
        """Import it; end with what is missing, and what to do."""
        lacking = [name for name in FILES if not (folder / name).is_file()]
        if lacking:
            sys.exit(
                f"{folder} holds no {' or '.join(lacking)}, and is no copy of the authors' code; get one, such as by "
                "git clone https://github.com/VICO-UoE/DatasetCondensation, and name it by --checkout"
            )
        sys.path.insert(0, str(folder))
        try:
            return cls(importlib.import_module("networks"), importlib.import_module("utils"))
        except ImportError as error:
            sys.exit(
                f"the code in {folder} cannot be imported ({error}); it needs torchvision, and a SciPy that has "
                "scipy.ndimage.interpolation still"
            )

    def matched(self, rows: Rows, n_per_class: int, width: int, seconds: float, seed: int, flip: bool) -> Found:
        """Match distributions for so many seconds, with the settings of main_DM.py: SGD, 256 real rows a class."""
        draws, changes = np.random.default_rng(seed), "color_crop_cutout_scale_rotate" + "_flip" * flip
        parameters, begun, n_rows = self.utils.ParamDiffAug(), time.process_time(), 0
        start = [draws.choice(members, n_per_class, replace=False) for members in rows.members]
        points = rows.images[np.concatenate(start)].clone().requires_grad_()
        optimizer = torch.optim.SGD([points], lr=1.0, momentum=0.5)
        while time.process_time() - begun < seconds:
            torch.manual_seed(int(draws.integers(2**31)))
            network = self._network(rows, width)
            loss = torch.zeros(())
            for members, own in zip(rows.members, points.split(n_per_class), strict=True):
                drawn = rows.images[draws.choice(members, min(256, len(members)), replace=False)]
                how = {"seed": int(draws.integers(100_000)), "param": parameters}
                real, made = (self.utils.DiffAugment(images, changes, **how) for images in (drawn, own))
                means = network.embed(real).detach().mean(0), network.embed(made).mean(0)
                loss = loss + (means[0] - means[1]).square().sum()
                n_rows += len(drawn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return Found(rows.user(points.detach()), time.process_time() - begun, n_rows)

    def _network(self, rows: Rows, width: int) -> Any:
        shape = tuple(rows.images.shape[1:])
        network = self.networks.ConvNet(
            channel=shape[0],
            num_classes=len(rows.members),
            net_width=width,
            net_depth=3,
            net_act="relu",
            net_norm="instancenorm",
            net_pooling="avgpooling",
            im_size=shape[1:],
        )
        return network.requires_grad_(False)


@dataclass(frozen=True)
class Found:
    """A set of images, the processor's seconds that it took, and the real rows that were looked at."""

    X: np.ndarray
    seconds: float
    n_rows: int


class Rows:
    """Images of shape (n, 1, H, W), standardised by one mean and deviation, and which are of each class."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.mean, self.deviation = float(X.mean()), float(X.std())
        self.images = torch.as_tensor((X.astype(np.float32) - self.mean) / self.deviation)[:, None]
        self.members = [np.flatnonzero(y == label) for label in np.unique(y)]

    def user(self, images: torch.Tensor) -> np.ndarray:
        """Return images in the units of the data."""
        return images[:, 0].numpy() * self.deviation + self.mean


def ours(judge: Judge, n_per_class: int, width: int, seconds: float, seed: int, flip: bool) -> Found:
    """Match distributions in as many steps as so many seconds have room for, which a short fit tells."""
    network, changes, batch_size = ConvNet(width), SiameseAugmentation(flip=flip), 256

    def fit(n_steps: int) -> tuple[np.ndarray, float]:
        condenser = DistributionMatching(n_per_class, network=network, n_steps=n_steps, batch_size=batch_size)
        condenser.set_params(augmentation=changes, random_state=seed)
        begun = time.process_time()
        X_syn, _ = condenser.fit(judge.X, judge.y)
        return X_syn, time.process_time() - begun

    fit(2)  # libraries load before the clock starts
    (_, few), (_, more) = fit(2), fit(22)
    n_steps = max(int((seconds - few) / ((more - few) / 20)), 1)
    X_syn, taken = fit(n_steps)
    n_classes = len(np.unique(judge.y))
    return Found(X_syn, taken, n_steps * n_classes * (batch_size // n_classes))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True, help="a copy of VICO-UoE/DatasetCondensation")
    parser.add_argument("--dataset", choices=["mnist", "fashion_mnist"], default="mnist")
    parser.add_argument("--n-per-class", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60, help="of the processor, for each")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--width", type=int, default=32, help="of the networks by which sets are made")
    parser.add_argument("--judge-width", type=int, default=128, help="of the standard ConvNet")
    parser.add_argument("--epochs", type=int, default=300, help="of its training")
    parser.add_argument("--held-out", type=int, default=0, help="judge by so many training rows, not by the test rows")
    args = parser.parse_args()
    checkout, flip = Checkout.of(args.checkout), args.dataset == "fashion_mnist"
    torch.set_num_threads(1)
    judge = Judge.of(args.dataset, args.held_out, None)
    rows, y_syn = Rows(judge.X, judge.y), np.repeat(np.unique(judge.y), args.n_per_class)
    print("| code | seed | CPU seconds | real rows a second | accuracy |\n|---|---|---|---|---|")
    for seed in range(args.seeds):
        sets = {
            "official": checkout.matched(rows, args.n_per_class, args.width, args.seconds, seed, flip),
            "skdc": ours(judge, args.n_per_class, args.width, args.seconds, seed, flip),
        }
        for name, found in sets.items():
            learner = StandardConvNet(
                args.judge_width,
                max_epochs=args.epochs,
                standardize=False,
                augmentation=SiameseAugmentation(flip=flip),
                random_state=seed,
            )
            score = judge.accuracies(CondensedSet(found.X, y_syn), learner)["hard labels"]
            speed = f"{found.n_rows / found.seconds:.0f}"
            print(f"| {name} | {seed} | {found.seconds:.1f} | {speed} | {100 * score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
