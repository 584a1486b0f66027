"""Where a set comes from, as it is told with it."""

import json
import pickle
import warnings
from contextlib import suppress
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.impute import SimpleImputer

import skdc
from skdc import (
    AutoCondenser,
    Condenser,
    DistributionMatching,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    RandomSubset,
    TabularCondenser,
)
from skdc.discrepancies import MMD, RandomFeatureMMD
from skdc.evaluation.protocol import RowScaling
from skdc.fitting.origin import fingerprint_of, was_made_of
from skdc.hashes import digest
from skdc.parameterizations import Points
from skdc.preprocessing import NormalScores, TabularEncoder
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.scaling import Scaling
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


KINDS = {
    "size": X[:, 0],
    "kind": pd.Categorical(np.array([*"ab"])[codes % 2]),
    "word": np.array([*"cd"])[codes % 2],
    "when": pd.date_range("2020", periods=1001),
    "count": pd.array([*[None] * 9, *range(992)], "Int64"),
}
DATA = {
    "columns": pd.DataFrame(KINDS),
    "numbers": pd.DataFrame(X, columns=[*"abc"]),
    "images": rng.integers(0, 255, (1001, 1, 5, 5)).astype(np.uint8),
    "float32": X.astype(np.float32),
    "array": X,
}
CONDENSERS = [
    Condenser(MMD(), solver=Descent(n_steps=1), n_per_class=1),
    KMeansCondenser(1, encoder=None),
    KMeansCondenser(1, encoder=NormalScores()),
    TabularCondenser(1, rows=KMedoids()),
    DistributionMatching(1, n_steps=1),
    KernelInducingPoints(1, n_steps=1),
]


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
def test_whatever_made_a_set_the_fingerprint_is_that_of_the_data(rows):
    rows, labels, weight, found = rows[:300], codes[:300] % 3, 1 + codes[:300] % 2, []
    for condenser in CONDENSERS:
        with suppress(ValueError):  # of those that take no words, or no images
            found.append(origin(condenser, rows, labels, sample_weight=weight))
    assert len(found) >= 3 and len({one.fingerprint for one in found}) == 1
    assert was_made_of(found[0], rows, labels, weight) is True
    for others in ((rows, labels), (rows[::-1], labels, weight), (rows, labels[::-1], weight), (rows, None, weight)):
        assert was_made_of(found[0], *others) is False


def test_a_fingerprint_does_not_depend_on_the_container_of_labels():
    first = {origin(RandomSubset(1), X, y).fingerprint}
    for labels in (y.tolist(), y[:, None], pd.Series(y), pd.Series(y, dtype="category"), pd.DataFrame({"y": y}), [*y]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)
            assert {origin(RandomSubset(1), X, labels).fingerprint} == first
    numbers = {
        origin(RandomSubset(n_samples=101, task=task), X, codes).fingerprint
        for task in ("classification", "regression")
    }
    assert len(numbers) == 1 and numbers != first


def with_another_value(rows, row, column):
    """Return rows of which one holds what another does."""
    rows = rows.copy()
    if hasattr(rows, "iloc"):
        values = rows.iloc[:, column].dropna()
        rows.iloc[row, column] = next(value for value in values if str(value) != str(rows.iloc[row, column]))
    else:
        rows[row].flat[column] += 1
    return rows


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
@pytest.mark.parametrize("row", [0, 1, 1000])
def test_one_value_label_weight_or_group_changes_the_fingerprint(rows, row):
    labels, ones, other = codes % 3, np.ones(1001), codes % 3
    other[row] = 7
    found = [fingerprint_of(with_another_value(rows, row, j), labels, ones) for j in range(rows.shape[1])]
    found += [fingerprint_of(rows, y, ones) for y in (labels, other, labels + 1, labels.astype(str), None)]
    for weight in (0.0, np.nextafter(1, 2)):
        found.append(fingerprint_of(rows, labels, np.where(np.arange(1001) == row, weight, ones)))
    found += [fingerprint_of(rows, labels, ones, groups) for groups in (labels, other)]
    if hasattr(rows, "iloc"):
        found.append(fingerprint_of(rows.rename(columns={rows.columns[0]: "other"}), labels, ones))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_a_fingerprint_does_not_depend_on_the_order_in_memory(dtype):
    rows = (10 * X).astype(dtype)
    frames = [
        pd.DataFrame(rows),
        pd.DataFrame({j: rows[:, j] for j in range(3)}),
        pd.DataFrame(np.asfortranarray(rows)),
    ]
    for first, *others in ([rows, np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2]], frames):
        assert all(fingerprint_of(first, y, X[:, 0]) == fingerprint_of(other, y, X[:, 0]) for other in others)


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


@pytest.mark.parametrize("sparse", [csr_array, lambda rows: pd.DataFrame.sparse.from_spmatrix(csr_array(rows))])
def test_sparse_rows_have_a_fingerprint(sparse):
    dense = X * (X > 1)
    first = origin(KMedoids(1), sparse(dense), y)
    assert first.fingerprint == origin(RandomSubset(1), sparse(dense), y).fingerprint
    assert was_made_of(first, sparse(dense), y)
    dense[5, 1] += 1
    assert not was_made_of(first, sparse(dense), y)


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


def assert_same_scaling(found, expected):
    for name in ("mean", "deviation"):
        one, other = (np.array(getattr(part, name), dtype=np.float64) for part in (found, expected))
        assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert_allclose(found.units(), expected.units(), rtol=1e-9)
    assert found.levels == expected.levels


SPARSE = {
    "sparse": csr_array(X * (X > 1)),
    "sparse frame": pd.DataFrame.sparse.from_spmatrix(csr_array(X * (X > 1))),
    "pixels": rng.normal(size=(1001, 121)),
    "polars": pl.DataFrame({"size": X[:, 0], "word": KINDS["word"]}),
}


@pytest.mark.parametrize("rows", (DATA | SPARSE).values(), ids=DATA | SPARSE)
@pytest.mark.parametrize(
    "weight",
    [pytest.param(None, id="none"), pytest.param(codes[:150] % 4 % 3, id="weights", marks=pytest.mark.slow)],
)
def test_whatever_made_a_set_the_scaling_is_that_of_the_data(rows, weight):
    rows, labels = rows[:150], codes[:150] % 3
    expected, n = RowScaling.of_rows(rows, weight).scaling, 0
    for condenser in (*CONDENSERS, RandomSubset(1), clone(STREAM).set_params(n_samples=3)):
        with suppress(ValueError, TypeError):  # of those that take no words, or no images, or no sparse rows
            assert_same_scaling(origin(condenser, rows, labels, sample_weight=weight).scaling, expected)
            n += 1
    assert n >= (1 if "sparse" in str(type(rows)) or hasattr(rows, "sparse") else 3)


def test_a_search_tells_the_scaling_of_the_data():
    search = AutoCondenser(candidates=[KMedoids()], time_budget=None, n_per_class=2, random_state=0)
    assert_same_scaling(origin(search, X, codes % 2).scaling, RowScaling.of_rows(X).scaling)


@pytest.mark.parametrize("name", ["array", "float32", "numbers", "images", "pixels", "units", "constant"])
def test_a_stream_in_chunks_has_the_scaling_of_all_rows(name):
    rows = (DATA | SPARSE | {"units": X * [1e-150, 1, 1e150], "constant": X * [1, 1, 0] + 0.1})[name]
    weight = 1.0 + codes % 2
    stream = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=1), n_samples=101)
    for some in np.array_split(np.arange(1001), 4):
        part = rows.iloc[some] if hasattr(rows, "iloc") else rows[some]
        stream.partial_fit(part, y[some], classes=y[:101], sample_weight=weight[some])
    assert_same_scaling(stream.condensed_.provenance.scaling, RowScaling.of_rows(rows, weight).scaling)


PRIVATE = {
    "drawn": Condenser(n_per_class=1, privacy=ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=404)),
    "sums": skdc.PrivateMeanEmbedding(
        1, bandwidth=2.0, privacy=GaussianMechanism(epsilon=5.0, feature_range=(-5, 5)), random_state=0
    ),
    "gradients": skdc.PrivateGradientMatching(
        1, n_steps=1, privacy=GaussianMechanism(epsilon=5.0, feature_range=(-5, 5)), random_state=0
    ),
}


@pytest.mark.parametrize("condenser", PRIVATE.values(), ids=PRIVATE)
def test_private_sets_tell_no_scaling(condenser, tmp_path):
    condensed = condenser.fit(X, codes % 4).condensed_
    assert condensed.provenance.scaling is None
    condensed.save(tmp_path / "set.skdc")
    assert b'"scaling":null' in (tmp_path / "set.skdc").read_bytes().replace(b"\\", b"")
    assert condensed.shrink(RandomSubset(n_per_class=1)).provenance.scaling is None
    known = KMedoids(1, random_state=0).fit(X, codes % 4).condensed_
    assert condensed.join(known).provenance.scaling is None
    # What stands for the data is the set, which may be shown.
    assert RowScaling.of_set(condensed).scaling == Scaling.of(condensed.X, condensed.sample_weight)


def test_a_private_stream_tells_no_scaling():
    release = GaussianMechanism(epsilon=5.0, feature_range=(-5, 5), classes=[0, 1, 2, 3])
    stream = clone(STREAM).set_params(n_samples=4, privacy=release, parameterization=Points(start="noise"))
    stream.partial_fit(X[:500], codes[:500] % 4).partial_fit(X[500:], codes[500:] % 4)
    assert stream.condensed_.provenance.scaling is None


def test_the_scaling_survives(tmp_path):
    frame = DATA["columns"]
    old, new = (
        KMedoids(2, random_state=0).fit(frame[some], codes[some] % 3).condensed_
        for some in (codes % 3 < 2, codes % 3 == 2)
    )
    scaling = old.provenance.scaling
    old.save(tmp_path / "set.skdc")
    for other in (skdc.load(tmp_path / "set.skdc"), pickle.loads(pickle.dumps(old)), old.shrink(1)):
        assert other.provenance.scaling == scaling
    assert old.shrink(RandomSubset(n_per_class=1, random_state=0)).provenance.scaling == scaling
    both = frame.drop(columns="count")  # of which some are missing
    parts = [KMedoids(2).fit(both[some], codes[some] % 3).condensed_ for some in (codes % 3 < 2, codes % 3 == 2)]
    assert_same_scaling(parts[0].join(parts[1]).provenance.scaling, RowScaling.of_rows(both).scaling)
    assert old.join(replace(new, provenance=replace(new.provenance, scaling=None))).provenance.scaling is None


def wide(n_gaps):
    """Return a table of many columns of unlike ranges, some with gaps."""
    rows = np.random.default_rng(0).normal(size=(60, 3000)).astype(np.float32) * np.geomspace(1, 1e6, 3000)
    rows[5, :n_gaps] = np.nan
    return rows


@pytest.mark.parametrize("n_gaps", [0, 3])
def test_scalings_of_wide_tables_are_counted_in_bytes(n_gaps, tmp_path):
    condenser = RandomSubset(n_bytes=300_000, encoder=SimpleImputer() if n_gaps else None, random_state=0)
    condensed, expected = condenser.fit(wide(n_gaps)).condensed_, Scaling.of(wide(n_gaps))
    assert condensed.provenance.scaling == expected and len(expected.mean) == 3000
    condensed.save(tmp_path / "set.skdc")
    n_bytes, kept = (tmp_path / "set.skdc").stat().st_size, condenser.storage_
    assert kept["bytes"] <= n_bytes < kept["bytes"] + 4000
    assert 250_000 < kept["bytes"] <= 300_000 and kept["shared_bytes"] >= 48_000
    assert skdc.load(tmp_path / "set.skdc").provenance.scaling == expected
    few = condensed.shrink(RandomSubset(n_samples=1))
    few.save(tmp_path / "few.skdc")
    assert (tmp_path / "few.skdc").stat().st_size < few.provenance.storage["bytes"] + 4000


def test_a_stream_of_a_wide_table_keeps_to_its_bytes():
    stream = clone(STREAM).set_params(n_samples=None, n_bytes=300_000).partial_fit(wide(0))
    assert 250_000 < stream.storage_["bytes"] <= 300_000 and stream.storage_["shared_bytes"] >= 48_000


@pytest.mark.filterwarnings("ignore:column 'text' holds 60 levels")
def test_a_file_holds_no_words_of_rows_that_the_set_does_not_hold(tmp_path):
    frame = pd.DataFrame(
        {"text": [f"the private text of {i}" for i in range(60)], "kind": ["secret"] * 50 + ["x"] * 10}
    )
    condensed = RandomSubset(n_samples=1, random_state=0).fit(frame).condensed_
    condensed.save(tmp_path / "set.skdc")
    held = (tmp_path / "set.skdc").read_bytes()
    assert held.count(b"the private text of") == 1
    assert held.count(b"secret") == (condensed.X["kind"] == "secret").sum()
    assert len(held) < 4000


def test_an_encoder_of_arrays_of_words_is_no_matter():
    rows = np.array([KINDS["word"], X[:, 0].round(3)], dtype=object).T[:90]
    found = origin(KMedoids(1, encoder=TabularEncoder()), rows, codes[:90] % 2).scaling
    assert [len(part) for part in found.levels] == [2, 0] and found.mean[1] == pytest.approx(
        rows[:, 1].astype(float).mean()
    )
