"""Parts that take a condenser: its recipe chooses rows on the open source, or it is refused."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

import skdc
from skdc import (
    AutoCondenser,
    Condenser,
    GeneralCondenser,
    GreedyKernelPoints,
    KMeansCondenser,
    KMedoids,
    PrivateMeanEmbedding,
    RandomSubset,
    SoftLabelRandom,
    StatisticsMatching,
    TabularCondenser,
    parameterizations,
)
from skdc.discrepancies import MMD
from skdc.exceptions import PartsError
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Edits, Fixed
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = np.arange(60) % 2
ONE_STEP = Descent(step_size=1e-9, n_steps=1)
PRIVATE = [
    Condenser(privacy=GaussianMechanism(epsilon=1.0, feature_range=(-5, 5))),
    Condenser(parameterization=parameterizations.Subset(), privacy=GaussianMechanism(feature_range=(-5, 5))),
    PrivateMeanEmbedding(),
]
# What takes a condenser, and a condenser with it in the place of rows that are chosen.
TAKING = {
    "Points": lambda inner: Condenser(MMD(), Points(start=inner), ONE_STEP, n_samples=4),
    "TabularCondenser": lambda inner: TabularCondenser(rows=inner, n_samples=4),
    "StatisticsMatching": lambda inner: StatisticsMatching(
        start=inner, network=MLP(4, 1), n_train_steps=1, n_steps=1, teacher=GaussianNB(), n_samples=4
    ),
    "AutoCondenser": lambda inner: AutoCondenser(candidates=[inner], n_samples=4),
}
# These fit the condenser that they are given as it is, and show its set.
SHOWING = {"CondensedEstimator", "AsSampler"}
every_part = pytest.mark.parametrize("name", TAKING)


def test_all_parts_that_take_a_condenser_are_here():
    found = set()
    for module in (skdc, parameterizations, skdc.solvers, skdc.spaces, skdc.discrepancies, skdc.learners, skdc.kernels):
        for name, part in vars(module).items():
            if inspect.isclass(part) and part.__module__.startswith("skdc."):
                text = (part.__doc__ or "").split("Attributes\n")[0]
                if re.search(r"^    \w+ : .*condenser\b", text, re.MULTILINE):
                    found.add(name)
    assert found - SHOWING == set(TAKING)


@every_part
@pytest.mark.parametrize("private", PRIVATE, ids=lambda part: type(part).__name__)
def test_a_private_condenser_inside_an_open_one_is_refused(name, private):
    with pytest.raises(PartsError, match="is private"):
        TAKING[name](private).fit(X, y)


def test_privacy_is_refused_at_any_depth():
    inner = TabularCondenser(rows=PRIVATE[0])
    for outer in (Condenser(MMD(), Points(start=inner)), AutoCondenser(candidates=[inner])):
        with pytest.raises(PartsError, match="is private"):
            outer.fit(X, y)


@pytest.mark.parametrize("name", sorted(set(TAKING) - {"AutoCondenser"}))
@pytest.mark.parametrize(
    "inner, words",
    [
        (KMedoids(3), "n_per_class=3 of KMedoids would have no effect"),
        (KMedoids(n_samples=3), "n_samples=3 of KMedoids would have no effect"),
        (KMedoids(encoder=None), "encoder=None of KMedoids would have no effect"),
        (KMedoids(device="cpu"), "device='cpu' of KMedoids would have no effect"),
        (KMedoids(warm_start=True), "warm_start=True of KMedoids would have no effect"),
        (KMeansCondenser(), "makes new rows, and chooses none"),
        (Condenser(), "makes new rows, and chooses none"),
        (SoftLabelRandom(), "labels the rows that it chooses"),
    ],
    ids=repr,
)
def test_what_would_have_no_effect_is_refused(name, inner, words):
    with pytest.raises(PartsError, match=re.escape(words)):
        TAKING[name](inner).fit(X, y)


def test_a_task_that_is_not_that_of_the_data_is_refused():
    with pytest.raises(PartsError, match=r"KMedoids\(task='regression'\) is given data of task 'classification'"):
        Condenser(MMD(), Points(start=KMedoids(task="regression"))).fit(X, y)
    Condenser(MMD(), Points(start=KMedoids(task="classification")), ONE_STEP, n_per_class=2).fit(X, y)


def test_weights_and_seeds_that_would_have_no_effect_are_refused():
    with pytest.raises(PartsError, match="weights of the rows that points start from"):
        Condenser(MMD(), Points(start=KMedoids(reweight=MMD()))).fit(X, y)
    with pytest.raises(PartsError, match="takes the seed of the condenser outside"):
        TabularCondenser(rows=RandomSubset(random_state=1)).fit(X, y)
    with pytest.raises(PartsError, match="rows='KMedoids' must be a condenser"):
        TabularCondenser(rows="KMedoids").fit(X, y)


@pytest.mark.parametrize("inner", [KMedoids(), GreedyKernelPoints(), RandomSubset()], ids=repr)
def test_more_than_a_hundred_classes_of_whole_numbers(inner):
    many, rows = np.arange(303) % 101, rng.normal(size=(303, 3))
    condenser = Condenser(
        MMD(), Points(start=inner), ONE_STEP, n_per_class=1, task="classification", random_state=0
    ).fit(rows, many)
    assert condenser.y_syn_.tolist() == list(range(101))
    assert len(GeneralCondenser(1, n_steps=1, task="classification", random_state=0).fit(rows, many).X_syn_) == 101


@pytest.mark.parametrize("dtype", [float, int, bool])
def test_targets_that_are_whole_numbers_are_no_classes(dtype):
    """Of 300 rows 10 are rare; chosen by class, most of the starting rows would be."""
    target = np.r_[np.zeros(290), np.ones(10)].astype(dtype)
    rows = np.c_[rng.normal(size=300), rng.normal(size=300)]
    parts = MMD(), Points(Fixed(), start=RandomSubset(random_state=0), labels="learned"), ONE_STEP
    condenser = Condenser(*parts, n_samples=12, task="regression", random_state=0).fit(rows, target)
    chosen = np.abs(rows[:, None] - condenser.X_syn_).sum(2).argmin(0)
    assert target[chosen].sum() <= 3
    alone = RandomSubset(n_samples=12, task="regression", random_state=0).fit(rows, target)
    assert set(alone.indices_) == set(chosen)


def test_rows_are_chosen_in_the_columns_that_the_encoder_makes():
    frame = pd.DataFrame({"size": rng.normal(size=60), "word": np.where(X[:, 0] > 0, "up", "down")})
    points = Points(Edits(threshold=9.0), start=KMedoids())
    condenser = Condenser(MMD(), points, ONE_STEP, n_per_class=3, random_state=0).fit(frame, y)
    alone = KMedoids(3, random_state=0).fit(frame, y)
    pd.testing.assert_frame_equal(
        condenser.X_syn_.sort_values("size", ignore_index=True),
        alone.X_syn_.sort_values("size", ignore_index=True),
        check_exact=False,
        rtol=1e-5,
    )


def test_groups_reach_the_condenser_inside():
    groups = np.arange(60) % 3
    inner, outer = KMedoids(by="group"), MMD(by="group")
    Condenser(outer, Points(start=inner), ONE_STEP, n_per_class=3, random_state=0).fit(X, y, sensitive_features=groups)
