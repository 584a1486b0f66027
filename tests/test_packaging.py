"""What is installed, and what an import loads."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import skdc


def loaded(statement):
    """Return the modules that a new process has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_package_itself_loads_nothing():
    # `import torch` takes over a second, and scikit-learn more than that.
    assert not loaded("import skdc") & {"torch", "sklearn", "scipy", "numpy", "pandas", "skorch", "ot"}


def test_a_condenser_loads_no_library_that_it_does_not_use():
    assert not loaded("from skdc import KMeansCondenser") & {"ot", "networkx", "matplotlib", "dp_accounting", "dask"}


def test_names_are_found_when_they_are_asked_for():
    code = (
        "skdc.Condenser, skdc.CondensingPipeline, skdc.AutoCondenser, skdc.discrepancies.MMD, skdc.privacy; "
        "assert {'Condenser', 'AsSampler'} <= set(dir(skdc))"
    )
    assert "skdc.auto" in loaded(f"import skdc; {code}")
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
