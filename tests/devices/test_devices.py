"""Everything runs on a device that is not the CPU: on a pretended one, and on CUDA where there is some.

The tests are those of the files `on_*.py`. Each file has a process of its own: a device that is registered stays, and
becomes the automatic one of all fits.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

FOLDER = Path(__file__).parent
# Older versions of torch cannot have a device that is written in Python.
PRETEND = ["pretend"] if hasattr(backend_registration, "_setup_privateuseone_for_python_backend") else []


# These take long; the other one tells that what all share is in order.
LONG = ("on_condensers.py", "on_parts.py", "on_results.py", "on_sketches.py", "on_steps.py")


@pytest.mark.parametrize("device", [*PRETEND, pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(
    "tests",
    [
        pytest.param(path.name, marks=[pytest.mark.slow] if path.name in LONG else [])
        for path in sorted(FOLDER.glob("on_*.py"))
    ],
)
def test_on_device(tests, device):
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(FOLDER / tests)]
    ran = subprocess.run(command, env={**os.environ, "SKDC_DEVICE": device}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
