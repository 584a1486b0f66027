"""How learners see rows, against scikit-learn's scalers and by hand."""

import hashlib
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdc.scaling import Scaling

RNG = np.random.default_rng(0)
N = 60
WORDS = RNG.choice([*"abc"], N)
MIXED = pd.DataFrame(
    {
        "number": RNG.normal(3, 5, N),
        "word": WORDS,
        "gaps": np.where(WORDS == "a", np.nan, RNG.normal(size=N)),
        "kind": pd.Categorical(RNG.choice([7, 8], N), categories=[7, 8, 9]),
        "count": pd.array([*[None] * 6, *range(N - 6)], "Int64"),
        "when": pd.date_range("2020", periods=N, freq="h"),
        "flag": RNG.random(N) < 0.3,
    }
)
DATA = {
    "columns": RNG.normal(3, [1, 100, 1e-5], size=(N, 3)),
    "images": RNG.integers(0, 255, (N, 1, 4, 4)).astype(np.uint8),
    "pixels": RNG.normal(3, RNG.random(121), size=(N, 121)),
    "sparse": csr_array(RNG.poisson(0.3, (N, 5)).astype(np.float64)),
    "frame": MIXED,
    "numbers and dates": MIXED[["number", "when"]],
    "frame of numbers": pd.DataFrame(RNG.normal(size=(N, 3)), columns=[*"abc"]),
    "sparse frame": pd.DataFrame.sparse.from_spmatrix(csr_array(RNG.poisson(0.3, (N, 5)))),
    "words in an array": MIXED[["number", "word"]].to_numpy(),
}


def hashes(*words):
    """Return how values are kept, in their order."""
    return sorted(hashlib.blake2b(word.encode(), digest_size=8).hexdigest() for word in words)


def seen(scaling, rows):
    return scaling.standardized(scaling.numbers(rows))


def assert_same_scaling(found, expected, rtol=1e-12):
    for name in ("mean", "deviation"):
        one, other = (np.array(getattr(part, name), dtype=np.float64) for part in (found, expected))
        assert_allclose(one, other, rtol=rtol, atol=1e-15)
    assert found.levels == expected.levels


@pytest.mark.parametrize("tails", [RNG.normal, RNG.standard_cauchy, partial(RNG.lognormal, 0, 9)])
def test_columns_are_standardised_each(tails):
    X, rows = tails(size=(N, 4)), tails(size=(7, 4))
    assert_allclose(seen(Scaling.of(X), rows), StandardScaler().fit(X).transform(rows))


@pytest.mark.parametrize("like", [(1, 4, 4), (4, 4, 3), (121,)], ids=["channels first", "channels last", "pixels"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_images_and_pixels_have_one_scale(like, dtype):
    X = (255 * RNG.random((N, *like))).astype(dtype)
    numbers = X.astype(np.float64)
    found = seen(Scaling.of(X), X)
    assert found.dtype == (np.float64 if dtype == np.uint8 else dtype)
    assert_allclose(found, (numbers - numbers.mean()) / numbers.std(), rtol=1e-5, atol=1e-5)


def test_many_columns_of_unlike_ranges_have_scales_of_their_own():
    X = RNG.normal(size=(N, 121)) * np.where(np.arange(121) == 5, 1000, 1)
    assert_allclose(seen(Scaling.of(X), X), StandardScaler().fit_transform(X))


def test_sparse_rows_are_not_shifted():
    X = DATA["sparse"]
    found = seen(Scaling.of(X), X)
    assert_allclose(found.toarray(), X.toarray() / np.sqrt((X.toarray() ** 2).mean()))
    frame = Scaling.of(pd.DataFrame.sparse.from_spmatrix(X))
    assert_same_scaling(frame, Scaling.of(X))


@pytest.mark.parametrize("X", DATA.values(), ids=DATA)
def test_a_row_of_weight_2_is_the_row_twice_and_one_of_weight_0_none(X):
    weight = np.arange(N) % 3
    repeated = np.repeat(np.arange(N), weight)
    assert_same_scaling(Scaling.of(X, weight), Scaling.of(X.iloc[repeated] if hasattr(X, "iloc") else X[repeated]))


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -3e150, 1e-150])
def test_what_is_constant_is_nothing_and_what_differs_is_so_in_its_size(value):
    X = np.column_stack([np.full(N, value), RNG.normal(size=N)])
    scaling = Scaling.of(X, RNG.random(N))
    assert_array_equal(seen(scaling, X)[:, 0], np.zeros(N))
    assert seen(scaling, np.array([[2 * value or 1.0, 0.0]]))[0, 0] == np.sign(value or 1.0)
    images = np.full((N, 2, 2), value)
    assert_array_equal(seen(Scaling.of(images), images), np.zeros((N, 2, 2)))


@pytest.mark.parametrize("unit", [1e-160, 1e-150, 1e150, 1e160])
@pytest.mark.parametrize("like", [(3,), (121,), (2, 2)], ids=["columns", "pixels", "images"])
def test_units_do_not_matter(unit, like):
    X = RNG.standard_cauchy((N, *like))
    X /= np.abs(X).max()
    assert_allclose(seen(Scaling.of(unit * X), unit * X), seen(Scaling.of(X), X), rtol=1e-9)


def test_sparse_entries_of_one_place_are_their_sum():
    X = csr_array(([1.0, 2.0, 5.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    assert Scaling.of(X) == Scaling.of(csr_array(X.toarray()))
    assert X.nnz == 3


def test_a_frame_is_what_scikit_learn_makes_of_it():
    frame = MIXED[["number", "flag", "word", "kind"]]
    expected = make_column_transformer(
        (StandardScaler(), ["number", "flag"]), (OneHotEncoder(sparse_output=False), ["word", "kind"])
    ).fit_transform(frame)
    found = seen(Scaling.of(frame), frame)
    assert_allclose(found[:, :2], expected[:, :2], atol=1e-12)
    for columns in (slice(2, 5), slice(5, 7)):  # indicators, in the order of hashes
        assert sorted(map(tuple, found[:, columns].T)) == sorted(map(tuple, expected[:, columns].T))


def test_what_is_missing_is_the_mean_and_an_indicator_where_the_data_had_any():
    rows = pd.DataFrame({"a": [0.0, 2.0, np.nan, 4.0], "b": [1.0, 2.0, 3.0, 4.0], "w": ["x", None, "y", "x"]})
    scaling = Scaling.of(rows)
    assert scaling.levels == [[None], [], [*hashes("x", "y"), None]]
    found = seen(scaling, rows.assign(b=[np.nan, 2.5, 2.5, 2.5]))
    assert_allclose(found[:, 0] * np.sqrt(8 / 3), [-2, 0, 0, 2])
    assert_array_equal(found[:, 1], [0, 0, 1, 0])
    assert_array_equal(found[:, 2], np.zeros(4))
    x, y = (hashes("x", "y").index(*hashes(word)) for word in "xy")
    assert_array_equal(found[:, 3:], np.eye(3)[[x, 2, y, x]])


@pytest.mark.parametrize("dtype", [np.float64, object])
def test_an_array_with_gaps_is_the_frame_of_its_columns_and_needs_no_pandas(dtype, monkeypatch):
    X = np.where(RNG.random((N, 3)) < 0.2, np.nan, DATA["columns"])
    expected, shown = Scaling.of(pd.DataFrame(X)), seen(Scaling.of(pd.DataFrame(X)), pd.DataFrame(X))
    monkeypatch.setattr(pd, "DataFrame", type("NotInstalled", (), {}))  # takes nothing; scikit-learn asks for the class
    found = Scaling.of(X.astype(dtype))
    assert found == expected
    assert_array_equal(seen(found, X.astype(dtype)), shown)


def test_what_is_not_finite_does_not_count_and_images_with_gaps_have_one_scale():
    assert Scaling.of(np.array([[1.0], [3.0], [np.inf]])) == Scaling([2.0], [1.0], [[]])
    images = DATA["images"].astype(np.float64)
    images[0, 0, 1, 2] = np.nan
    assert_same_scaling(Scaling.of(images), Scaling.of(DATA["images"]), rtol=1e-2)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame])
def test_a_gap_changes_nothing_of_how_a_wide_table_is_scaled(make):
    gaps = DATA["pixels"].copy()
    gaps[5, 7] = np.nan
    found = Scaling.of(make(gaps))
    assert_same_scaling(replace(found, levels=[]), Scaling.of(DATA["pixels"]), rtol=1e-2)
    shown = seen(found, make(gaps))
    assert shown.shape == (N, 122) and shown[5, 7] == 0 and shown[:, 8].tolist() == [0.0] * 5 + [1.0] + [0.0] * 54
    assert found.merged(Scaling.of(DATA["pixels"]), 1, 1).levels == found.levels
    gaps[:, 3] *= 1000
    assert len(Scaling.of(make(gaps)).mean) == 121


def test_words_that_are_rare_or_new_are_none_of_the_20_commonest():
    words = np.repeat([f"w{i:02d}" for i in range(30)], np.arange(30, 0, -1))
    frame = pd.DataFrame({"w": words})
    scaling = Scaling.of(frame)
    assert scaling.levels == [hashes(*(f"w{i:02d}" for i in range(20)))]
    place = scaling.levels[0].index(*hashes("w03"))
    assert_array_equal(
        seen(scaling, pd.DataFrame({"w": ["w25", "new", None, "w03"]})), np.eye(20)[[place]] * [[0], [0], [0], [1]]
    )


def test_digits_among_words_are_words_whatever_rows_are_given():
    scaling = Scaling.of(np.array([["1", 2.0], ["a", 3.0], ["1", 4.0]], dtype=object))
    found = seen(scaling, np.array([["1", 3.0]], dtype=object))
    assert_array_equal(found[0], [*(level == hashes("1")[0] for level in scaling.levels[0]), 0])


def test_names_and_texts_have_no_indicators():
    texts = pd.Series([f"a long text of its own, number {i}" for i in range(N)], name="text")
    frame = pd.DataFrame({"text": texts, "gaps": texts.mask(texts.index == 3), "number": np.arange(N)})
    scaling = Scaling.of(frame)
    assert scaling.levels == [[], [None], []]
    assert_array_equal(seen(scaling, frame)[:, 0], np.arange(N) == 3)
    assert seen(scaling, frame).shape == (N, 2)
    repeated = Scaling.of(pd.DataFrame({"text": [*texts[:30], *texts[:30]]}))
    assert len(repeated.levels[0]) == 20
    with pytest.raises(ValueError, match="learners would see nothing: all columns hold names or texts"):
        Scaling.of(frame[["text"]]).numbers(frame[["text"]])


def test_what_has_no_hash_is_compared_as_it_is_printed():
    frame = pd.DataFrame({"w": [[1], [2], [1], None], "x": [1.0, 2, 3, 4]})
    scaling = Scaling.of(frame)
    assert scaling.levels == [[*hashes("[1]", "[2]"), None], []]
    one, two = (hashes("[1]", "[2]").index(*hashes(word)) for word in ("[1]", "[2]"))
    assert_array_equal(seen(scaling, frame)[:, :3], np.eye(3)[[one, two, one, 2]])


def test_a_frame_of_numbers_is_an_array():
    X = DATA["frame of numbers"]
    assert Scaling.of(X) == Scaling.of(X.to_numpy())
    gaps = X.where(np.tile(np.arange(N)[:, None] != 3, 3))
    assert_allclose(Scaling.of(X).numbers(gaps)[3], X.mean())


@pytest.mark.parametrize(
    "dtype",
    ["M8[s]", "M8[ns]", "timestamp[us][pyarrow]", "date32[day][pyarrow]", "M8[us, Europe/Oslo]"]
    + ["timestamp[us, tz=Europe/Oslo][pyarrow]"],
)
def test_dates_of_any_kind_are_seconds(dtype):
    days = pd.Series(pd.date_range("1969-12-01", periods=40)).mask(np.arange(40) == 3)
    if "Oslo" in dtype:
        days = days.dt.tz_localize("UTC").dt.tz_convert("Europe/Oslo")
    scaling = Scaling.of(pd.DataFrame({"day": days.astype(dtype)}))
    seconds = 86_400.0 * np.delete(np.arange(-31, 9), 3)
    assert_allclose(scaling.mean + scaling.deviation, [seconds.mean(), seconds.std()])
    assert scaling.levels == [[None]]


def test_durations_are_seconds():
    frame = pd.DataFrame({"lasts": pd.to_timedelta([1.5, 2.5, None], unit="s")})
    assert_allclose(seen(Scaling.of(frame), frame), [[-1, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize("X", DATA.values(), ids=DATA)
def test_two_merged_are_that_of_all_rows(X):
    X = X.drop(columns=["gaps", "count"]) if X is MIXED else X
    part = X.iloc if hasattr(X, "iloc") else X
    assert_same_scaling(Scaling.of(part[:20]).merged(Scaling.of(part[20:]), 20, N - 20), Scaling.of(X))


@pytest.mark.parametrize("unit", [1e-200, 1e-150, 2e150, 1e200])
def test_units_do_not_matter_for_two_merged(unit):
    X = RNG.normal(3, [1, 1e-3, 0], size=(N, 3)) * [unit, unit, 1]
    assert_allclose(*([*one.mean, *one.deviation] for one in (merged_halves(X), Scaling.of(X))), rtol=1e-9)


def merged_halves(X):
    return Scaling.of(X[:20]).merged(Scaling.of(X[20:]), 20, N - 20)


def test_scalings_of_other_columns_are_not_merged():
    columns, frame = Scaling.of(DATA["columns"]), Scaling.of(MIXED)
    assert columns.merged(Scaling.of(DATA["images"]), 1, 1) is None
    assert frame.merged(Scaling.of(MIXED[MIXED.columns[::-1]]), 1, 1) is None
    gaps = Scaling([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [[], [None], []])
    assert columns.merged(gaps, 1, 1).levels == gaps.levels
