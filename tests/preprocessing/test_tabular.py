"""Tables as numbers and back: round trips of random schemas, what comes back from any numbers, and bad input."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_array
from scipy.stats import norm
from sklearn.preprocessing import KBinsDiscretizer, Normalizer, PowerTransformer, QuantileTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skdc.preprocessing import NormalScores, PiecewiseLinearEncoder, TabularEncoder

ENCODERS = [TabularEncoder(), TabularEncoder(PiecewiseLinearEncoder(n_bins=3), max_categories=50)]
MISSING = {"object": None, "float64": np.nan, "float32": np.nan, "str": np.nan, "category": None}


def number(dtype):
    width = {"float32": 32, "float64": 64}.get(dtype)
    if width:
        return st.floats(-1e6, 1e6, width=width).map(lambda x: 0.0 if abs(x) < 1e-6 else x)
    info = np.iinfo(dtype.lower() if dtype[0] == "I" else dtype)
    return st.integers(max(int(info.min), -(2**40)), min(int(info.max), 2**40))


@st.composite
def column(draw, n):
    """Return a series of some dtype, some of whose values may be missing."""
    kind = draw(st.sampled_from(["number", "nullable", "bool", "word", "mixed", "category", "ordered", "date", "time"]))
    missing = draw(st.lists(st.booleans(), min_size=n, max_size=n)) if draw(st.booleans()) else [False] * n

    def values(elements):
        return draw(st.lists(elements, min_size=n, max_size=n))

    def with_missing(found, dtype, marker=None):
        found = [marker if gone else value for gone, value in zip(missing, found)]
        return pd.Series(found, dtype=dtype)

    if kind == "number":
        dtype = draw(st.sampled_from(["int64", "int8", "uint16", "float64", "float32"]))
        found = values(number(dtype))
        return with_missing(found, dtype, np.nan) if "float" in dtype else pd.Series(found, dtype=dtype)
    if kind == "nullable":
        dtype = draw(st.sampled_from(["Int64", "Int8", "Float64", "boolean"]))
        elements = {"Float64": number("float64"), "boolean": st.booleans()}
        return with_missing(values(elements[dtype] if dtype in elements else number(dtype)), dtype, pd.NA)
    if kind == "bool":
        return pd.Series(values(st.booleans()), dtype=bool)
    if kind == "word":
        return with_missing(values(st.sampled_from(["a", "b", "", "ä", "nan"])), draw(st.sampled_from(["str", object])))
    if kind == "mixed":
        return with_missing(values(st.sampled_from(["a", (1, 2), (), frozenset("b")])), object)
    if kind in ("category", "ordered"):
        dtype = pd.CategoricalDtype(draw(st.permutations(["lo", "mid", "hi", 3])), ordered=kind == "ordered")
        return with_missing(values(st.sampled_from(["lo", "mid", 3])), dtype)
    seconds = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)).map(
        lambda d: d.replace(microsecond=0)
    )
    dates = values(seconds)
    found = with_missing(dates, "datetime64[us]", pd.NaT)
    if kind == "time":
        return found - pd.Timestamp("1950-01-01")
    return found.dt.tz_localize("UTC").dt.tz_convert("Asia/Kathmandu") if draw(st.booleans()) else found


@st.composite
def tables(draw):
    n = draw(st.integers(1, 12))
    columns = draw(st.lists(column(n), min_size=1, max_size=4))
    names = draw(st.permutations(["b", "a", "", "d d"]))
    return pd.concat(columns, axis=1).set_axis(names[: len(columns)], axis=1)


@settings(deadline=None, max_examples=150)
@given(tables(), st.sampled_from(ENCODERS))
def test_tables_round_trip(table, encoder):
    codes = encoder.fit(table).transform(table)
    assert codes.shape == (len(table), len(encoder.get_feature_names_out())) and np.isfinite(codes).all()
    assert_frame_equal(encoder.inverse_transform(codes), table, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=150)
@given(tables(), st.sampled_from(ENCODERS), st.integers(0, 10**6), st.sampled_from([0.3, 3.0, 1e6]))
def test_any_numbers_give_rows_of_the_table(table, encoder, seed, size):
    encoder.fit(table)
    rng = np.random.default_rng(seed)
    decoded = encoder.inverse_transform(size * rng.normal(size=(9, len(encoder.get_feature_names_out()))))
    assert_array_equal(decoded.dtypes, table.dtypes)
    assert_array_equal(decoded.columns, table.columns)
    for name in table:
        seen, there = table[name].dropna(), decoded[name].dropna()
        if getattr(seen.dtype, "ordered", False):
            seen, there = seen.cat.codes, there.cat.codes
        assert len(there) == 9 or len(seen) < len(table), "nothing is missing in a column that is complete"
        if not len(seen):
            assert not len(there)
        elif seen.dtype in (object, bool, "str", "boolean") or getattr(seen.dtype, "ordered", True) is False:
            assert {repr(value) for value in there} <= {repr(value) for value in seen}
        else:
            assert there.empty or (there.min() >= seen.min() and there.max() <= seen.max())


def test_steps_are_those_of_the_data():
    frame = pd.DataFrame(
        {
            "price": [100, 300, 900],
            "count": [1.0, np.nan, 4.0],
            "day": pd.to_datetime(["2020-01-01", "2020-01-03", "2020-02-01"]),
            "size": [0.5, 1.25, 2.0],
        }
    )
    encoder = TabularEncoder().fit(frame)
    decoded = encoder.inverse_transform(np.random.default_rng(0).normal(size=(50, 5)))
    assert set(decoded["price"]) == {100, 300, 500, 700, 900}
    assert set(decoded["count"].dropna()) <= {1.0, 4.0}
    assert (decoded["day"].dt.normalize() == decoded["day"]).all() and decoded["day"].nunique() > 5
    assert decoded["size"].nunique() > 20


def test_standard_codes():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, np.nan], "b": [True, False, True, True], "w": ["v", "u", "w", "v"]})
    encoder = TabularEncoder().fit(frame)
    names = ["x", "missingindicator_x", "b_True", "w_u", "w_v", "w_w"]
    assert encoder.get_feature_names_out().tolist() == names
    standard = TabularEncoder(StandardScaler()).fit(frame)
    for fitted, end in ((encoder, norm.ppf(5 / 6)), (standard, np.sqrt(1.5))):
        expected = [[-end, 0, 1, 0, 1, 0], [0, 0, 0, 1, 0, 0], [end, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0]]
        assert_allclose(fitted.transform(frame), expected, atol=1e-12)


def test_rate_of_missing_values_comes_back():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.where(rng.random(1000) < 0.3, np.nan, rng.normal(size=1000)), "g": rng.random(1000)})
    encoder = TabularEncoder().fit(frame)
    codes = encoder.transform(frame)
    means = codes.reshape(100, 10, -1).mean(axis=1)
    gone = encoder.inverse_transform(means)["x"].isna().to_numpy()
    assert gone.sum() == round(frame["x"].isna().mean() * 100)
    assert means[gone, 1].min() >= means[~gone, 1].max()


def test_rare_categories_share_an_indicator():
    words = pd.DataFrame({"w": [*"aaaabbbccdef"]})
    encoder = TabularEncoder(max_categories=3).fit(words)
    assert encoder.get_feature_names_out().tolist() == ["w_a", "w_b", "w_infrequent"]
    codes = encoder.transform(pd.DataFrame({"w": ["a", "b", "c", "f", "new"]}))
    assert_array_equal(codes, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    assert encoder.inverse_transform(codes)["w"].tolist() == ["a", "b", "c", "c", "c"]
    heavy = TabularEncoder(max_categories=3).fit(words, sample_weight=[1.0] * 9 + [9.0] * 3)
    assert heavy.get_feature_names_out().tolist() == ["w_d", "w_e", "w_infrequent"]


def test_what_fit_has_not_seen():
    frame = pd.DataFrame(
        {"w": ["a", "b", "c"], "x": [1.0, 2.0, 4.0], "day": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-05"])}
    )
    encoder = TabularEncoder().fit(frame)
    new = pd.DataFrame({"w": ["z", None], "x": [9.0, np.nan], "day": [pd.Timestamp("2031-01-01"), pd.NaT]})
    codes = encoder.transform(new)
    assert_allclose(codes[0, :3], 1 / 3)
    assert_allclose(codes[1], encoder.transform(frame).mean(axis=0), atol=1e-12)
    assert encoder.inverse_transform(codes).iloc[0].tolist()[1:] == [4.0, pd.Timestamp("2020-01-05")]


def test_columns_that_do_not_vary():
    frame = pd.DataFrame({"seven": 7, "none": np.nan, "gap": ["a", None, "a"], "x": [1.0, 2.0, 3.0]})
    encoder = TabularEncoder().fit(frame)
    assert encoder.get_feature_names_out().tolist() == ["missingindicator_gap", "x"]
    assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)
    same = frame[["seven", "none"]].assign(word="a")
    encoder = TabularEncoder().fit(same)
    assert encoder.get_feature_names_out().tolist() == ["constant"]
    assert_array_equal(encoder.transform(same), np.zeros((3, 1)))
    assert_frame_equal(encoder.inverse_transform([[5.0], [-1.0], [0.0]]), same)


def test_words_are_no_numbers():
    encoder = TabularEncoder().fit(pd.DataFrame({"x": ["a", "b"]}))
    with pytest.raises(ValueError, match=r"column 'x' is not like that of fit, .*: it holds numbers, such as .*1\.5"):
        encoder.transform(pd.DataFrame({"x": [1.5]}))


@pytest.mark.parametrize("numbers", [StandardScaler(), PiecewiseLinearEncoder(4)], ids=repr)
def test_weight_two_is_the_row_twice(numbers):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=30), "w": rng.choice([*"abcde"], 30), "n": rng.integers(0, 9, 30)})
    frame.loc[::4, "x"] = np.nan
    weight = rng.integers(0, 3, 30)
    weight[frame["n"].argmin()] = weight[frame["n"].argmax()] = 1
    weighted = TabularEncoder(numbers, max_categories=3).fit(frame, sample_weight=weight)
    repeated = TabularEncoder(numbers, max_categories=3).fit(frame.loc[np.repeat(np.arange(30), weight)])
    assert_allclose(weighted.transform(frame), repeated.transform(frame), atol=1e-12)


def test_index_and_containers():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "w": [*"aba"]}, index=pd.Index([5, 7, 9], name="id"))
    encoder = TabularEncoder().set_output(transform="pandas").fit(frame)
    codes = encoder.transform(frame)
    assert codes.columns.tolist() == ["x", "w_b"]
    assert_frame_equal(encoder.inverse_transform(codes), frame)
    assert encoder.inverse_transform(codes.to_numpy()).index.equals(pd.RangeIndex(3))
    rows = np.array([[1.0, np.nan], [2.0, 3.0]])
    encoder = TabularEncoder().fit(rows)
    assert_array_equal(encoder.inverse_transform(encoder.transform(rows)), rows)
    words = np.array([["a", 1], ["b", 3]], dtype=object)
    encoder = TabularEncoder().fit(words)
    assert_array_equal(encoder.inverse_transform(encoder.transform(words)), words)


def test_skewed_numbers_by_a_quantile_transformer():
    skewed = pd.DataFrame({"x": np.exp(np.linspace(0, 12, 99))})
    codes = TabularEncoder(QuantileTransformer(n_quantiles=99, output_distribution="normal")).fit_transform(skewed)
    assert abs(np.median(codes)) < 1e-9 and codes.max() > 3


def test_no_number_beyond_what_was_seen_comes_back():
    frame = pd.DataFrame({"x": np.linspace(1, 9, 30) ** 4, "n": np.arange(30) ** 3})
    encoder = TabularEncoder(PowerTransformer()).fit(frame)
    decoded = encoder.inverse_transform([[50.0, 50.0], [-50.0, -50.0]])
    assert_allclose(decoded["x"], [frame["x"].max(), frame["x"].min()])
    assert decoded["n"].tolist() == [29**3, 0]


def test_lists_may_mix_words_and_numbers():
    encoder = TabularEncoder().fit([[1, "a"], [2, "b"], [4, "a"]])
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1_b"]
    assert encoder.inverse_transform([[0.0, 1.0]]).tolist() == [[2, "b"]]


def test_scalers_may_give_sparse_codes():
    frame = pd.DataFrame({"x": np.arange(30.0)})
    codes = TabularEncoder(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")).fit_transform(frame)
    assert_array_equal(codes.sum(axis=1), 1)


REFUSED = {
    "tuples of lists": (pd.DataFrame({"a": [(1, [2]), (3, [4])]}), ["'a'", "(1, [2])"]),
    "lists": (pd.DataFrame({"a": [[1], [2]]}), ["'a'", "[1]", "drop"]),
    "dicts among words": (pd.DataFrame({"a": ["x", {}]}), ["'a'", "{}"]),
    "decimals": (pd.DataFrame({"a": [datetime.date(2020, 1, 1), None]}), ["'a'", "to_datetime"]),
    "numbers as objects": (pd.DataFrame({"a": [1, 2.5]}, dtype=object), ["'a'", "to_numeric"]),
    "complex": (pd.DataFrame({"a": [1j, 2]}), ["'a'", "complex128"]),
    "periods": (pd.DataFrame({"a": pd.period_range("2020", periods=2)}), ["'a'", "period"]),
    "sparse": (pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 1.0])}), ["'a'", "dense"]),
    "infinity": (pd.DataFrame({"a": [1.0, np.inf]}), ["'a'", "infinity"]),
    "same names": (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), ["'a'", "twice"]),
    "no rows": (pd.DataFrame({"a": []}), ["0 sample"]),
}


@pytest.mark.parametrize("frame, words", REFUSED.values(), ids=REFUSED)
def test_tables_that_cannot_be_encoded(frame, words):
    with pytest.raises(ValueError) as caught:
        TabularEncoder().fit(frame)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "column, words",
    [
        (pd.Series(["three", "four"]), ["'n'", "int64", "three"]),
        (pd.Series([1.0, np.inf]), ["'n'", "infinity"]),
        (pd.Series([{}, []]), ["'n'"]),
    ],
    ids=["words for numbers", "infinity", "objects"],
)
def test_rows_that_cannot_be_encoded(column, words):
    encoder = TabularEncoder().fit(pd.DataFrame({"n": [1, 2, 3]}))
    with pytest.raises(ValueError) as caught:
        encoder.transform(pd.DataFrame({"n": column}))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_unknown_level_of_an_ordered_column():
    ordered = pd.CategoricalDtype(["lo", "hi"], ordered=True)
    encoder = TabularEncoder().fit(pd.DataFrame({"c": pd.Series(["lo", "hi"], dtype=ordered)}))
    with pytest.raises(ValueError, match=r"'c'.*'new'.*\['lo', 'hi'\]"):
        encoder.transform(pd.DataFrame({"c": ["new"]}))


def test_date_that_pandas_cannot_hold():
    encoder = TabularEncoder().fit(pd.DataFrame({"d": pd.to_datetime(["2020-01-01", "2020-01-02"]).as_unit("ns")}))
    with pytest.raises(ValueError, match="'d'"):
        encoder.transform(pd.DataFrame({"d": [datetime.datetime(9999, 1, 1)]}, dtype=object))


def test_names_and_texts_are_warned_of():
    frame = pd.DataFrame({"name": [f"person {i}" for i in range(40)]})
    with pytest.warns(UserWarning, match=r"'name' holds 40 levels in 40 rows.*all but 19"):
        TabularEncoder().fit(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TabularEncoder(max_categories=40).fit(frame)


@pytest.mark.parametrize(
    "encoder, words",
    [
        (TabularEncoder(max_categories=1), "max_categories=1"),
        (TabularEncoder(max_categories=2.5), "max_categories=2.5"),
        (TabularEncoder(Normalizer()), "inverse_transform"),
    ],
    ids=repr,
)
def test_bad_parameters(encoder, words):
    with pytest.raises(ValueError, match=words):
        encoder.fit(pd.DataFrame({"a": [1, 2]}))


def test_sparse_and_codes_of_another_table():
    encoder = TabularEncoder().fit(pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(TypeError, match="dense"):
        encoder.fit(csr_array(np.eye(3)))
    encoder.fit(pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(ValueError, match="2 columns, but 1 codes"):
        encoder.inverse_transform(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="NaN"):
        encoder.inverse_transform([[np.nan]])


@pytest.mark.parametrize(
    "encoder", [TabularEncoder(), PiecewiseLinearEncoder(), NormalScores()], ids=lambda e: type(e).__name__
)
def test_sklearn_checks(encoder):
    failed = [check for check in check_estimator(encoder, on_skip=None, on_fail=None) if check["status"] == "failed"]
    assert not failed, [(check["check_name"], check["exception"]) for check in failed]
