"""Discrepancies that add, scale, clone, and split by group."""

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdc import Condenser
from skdc.discrepancies import MMD, Hybrid, MeanDistance, QuantizationError, Sinkhorn, SlicedWasserstein
from skdc.networks import MLP
from skdc.sources import Batch
from skdc.spaces import Identity, RandomNetwork, Standardized
from skdc.step import Step

from ..sources import row_source, seeded, squares, synthetic


def names(hybrid):
    return [name for name, _ in hybrid.terms]


# Names and shapes


def test_a_sum_names_its_terms():
    hybrid = 0.5 * MMD() + Sinkhorn()
    assert names(hybrid) == ["mmd", "sinkhorn"]
    assert [term.weight for term in hybrid.leaves()] == [0.5, 1.0]


def test_twins_are_numbered():
    assert names(MMD() + Sinkhorn() + 2 * MMD()) == ["mmd_1", "sinkhorn", "mmd_2"]


def test_sums_are_flat():
    left = (MMD() + Sinkhorn()) + (MeanDistance() + MMD())
    right = MMD() + (Sinkhorn() + (MeanDistance() + MMD()))
    assert names(left) == names(right) == ["mmd_1", "sinkhorn", "meandistance", "mmd_2"]
    assert names(sum([MMD(), Sinkhorn(), MeanDistance()])) == ["mmd", "sinkhorn", "meandistance"]


def test_the_sum_of_one_is_itself():
    mmd = MMD()
    assert sum([mmd]) is mmd


@pytest.mark.parametrize("factor", [3, 0.25, np.float64(0.25), np.float32(0.25), np.int64(3)])
def test_factors_multiply_the_weight_and_keep_the_rest(factor):
    original = MMD(bandwidth=2.0, by=None, weight=0.5)
    for scaled in (factor * original, original * factor):
        assert scaled.get_params() == {**original.get_params(), "weight": 0.5 * float(factor)}
    assert original.weight == 0.5


def test_a_factor_multiplies_every_term_of_a_sum():
    hybrid = 2 * (0.5 * MMD() + 3 * Sinkhorn())
    assert [term.weight for term in hybrid.leaves()] == [1.0, 6.0]
    assert names(hybrid) == ["mmd", "sinkhorn"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MMD() + 1,
        lambda: 1 + MMD(),
        lambda: MMD() + "mmd",
        lambda: sum([MMD(), Sinkhorn()], 1),
        lambda: MMD() * MMD(),
        lambda: MMD() * Sinkhorn(),
        lambda: MMD() * "2",
        lambda: (MMD() + Sinkhorn()) * MMD(),
        lambda: (MMD() + Sinkhorn()) + 0.5,
    ],
)
def test_what_is_no_discrepancy_does_not_add(wrong):
    with pytest.raises(TypeError):
        wrong()


# Parameters


def test_parameters_of_terms_have_names():
    hybrid = 0.5 * MMD() + Sinkhorn(blur=0.2)
    parameters = hybrid.get_params()
    assert parameters["mmd__weight"] == 0.5
    assert parameters["sinkhorn__blur"] == 0.2
    assert parameters["mmd"] is hybrid.leaves()[0]


def test_a_parameter_of_a_term_can_be_set():
    hybrid = (MMD() + MMD(space=Standardized())).set_params(mmd_2__weight=3.0, mmd_1__bandwidth=2.0)
    assert [term.weight for term in hybrid.leaves()] == [1.0, 3.0]
    assert [term.bandwidth for term in hybrid.leaves()] == [2.0, "median"]


def test_a_term_can_be_replaced_under_its_name():
    original = MMD() + Sinkhorn()
    changed = clone(original).set_params(mmd=SlicedWasserstein(n_projections=7), mmd__weight=2.0)
    assert names(changed) == ["mmd", "sinkhorn"]
    assert repr(changed.leaves()[0]) == "SlicedWasserstein(n_projections=7, weight=2.0)"
    assert isinstance(original.leaves()[0], MMD)


def test_replacing_a_term_leaves_the_list_of_others_alone():
    terms = [("mmd", MMD()), ("sinkhorn", Sinkhorn())]
    Hybrid(terms).set_params(mmd=MeanDistance())
    assert isinstance(terms[0][1], MMD)


def test_unknown_terms_are_refused():
    with pytest.raises(ValueError, match="Invalid parameter 'energy'"):
        (MMD() + Sinkhorn()).set_params(energy__weight=2.0)


def test_a_condenser_reaches_into_the_terms():
    condenser = Condenser(discrepancy=MMD() + Sinkhorn()).set_params(discrepancy__sinkhorn__blur=0.3)
    assert condenser.discrepancy.leaves()[1].blur == 0.3


# Clones


def test_a_clone_is_deep_and_alike():
    space = Standardized()
    hybrid = 0.5 * MMD(space=space) + SlicedWasserstein(n_projections=9)
    copy = clone(hybrid)
    assert repr(copy) == repr(hybrid)
    copy.set_params(mmd__weight=9.0, slicedwasserstein__n_projections=1)
    assert hybrid.leaves()[0].weight == 0.5
    assert hybrid.leaves()[1].n_projections == 9
    assert copy.leaves()[0].space is not space
    shown = {key: repr(value) for key, value in hybrid.get_params().items()}
    assert {key: repr(value) for key, value in clone(hybrid).get_params().items()} == shown


def test_a_shared_space_stays_one_live_space():
    space = RandomNetwork(network=MLP(width=4))
    hybrid = MeanDistance(space=space) + MMD(space=space) + MMD(space=RandomNetwork(network=MLP(width=4)))
    for variant in (
        hybrid,
        clone(hybrid),
        0.5 * hybrid,
        clone(clone(2 * hybrid)),
        clone(Condenser(hybrid)).discrepancy,
    ):
        first, second, third = (leaf.space for leaf in variant.leaves())
        assert first is second is not third
    assert clone(hybrid).leaves()[0].space is not space
    assert (0.5 * hybrid).leaves()[0].space is space


def test_a_shared_space_is_fitted_once(iris):
    source = row_source(iris[0], iris[1])
    space = RandomNetwork(network=MLP(width=4))
    hybrid = clone(MeanDistance(space=space) + MMD(space=space)).fit(source, seeded())
    assert len(hybrid.spaces()) == 1
    alone = MeanDistance(space=clone(space)).fit(source, seeded())
    weights = [d.spaces()[0].pool_.network_[1].weight for d in (hybrid, alone)]
    # A second draw would have taken the network that comes next from the generator.
    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_hashes_are_stable():
    def make(weight):
        return weight * MMD(space=Standardized(), bandwidth=[1.0, 2.0]) + Sinkhorn()

    assert joblib.hash(make(0.5)) == joblib.hash(make(0.5)) == joblib.hash(clone(make(0.5)))
    assert joblib.hash(make(0.5)) != joblib.hash(make(0.25))


# Values


def pair(seed=0):
    """Return a source of three classes and a synthetic set of two rows each."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [20, 15, 10])
    X = rng.normal(size=(45, 2)) + y[:, None]
    source = row_source(X, y, weight=rng.uniform(0.5, 2, 45), groups=rng.integers(0, 2, 45))
    codes = np.repeat([0, 1, 2], 2)
    return source, synthetic(source, rng.normal(size=(6, 2)) + codes[:, None], codes, rng.uniform(0.5, 2, 6))


def test_a_hybrid_is_the_weighted_sum_of_its_terms():
    source, points = pair()
    terms = [SlicedWasserstein(n_projections=5), MMD(), SlicedWasserstein(n_projections=3), QuantizationError()]
    factors = [0.5, 3.0, 2.0, 1.5]
    hybrid = sum(factor * term for factor, term in zip(factors, terms, strict=True)).fit(source, seeded())
    value = hybrid.loss(Batch(source.rows), points, Step(seeded(4)))
    generator, expected = seeded(4), 0.0
    for factor, term in zip(factors, terms, strict=True):
        expected += factor * float(term.fit(source, seeded()).loss(Batch(source.rows), points, Step(generator)))
    assert float(value) == pytest.approx(expected, rel=1e-12)


def numpy_mmd(source, points, real_rows, synthetic_rows, with_constant=False):
    """Return MMD^2 (Gaussian of bandwidth 1) of two sets of rows in the user's units; the real-real term if asked."""
    x, y = source.X[real_rows], source.decode(points.X)[synthetic_rows]
    p, q = source.weight[real_rows], points.weight.numpy()[synthetic_rows]
    p, q = p / p.sum(), q / q.sum()
    constant = p @ np.exp(-squares(x, x) / 2) @ p if with_constant else 0.0
    return q @ np.exp(-squares(y, y) / 2) @ q - 2 * p @ np.exp(-squares(x, y) / 2) @ q + constant


@pytest.mark.parametrize(
    "by, reduce, combine",
    [
        ("class", "mean", np.mean),
        ("class", "worst", np.max),
        ("group", "mean", np.mean),
        ("group", "worst", np.max),
        (None, "mean", np.mean),
    ],
)
def test_splitting_is_a_reduction_over_groups(by, reduce, combine):
    source, points = pair()
    class_of_key = source.schema.class_of_key
    assert len(class_of_key) == 6
    of_key, worst = points.key.numpy(), reduce == "worst"
    pairs = {
        "class": [(class_of_key[source.key] == c, of_key == c) for c in range(3)],
        "group": [(source.key == k, of_key == c) for k, c in enumerate(class_of_key)],
        None: [(slice(None), slice(None))],
    }[by]
    # Which group is worst is told by the whole distance: a real-real term may not be left out.
    values = [numpy_mmd(source, points, *pair, with_constant=worst) for pair in pairs]
    discrepancy = MMD(bandwidth=1.0, by=by, reduce=reduce, weight=2.5).fit(source, seeded())
    loss = discrepancy.loss(Batch(source.rows), points, Step(seeded()))
    assert float(loss) == pytest.approx(2.5 * combine(values), rel=1e-10)


def test_groups_without_rows_are_left_out():
    source, points = pair()
    discrepancy = MMD(bandwidth=1.0).fit(source, seeded())
    one_class = points.take(points.key == 1)
    expected = numpy_mmd(source, points, source.schema.class_of_key[source.key] == 1, points.key.numpy() == 1)
    assert float(discrepancy.loss(Batch(source.rows), one_class, Step(seeded()))) == pytest.approx(expected, rel=1e-10)


# What makes no sense


@pytest.mark.parametrize(
    "discrepancy, message",
    [
        (-1 * MMD(), r"MMD\(weight=-1.0\): the weight must be positive"),
        (MMD(weight=0.0), "the weight must be positive"),
        (MMD(weight=np.nan), "the weight must be positive"),
        (MMD(weight=np.inf), "the weight must be positive and finite"),
        (Sinkhorn() + (-0.5) * MMD(), r"MMD\(weight=-0.5\): the weight must be positive"),
        (MMD(by="sex"), r"MMD\(by='sex'\): by must be 'class', 'group' or None"),
        (MMD(reduce="max"), r"MMD\(reduce='max'\): reduce must be 'mean', 'worst' or CVaR"),
        (MMD(by=None, reduce="worst"), "without groups there is nothing to reduce"),
        (Hybrid([]), "has nothing to minimise; add at least one discrepancy"),
        (Sinkhorn(blur=0.0), r"Sinkhorn\(blur=0.0\): the blur must be a positive number"),
        (SlicedWasserstein(n_projections=0), r"SlicedWasserstein\(n_projections=0\) needs at least one direction"),
    ],
    ids=repr,
)
def test_senseless_parameters_are_refused(discrepancy, message, iris):
    with pytest.raises(ValueError, match=message):
        Condenser(discrepancy).fit(*iris)


def test_the_default_space_is_the_rows(iris):
    source = row_source(iris[0], iris[1])
    assert isinstance(MMD().fit(source, seeded()).space_, Identity)
