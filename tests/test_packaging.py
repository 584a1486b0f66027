"""What is installed, and what an import loads."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import skdc


def loaded(*statements):
    """Return the modules that a new process has loaded after each of some statements."""
    code = "import sys\n" + "".join(f"{statement}\nprint(*sys.modules)\n" for statement in statements)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_nothing_is_loaded_before_it_is_asked_for():
    # `import torch` takes over a second, and scikit-learn more than that.
    first, second, third = loaded(
        "import skdc",
        "from skdc import KMeansCondenser",
        "skdc.Condenser, skdc.CondensingPipeline, skdc.AutoCondenser, skdc.discrepancies.MMD, skdc.privacy; "
        "assert {'Condenser', 'AsSampler'} <= set(dir(skdc))",
    )
    assert not first & {"torch", "sklearn", "scipy", "numpy", "pandas", "skorch", "ot"}, "the package loads nothing"
    assert not second & {"ot", "networkx", "matplotlib", "dp_accounting", "dask"}, "a condenser does what it uses"
    assert "skdc.auto" in third - second


def test_names_are_found():
    for name in skdc.__all__:
        assert getattr(skdc, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'skdc' has no attribute 'Condensr'"):
        skdc.Condensr  # noqa: B018


def test_one_version_and_types_for_users():
    settings = tomllib.loads((Path(skdc.__file__).parents[1] / "pyproject.toml").read_text())
    assert "version" not in settings["project"] and settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"]["path"] == "skdc/__init__.py"
    assert version("skdc") == skdc.__version__
    assert files("skdc").joinpath("py.typed").is_file() and settings["project"]["urls"]
