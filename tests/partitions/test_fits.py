"""Fits to rows in pieces: nothing depends on how these are cut, and what is chosen are rows of the data."""

import re
import warnings
from inspect import isabstract, isclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.svm import SVC

from skdc import (
    CondensedEstimator,
    Condenser,
    FacilityLocation,
    KCenter,
    KernelHerding,
    KernelThinning,
    KMeansCondenser,
    KMedoids,
    LatentQuantization,
    Partitions,
    RandomSubset,
    TabularCondenser,
    WassersteinCoreset,
    condensers,
)
from skdc.condensers import BaseCondenser
from skdc.discrepancies import MMD, QuantizationError, RandomFeatureMMD
from skdc.generators import LinearGenerator
from skdc.partitions import PieceError
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent

N, FEW = 3003, 400
RNG = np.random.default_rng(0)
Y = RNG.choice(4, N, p=[0.5, 0.3, 0.15, 0.05])
X = RNG.normal(size=(N, 3)) * [1, 2, 0.5] + 4 * np.eye(4, 3)[Y]
WEIGHT = RNG.uniform(0.2, 3, N) * (RNG.uniform(size=N) > 0.1)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
    city=RNG.choice(["Oslo", "Rome", "Bern"], N), n=RNG.integers(0, 50, N)
)
FRAME.loc[1234, "city"], FRAME.loc[777, "n"] = "Thule", 9999
WORDS = pd.Series(np.array(["low", "mid", "high", "top"])[Y], name="level")


def cut(places, *arrays, max_rows=FEW):
    """Return arrays in pieces that are cut at some places."""
    ends = list(zip([0, *places], [*places, N], strict=True))
    return Partitions([tuple(values[i:j] for values in arrays) for i, j in ends], max_rows=max_rows)


CUTS = [[1500], [0, 1, 2, 900, 900, 2999], list(range(100, N, 173))]


def mean_features(**settings):
    return Condenser(
        RandomFeatureMMD(bandwidth=1.0), solver=Descent(n_steps=20), n_per_class=3, random_state=0, **settings
    )


PASSED = {
    "k-means": lambda **settings: KMeansCondenser(5, random_state=0, **settings),
    "sketch": mean_features,
    "Wasserstein": lambda **settings: WassersteinCoreset(4, random_state=0, **settings),
    "random rows": lambda **settings: RandomSubset(5, random_state=0, **settings),
    "medoids": lambda **settings: KMedoids(4, random_state=0, **settings),
    "descent": lambda **settings: Condenser(
        MMD(), solver=Descent(n_steps=5), n_per_class=3, random_state=0, **settings
    ),
}


@pytest.mark.parametrize("condenser", PASSED.values(), ids=list(PASSED))
@pytest.mark.parametrize("given", [(X, Y, WEIGHT), (FRAME, WORDS)], ids=["array", "frame"])
def test_the_set_does_not_depend_on_how_rows_are_cut(condenser, given):
    sets = [condenser(n_jobs=n_jobs).fit(cut(places, *given)) for places in CUTS for n_jobs in (None, 2)]
    for other in sets[1:]:
        if hasattr(other, "indices_"):
            assert_array_equal(other.indices_, sets[0].indices_)
        if isinstance(sets[0].X_syn_, pd.DataFrame):
            pd.testing.assert_frame_equal(other.X_syn_, sets[0].X_syn_, check_exact=False, rtol=1e-6)
        else:
            assert_allclose(other.X_syn_, sets[0].X_syn_, rtol=1e-6, atol=1e-8)
        assert_array_equal(other.y_syn_, sets[0].y_syn_)
        assert_allclose(other.sample_weight_, sets[0].sample_weight_, rtol=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, N), max_size=6).map(sorted))
def test_sketches_do_not_depend_on_any_cut_and_are_those_of_all_rows(places):
    whole, pieces = mean_features().fit(X, Y, sample_weight=WEIGHT), mean_features().fit(cut(places, X, Y, WEIGHT))
    assert_allclose(pieces.X_syn_, whole.X_syn_, rtol=1e-6, atol=1e-8)
    assert_allclose(pieces.sample_weight_, whole.sample_weight_, rtol=1e-12)


@pytest.mark.parametrize("condenser", PASSED.values(), ids=list(PASSED))
@pytest.mark.parametrize("given", [(X, Y, WEIGHT), (FRAME, WORDS)], ids=["array", "frame"])
def test_rows_that_memory_holds_give_the_set_of_a_fit_in_memory(condenser, given):
    whole = condenser().fit(*given[:2], sample_weight=given[2] if len(given) > 2 else None)
    pieces = condenser().fit(cut([5, 1000], *given, max_rows=N))
    assert_allclose(pieces.X_syn_, whole.X_syn_) if given[0] is X else pd.testing.assert_frame_equal(
        pieces.X_syn_, whole.X_syn_
    )
    assert pieces.condensed_.provenance.n_seen is None


def test_k_means_of_pieces_is_as_good_as_that_of_all_rows():
    def cost(condenser):
        return sum(
            QuantizationError()(X[c == Y], condenser.X_syn_[condenser.y_syn_ == c]) * (c == Y).sum() for c in range(4)
        )

    pieces = KMeansCondenser(5, random_state=0).fit(cut(CUTS[2], X, Y, max_rows=N // 2))
    whole = KMeansCondenser(5, random_state=0)
    assert cost(pieces) < 1.03 * cost(whole.fit(X, Y))
    # Each point stands for the rows that are nearest to it: all of them, and not of a sample.
    share = pieces.sample_weight_.reshape(4, 5).sum(1) / 20
    assert_allclose(share, np.bincount(Y) / N, rtol=1e-6)


def test_a_linear_generator_of_pieces_is_that_of_all_rows(monkeypatch):
    learned = []

    def learn(self, source, generator, of=LinearGenerator.learn):
        learned.append(of(self, source, generator))
        return learned[-1]

    monkeypatch.setattr(LinearGenerator, "learn", learn)
    LatentQuantization(5, generator=LinearGenerator(2), random_state=0).fit(X, Y, sample_weight=WEIGHT)
    pieces = LatentQuantization(5, generator=LinearGenerator(2), random_state=0).fit(cut(CUTS[2], X, Y, WEIGHT))
    assert "n_seen" not in pieces.history_
    for one, other in zip(learned[0].numbers(), learned[-1].numbers(), strict=True):
        assert_allclose(one, other, rtol=1e-5, atol=1e-6)


CHOOSERS = [RandomSubset, KMedoids, KernelThinning, KernelHerding, KCenter, FacilityLocation, TabularCondenser]


@pytest.mark.parametrize("chooser", CHOOSERS)
@pytest.mark.parametrize("given", [(X, Y, WEIGHT), (FRAME, WORDS)], ids=["array", "frame"])
def test_what_is_chosen_are_rows_of_the_data(chooser, given):
    fitted = chooser(6, random_state=0).fit(cut(CUTS[2], *given))
    rows, targets = (
        values[fitted.indices_] if values is X or values is Y else values.iloc[fitted.indices_] for values in given[:2]
    )
    assert len(set(fitted.indices_.tolist())) == 24
    assert_array_equal(np.asarray(fitted.X_syn_), np.asarray(rows))
    assert_array_equal(fitted.y_syn_, targets)
    if given[0] is X:
        assert WEIGHT[fitted.indices_].all(), "rows of weight 0 are none"
    else:
        assert fitted.condensed_.y.name == "level" and list(fitted.X_syn_.dtypes) == list(FRAME.dtypes)


@pytest.mark.parametrize("chooser, bound", [(KernelThinning, 3.0), (KernelHerding, 3.0)])
def test_rows_merged_of_pieces_are_nearer_to_the_data_than_a_sample_can_tell(chooser, bound):
    rows = np.random.default_rng(1).normal(size=(40_000, 2))
    pieces = Partitions.from_arrays(rows, chunk=5000, max_rows=500)
    fitted, whole = chooser(n_samples=64, random_state=0).fit(pieces), chooser(n_samples=64, random_state=0).fit(rows)
    random = RandomSubset(n_samples=64, random_state=0).fit(pieces)
    distances = [MMD(bandwidth=1.0)(rows[::4], some.X_syn_) for some in (fitted, whole, random)]
    assert distances[0] < bound * distances[1] and distances[0] < distances[2] / 5


def test_centers_of_pieces_cover_all_rows():
    rows = np.random.default_rng(2).uniform(size=(20_000, 2))
    rows[12_345] = 7.0  # no sample has it
    fitted = KCenter(n_samples=9, random_state=0).fit(Partitions.from_arrays(rows, chunk=3000, max_rows=50))
    assert 12_345 in fitted.indices_
    nearest = np.linalg.norm(rows[:, None] - fitted.X_syn_, axis=2).min(1)
    whole = KCenter(n_samples=9, random_state=0).fit(rows)
    assert nearest.max() < 2 * np.linalg.norm(rows[:, None] - whole.X_syn_, axis=2).min(1).max()


def test_a_sample_is_told_and_shares_classes_as_they_are():
    fitted = RandomSubset(n_samples=100, random_state=0).fit(cut(CUTS[0], X, Y))
    origin = fitted.condensed_.provenance
    assert FEW - 4 <= origin.n_seen <= FEW + 10 and fitted.history_["n_seen"] == origin.n_seen
    assert origin.n_rows == N and origin.rows_per_class == {str(c): int((c == Y).sum()) for c in range(4)}
    assert "a sample of" in fitted.condensed_._repr_html_()
    assert_allclose(np.bincount(fitted.y_syn_) / 100, np.bincount(Y) / N, atol=0.01)
    assert KMeansCondenser(3).fit(cut(CUTS[0], X, Y)).condensed_.provenance.n_seen is None, "all were looked at"


def test_every_level_and_both_ends_of_each_column_are_known():
    encoder = TabularCondenser(3, random_state=0).fit(cut(CUTS[1], FRAME, WORDS, max_rows=100)).encoder_
    row = FRAME.iloc[[1234, 777]]
    pd.testing.assert_frame_equal(
        encoder.inverse_transform(encoder.transform(row)), row.reset_index(drop=True), check_exact=False, rtol=0.2
    )


def test_categories_are_those_of_all_pieces():
    pieces = [FRAME.assign(city=FRAME["city"].astype("category"))[i : i + 500] for i in range(0, N, 500)]
    pieces = [piece.assign(city=piece["city"].cat.remove_unused_categories()) for piece in pieces]
    targets = [WORDS[piece.index] for piece in pieces]
    fitted = KMeansCondenser(4, random_state=0).fit(Partitions([*zip(pieces, targets, strict=True)], max_rows=FEW))
    assert set(fitted.X_syn_["city"].cat.categories) == {"Oslo", "Rome", "Bern", "Thule"}


def test_columns_of_any_kind_and_with_gaps():
    days = pd.Timestamp("2020-01-01", tz="Europe/Oslo") + pd.to_timedelta(RNG.integers(0, 900, N), unit="D")
    frame = pd.DataFrame(
        {
            "day": pd.Series(days).where(RNG.uniform(size=N) > 0.1),
            "whole": pd.array(RNG.integers(0, 9, N), dtype="Int64"),
            "gaps": np.where(RNG.uniform(size=N) > 0.1, X[:, 0], np.nan),
            "word": pd.Series(RNG.choice(["a", "b"], N)).where(RNG.uniform(size=N) > 0.1),
            "yes": RNG.uniform(size=N) > 0.5,
            "wait": pd.to_timedelta(RNG.integers(0, 99, N), unit="h"),
        }
    )
    frame.loc[:400, "gaps"], frame.loc[3, "whole"] = np.nan, pd.NA
    sets = [KMedoids(3, random_state=0).fit(cut(places, frame, WORDS)) for places in CUTS]
    for other in sets:
        pd.testing.assert_frame_equal(other.X_syn_, frame.iloc[sets[0].indices_], check_dtype=False)


def test_frames_of_polars_come_out_as_such():
    frame = polars.from_pandas(FRAME.assign(level=WORDS))
    fitted = KMedoids(3, random_state=0).fit(cut(CUTS[0], frame), "level")
    assert isinstance(fitted.condensed_.X, polars.DataFrame) and isinstance(fitted.condensed_.y, polars.Series)


@pytest.mark.parametrize("kind", ["quantities", "several", "none"])
def test_other_targets(kind):
    y = {"quantities": (X[:, 0] + 0.5,), "several": (np.stack([Y > 0, Y > 1], 1).astype(int),), "none": ()}[kind]
    sets = [KMeansCondenser(n_samples=8, random_state=0).fit(cut(places, X, *y)) for places in CUTS]
    for other in sets[1:]:
        assert_allclose(other.X_syn_, sets[0].X_syn_, rtol=1e-6, atol=1e-8)
        if y:
            assert_allclose(other.y_syn_, sets[0].y_syn_, rtol=1e-6, atol=1e-8)


def test_images_stay_images():
    images = (np.abs(X[:, :, None, None]) * 20).repeat(4, 2).repeat(4, 3).astype(np.uint8)
    fitted = KMeansCondenser(2, random_state=0).fit(cut(CUTS[1], images, Y))
    assert fitted.X_syn_.shape == (8, 3, 4, 4) and fitted.X_syn_.dtype == np.uint8


def test_what_was_passed_is_not_touched():
    given = X.copy(), Y.copy(), WEIGHT.copy()
    for values in given:
        values.flags.writeable = False
    KMeansCondenser(2).fit(cut(CUTS[0], *given))
    KernelThinning(2).fit(cut(CUTS[0], *given))


NAN = np.where(np.arange(N)[:, None] == 2000, np.nan, X)


@pytest.mark.parametrize(
    "pieces, error, words",
    [
        ([(X, Y), (X[:, :2], Y)], PieceError, r"piece 1 is an array of rows of shape \(2,\), but that of piece 0"),
        ([(X, Y), X], PieceError, "y of piece 1 is missing"),
        ([(X, Y), (FRAME, Y)], PieceError, "piece 1 is a frame of columns"),
        ([(FRAME, Y), (FRAME[["b", "a", "c", "n", "city"]], Y)], PieceError, "piece 1 is a frame of columns"),
        ([(FRAME, Y), (FRAME.assign(n="x"), Y)], PieceError, "words in column 'n', but that of piece 0 holds numbers"),
        ([(X, Y), (X, Y[:5])], PieceError, "piece 1: X has 3003 rows, y has 5"),
        ([(X, Y, -np.ones(N))], PieceError, "piece 0: Negative"),
        ([(X, Y), (NAN, Y)], PieceError, "piece 1: Input X contains NaN in 1 of 3003 rows, such as row 2000"),
        ([(X, Y), (X * 1e200, Y)], PieceError, "piece 1: X holds [-0-9.e+]* in row"),
        ([(X, Y), lambda: 1 / 0], PieceError, "piece 1 cannot be read: ZeroDivisionError"),
        ([(X, Y, np.zeros(N))], ValueError, "all sample weights are zero"),
        ([(X[:0], Y[:0])], ValueError, "all pieces are empty"),
        ([(X, np.arange(N))], ValueError, "task='regression' if they are quantities"),
    ],
)
def test_bad_pieces_are_named_and_nothing_is_half_fitted(pieces, error, words):
    condenser = KMeansCondenser(2, random_state=0).fit(X, Y)
    before = condenser.X_syn_
    with pytest.raises(error, match=words):
        condenser.fit(Partitions(pieces, max_rows=FEW))
    assert condenser.X_syn_ is before


@pytest.mark.parametrize(
    "condenser, given, named, error, words",
    [
        (KMeansCondenser(2), (Y,), {}, TypeError, "hold their own targets and weights, but y"),
        (KMeansCondenser(2), (), {"sample_weight": WEIGHT}, TypeError, "but sample_weight is given, too"),
        (KMeansCondenser(2), (), {"sensitive_features": Y}, TypeError, "sensitive_features"),
        (KMeansCondenser(2), ("level",), {}, PieceError, "give one of the two"),
        (KMeansCondenser(2000), (), {}, ValueError, "cannot take 2000 rows of class 0 out of"),
        (
            Condenser(RandomFeatureMMD(bandwidth=1.0), privacy=GaussianMechanism(feature_range=(0, 1))),
            (),
            {},
            ValueError,
            "partial_fit",
        ),
    ],
)
def test_what_pieces_cannot_have_is_refused(condenser, given, named, error, words):
    with warnings.catch_warnings(), pytest.raises(error, match=words):
        warnings.simplefilter("ignore")
        condenser.fit(cut(CUTS[0], X, Y), *given, **named)


def test_the_page_says_what_each_condenser_sees():
    page = (Path(__file__).parents[2] / "docs" / "partitions.rst").read_text()
    named = {
        kind: set(re.findall(r"`~skdc\.(\w+)`", text))
        for kind, text in re.findall(r"\* - (all rows, in passes|all rows, merged)\n(.*?)(?=\n   \* - )", page, re.S)
    }
    for name in condensers.__all__:
        kind = getattr(condensers, name)
        if not (isclass(kind) and issubclass(kind, BaseCondenser)) or isabstract(kind):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recipe = kind().recipe()
        if recipe.privacy is not None:
            continue
        assert recipe.passes() == (name in named["all rows, in passes"]), name
        assert (recipe.reducer() is not None) == (name in named["all rows, merged"]), name


def test_a_set_that_is_larger_than_the_sample_is_refused():
    with pytest.raises(ValueError, match="rows of class 0, and 500 are asked for; raise max_rows"):
        KMedoids(n_per_class={0: 500, 1: 2, 2: 2, 3: 2}).fit(cut(CUTS[0], X, Y))
    assert len(KernelThinning(n_samples=1000, random_state=0).fit(cut(CUTS[0], X, Y)).X_syn_) == 1000, "none is held"


def test_other_estimators_are_told_what_partitions_are():
    with pytest.raises(TypeError, match="pass it to the fit of a condenser"):
        SVC().fit(cut(CUTS[0], X, Y), Y)


def test_an_estimator_of_condensed_rows_takes_pieces():
    model = CondensedEstimator(KMeansCondenser(5, random_state=0), SVC()).fit(cut(CUTS[0], X, Y))
    assert model.score(X, Y) > 0.8
