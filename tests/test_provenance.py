"""Where a set comes from, as it is told with it."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

import skdc
from skdc import AutoCondenser, Condenser, KernelHerding, KMeansCondenser, KMedoids, RandomSubset
from skdc.discrepancies import RandomFeatureMMD
from skdc.hashes import digest
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.solvers import Descent

rng = np.random.default_rng(0)
X = rng.normal(size=(1001, 3))
codes = np.arange(1001) % 101
y = codes.astype(str)
STREAM = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=1), n_samples=101)


def origin(condenser, *given, **more):
    return condenser.fit(*given, **more).condensed_.provenance


def test_a_set_says_what_made_it_of_what():
    found = origin(KMedoids(2, random_state=3), X, y)
    assert found.condenser == "KMedoids(n_per_class=2, random_state=3)" and found.version == skdc.__version__
    assert found.parameters["n_per_class"] == 2 and found.parameters["encoder"] == "auto" and found.seed == 3
    assert found.recipe["parameterization"] == "Subset()" and found.recipe["privacy"] is None
    assert (found.n_rows, found.n_points) == (1001, 202) and found.seconds > 0
    assert found.n_per_class == {str(label): 2 for label in range(101)}
    assert found.rows_per_class == {str(label): 10 if label < 92 else 9 for label in range(101)}
    assert found.storage["points"] == 202 and found.privacy is None


def test_it_is_words_and_numbers():
    frame = pd.DataFrame({"size": X[:, 0], "kind": np.array([*"ab"])[codes % 2]})
    for condenser in (
        KMeansCondenser(1, n_jobs=np.int64(1)),
        KernelHerding(1, random_state=np.random.RandomState(0)),
    ):
        found = origin(condenser, frame, y)
        assert json.loads(json.dumps(asdict(found))) == asdict(found)
        assert found.seed is None


def test_equal_data_have_equal_fingerprints():
    weight, changed = rng.random(1001), X.copy()
    changed[1000, 2] = np.nextafter(changed[1000, 2], 1)  # a row that is not among those looked at
    first = origin(RandomSubset(1), X, y).fingerprint
    assert first == origin(KernelHerding(2), X.copy(), y.tolist()).fingerprint
    others = [(changed, y), (X, y[::-1]), (X[::-1], y), (X.astype(np.float32), y), (X[:, ::-1], y)]
    found = {origin(RandomSubset(1), *given).fingerprint for given in others}
    found |= {origin(RandomSubset(1), X, y, sample_weight=weight).fingerprint}
    assert len(found | {first}) == 7


@pytest.mark.parametrize("size", [1, 7, 9, 5000])
def test_a_digest_sees_every_bit(size):
    values = rng.integers(0, 255, size).astype(np.uint8)
    for place in {0, size // 2, size - 1}:
        changed = values.copy()
        changed[place] ^= 1
        assert digest(values) != digest(changed)
    assert digest(values) != digest(values[:, None]) and digest(None) != digest(values)


def test_sparse_rows_have_a_fingerprint():
    dense = X * (X > 1)
    first = origin(KMedoids(1), csr_array(dense), y).fingerprint
    dense[5] += 1
    assert first != origin(KMedoids(1), csr_array(dense), y).fingerprint


def test_nothing_of_private_rows_is_told():
    release = ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=404)
    sums = GaussianMechanism(epsilon=5.0, feature_range=(-5, 5))
    for condenser in (
        Condenser(n_per_class=1, privacy=release),
        skdc.PrivateMeanEmbedding(1, bandwidth=2.0, privacy=sums),
    ):
        found = origin(condenser, X, codes % 4)
        assert found.n_rows is found.rows_per_class is found.fingerprint is None
        assert found.privacy["epsilon"] == 5.0 and found.n_per_class == dict.fromkeys("0123", 1)


def test_a_stream_tells_how_many_rows_it_has_seen():
    condenser = STREAM.set_params(random_state=0)
    for start in range(0, 1001, 500):
        condenser.partial_fit(X[start : start + 500], y[start : start + 500], classes=y[:101])
    found = condenser.condensed_.provenance
    assert found.n_rows == 1001 and found.fingerprint is None and found.rows_per_class["0"] == 10


def test_a_search_tells_what_it_has_chosen():
    search = AutoCondenser(candidates=[KMedoids()], time_budget=None, n_per_class=2, random_state=0)
    found = origin(search, X, codes % 2)
    assert found.condenser.endswith(f", chosen by {search!r}") and found.n_rows == 1001
    assert (
        found.parameters["time_budget"] is None and found.fingerprint == origin(KMedoids(1), X, codes % 2).fingerprint
    )


def test_targets_and_nothing_have_no_classes():
    for given in ((X, X[:, 0]), (X,)):
        found = origin(KMedoids(n_samples=5), *given)
        assert found.n_per_class is found.rows_per_class is None and (found.n_rows, found.n_points) == (1001, 5)
