import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone

from skdc.privacy import GaussianMechanism, PrivacyLedger, Release
from skdc.privacy.noise import Noise
from skdc.privacy.sketch import PrivateSketch
from skdc.privacy.sums import BoundedProducts, BoundedSums

dp_accounting = pytest.importorskip("dp_accounting")


def mechanism(**others):
    return GaussianMechanism(**{"feature_range": (0, 1), "random_state": 0} | others)


# Noise


@pytest.mark.parametrize("seed", [None, 0], ids=["operating system", "seed"])
def test_noise_is_gaussian_and_whole(seed):
    noise = Noise(seed).gaussian(1000.0, (101, 99))
    assert noise.dtype == np.int64 and noise.shape == (101, 99)
    # Rounded to whole numbers, a thousandth of the spread.
    assert stats.kstest(noise.ravel() / 1000.0, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(noise.ravel()[:-1], noise.ravel()[1:])[0, 1]) < 0.05
    half = noise.ravel()[: noise.size // 2], noise.ravel()[-(noise.size // 2) :]
    assert abs(np.corrcoef(*half)[0, 1]) < 0.05, "the two numbers of a pair"


def test_noise_depends_on_a_seed_alone():
    before = pickle.dumps(np.random.mtrand._rand.get_state()), torch.get_rng_state()
    first, again, other = (Noise(seed).gaussian(1e6, (50,)) for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert (first != other).any() and (Noise(None).gaussian(1e6, (50,)) != Noise(None).gaussian(1e6, (50,))).any()
    assert pickle.dumps(np.random.mtrand._rand.get_state()) == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_small_noise_has_the_right_spread():
    assert_allclose(Noise(0).gaussian(1.0, (100_000,)).var(), 1 + 1 / 12, rtol=0.02)  # rounding adds a twelfth


def test_rows_are_drawn_by_chance():
    drawn = Noise(0).sampled(100_000, 0.3)
    assert stats.binomtest(len(drawn), 100_000, 0.3).pvalue > 1e-3 and len(np.unique(drawn)) == len(drawn)


# Sums


def summed(rows, key, n_keys=3):
    sums = BoundedSums(n_keys, rows.shape[1])
    sums.add(rows, key)
    return sums._sums / 2.0**24


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (5, 4), elements=numbers), arrays(np.int64, 5, elements=st.integers(0, 2)))
def test_a_row_changes_the_sums_by_a_norm_of_one_at_most(rows, key):
    for i in range(5):
        changed = summed(rows, key) - summed(np.delete(rows, i, 0), np.delete(key, i))
        assert np.linalg.norm(changed) <= 1.0


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (6, 3), elements=st.floats(-1, 1)), st.permutations(range(6)), st.integers(0, 6))
def test_sums_do_not_depend_on_order_or_partitioning(rows, order, cut):
    key = np.array([0, 1, 2, 0, 1, 2])
    parts = BoundedSums(3, 3), BoundedSums(3, 3)
    parts[0].add(rows[order[:cut]], key[order[:cut]])
    parts[1].add(rows[order[cut:]], key[order[cut:]])
    assert_array_equal(parts[0].merged(parts[1])._sums / 2.0**24, summed(rows, key))


def test_rows_within_the_bound_are_summed_and_others_cut_off():
    rows = np.array([[0.6, 0.0], [0.0, -0.5], [30.0, 40.0]])
    assert_allclose(summed(rows, np.array([0, 0, 1]), 2), [[0.6, -0.5], [0.6, 0.8]], atol=2e-7)


def test_rows_that_are_not_finite_are_no_rows():
    rows = np.array([[0.5, 0.0], [np.nan, 0.5], [np.inf, 0.0]])
    assert_allclose(summed(rows, np.array([0, 0, 0]), 1), [[0.5, 0.0]], atol=2e-7)
    products = BoundedProducts(2)
    products.add(rows)
    assert_allclose(products.released(1e-9, Noise(0)), [[0.25, 0.0], [0.0, 0.0]], atol=1e-3)


def test_noise_of_products_is_less_beside_the_diagonal():
    released = BoundedProducts(300).released(2.0, Noise(0))
    assert_array_equal(released, released.T)
    assert_allclose(released[np.triu_indices(300, 1)].std(), 2.0 / 2**0.5, rtol=0.03)
    assert_allclose(np.diag(released).std(), 2.0, rtol=0.1)


def test_released_sums_have_the_noise_that_is_asked_for():
    sums = BoundedSums(2, 5000)
    sums.add(np.full((100, 5000), 5000**-0.5), np.zeros(100, np.int64))
    released = sums.released(3.0, Noise(0))
    assert_allclose(released.std(axis=1), 3.0, rtol=0.05)
    assert_allclose(released.mean(axis=1), [100 * 5000**-0.5, 0.0], atol=0.2)


# Calibration


@pytest.mark.parametrize("epsilon, delta", [(0.2, 1e-5), (1.0, 1e-5), (10.0, 1e-6)])
def test_noise_of_one_release_is_that_of_balle_and_wang(epsilon, delta):
    sigma = mechanism(epsilon=epsilon, delta=delta).release().noise_multiplier
    norm = stats.norm
    # Theorem 8: the delta that Gaussian noise has at an epsilon.
    found = norm.cdf(0.5 / sigma - epsilon * sigma) - math.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma)
    assert_allclose(found, delta, rtol=1e-2)


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_noise_of_steps_agrees_with_another_accountant(epsilon):
    release = GaussianMechanism(epsilon=epsilon, sampling_rate=0.02, feature_range=(0, 1)).releases(200)
    relation = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    renyi = dp_accounting.rdp.RdpAccountant(neighboring_relation=relation)
    renyi.compose(release.event())
    # Renyi differential privacy bounds the same loss, less tightly.
    assert epsilon < renyi.get_epsilon(1e-5) < 1.25 * epsilon
    assert (release.n_releases, release.sampling_rate) == (200, 0.02)


def test_the_ledger_adds_up():
    ledger = PrivacyLedger()
    first = mechanism(ledger=ledger).release()
    assert_allclose(ledger.spent(), 1.0, rtol=5e-3)
    mechanism(ledger=ledger).release()
    # Two Gaussian releases are one with less noise.
    both = dp_accounting.get_epsilon_gaussian(first.noise_multiplier / 2**0.5, 1e-5)
    assert_allclose(ledger.spent(), both, rtol=5e-3)
    assert ledger.spent(1e-3) < ledger.spent()


def test_a_ledger_with_a_limit_refuses_before_anything_is_released():
    ledger = PrivacyLedger(epsilon=1.2)
    mechanism(ledger=ledger).release()
    with pytest.raises(
        ValueError, match=r"to 1\.\d+ at delta=1e-05, beyond PrivacyLedger\(epsilon=1\.2, delta=1e-05\)"
    ):
        mechanism(ledger=ledger).release()
    assert len(ledger.releases) == 1
    mechanism(epsilon=0.3, ledger=ledger).release()
    assert len(ledger.releases) == 2


def test_a_clone_has_the_ledger_itself_and_a_copy_refuses():
    ledger = PrivacyLedger()
    assert clone(mechanism(ledger=ledger)).ledger is ledger
    copy = pickle.loads(pickle.dumps(mechanism(ledger=ledger))).ledger
    assert copy is not ledger and copy.spent() == 0.0
    with pytest.raises(RuntimeError, match="a copy from another process"):
        mechanism(ledger=copy).release()


@pytest.mark.parametrize(
    "broken, words",
    [
        (lambda: mechanism(epsilon=0).check(), ["epsilon=0", "positive"]),
        (lambda: mechanism(epsilon=-1.0).check(), ["epsilon=-1.0"]),
        (lambda: mechanism(epsilon=math.inf).check(), ["epsilon=inf"]),
        (lambda: mechanism(delta=0.0).check(), ["delta=0.0", "between 0 and 1"]),
        (lambda: mechanism(delta=1).check(), ["delta=1", "between 0 and 1"]),
        (lambda: mechanism(feature_range=None).check(), ["feature_range=None", "(0, 255)"]),
        (lambda: mechanism(feature_range=(1, 0)).check(), ["(1, 0)", "low below high"]),
        (lambda: mechanism(feature_range=(0, math.inf)).check(), ["inf", "low below high"]),
        (lambda: mechanism(feature_range=5).check(), ["feature_range=5", "(low, high)"]),
        (lambda: PrivacyLedger(delta=2.0), ["PrivacyLedger(delta=2.0)"]),
        (lambda: GaussianMechanism(feature_range=(0, 1), sampling_rate=1.5).check(), ["sampling_rate=1.5"]),
    ],
)
def test_senseless_settings_are_refused(broken, words):
    with pytest.raises(ValueError) as caught:
        broken()
    assert all(word in str(caught.value) for word in words), str(caught.value)


# The sketch


def sketch(noise=None):
    return PrivateSketch(noise or mechanism(), 2, 1, [1.0, 10.0], [3, 2])


def test_the_released_means_are_those_of_the_rows(rng):
    rows = rng.normal(size=(20_000, 3))
    features = rows / np.linalg.norm(rows, axis=1, keepdims=True) * 0.5 + 0.2, 4 + rng.uniform(size=(20_000, 2))
    features = features[0], features[1]
    key = rng.integers(0, 2, 20_000)
    column = rng.uniform(size=(20_000, 1)) * (1 - 0.5 * key[:, None])
    filled = sketch(mechanism(epsilon=100.0))
    filled.update(column, np.empty(0), np.ones(20_000), key, features)
    for block, values in zip(filled.statistics.blocks(torch.device("cpu")), features, strict=True):
        means = np.stack([values[key == k].mean(0) for k in (0, 1)])
        assert_allclose(block.values, means, atol=0.01)
    assert_allclose(filled.mass, np.bincount(key), rtol=1e-2)
    assert_allclose(filled.statistics.means(), [[0.5], [0.25]], atol=0.01)
    assert_allclose(filled.statistics.spread(), np.mean([1 / 12, 1 / 48]) ** 0.5, rtol=0.02)


def test_a_sketch_is_released_once():
    filled = sketch()
    filled.update(np.zeros((5, 1)), np.empty(0), np.ones(5), np.zeros(5, np.int64), [np.ones((5, 3)), np.ones((5, 2))])
    first = filled.statistics.blocks(torch.device("cpu"))[0].values
    assert torch.equal(first, filled.statistics.blocks(torch.device("cpu"))[0].values)
    with pytest.raises(ValueError, match="a release of all rows would be a second one"):
        filled.merge(filled.empty_like())
    assert "_sums" not in vars(filled), "the sums without noise are gone"


def test_release_says_what_it_was():
    release = sketch().release
    assert isinstance(release, Release) and release.n_releases == 1 and release.sampling_rate == 1.0
