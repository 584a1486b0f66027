"""`skdc methods`: what there is."""

from __future__ import annotations

import argparse

from skdc.cli.methods import families, line_of


def run(options: argparse.Namespace) -> None:
    """Print the methods by family, a line each."""
    for i, (family, condensers) in enumerate(families()):
        print(f"{'' if not i else chr(10)}{family}")
        for condenser in condensers:
            print(f"  {line_of(condenser)}")
