"""Every condenser gives on a device what it gives on the CPU."""

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

import skdc
from skdc import Condenser, DistributionMatching, KernelInducingPoints, RandomSubset
from skdc.discrepancies import MMD, CVaR, QueryMMD, SquaredL2
from skdc.networks import ConvNet
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import LowRank
from skdc.solvers import Descent, Greedy
from skdc.spaces import KernelRidgePredictions

from ..condensers.quick import QUICK, SETTINGS, quick
from .data import IMAGES, LABELS, X, Y

FEW = Descent(n_steps=3)


@pytest.mark.parametrize("name", QUICK)
def test_by_name(name, same):
    same(QUICK[name]().set_params(n_per_class=2), X, Y)


@pytest.mark.parametrize("name", ["DistributionMatching", "GradientMatching", "TrajectoryMatching", "DataDAM", "FRePo"])
def test_images(name, same):
    settings = {**SETTINGS, "network": ConvNet(width=4, depth=2), "teacher": None}
    same(quick(getattr(skdc, name), settings).set_params(n_per_class=2), IMAGES, LABELS)


def test_variants_of_trajectories(same):
    lengths = {"n_experts": 1, "n_segments": 2, "n_expert_steps": 3, "n_student_steps": 2, "n_steps": 3}
    variants = {"sharpness": 0.1, "growth": (1, 1.0), "gradient": "held", "labels": "probabilities", "average": 0.5}
    condenser = skdc.TrajectoryMatching(2, network=SETTINGS["network"], **lengths, **variants, random_state=0)
    same(condenser.set_params(teacher=GaussianNB(), max_loss=100.0), X, Y)


def test_rows_like_a_query(same):
    query = X[X[:, 0] > np.median(X[:, 0])]
    for reweight in (None, QueryMMD(query)):
        same(skdc.QuerySelection(query=query, n_samples=6, reweight=reweight, random_state=0), X, Y)
    same(Condenser(QueryMMD(query), solver=FEW, n_samples=4, random_state=0), X, Y)


def test_rows_without_near_duplicates(same):
    doubled = np.concatenate([X, 2 * X]), np.concatenate([Y, Y])
    for size in (None, 3):
        same(skdc.SemanticDeduplication(size, max_similarity=0.99999, random_state=0), *doubled)


def test_given_nothing(same):
    same(Condenser(random_state=0), X, Y)


def test_values_that_move(same):
    same(Condenser(solver=FEW, n_per_class=2, random_state=0), X, Y, sample_weight=1 + Y)


def test_nested(same):
    same(Condenser(nested=True, discrepancy=MMD(), solver=FEW, n_per_class=5, random_state=0), X, Y)


def test_a_start_that_is_given(same):
    start = RandomSubset(2, random_state=1).fit(X, Y).condensed_
    same(Condenser(MMD(), solver=FEW, n_per_class=3, warm_start=start, random_state=0), X, Y)


def test_rows_that_are_chosen(same):
    same(Condenser(MMD(), Subset(), Greedy(), n_per_class=2, random_state=0), X, Y)
    kept = Condenser(MMD(), Subset(LowRank(2)), Greedy(reweight=MMD()), n_bytes=1000, random_state=0)
    same(kept, X, Y, sample_weight=1 + Y)


@pytest.mark.parametrize("labels", ["learned", "probabilities", "teacher"])
def test_labels(labels, same):
    teacher = GaussianNB() if labels == "teacher" else None  # the default is that of the next
    predictions = SquaredL2(space=KernelRidgePredictions(), by=None)
    same(Condenser(predictions, Points(labels=labels, teacher=teacher), FEW, n_per_class=2, random_state=0), X, Y)


def test_chosen_rows_with_labels_of_a_teacher(same):
    same(Condenser(MMD(), Subset(labels="teacher"), Greedy(), n_per_class=2, random_state=0), X, Y)


def test_groups(same):
    groups = np.arange(len(X)) % 2
    worst = Condenser(MMD(by="group", reduce=CVaR()), solver=FEW, n_per_class=2, random_state=0)
    same(worst, X, Y, sensitive_features=groups)


@pytest.mark.parametrize("targets", [X[:, 0], X[:, :2], None], ids=["regression", "two targets", "no targets"])
def test_targets(targets, same):
    same(Condenser(solver=FEW, n_samples=5, random_state=0), X[:, 2:], targets)


def test_frames(same):
    frame = pd.DataFrame(X, columns=list("abcd")).assign(word=np.where(X[:, 0] > 5.5, "large", "small"))
    same(Condenser(MMD(), solver=FEW, n_per_class=2, random_state=0), frame, Y)


def test_rows_that_ask_for_digits(same):
    same(Condenser(MMD(), solver=FEW, n_per_class=2, random_state=0), X + 1e6, Y)


def test_in_batches(same):
    same(Condenser(MMD(), solver=Descent(n_steps=3, batch_size=20), n_per_class=2, random_state=0), X, Y)


def test_warm_start(device):
    condenser = DistributionMatching(2, network=None, n_steps=3, random_state=0, warm_start=True, device=device)
    first = condenser.fit(X, Y).X_syn_
    assert np.abs(condenser.fit(X, Y).X_syn_ - first).max() < 1


def test_chosen_rows_to_start_from(same):
    start = Points(start=RandomSubset())
    same(Condenser(MMD(), start, FEW, n_per_class=2, random_state=0), X, Y)


def test_learner(device):
    condenser = KernelInducingPoints(2, n_steps=3, random_state=0, device=device).fit(X, Y)
    assert condenser.learner_.score(X, Y) > 0.5
