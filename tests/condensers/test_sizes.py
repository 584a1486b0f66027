"""How many rows a set has: what was asked for, or a refusal that says what to ask for."""

import re

import numpy as np
import pytest
from sklearn.base import clone

import skdc
from skdc import Condenser, KMeansCondenser, KMedoids, LabelDistillation, LabelSolve, RandomSubset, at_most
from skdc.discrepancies import RandomFeatureMMD, SquaredL2
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
EVEN = np.arange(60) % 2
RARE = np.repeat(["many", "rare"], [55, 5])
MAKING = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=2), random_state=0)


def sizes(condenser, y):
    return dict(zip(*np.unique(clone(condenser).fit(X, y).y_syn_, return_counts=True), strict=True))


def refusal(condenser, *data):
    with pytest.raises(ValueError) as caught:
        clone(condenser).fit(*data)
    return str(caught.value)


@pytest.mark.parametrize("condenser", [RandomSubset(), KMeansCondenser(), MAKING], ids=repr)
def test_up_to_a_number(condenser):
    condenser = clone(condenser)
    assert sizes(condenser.set_params(n_per_class=at_most(7)), RARE) == {"many": 7, "rare": 5}
    by_class = {"many": 3, "rare": at_most(100)}
    assert sizes(condenser.set_params(n_per_class=by_class), RARE) == {"many": 3, "rare": 5}
    assert sizes(condenser.set_params(n_per_class=at_most(3)), RARE) == {"many": 3, "rare": 3}


def test_up_to_a_number_counts_rows_that_have_weight():
    weight = np.where((RARE == "rare") & (np.arange(60) > 57), 0.0, 1.0)
    chosen = RandomSubset(at_most(7), random_state=0).fit(X, RARE, sample_weight=weight)
    assert (chosen.y_syn_ == "rare").sum() == 3


def test_up_to_a_number_of_a_stream():
    streamed = clone(MAKING).set_params(n_per_class=at_most(7)).partial_fit(X[:30], EVEN[:30])
    assert np.bincount(streamed.y_syn_).tolist() == [7, 7]
    streamed = clone(MAKING).set_params(n_per_class=at_most(7)).partial_fit(X, RARE)
    assert (streamed.y_syn_ == "rare").sum() == 5


@pytest.mark.parametrize("size, counts", [(0.999, [55, 5]), (0.5, [25, 5]), (30, [25, 5])], ids=str)
def test_a_class_of_heavy_rows_is_not_asked_for_more_than_it_has(size, counts):
    weight = np.where(RARE == "rare", 100.0, 1.0)
    chosen = RandomSubset(n_samples=size, random_state=0).fit(X, RARE, sample_weight=weight)
    assert np.unique(chosen.y_syn_, return_counts=True)[1].tolist() == counts


def test_at_most_is_a_value():
    assert repr(at_most(7)) == "at_most(7)" and at_most(7) == at_most(7) != at_most(8)
    assert len({at_most(7), at_most(7)}) == 1
    condenser = clone(RandomSubset({"a": at_most(2)}))
    assert condenser.n_per_class == {"a": at_most(2)}
    assert skdc.at_most is at_most


@pytest.mark.parametrize("condenser", [KMedoids(7), KMeansCondenser(7), Condenser(MAKING.discrepancy, n_per_class=7)])
def test_what_needs_rows_of_a_class_refuses_by_name(condenser):
    if isinstance(condenser, Condenser):
        condenser.set_params(parameterization=skdc.parameterizations.Subset(), solver=skdc.solvers.Greedy())
    message = refusal(condenser, X, RARE)
    assert f"{type(condenser).__name__} cannot take 7 rows of class 'rare' out of 5" in message
    assert "n_per_class=at_most(7)" in message


def test_what_makes_rows_makes_more_of_a_small_class_and_says_so():
    condenser = clone(MAKING).set_params(n_per_class=7)
    with pytest.warns(UserWarning, match=r"Condenser makes 7 rows of class 'rare', of which the data have 5"):
        condenser.fit(X, RARE)
    assert (condenser.y_syn_ == "rare").sum() == 7


@pytest.mark.parametrize("size", [{"n_samples": 61}, {"n_per_class": 31}, {"n_samples": 10**6}], ids=str)
@pytest.mark.parametrize("condenser", [MAKING, LabelSolve(), RandomSubset(), KMeansCondenser()], ids=repr)
def test_a_set_larger_than_the_data_is_refused(condenser, size):
    message = refusal(clone(condenser).set_params(**size), X, EVEN)
    assert message.startswith(type(condenser).__name__) and re.search(r"larger than the data|cannot take", message)


def test_a_set_larger_than_the_data_is_refused_without_classes_and_of_a_stream():
    assert "a set of 61 rows is larger than the data, which have 60" in refusal(
        clone(MAKING).set_params(n_samples=61), X
    )
    streamed = clone(MAKING).set_params(n_samples=61).partial_fit(X, EVEN)
    with pytest.raises(ValueError, match="a set of 61 rows is larger than the data"):
        streamed.X_syn_  # noqa: B018
    assert len(clone(MAKING).set_params(n_samples=0.999).fit(X, EVEN).X_syn_) == 60


@pytest.mark.parametrize(
    "size, words",
    [
        (0.1, "n_per_class=0.1 must be a whole number of at least 1; for a fraction of the rows give n_samples=0.1"),
        (2.5, "n_per_class=2.5 must be a whole number"),
        (float("nan"), "n_per_class=nan must be a whole number"),
        ("ten", "n_per_class='ten' must be a whole number of at least 1; parameters other than it are given by name"),
        ([2, 2], "n_per_class=[2, 2] must be a whole number"),
        (at_most(0), "n_per_class=at_most(0) must be a whole number"),
        ({0: at_most(0.5), 1: 1}, "n_per_class[0]=at_most(0.5) must be a whole number"),
    ],
    ids=str,
)
def test_sizes_that_are_no_whole_numbers(size, words):
    assert words in refusal(RandomSubset(size), X, EVEN)


@pytest.mark.parametrize(
    "y, words",
    [
        (None, "y is None; pass the labels to fit, or use n_samples"),
        (np.eye(2)[EVEN], "y has several columns of 0 and 1"),
        (np.eye(2)[EVEN], "pass y.argmax(axis=1)"),
        (X[:, 0], "y holds quantities; use n_samples"),
    ],
    ids=["none", "one-hot", "one-hot, advice", "continuous"],
)
def test_a_size_of_classes_where_there_are_none(y, words):
    assert words in refusal(RandomSubset(2), X, y)
    assert "at_most" in refusal(RandomSubset(n_samples=at_most(3)), X, y)


@pytest.mark.parametrize(
    "condenser",
    [
        LabelSolve(),
        LabelDistillation(n_networks=1, n_steps=2),
        Condenser(SquaredL2(space=KernelRidgePredictions(), by=None), Points(Fixed(), labels="learned")),
    ],
    ids=repr,
)
def test_what_keeps_rows_does_not_repeat_them(condenser):
    message = refusal(clone(condenser).set_params(n_per_class={"many": 3, "rare": 8}), X, RARE)
    assert re.search(r"cannot take 8 rows of class 'rare' out of 5; .*n_per_class=at_most\(8\)", message)


def test_up_to_a_number_of_rows_that_are_kept():
    assert len(np.unique(LabelSolve(at_most(8), random_state=0).fit(X, RARE).X_syn_, axis=0)) == 13


def test_all_small_classes_are_named():
    labels = np.repeat(np.arange(10), [95, *range(1, 10)])
    rows = rng.normal(size=(140, 2))
    named = ", ".join(f"7 rows of class {c}, of which the data have {c}" for c in range(1, 6))
    with pytest.warns(UserWarning, match=f"makes {named}, and so on for 1 more; n_per_class=at_most"):
        clone(MAKING).set_params(n_per_class=7).fit(rows, labels)
    with pytest.raises(ValueError, match=r"cannot take 7 rows of class 1 out of 1, 7 rows of class 2 out of 2, "):
        RandomSubset(7).fit(rows, labels)
