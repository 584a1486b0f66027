"""What trajectory matching takes, by the steps of the student: the exact gradient, and one step by step (TESLA).

One step on 100 points of 28x28 for one expert, each fit in a fresh process: the highest resident memory above what
the process held with the data, and seconds.
"""

from __future__ import annotations

import argparse

from data import images
from scores import apart

from skdc import TrajectoryMatching
from skdc.networks import MLP, ConvNet

NETWORKS = {"ConvNet(width=8)": ConvNet(width=8), "MLP()": MLP()}
N_STUDENT_STEPS = 5, 20, 80


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    args = parser.parse_args()
    X, y = (part[:2000] for part in images("mnist")[:2])
    print("| network | gradient | steps of the student | peak MiB | seconds |\n|---|---|---|---|---|")
    for network in args.networks:
        for gradient in ("exact", "held"):
            for n_student_steps in N_STUDENT_STEPS:
                condenser = TrajectoryMatching(
                    10,
                    network=NETWORKS[network],
                    n_experts=1,
                    n_segments=1,
                    n_student_steps=n_student_steps,
                    gradient=gradient,
                    n_steps=1,
                    n_jobs=1,
                    random_state=0,
                )
                seconds, mebibytes, _ = apart(condenser.fit, X, y)
                print(f"| {network} | {gradient} | {n_student_steps} | {mebibytes:.0f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
