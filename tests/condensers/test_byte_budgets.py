"""Sets that are as large as a number of bytes allows."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from skdc import (
    AutoCondenser,
    Condenser,
    KMeansCondenser,
    KMedoids,
    PrivateMeanEmbedding,
    RandomSubset,
    TabularCondenser,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.fitting.budget import parsed_bytes
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import LowRank, LowResolution
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger
from skdc.solvers import Descent, Draw

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 6))
Y = np.repeat(["a", "b", "c"], [100, 200, 300])
IMAGES = rng.integers(0, 256, size=(600, 8, 8)).astype(np.uint8)
LABELS = {"task": "classification"}
QUICK = {"solver": Descent(n_steps=1), "random_state": 0}


@pytest.mark.parametrize(
    "words, value",
    [
        (784, 784),
        (np.int64(5), 5),
        ("784 B", 784),
        ("784B", 784),
        ("64 kB", 64_000),
        ("64 KB", 64_000),
        ("1.5 MB", 1_500_000),
        ("1.1 kB", 1100),
        ("64 KiB", 65_536),
        ("64 kiB", 65_536),
        ("1.5 MiB", 1_572_864),
        ("2 GB", 2_000_000_000),
    ],
)
def test_words_for_bytes(words, value):
    assert parsed_bytes(words) == value


@pytest.mark.parametrize(
    "words",
    ["64", "64 k", "64 kb", "kB", "-1 kB", "1e3 B", "64 kB each", "0 B", 0, -5, 1e4, 1.5, True, b"64 kB", "1 TB"],
)
def test_what_is_no_number_of_bytes_is_refused(words):
    with pytest.raises(ValueError, match=r"n_bytes=.* must be a whole number of bytes.*'64 kB'") as caught:
        RandomSubset(n_bytes=words).fit(X, Y)
    assert repr(words) in str(caught.value)


WEIGHTS = 3 * 8  # once a class
MEAN_AND_RANGE = 3 * 6 * 8  # of each feature of a table
RANGE_OF_PIXELS = 2 * 64
CASES = [
    (RandomSubset(random_state=0), X, 6 * 8, 0),
    (RandomSubset(random_state=0), X.astype(np.float32), 6 * 4, 0),
    (RandomSubset(random_state=0), IMAGES, 64, 0),
    (Condenser(MMD(), Points(LowRank(2)), **QUICK), X, 2 * 8, 2 * 6 * 8 + MEAN_AND_RANGE),
    (
        Condenser(MMD(), Points(LowRank(2, inner=LowResolution(2))), **QUICK),
        IMAGES,
        2 * 8,
        2 * 16 * 8 + RANGE_OF_PIXELS,
    ),
    (Condenser(MMD(), Points(LowResolution(3)), **QUICK), IMAGES, 9 * 8, RANGE_OF_PIXELS),
    (Condenser(None, Subset(LowRank(3)), Draw(), random_state=0), IMAGES, 3 * 8, 3 * 64 * 8 + RANGE_OF_PIXELS),
]
each_case = pytest.mark.parametrize("condenser, rows, each, shared", CASES, ids=range(len(CASES)))


def taken(n, each, shared):
    """Return what rows take with labels of two bits."""
    return n * each + -(-2 * n // 8) + shared + WEIGHTS


@each_case
@pytest.mark.parametrize("more", [0, 1, -1], ids=["whole", "more", "less"])
def test_the_set_is_the_largest_within_the_budget(condenser, rows, each, shared, more):
    # Seven rows do not share out evenly, so that weights differ, and are kept.
    fitted = clone(condenser).set_params(n_bytes=taken(7, each, shared) + more).fit(rows, Y)
    n = 7 if more >= 0 else 6
    assert len(fitted.X_syn_) == fitted.storage_["points"] == n
    assert fitted.storage_["shared_bytes"] == shared
    alike = WEIGHTS if len(np.unique(fitted.sample_weight_)) == 1 else 0
    assert fitted.storage_["bytes"] == taken(n, each, shared) - alike


@each_case
def test_rows_are_shared_out_as_those_of_a_number(condenser, rows, each, shared):
    weight = rng.uniform(0.1, 3, 600)
    of_bytes = clone(condenser).set_params(n_bytes=taken(41, each, shared)).fit(rows, Y, sample_weight=weight)
    of_number = clone(condenser).set_params(n_samples=41).fit(rows, Y, sample_weight=weight)
    np.testing.assert_array_equal(of_bytes.X_syn_, of_number.X_syn_)
    np.testing.assert_array_equal(of_bytes.sample_weight_, of_number.sample_weight_)
    assert of_bytes.storage_ == of_number.storage_


def test_a_budget_in_words():
    assert len(RandomSubset(n_bytes="0.538 kB").fit(IMAGES, Y).X_syn_) == 8


def test_no_more_rows_than_there_are():
    assert len(RandomSubset(n_bytes="1 GB").fit(X, Y).X_syn_) == 600
    few = RandomSubset(n_bytes="1 GB").fit(X, Y, sample_weight=np.arange(600) % 2)
    assert len(few.X_syn_) == 300
    made = Condenser(MMD(), n_bytes="1 GB", **QUICK).fit(X[:20], Y[:20])
    assert len(made.X_syn_) == 20


def test_many_classes_of_uneven_weight():
    labels = np.r_[np.arange(101), rng.integers(0, 101, 499)]
    weight = np.where(labels == 3, 50.0, 1.0)
    budget = 150 * 48 + 150 * 7 // 8 + 1 + 101 * 8  # labels of seven bits, a weight a class
    fitted = RandomSubset(n_bytes=budget + 3, random_state=0, **LABELS).fit(X, labels, sample_weight=weight)
    found, counts = np.unique(fitted.y_syn_, return_counts=True)
    assert len(found) == 101 and counts.sum() == 150
    assert counts[3] == (labels == 3).sum(), "a heavy class gets no more rows than it has"
    least = 101 * 48 + 89 + 101 * 8
    assert len(RandomSubset(n_bytes=least, **LABELS).fit(X, labels).X_syn_) == 101
    with pytest.raises(ValueError, match=rf"a point of each of 101 classes.*give at least n_bytes={least}"):
        RandomSubset(n_bytes=least - 1, **LABELS).fit(X, labels)


def test_more_classes_than_a_byte_tells_apart():
    labels = np.r_[np.arange(300), np.arange(300)]
    least = 300 * 48 + 338 + 300 * 8  # labels of nine bits
    assert len(RandomSubset(n_bytes=least, **LABELS).fit(X, labels).X_syn_) == 300
    with pytest.raises(ValueError, match=f"give at least n_bytes={least}"):
        RandomSubset(n_bytes=least - 1, **LABELS).fit(X, labels)


def test_a_budget_too_small_names_the_least_that_will_do():
    for condenser, y, least in [
        (RandomSubset(), Y, taken(3, 48, 0)),
        (RandomSubset(), None, 48),
        (Condenser(MMD(), Points(LowRank(2)), **QUICK), Y, taken(3, 16, 96 + MEAN_AND_RANGE)),
    ]:
        with pytest.raises(ValueError, match=rf"n_bytes=20 is too small.*give at least n_bytes={least}\b"):
            clone(condenser).set_params(n_bytes=20).fit(X, y)
        assert clone(condenser).set_params(n_bytes=least).fit(X, y).storage_["bytes"] <= least


def test_weights_of_clusters_are_counted_each():
    clusters = KMeansCondenser(n_bytes=9 * (48 + 8) + 3, random_state=0).fit(X, Y)
    assert len(clusters.X_syn_) == 9 and clusters.storage_["bytes"] == 9 * (48 + 8) + 3


def test_continuous_targets_are_counted():
    fitted = RandomSubset(n_bytes=5 * (48 + 8) + 55, task="regression", random_state=0).fit(X, X[:, 0])
    assert len(fitted.X_syn_) == 5


def test_soft_labels_are_counted():
    budget = taken(5, 48 + 3 * 8, 0)
    taught = TabularCondenser(rows=RandomSubset(), n_bytes=budget + 30, random_state=0).fit(X, Y)
    assert len(taught.X_syn_) == 5 and taught.storage_["bytes"] <= budget


@pytest.mark.parametrize("other", [{"n_per_class": 3}, {"n_samples": 5}])
def test_two_sizes_are_refused(other):
    ((name, value),) = other.items()
    with pytest.raises(ValueError, match=rf"{name}={value} and n_bytes='1 kB' are both given; give one"):
        KMedoids(n_bytes="1 kB", **other).fit(X, Y)


def test_sparse_rows_have_no_size_of_their_own():
    with pytest.raises(ValueError, match="n_bytes=1000: what a sparse row takes depends on which one is chosen"):
        RandomSubset(n_bytes=1000).fit(csr_array(X), Y)


KNOWN = {"epsilon": 5.0, "feature_range": (0, 255), "classes": ["a", "b", "c"]}
STREAMED = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), n_bytes=taken(10, 48, 0), **QUICK)


def test_a_stream_gives_what_all_rows_do():
    whole, streamed = clone(STREAMED).fit(X, Y), clone(STREAMED)
    order = rng.permutation(600)
    for rows in np.array_split(order, 4):
        streamed.partial_fit(X[rows], Y[rows], classes=["a", "b", "c"])
    assert len(streamed.X_syn_) == len(whole.X_syn_) == 10
    np.testing.assert_allclose(streamed.X_syn_, whole.X_syn_, rtol=1e-5, atol=1e-6)
    assert streamed.storage_ == whole.storage_


def test_a_stream_whose_numbers_get_wider_has_fewer_points():
    streamed = clone(STREAMED).set_params(n_bytes=taken(10, 24, 0))
    assert len(streamed.partial_fit(X[::2].astype(np.float32), Y[::2]).X_syn_) == 10
    streamed.partial_fit(X[1::2], Y[1::2])
    assert len(streamed.X_syn_) == 5 and streamed.storage_["bytes"] <= taken(10, 24, 0)


@pytest.mark.parametrize(
    "condenser",
    [
        PrivateMeanEmbedding(bandwidth=100.0, n_steps=2, privacy=GaussianMechanism(**KNOWN)),
        Condenser(
            RandomFeatureMMD(bandwidth=1.0, n_features=20),
            Points(start="noise"),
            Descent(n_steps=2),
            privacy=GaussianMechanism(**KNOWN),
        ),
        Condenser(
            None,
            Subset(),
            Draw(),
            privacy=ClassGaussians(n_directions=5, n_rows=300, **KNOWN),
        ),
    ],
    ids=lambda condenser: type(condenser.recipe().privacy).__name__ + type(condenser).__name__,
)
def test_private_rows_come_out_as_floats_and_are_counted_so(condenser):
    images = IMAGES.reshape(600, 64)
    fitted = clone(condenser).set_params(n_bytes=taken(10, 64 * 8, 0) + 500, random_state=0).fit(images, Y)
    assert len(fitted.X_syn_) == 10 and fitted.X_syn_.dtype == np.float64
    assert fitted.storage_["bytes_decoded"] <= taken(10, 64 * 8, 0)


def test_a_budget_of_a_private_set_is_refused_before_the_release():
    ledger = PrivacyLedger()
    mechanism = GaussianMechanism(epsilon=1.0, feature_range=(-5, 5), classes=["a", "b", "c"], ledger=ledger)
    condenser = PrivateMeanEmbedding(bandwidth=1.0, n_steps=1, n_bytes=20, privacy=mechanism)
    with pytest.raises(ValueError, match="is too small for a point of each of 3 classes"):
        condenser.fit(X, Y)
    assert ledger.spent() == 0


def test_a_condenser_inside_has_no_budget_of_its_own():
    with pytest.raises(ValueError, match="n_bytes='1 kB' of KMedoids would have no effect"):
        Condenser(MMD(), Points(start=KMedoids(n_bytes="1 kB")), **QUICK).fit(X, Y)


def test_a_candidate_may_have_a_budget():
    candidates = {"bytes": KMedoids(n_bytes=20 * 57)}
    auto = AutoCondenser(candidates=candidates, n_per_class=5, random_state=0, time_budget=20).fit(X[::4], Y[::4])
    assert set(auto.leaderboard_["candidate"]) == {"bytes", "random rows"}
    assert not any(auto.leaderboard_["error"])
