"""What goes in a frame comes out of every path through a fit: dtypes, whole numbers, and nothing outside the range."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.base import clone

from skdc import (
    Condenser,
    DistributionMatching,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    WassersteinCoreset,
)
from skdc.discrepancies import RandomFeatureMMD
from skdc.solvers import Descent

from .quick import SMALL

N = 60
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
NUMBERS = pd.DataFrame(
    {
        "age": RNG.integers(20, 80, N),
        "kids": RNG.integers(0, 4, N).astype(np.uint8),
        "change": RNG.integers(-100, 100, N).astype(np.int8),
        "smoker": RNG.random(N) > 0.5,
        "income": RNG.lognormal(10, 2, N),
        "dose": RNG.normal(size=N).astype(np.float32),
        "half": RNG.normal(size=N).astype(np.float16),
        "large": RNG.integers(0, 2**31, N),
        "same": np.full(N, 7),
        "always": np.ones(N, bool),
    }
)
NULLABLE = NUMBERS[["age", "kids", "smoker", "income"]].astype(
    {"age": "Int64", "kids": "UInt8", "smoker": "boolean", "income": "Float64"}
)
DAYS = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 300, N), unit="D"))
WORDS = RNG.choice(["a", "b", "c"], N)
FRAMES = {
    "numbers": NUMBERS,
    "whole": NUMBERS[["age", "kids", "change"]],
    "true and false": NUMBERS[["smoker", "always"]].assign(other=RNG.random(N) > 0.3),
    "half": NUMBERS[["half"]],
    "nullable": NULLABLE,
    "missing": NULLABLE.assign(age=NULLABLE["age"].mask(Y == 0, pd.NA), smoker=NULLABLE["smoker"].mask(Y > 0, pd.NA)),
    "times": pd.DataFrame({"at": DAYS, "zone": DAYS.dt.tz_localize("Europe/Oslo"), "since": DAYS - DAYS.min()}),
    "levels": pd.DataFrame(
        {
            "unused": pd.Categorical(WORDS, categories=list("zabc")),
            "ordered": pd.Categorical(WORDS, categories=list("zcba"), ordered=True),
            "whole": pd.Categorical(NUMBERS["kids"]),
            "words": WORDS,
            "string": pd.array(WORDS, dtype="string"),
        }
    ),
    "index": NUMBERS[["age", "smoker"]].set_axis(pd.Index(np.repeat("same", N), name="id")),
    "several levels of names": NUMBERS[["age", "smoker"]].set_axis(
        pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["p", "q"]), axis=1
    ),
    "names that are no strings": NUMBERS[["age", "smoker"]].set_axis([1, 2], axis=1),
}
STREAM = Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(step_size=2.0, n_steps=5))
CONDENSERS = {
    "points": DistributionMatching(SMALL, step_size=2.0, n_steps=5),
    "means": KMeansCondenser(),
    "barycenter": WassersteinCoreset(),
    "rows": KMedoids(),
    "learned labels": KernelInducingPoints(step_size=2.0, n_steps=5),
    "one pass": STREAM,
    "without encoder": KMeansCondenser(encoder=None),
}


def refuse_other_columns(X_syn, frame):
    """Fail unless a synthetic frame could be rows of another."""
    assert type(X_syn) is type(frame)
    assert X_syn.columns.equals(frame.columns) and X_syn.columns.names == frame.columns.names
    assert X_syn.index.name == frame.index.name
    assert list(X_syn.dtypes) == list(frame.dtypes)
    for j in range(frame.shape[1]):
        found, seen = X_syn.iloc[:, j].dropna(), frame.iloc[:, j].dropna()
        if isinstance(seen.dtype, pd.CategoricalDtype) or seen.dtype.kind in "OU":
            assert set(found) <= set(seen)
        elif len(found):
            assert found.min() >= seen.min() and found.max() <= seen.max()


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("condenser", CONDENSERS)
def test_columns_come_out_as_they_went_in(condenser, frame):
    condenser, frame = clone(CONDENSERS[condenser]).set_params(n_per_class=3, random_state=0), FRAMES[frame]
    numeric = all(getattr(dtype, "kind", "O") in "iufb" for dtype in frame.dtypes) and not frame.isna().any(axis=None)
    if condenser.encoder is None and not numeric:
        with pytest.raises((TypeError, ValueError), match=r"encoder|NaN"):
            condenser.fit(frame, Y)
        return
    X_syn, _ = condenser.fit(frame, Y)
    refuse_other_columns(X_syn, frame)


@pytest.mark.parametrize("frame", ["numbers", "nullable", "index", "several levels of names"])
def test_chunks_of_a_stream_give_the_columns_of_the_first(frame):
    stream, frame = clone(STREAM).set_params(n_per_class=3, random_state=0), FRAMES[frame]
    for chunk in (slice(0, 30), slice(30, N)):
        stream.partial_fit(frame.iloc[chunk], Y[chunk])
    X_syn, _ = stream
    refuse_other_columns(X_syn, frame)


def test_other_columns_change_nothing_of_how_a_number_comes_out():
    for columns in (["age"], ["age", "smoker"], ["age", "income"]):
        X_syn, _ = KMeansCondenser(n_per_class=3, random_state=0).fit(NUMBERS[columns], Y)
        refuse_other_columns(X_syn, NUMBERS[columns])
    X_syn, _ = KMeansCondenser(n_per_class=3, random_state=0).fit(NUMBERS[["age"]].assign(word=WORDS), Y)
    assert X_syn["age"].dtype == np.int64


ARROW = {
    "age": "int64[pyarrow]",
    "kids": "uint8[pyarrow]",
    "smoker": "bool[pyarrow]",
    "income": "double[pyarrow]",
}


@pytest.mark.parametrize("condenser", ["points", "means", "rows", "one pass", "without encoder"])
def test_arrow_columns(condenser):
    arrow = pytest.importorskip("pyarrow")
    condenser = clone(CONDENSERS[condenser]).set_params(n_per_class=3, random_state=0)
    frame = NUMBERS[list(ARROW)].astype(ARROW)
    refuse_other_columns(condenser.fit(frame, Y).__iter__().__next__(), frame)
    if condenser.encoder is None:
        return
    types = [arrow.timestamp("us"), arrow.timestamp("ms", "Europe/Oslo"), arrow.date32()]
    zones = [DAYS, DAYS.dt.tz_localize("Europe/Oslo"), DAYS.dt.date]
    frame = frame.assign(**{str(kind): days.astype(pd.ArrowDtype(kind)) for kind, days in zip(types, zones)})
    frame["since"] = (DAYS - DAYS.min()).astype(pd.ArrowDtype(arrow.duration("s")))
    frame["word"] = pd.Series(WORDS).astype(pd.ArrowDtype(arrow.string()))
    frame["gap"] = frame["age"].mask(Y == 0)
    X_syn, _ = condenser.fit(frame, Y)
    refuse_other_columns(X_syn.drop(columns="word"), frame.drop(columns="word"))
    assert X_syn["word"].dtype == frame["word"].dtype and set(X_syn["word"]) <= set(WORDS)
    if hasattr(condenser, "indices_"):
        assert_frame_equal(X_syn, frame.iloc[condenser.indices_])
