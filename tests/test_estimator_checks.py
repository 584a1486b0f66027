"""scikit-learn's checks, and skdc's published ones over everything found in the namespaces."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skdc import discrepancies, generators, parameterizations, spaces
from skdc.discrepancies import Discrepancy, Penalty
from skdc.generators import Generator, LinearGenerator, VariationalGenerator
from skdc.learners import Experts, OnlineNetworks, PretrainedNetworks
from skdc.parameterizations import Parameterization, storage
from skdc.parameterizations.storage import Storage
from skdc.spaces import NetworkFeatures, Space
from skdc.utils import estimator_checks as checks
from skdc.utils._toys import blobs

from .condensers.quick import DIFFUSION, PATHS, QUICK, Strip, quick

CHANGES_ROWS = "a condenser changes the number of rows, by design; new rows pass through transform unchanged"
EXPECTED = {
    "check_transformer_general": CHANGES_ROWS,
    "check_transformer_data_not_an_array": CHANGES_ROWS,
    "check_pipeline_consistency": CHANGES_ROWS,
}


# One of the checks fits rows that are all alike, of which k-means rightly says that they make no ten clusters.
few_clusters = pytest.mark.filterwarnings("ignore:Number of distinct clusters")
for_each_path, for_the_others = (
    parametrize_with_checks([QUICK[name]() for name in names], expected_failed_checks=lambda condenser: EXPECTED)
    for names in (PATHS, [name for name in QUICK if name not in PATHS])
)


@few_clusters
@for_each_path
def test_sklearn(estimator, check):
    check(estimator)


@pytest.mark.slow  # all that scikit-learn asks for is in the base class, and these take no path of their own
@few_clusters
@for_the_others
def test_sklearn_for_the_others(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_sklearn_with_the_array_api():
    """Run the checks that scikit-learn leaves out where scipy was not told of the array API before it was loaded."""
    files = (path for path in Path(__file__).parent.glob("test_*.py") if "parametrize_with_checks" in path.read_text())
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-m", "", "-k", "check_array_api"]
    told = {**os.environ, "SCIPY_ARRAY_API": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *map(str, files)], env=told, capture_output=True, text=True
    )
    assert ran.returncode == 0 and " passed" in ran.stdout and "skipped" not in ran.stdout, ran.stdout + ran.stderr


def concrete(module, base):
    """Return the concrete public classes of a kind in a namespace."""
    found = [getattr(module, name) for name in module.__all__]
    return [cls for cls in found if inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls)]


# By the names of parameters. A space is given where there must be one: inside of another, and to a penalty.
SETTINGS = {
    "network": Strip(),
    "networks": OnlineNetworks(Strip()),
    "n_steps": 3,
    "experts": Experts(Strip(), n_experts=1, n_segments=2, n_expert_steps=2),
    "n_student_steps": 2,
    "image_shape": (1, 3),
    "n_kept": 2,
    "rank": 2,
    "generator": LinearGenerator(2),
}
SPACE = NetworkFeatures(PretrainedNetworks(Strip(), n_networks=1, n_steps=4))
GENERATORS = {
    "n_components": 2,
    "n_steps": 150,
    "n_critic_steps": 1,
    "module": nn.Linear(2, 3),
    "autoencoder": VariationalGenerator(2, n_steps=150),
    "image_shape": (1, 3),
    "n_search_steps": 20,
    "latent_shape": (2,),
}
# Of the generators that are trained, an autoencoder stands for the others where tests are to be quick.
TRAINED = (
    generators.AdversarialGenerator,
    generators.DiffusionGenerator,
    generators.FlowGenerator,
    generators.StyleGenerator,
)
KINDS = [
    (spaces, Space, SETTINGS | {"space": SPACE}, checks.space_checks),
    (
        parameterizations,
        Parameterization,
        SETTINGS | {"generator": DIFFUSION.autoencoder},
        checks.parameterization_checks,
    ),
    (storage, Storage, SETTINGS, checks.storage_checks),
    (generators, Generator, GENERATORS, checks.generator_checks),
    (discrepancies, Discrepancy, {"query": blobs()[0][::2]}, checks.discrepancy_checks),
    (discrepancies, Penalty, SETTINGS | {"space": SPACE}, checks.penalty_checks),
]


def all_checks():
    """Return all checks, those of condensers that take no path of their own with the tests that take long."""
    for named, build in QUICK.items():
        marks = [] if named in PATHS else [pytest.mark.slow]
        for name, check in checks.condenser_checks(build()):
            yield pytest.param(check, id=f"{named}-{name}", marks=marks)
    for module, kind, settings, checks_of in KINDS:
        for cls in concrete(module, kind):
            marks = [pytest.mark.slow] if cls in TRAINED else []
            for name, check in checks_of(quick(cls, settings)):
                yield pytest.param(check, id=f"{cls.__name__}-{name}", marks=marks)


@pytest.mark.parametrize("check", list(all_checks()))
def test_published(check):
    check()


class NotADistance(Discrepancy):
    compares = "clouds"

    def between(self, p, q, generator):
        return q.values.sum()


def test_checks_name_what_fails():
    with pytest.raises(AssertionError, match="NotADistance fails weight_is_multiplicity"):
        checks.check_discrepancy(NotADistance())
