"""scikit-learn's checks, and skdc's published ones over everything found in the namespaces."""

import inspect

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdc
from skdc import discrepancies, parameterizations, spaces
from skdc.condensers import BaseCondenser
from skdc.discrepancies import Discrepancy, Penalty
from skdc.learners import OnlineNetworks, PretrainedNetworks, RandomNetworks
from skdc.parameterizations import Parameterization, storage
from skdc.parameterizations.storage import Storage
from skdc.spaces import Identity, NetworkFeatures, Space
from skdc.utils import estimator_checks as checks

from .condensers.quick import PATHS, QUICK, SMALL, Strip, quick_condensers

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


def concrete(module, base):
    """Return the concrete public classes of a kind in a namespace."""
    found = [getattr(module, name) for name in module.__all__]
    return [cls for cls in found if inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls)]


QUICK_SPACES = {
    "AttentionMaps": {"networks": RandomNetworks(Strip())},
    "Augmented": {"space": Identity(), "image_shape": (1, 3)},
    "Perturbed": {"space": Identity()},
    "LinearizedPredictions": {"networks": RandomNetworks(SMALL)},
    "NetworkFeatures": {"networks": OnlineNetworks(SMALL)},
    "NetworkRidgePredictions": {"networks": OnlineNetworks(SMALL)},
    "UnrolledPredictions": {"networks": RandomNetworks(SMALL), "n_steps": 3},
    "RandomNetwork": {"network": SMALL},
    "NetworkGradients": {"network": SMALL},
    "TrainingTrajectories": {
        "network": SMALL,
        "n_experts": 1,
        "n_segments": 2,
        "n_expert_steps": 2,
        "n_student_steps": 2,
    },
}


PENALTIES_ON_TABLES = {
    "TotalVariation": {"image_shape": (1, 3)},
    "NetworkLoss": {"space": NetworkFeatures(PretrainedNetworks(SMALL, n_networks=1, n_steps=4))},
}


QUICK_STORAGES = {"LowRank": {"rank": 2}, "LowResolution": {"image_shape": (1, 3)}}


def all_checks():
    for condenser in quick_condensers():
        yield from ((condenser, name, check) for name, check in checks.condenser_checks(condenser))
    for cls in concrete(discrepancies, Discrepancy):
        part = cls()
        yield from ((part, name, check) for name, check in checks.discrepancy_checks(part))
    for cls in concrete(discrepancies, Penalty):
        part = cls(**PENALTIES_ON_TABLES.get(cls.__name__, {}))
        yield from ((part, name, check) for name, check in checks.penalty_checks(part))
    for cls in concrete(spaces, Space):
        part = cls(**QUICK_SPACES.get(cls.__name__, {}))
        yield from ((part, name, check) for name, check in checks.space_checks(part))
    for cls in concrete(parameterizations, Parameterization):
        part = cls()
        yield from ((part, name, check) for name, check in checks.parameterization_checks(part))
    for cls in concrete(storage, Storage):
        part = cls(**QUICK_STORAGES.get(cls.__name__, {}))
        yield from ((part, name, check) for name, check in checks.storage_checks(part))


@pytest.mark.parametrize(
    "part, name, check", [pytest.param(*c, id=f"{type(c[0]).__name__}-{c[1]}") for c in all_checks()]
)
def test_published(part, name, check):
    check()


def test_every_condenser_is_checked():
    # Private ones must be told the range of the rows, and refuse weights: tests/privacy has theirs.
    named = {cls for cls in concrete(skdc, BaseCondenser) if not cls.__name__.startswith("Private")}
    assert named == {type(condenser) for condenser in quick_condensers()}


class NotADistance(Discrepancy):
    compares = "clouds"

    def between(self, p, q, generator):
        return q.values.sum()


def test_checks_name_what_fails():
    with pytest.raises(AssertionError, match="NotADistance fails weight_is_multiplicity"):
        checks.check_discrepancy(NotADistance())
