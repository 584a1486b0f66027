"""Data in files, and a command that is run in this process."""

import shlex

import numpy as np
import pandas as pd
import pytest

from skdc.cli import main


@pytest.fixture(scope="session")
def frame():
    rng = np.random.default_rng(0)
    n = 120
    found = pd.DataFrame(
        {
            "age": rng.integers(17, 90, n),
            "wage": rng.lognormal(3, 1, n).round(2),
            "home": rng.choice(["own", "rent", "free"], n),
            "since": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "smoker": rng.random(n) < 0.3,
        }
    )
    found.loc[::7, "wage"] = np.nan
    return found.assign(income=np.where(found["age"] > 50, "high", "low"))


@pytest.fixture
def folder(tmp_path, monkeypatch, frame):
    """The working folder, with a table and some images."""
    monkeypatch.chdir(tmp_path)
    frame.to_csv("data.csv", index=False)
    images = np.random.default_rng(0).integers(0, 256, (30, 6, 5), dtype=np.uint8)
    np.savez("images.npz", X=images, y=np.arange(30) % 3)
    return tmp_path


@pytest.fixture
def skdc(folder, capsys):
    """Run a command in the folder: the exit code, and what is said on standard output and standard error."""

    def run(line):
        code = main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def done(skdc):
    """Run a command that goes well, and return what it says on standard output."""

    def run(line):
        code, out, error = skdc(line)
        assert code == 0, error
        return out

    return run
