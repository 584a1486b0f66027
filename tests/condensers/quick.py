"""Condensers with few steps, for tests of contracts rather than of quality."""

from functools import partial
from inspect import isclass, signature
from math import prod

import pytest
from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB
from torch import nn

import skdc
from skdc import Condenser, KMedoids, TabularCondenser
from skdc.condensers import NamedCondenser
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.generators import DiffusionGenerator, LinearGenerator, VariationalGenerator
from skdc.learners import EL2N, Experts
from skdc.networks import MLP
from skdc.solvers import Descent

SMALL = MLP(width=8, depth=1)


class Strip(BaseEstimator):
    """Two smooth convolutions, in which rounding stays small, for rows of any shape, taken for strips of pixels."""

    def __call__(self, input_shape, n_outputs):
        """Build the network."""
        size = prod(input_shape)
        return nn.Sequential(
            nn.Flatten(),
            nn.Unflatten(1, (1, 1, size)),
            nn.Conv2d(1, 4, (1, 3), padding=(0, 1)),
            nn.Tanh(),
            nn.Conv2d(4, 4, (1, 3), padding=(0, 1)),
            nn.Flatten(),
            nn.Linear(4 * size, n_outputs),
        )


# Small networks and few steps, for whatever has a parameter of the name.
SETTINGS = {
    "random_state": 0,
    "network": Strip(),
    "n_networks": 2,
    "n_steps": 3,
    "step_size": 0.01,
    "n_train_steps": 4,
    "n_backward": 2,
    "experts": Experts(Strip(), n_experts=1, n_segments=1, n_expert_steps=5),
    "n_experts": 1,
    "n_segments": 1,
    "n_student_steps": 2,
    "n_rounds": 2,
    "n_iterations": 3,
    "n_frequencies": 20,
    "rank": 1,
    "threshold": 0.002,  # of edits; a step is larger
    "teacher": GaussianNB(),
    "rows": KMedoids(),  # in one way: to judge several takes a second
    "generator": LinearGenerator(1),
    "prior_weight": 0.01,
    "difficulty": EL2N(SMALL, n_networks=1, n_epochs=2),
}


DIFFUSION = DiffusionGenerator(
    VariationalGenerator(1, SMALL, SMALL, n_steps=30), SMALL, n_diffusion_steps=3, n_steps=30
)


def quick(cls, settings=SETTINGS):
    """Return an instance of a part or a named condenser with the settings that it has."""
    return cls(**{name: value for name, value in settings.items() if name in signature(cls).parameters})


# Fields, frequencies, small images and those that are changed are of images: test_compact.py and
# test_gradient_matching.py have theirs.
OF_IMAGES = (
    skdc.EfficientCondensation,
    skdc.FieldCondensation,
    skdc.FrequencyCondensation,
    skdc.SiameseGradientMatching,
)
# From the origin of the user all rows of these tests lie in one direction: test_deduplication.py has others.
OF_DIRECTIONS = (skdc.SemanticDeduplication,)
# It needs a query, and refuses sizes of classes: test_query.py.
OF_A_QUERY = (skdc.QuerySelection,)
NAMED = [cls for name in skdc.__all__ if isclass(cls := getattr(skdc, name)) and issubclass(cls, NamedCondenser)]
# Their generators are trained so little that the rows of a class are near to each other.
TRAINED = {
    "MinimaxDiffusion": partial(quick, skdc.MinimaxDiffusion, SETTINGS | {"generator": DIFFUSION}),
    "CondensedGenerator": partial(quick, skdc.CondensedGenerator, SETTINGS | {"generator": DIFFUSION.autoencoder}),
    "InfluenceGuidance": partial(quick, skdc.InfluenceGuidance, SETTINGS | {"generator": DIFFUSION}),
}
# By the name of the class, or of the discrepancy of a `Condenser`; built anew for each test. Private ones must be told
# the range of the rows, and refuse weights: tests/privacy has theirs.
ROWS = [
    cls
    for cls in NAMED
    if cls not in OF_IMAGES + OF_DIRECTIONS + OF_A_QUERY and "privacy" not in signature(cls).parameters
]
QUICK = {cls.__name__: partial(quick, cls) for cls in ROWS} | {
    "MMD": lambda: Condenser(MMD(), solver=Descent(n_steps=3), random_state=0),
    "RandomFeatureMMD": lambda: Condenser(
        RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=3), random_state=0
    ),
    "BestOf": lambda: TabularCondenser(teacher=GaussianNB(), random_state=0),
    # Its labels are hard, and asked of nobody.
    "TrajectoryMatching": partial(quick, skdc.TrajectoryMatching, SETTINGS | {"teacher": None}),
    **TRAINED,
}
# The base class does the same for all; these take each of its paths: rows drawn, chosen with masses, labelled by a
# teacher; clusters, barycentres, networks, learned targets with a learner, a sketch. The others have their turn with
# the tests that take long.
PATHS = (
    "RandomSubset",
    "KMedoids",
    "TabularCondenser",
    "KMeansCondenser",
    "WassersteinCoreset",
    "DistributionMatching",
    "KernelInducingPoints",
    "RandomFeatureMMD",
)


def some_condensers(names):
    """Return a mark that runs a test for condensers by name, those beside the paths with the tests that take long."""
    marked = [pytest.param(name, marks=[] if name in PATHS else pytest.mark.slow) for name in names]
    return pytest.mark.parametrize("condenser", marked, indirect=True)


every_condenser = some_condensers(QUICK)


def quick_condensers():
    """Return one quick instance of every condenser."""
    return [build() for build in QUICK.values()]
