"""What holds for fitted condensers whatever the data: weights, order, units and partitioning."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from skdc import Condenser, KernelHerding, KernelInducingPoints, KMeansCondenser, RandomSubset
from skdc.discrepancies import MMD, QuantizationError, RandomFeatureMMD, Sinkhorn, SlicedWasserstein
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import Joint

from .sources import squares

# Seeds cannot be shrunk to anything simpler.
few = settings(deadline=None, max_examples=5, derandomize=True, phases=[Phase.generate])
seeds = st.integers(0, 10**6)
STEPS = Descent(n_steps=5)
# Where a gradient is next to nothing Adam makes a step of its rounding; plain descent does not.
PLAIN = Descent(step_size=0.05, n_steps=3, optimizer=torch.optim.SGD)
SINKHORN = Sinkhorn(max_iter=30)
FOURIER = RandomFeatureMMD(bandwidth=1.0, n_features=50)
kip = partial(KernelInducingPoints, n_steps=5, n_per_class=3, random_state=0)


@dataclass
class Data:
    """Random rows of three classes, with whole numbers for weights."""

    seed: int

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.y = np.repeat([0, 1, 2], [14, 10, 6])
        self.X = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3)) + 2 * rng.normal(size=3) * self.y[:, None]
        self.weight = rng.integers(1, 4, 30)
        self.order = rng.permutation(30)
        self.spread = np.sqrt(self.X.var(axis=0).mean())


def pairing(fitted, other, other_rows=None):
    """Return, for each row of a set, the row of the other one with its class that it is matched to."""
    rows = other.X_syn_ if other_rows is None else other_rows
    apart = 1e12 * (fitted.y_syn_[:, None] != other.y_syn_[None, :])
    return linear_sum_assignment(squares(fitted.X_syn_, rows) + apart)[1]


def assert_same_set(fitted, other, atol, other_rows=None):
    """Compare two sets up to the order of their rows."""
    rows = other.X_syn_ if other_rows is None else other_rows
    order = pairing(fitted, other, rows)
    np.testing.assert_allclose(fitted.X_syn_, rows[order], rtol=0, atol=atol)
    np.testing.assert_array_equal(fitted.y_syn_, other.y_syn_[order])
    np.testing.assert_allclose(fitted.sample_weight_, other.sample_weight_[order], rtol=1e-5)
    if fitted.y_learned_ is not None:
        np.testing.assert_allclose(fitted.y_learned_, other.y_learned_[order], rtol=0, atol=1e-3)


# Weights

WEIGHTED = {
    "herding": KernelHerding(n_passes=0, n_per_class=4),
    "k-means": KMeansCondenser(n_per_class=3, random_state=0),
    "mmd": Condenser(MMD(), solver=STEPS, n_per_class=3, random_state=0),
    "kip": kip(),
    "sinkhorn": Condenser(SINKHORN, solver=PLAIN, n_per_class=3, random_state=0),
    "sliced": Condenser(SlicedWasserstein(), solver=STEPS, n_per_class=3, random_state=0),
    "sketch": Condenser(FOURIER, solver=STEPS, n_per_class=3, random_state=0),
}


@pytest.mark.parametrize("name", WEIGHTED)
@few
@given(seed=seeds)
def test_weight_is_multiplicity(name, seed):
    data = Data(seed)
    again = np.repeat(np.arange(30), data.weight)
    weighted = clone(WEIGHTED[name]).fit(data.X, data.y, sample_weight=data.weight)
    repeated = clone(WEIGHTED[name]).fit(data.X[again], data.y[again])
    if name == "herding":
        # A row that stands twice can be taken twice: the choice is compared up to the first repetition.
        assert_same_herd(weighted, again[repeated.indices_])
        return
    assert_same_set(weighted, repeated, atol=1e-4 * data.spread)


def assert_same_herd(weighted, chosen):
    for ours, theirs in zip(weighted.indices_.reshape(3, 4), chosen.reshape(3, 4), strict=True):
        fresh = next((i for i in range(4) if theirs[i] in theirs[:i]), 4)
        assert fresh >= 1
        np.testing.assert_array_equal(ours[:fresh], theirs[:fresh])


@pytest.mark.parametrize("name", WEIGHTED)
@few
@given(seed=seeds, factor=st.sampled_from([1e-9, 0.1, 7.0, 1e9]))
def test_only_the_ratio_of_weights_counts(name, seed, factor):
    data = Data(seed)
    one = clone(WEIGHTED[name]).fit(data.X, data.y, sample_weight=data.weight)
    other = clone(WEIGHTED[name]).fit(data.X, data.y, sample_weight=factor * data.weight)
    assert_same_set(one, other, atol=1e-4 * data.spread)


@pytest.mark.parametrize("name", [*WEIGHTED, "random"])
@few
@given(seed=seeds)
def test_rows_of_no_weight_are_no_rows(name, seed):
    data = Data(seed)
    condenser = RandomSubset(random_state=0) if name == "random" else WEIGHTED[name]
    kept = np.arange(30) % 5 > 0
    with_zeros = clone(condenser).set_params(n_per_class=3).fit(data.X, data.y, sample_weight=data.weight * kept)
    without = clone(condenser).set_params(n_per_class=3)
    without.fit(data.X[kept], data.y[kept], sample_weight=data.weight[kept])
    assert_same_set(with_zeros, without, atol=0)


# Order

ORDERLESS = {name: WEIGHTED[name] for name in ("herding", "mmd", "kip", "sinkhorn", "sketch")}
ORDERLESS["random"] = RandomSubset(n_per_class=3, random_state=0)


@pytest.mark.parametrize("name", ORDERLESS)
@pytest.mark.parametrize("weighted", [False, True])
@few
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(name, weighted, seed):
    data = Data(seed)
    weight = 0.1 * data.weight if weighted else np.ones(30)
    given_order = clone(ORDERLESS[name]).fit(data.X, data.y, sample_weight=weight)
    shuffled = clone(ORDERLESS[name])
    shuffled.fit(data.X[data.order], data.y[data.order], sample_weight=weight[data.order])
    assert_same_set(given_order, shuffled, atol=1e-4 * data.spread)
    if hasattr(given_order, "indices_"):
        assert set(given_order.indices_) == set(data.order[shuffled.indices_])


# Units

MAPS = [(1e-6, 0.0), (1.0, 1e4), (250.0, -7e3), (-3.0, 12.0)]


def mapped(condenser, data, factor, offset):
    """Return a condenser fitted on the rows, one fitted on mapped rows, and the set of the first, mapped."""
    plain = clone(condenser).fit(data.X, data.y)
    other = clone(condenser).fit(factor * data.X + offset, data.y)
    return plain, other, factor * plain.X_syn_ + offset


@pytest.mark.parametrize("factor, offset", MAPS)
@few
@given(seed=seeds)
def test_herding_takes_the_same_rows_in_any_units(factor, offset, seed):
    plain, other, _ = mapped(KernelHerding(n_per_class=4), Data(seed), factor, offset)
    np.testing.assert_array_equal(plain.indices_, other.indices_)


@pytest.mark.parametrize("factor, offset", MAPS)
@pytest.mark.parametrize(
    "condenser",
    [
        KMeansCondenser(n_per_class=3, random_state=0),
        Condenser(MMD(), Points(start="spread"), STEPS, n_per_class=3, random_state=0),
        Condenser(SINKHORN, Points(start="spread"), Descent(n_steps=3), n_per_class=3, random_state=0),
        Condenser(QuantizationError(), Points(start="spread"), STEPS, n_per_class=3, random_state=0),
    ],
    ids=["k-means", "mmd", "sinkhorn", "quantization"],
)
@few
@given(seed=seeds)
def test_the_set_moves_with_the_units(condenser, factor, offset, seed):
    data = Data(seed)
    plain, other, expected = mapped(condenser, data, factor, offset)
    assert_same_set(other, plain, 1e-3 * abs(factor) * data.spread, expected)


@pytest.mark.parametrize("factor, offset", MAPS)
@pytest.mark.parametrize("sketched", [False, True])
@few
@given(seed=seeds)
def test_points_that_start_at_all_rows_move_with_the_units(sketched, factor, offset, seed):
    # The start does not hang on hashes; weights give the points somewhere to go.
    data = Data(seed)

    def fit(X, unit):
        discrepancy = RandomFeatureMMD(bandwidth=2 * unit, n_features=50) if sketched else MMD()
        solver = Descent(step_size=5.0, n_steps=5, optimizer=torch.optim.SGD)
        condenser = Condenser(discrepancy, solver=solver, n_per_class={0: 14, 1: 10, 2: 6}, random_state=0)
        return condenser.fit(X, data.y, sample_weight=data.weight)

    plain, other = fit(data.X, 1.0), fit(factor * data.X + offset, abs(factor))
    assert np.abs(plain.X_syn_ - data.X[pairing_with_rows(plain, data)]).max() > 0.01 * data.spread
    assert_same_set(other, plain, 1e-3 * abs(factor) * data.spread, factor * plain.X_syn_ + offset)


def pairing_with_rows(fitted, data):
    apart = 1e12 * (fitted.y_syn_[:, None] != data.y[None, :])
    return linear_sum_assignment(squares(fitted.X_syn_, data.X) + apart)[1]


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@few
@given(seed=seeds)
def test_regression_moves_with_the_units_of_the_target(scale, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    condenser = Condenser(MMD(), Points(start="spread"), STEPS, n_samples=5, random_state=0)
    plain, other = clone(condenser).fit(X, y), clone(condenser).fit(X, scale * y + 5)
    np.testing.assert_allclose(other.X_syn_, plain.X_syn_, atol=1e-3)
    np.testing.assert_allclose(other.y_syn_, scale * plain.y_syn_ + 5, atol=1e-3 * scale)


# Partitioning


@settings(few, max_examples=15)
@given(seed=seeds, cuts=st.lists(st.integers(1, 29), max_size=6), by_class=st.booleans())
def test_a_stream_gives_the_set_of_all_rows(seed, cuts, by_class):
    data = Data(seed)
    order = np.argsort(data.y, kind="stable") if by_class else data.order
    whole = clone(WEIGHTED["sketch"]).fit(data.X, data.y, sample_weight=data.weight)
    stream = clone(WEIGHTED["sketch"])
    for part in np.split(order, sorted({1, *cuts})):
        stream.partial_fit(data.X[part], data.y[part], classes=[0, 1, 2], sample_weight=data.weight[part])
    assert_same_set(stream, whole, atol=1e-6 * data.spread)


@settings(few, max_examples=15)
@given(seed=seeds, cuts=st.lists(st.integers(1, 89), max_size=4))
def test_ties_between_classes_do_not_hang_on_the_partitioning(seed, cuts):
    # Four rows for three classes of equal mass, which sums of 0.1 give up to rounding only.
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(90, 2)), np.repeat([0, 1, 2], 30)
    condenser = Condenser(FOURIER, solver=Descent(n_steps=1), n_samples=4, random_state=0)
    whole = clone(condenser).fit(X, y, sample_weight=np.full(90, 0.1))
    stream = clone(condenser)
    for part in np.split(rng.permutation(90), sorted(set(cuts))):
        stream.partial_fit(X[part], y[part], classes=[0, 1, 2], sample_weight=np.full(len(part), 0.1))
    np.testing.assert_array_equal(stream.y_syn_, whole.y_syn_)


@few
@given(seed=seeds, cut=st.integers(1, 29))
def test_a_stream_of_continuous_targets_gives_the_set_of_all_rows(seed, cut):
    data = Data(seed)
    y = data.X @ np.ones(3)
    space = Joint(target_weight=0.5)
    condenser = Condenser(RandomFeatureMMD(2.0, 50, space=space), solver=STEPS, n_samples=5, random_state=0)
    whole, stream = clone(condenser).fit(data.X, y), clone(condenser)
    for part in np.split(data.order, [cut]):
        stream.partial_fit(data.X[part], y[part])
    np.testing.assert_allclose(stream.X_syn_, whole.X_syn_, atol=1e-6 * data.spread)
    np.testing.assert_allclose(stream.y_syn_, whole.y_syn_, atol=1e-6 * y.std())


# Randomness


@pytest.mark.parametrize("name", [*WEIGHTED, "random"])
def test_a_fit_leaves_global_generators_alone_and_repeats_itself(name):
    data = Data(0)
    condenser = RandomSubset(n_per_class=3, random_state=0) if name == "random" else WEIGHTED[name]
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first = clone(condenser).fit(data.X, data.y)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    np.testing.assert_array_equal(torch.get_rng_state(), before[1])
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    np.testing.assert_array_equal(clone(condenser).fit(data.X, data.y).X_syn_, first.X_syn_)


def test_the_seed_matters():
    data = Data(0)
    for condenser in (RandomSubset(), Condenser(MMD(), solver=STEPS), KMeansCondenser(), Condenser(FOURIER)):
        one, two = (clone(condenser).set_params(n_per_class=3, random_state=s).fit(data.X, data.y) for s in (0, 1))
        assert not np.array_equal(one.X_syn_, two.X_syn_)
    # Herding is a function of the data.
    one, two = (KernelHerding(n_per_class=3, random_state=s).fit(data.X, data.y) for s in (0, 1))
    np.testing.assert_array_equal(one.indices_, two.indices_)
