"""Condensing a stream, chunk by chunk: the result is that of one fit, and a bad chunk does no harm."""

import gc
import pickle
import weakref
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skdc import Condenser
from skdc.discrepancies import MMD, MeanDistance, RandomFeatureMMD
from skdc.parameterizations import Points, Subset
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent, Lloyd
from skdc.spaces import Identity, Joint, RandomNetwork, Standardized

from .quick import QUICK

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1, 2], [30, 60, 90])
X = 50 + 3 * Y[:, None] + RNG.normal(size=(180, 3))
TARGET = X[:, 0] + RNG.normal(size=180)
ORDERS = {"sorted": np.arange(180), "shuffled": RNG.permutation(180), "reversed": np.arange(180)[::-1]}
CUTS = {"tiny-first": [1, 3, 100], "even": [60, 120], "one-by-one": [1, 2, 3, 4, 5]}
SIZES = [{"n_samples": 12}, {"n_samples": None}, {"n_samples": None, "n_per_class": 4}]


def streaming(discrepancy=None, **parameters):
    if discrepancy is None:
        discrepancy = RandomFeatureMMD(bandwidth=2.0, n_features=30)
    parameters = {"n_samples": 12, "random_state": 0} | parameters
    return Condenser(discrepancy, solver=Descent(n_steps=5), **parameters)


def joint(**parameters):
    space = Joint(target_weight=0.5)
    return streaming(RandomFeatureMMD(bandwidth=2.0, n_features=30, space=space), **parameters)


def feed(condenser, X, y, cuts, sample_weight=None, **first):
    """Pass data to partial_fit, cut into chunks."""
    edges = [0, *cuts, len(X)]
    for start, stop in pairwise(edges):
        weight = {} if sample_weight is None else {"sample_weight": sample_weight[start:stop]}
        condenser.partial_fit(X[start:stop], None if y is None else y[start:stop], **weight, **first)
        first = {}
    return condenser


def assert_same_set(streamed, fitted):
    assert_allclose(streamed.X_syn_, fitted.X_syn_, rtol=0, atol=1e-6)
    assert_allclose(streamed.sample_weight_, fitted.sample_weight_, rtol=1e-6)
    if fitted.y_syn_ is None:
        assert streamed.y_syn_ is None
    elif fitted.y_syn_.dtype.kind == "f":
        assert_allclose(streamed.y_syn_, fitted.y_syn_, rtol=0, atol=1e-6)
    else:
        assert_array_equal(streamed.y_syn_, fitted.y_syn_)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize(
    "size", [{"n_samples": 12}, {"n_samples": None}, {"n_samples": None, "n_per_class": 4}], ids=str
)
def test_equals_fit(order, cuts, size):
    fitted = streaming(**size).fit(X, Y)
    assert_same_set(feed(streaming(**size), X[order], Y[order], cuts, classes=[0, 1, 2]), fitted)
    assert np.abs(fitted.X_syn_ - X.mean(axis=0)).max() > 2, "the classes lie apart"


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_equals_fit_without_classes(order, cuts):
    assert_same_set(feed(streaming(), X[order], None, cuts), streaming().fit(X))
    assert_same_set(feed(joint(), X[order], TARGET[order], cuts), joint().fit(X, TARGET))
    pair = np.c_[TARGET, -TARGET]
    assert_same_set(feed(joint(), X[order], pair[order], cuts), joint().fit(X, pair))


def test_equals_fit_with_weights():
    weight = RNG.random(180) + 0.5
    weight[::7] = 0
    fitted = streaming().fit(X, Y, sample_weight=weight)
    streamed = feed(streaming(), X, Y, [20, 100], sample_weight=weight, classes=[0, 1, 2])
    assert_same_set(streamed, fitted)
    assert_same_set(streamed, streaming().fit(X[weight > 0], Y[weight > 0], sample_weight=weight[weight > 0]))


HYBRID = RandomFeatureMMD(bandwidth=2.0, n_features=30) + 0.5 * RandomFeatureMMD(bandwidth=6.0, n_features=10)


@pytest.mark.parametrize("discrepancy", [HYBRID, MeanDistance(), HYBRID + MeanDistance(by=None)], ids=str)
def test_other_discrepancies_stream(discrepancy):
    order = ORDERS["shuffled"]
    fitted = streaming(discrepancy).fit(X, Y)
    assert_same_set(feed(streaming(discrepancy), X[order], Y[order], [1, 90], classes=[0, 1, 2]), fitted)


def test_images_stream():
    images = X[:, :, None] * np.ones(4)
    streamed = feed(streaming(), images, Y, [60, 70], classes=[0, 1, 2])
    assert streamed.X_syn_.shape == (12, 3, 4)
    assert_same_set(streamed, streaming().fit(images, Y))


def test_frames_and_tensors_stream():
    frame = pd.DataFrame(X, columns=["p", "q", "r"]).astype({"q": np.float32})
    labels = pd.Series(np.array(["a", "b", "c"])[Y], name="t", dtype="category")
    streamed = feed(streaming(), frame, labels, [20, 100], classes=["a", "b", "c"])
    X_syn, y_syn = streamed
    assert X_syn.dtypes.tolist() == frame.dtypes.tolist() and list(X_syn.columns) == ["p", "q", "r"]
    assert y_syn.name == "t" and y_syn.dtype == labels.dtype
    assert streamed.feature_names_in_.tolist() == streamed.get_feature_names_out().tolist() == ["p", "q", "r"]
    streamed = feed(streaming(), torch.tensor(X), torch.tensor(Y), [20, 100], classes=torch.arange(3))
    assert_same_set(streamed, streaming().fit(X, Y))
    assert_same_set(feed(streaming(), X.tolist(), Y.tolist(), [20, 100], classes=[0, 1, 2]), streamed)


CANNOT = [
    Condenser(),
    Condenser(MMD(bandwidth=1.0)),
    Condenser(MeanDistance(space=RandomNetwork())),
    Condenser(RandomFeatureMMD(bandwidth=1.0), Points(start="spread")),
    Condenser(RandomFeatureMMD(bandwidth=1.0), Subset()),
    Condenser(RandomFeatureMMD(bandwidth=1.0) + MMD()),
]


@pytest.mark.parametrize("condenser", CANNOT, ids=repr)
def test_partial_fit_is_there_only_where_it_works(condenser):
    assert not hasattr(condenser, "partial_fit")
    with pytest.raises(AttributeError, match=r"partial_fit.*RandomFeatureMMD\(bandwidth=1\.0\)"):
        condenser.partial_fit(X, Y)


def test_noise_starts_from_the_mean_and_spread_of_the_stream():
    condenser = streaming().set_params(
        parameterization=Points(start="noise", within=None), solver=Descent(step_size=1e-9, n_steps=1)
    )
    condenser.set_params(n_samples=600)
    start = feed(condenser, np.tile(10 + X, (4, 1)), np.tile(Y, 4), [20, 100], classes=[0, 1, 2]).X_syn_
    assert_allclose(start.mean(axis=0), 10 + X.mean(axis=0), atol=0.3)
    assert_allclose(start.std(), np.sqrt(np.mean(X.var(axis=0))), rtol=0.1)


def test_partial_fit_is_there_where_it_works():
    assert [name for name, build in QUICK.items() if hasattr(build(), "partial_fit")] == ["RandomFeatureMMD"]
    # A condenser that refuses its parts still answers the question.
    assert not hasattr(Condenser("mmd"), "partial_fit") and not hasattr(Condenser(solver=Lloyd()), "partial_fit")


def test_reading_solves_and_more_rows_solve_again():
    streamed = feed(streaming(), X[:100], Y[:100], [50], classes=[0, 1, 2])
    assert "X_syn_" not in vars(streamed) and "n_iter_" not in vars(streamed)
    first = streamed.X_syn_
    assert streamed.X_syn_ is first and streamed.n_iter_ == 5 and streamed.history_["loss"].shape == (5,)
    streamed.partial_fit(X[100:], Y[100:]).transform(X[:5])
    assert "X_syn_" not in vars(streamed) and "n_iter_" not in vars(streamed), "only reading the set solves"
    assert_same_set(streamed, streaming().fit(X, Y))
    assert not np.array_equal(streamed.X_syn_, first)


@pytest.mark.parametrize("name", ["y_syn_", "sample_weight_", "n_iter_", "history_", "discrepancy_", "storage_"])
def test_any_fitted_attribute_solves(name):
    streamed = streaming().partial_fit(X, Y)
    assert getattr(streamed, name) is not None
    assert "X_syn_" in vars(streamed)


def test_unpacking_solves():
    streamed = streaming().partial_fit(X, Y)
    X_syn, y_syn = streamed
    assert_array_equal(X_syn, streamed.X_syn_)
    assert_array_equal(y_syn, streamed.y_syn_)
    assert_array_equal(streamed.transform(X[:5]), X[:5])
    with pytest.raises(NotFittedError):
        iter(streaming())
    with pytest.raises(AttributeError, match="X_syn_"):
        streaming().X_syn_  # noqa: B018
    assert not hasattr(clone(streamed), "X_syn_")


@pytest.mark.parametrize(
    "size", [{"n_samples": 12}, {"n_samples": None}, {"n_samples": None, "n_per_class": 4}], ids=str
)
@pytest.mark.parametrize("unseen", [-1, 1.5, 9])
def test_class_never_seen(size, unseen):
    streamed = feed(streaming(**size), X, Y, [50], classes=[unseen, 0, 1, 2])
    assert_array_equal(streamed.classes_, sorted([0, 1, 2, unseen]))
    assert set(streamed.y_syn_) == {0, 1, 2}
    assert_same_set(feed(streaming(**size), X[::-1], Y[::-1], [1, 7], classes=[0, 1, 2, unseen]), streamed)
    assert_allclose(streamed.sample_weight_.mean(), 1)
    assert np.all(np.abs(streamed.X_syn_ - 50 - 3 * streamed.y_syn_[:, None]) < 6), "rows lie in their class"


def test_class_seen_late():
    streamed = feed(streaming(), X[:90], Y[:90], [5], classes=[0, 1, 2])
    assert set(streamed.y_syn_) == {0, 1}
    assert_same_set(streamed.partial_fit(X[90:], Y[90:]), streaming().fit(X, Y))


@pytest.mark.parametrize(
    "condenser, y, words",
    [
        (streaming(RandomFeatureMMD()), Y, ["median bandwidth", "number"]),
        (streaming(RandomFeatureMMD(bandwidth=1.0, space=Standardized())), Y, ["Standardized", "standard deviations"]),
        (streaming(), TARGET, ["Joint", "target_weight"]),
        (streaming(n_samples=0.1), Y, ["n_samples=0.1", "whole number"]),
        (streaming(n_samples=2), Y, ["n_samples=2", "n_samples=3"]),
        (streaming(n_per_class=3), Y, ["n_per_class=3", "n_samples=12"]),
        (streaming(encoder=StandardScaler()), Y, ["encoder", "encoder=None"]),
        (streaming(device="gpu"), Y, ["device='gpu'"]),
        (streaming(RandomFeatureMMD(bandwidth=1.0, by="group")), Y, ["by='group'", "fit", "by='class'"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_must_be_known_before_the_first_chunk(condenser, y, words):
    before = dict(vars(condenser))
    with pytest.raises(ValueError) as caught:
        condenser.partial_fit(X, y)
    assert all(word in str(caught.value) for word in words), caught.value
    assert vars(condenser) == before


WITH_NAN = np.where(np.arange(180)[:, None] == 7, np.nan, X)


@pytest.mark.parametrize(
    "first, chunk, words",
    [
        pytest.param(streaming(), (X[:, :2], Y), ["2 features", "3 features"], id="features"),
        pytest.param(streaming(), (X[:, :, None], Y), ["(3, 1)", "(3,)"], id="shape"),
        pytest.param(streaming(), (X, np.full(180, "a")), ["y holds 'a'", "[0, 1, 2]"], id="kind-of-label"),
        pytest.param(streaming(), (X, TARGET), ["y is continuous", "one label a row"], id="continuous"),
        pytest.param(streaming(), (X, None), ["classification targets", "not like the first"], id="no-targets"),
        pytest.param(streaming(), (X, Y, [0, 1]), ["[0, 1]", "[0, 1, 2]"], id="classes"),
        pytest.param(streaming(), (WITH_NAN, Y), ["X contains NaN in 1 of 180 rows, such as row 7"], id="nan"),
        pytest.param(streaming(), (np.where(X > 55, np.inf, X), Y), ["X contains infinity in"], id="infinity"),
        pytest.param(streaming(), (X, np.where(Y == 0, np.nan, Y)), ["y contains NaN in 30 of 180"], id="label-nan"),
        pytest.param(
            joint(), (X, np.where(Y == 0, np.inf, Y)), ["y contains infinity in 30 of 180"], id="target-infinity"
        ),
        pytest.param(streaming(), (X, Y[:9]), ["[180, 9]"], id="length"),
        pytest.param(streaming(), (X[:0], Y[:0]), ["0 sample(s)"], id="empty"),
        pytest.param(joint(), (X, np.c_[TARGET, TARGET]), ["2", "1", "target"], id="outputs"),
        pytest.param(joint(), (X, Y.astype(str)), ["numeric"], id="labels-for-numbers"),
    ],
)
def test_bad_chunk_does_no_harm(first, chunk, words):
    condenser, target = clone(first), Y if "Joint" not in repr(first) else TARGET
    condenser.partial_fit(X, target)
    X_syn, before, sketch = condenser.X_syn_, dict(vars(condenser)), pickle.dumps(condenser._stream.sketch)
    X_bad, y_bad, *classes = chunk
    with pytest.raises(ValueError) as caught:
        condenser.partial_fit(X_bad, y_bad, **({"classes": classes[0]} if classes else {}))
    message = str(caught.value)
    assert all(word in message for word in words) and "np." not in message, message
    assert vars(condenser) == before and pickle.dumps(condenser._stream.sketch) == sketch
    # The stream goes on as if nothing had happened.
    again = condenser.partial_fit(X[::-1] + 1, target[::-1])
    assert not np.array_equal(again.X_syn_, X_syn)
    assert_same_set(again, clone(first).partial_fit(X, target).partial_fit(X[::-1] + 1, target[::-1]))


def test_bad_weights_in_a_chunk_do_no_harm():
    condenser = streaming().partial_fit(X, Y)
    sketch = pickle.dumps(condenser._stream.sketch)
    without = np.where(np.arange(180) == 7, np.nan, 1.0)
    bad = ((-1.0, "Negative"), (0.0, "zero"), (np.ones(9), r"\(9,\)"), (without, "NaN in 1 of 180 rows, such as row 7"))
    for weight, words in (*bad, (np.inf, "contains infinity in 180 of 180 rows")):
        with pytest.raises(ValueError, match=words):
            condenser.partial_fit(X, Y, sample_weight=weight)
        assert pickle.dumps(condenser._stream.sketch) == sketch


@pytest.mark.parametrize("n_chunks", [0, 1])
@pytest.mark.parametrize("missing", [np.nan, pd.NA])
def test_missing_values_of_frames_are_refused_in_chunks_with_what_to_do(n_chunks, missing):
    frame = pd.DataFrame(X, columns=["p", "q", "r"])
    bad = frame.assign(q=pd.array([*X[:170, 1], *[missing] * 10], dtype="float64" if missing is np.nan else "Float64"))
    condenser = streaming()
    for _ in range(n_chunks):
        condenser.partial_fit(frame, Y)
    where = "X contains NaN in 10 of 180 rows, such as row 170, in column 'q'"
    for weight in (None, np.where(np.arange(180) < 170, 1.0, 0.0)):
        with pytest.raises(ValueError, match=f"{where}; partial_fit .* fill them in.* or call fit on all rows"):
            condenser.partial_fit(bad, Y, sample_weight=weight)
    # New rows may lack values: nothing is learned from them.
    assert condenser.partial_fit(frame, Y).transform(bad) is bad


def test_no_missing_value_gets_into_private_sums():
    frame = pd.DataFrame(X, columns=["p", "q", "r"])
    privacy = GaussianMechanism(epsilon=5.0, feature_range=(40, 70), classes=[0, 1, 2])
    condenser = streaming(privacy=privacy).partial_fit(frame, Y)
    with pytest.raises(
        ValueError, match=r"NaN in 1 of 180 rows, such as row 7, in columns 'p', 'q', 'r'; private fits"
    ):
        condenser.partial_fit(pd.DataFrame(WITH_NAN, columns=frame.columns), Y)


def test_frames_must_keep_their_columns():
    frame = pd.DataFrame(X, columns=["p", "q", "r"])
    condenser = streaming().partial_fit(frame, Y)
    with pytest.raises(ValueError, match="unseen at fit time"):
        condenser.partial_fit(frame.rename(columns={"p": "z"}), Y)
    with pytest.raises(ValueError, match="same order"):
        condenser.partial_fit(frame[["r", "q", "p"]], Y)
    with pytest.raises(ValueError, match=r"'p'.*encod"):
        condenser.partial_fit(frame.assign(p="text"), Y)


@pytest.mark.parametrize("targets", [TARGET, Y, None], ids=["continuous", "classes", "none"])
def test_classes_only_where_there_are_classes(targets):
    condenser = joint() if targets is TARGET else streaming()
    if targets is Y:
        assert condenser.partial_fit(X, Y, classes=[0, 0, 1, 2]).classes_.tolist() == [0, 1, 2]
        return
    with pytest.raises(ValueError, match=r"classes=.*leave it out"):
        condenser.partial_fit(X, targets, classes=[0, 1])


def test_whole_numbers_in_a_stream_of_continuous_targets():
    # A chunk may hold whole numbers only: what y is was settled by the first one.
    y = TARGET.copy()
    y[100:103] = [51.0, 52.0, 52.0]
    fitted = joint().fit(X, y)
    assert_same_set(feed(joint(), X, y, [100, 103]), fitted)
    assert_same_set(feed(joint(task="regression"), np.roll(X, -100, 0), np.roll(y, -100), [3]), fitted)


def test_fit_then_partial_fit():
    first, second = np.arange(180) % 2 == 0, np.arange(180) % 2 == 1
    frame, labels = pd.DataFrame(X, columns=["p", "q", "r"]), pd.Series(Y, name="t")
    condenser = streaming().fit(frame[first], labels[first])
    condenser.partial_fit(frame[second], labels[second])
    assert_same_set(condenser, streaming().fit(X, Y))
    X_syn, y_syn = condenser
    assert list(X_syn.columns) == ["p", "q", "r"] and y_syn.name == "t"
    # And a fit starts afresh.
    assert_same_set(condenser.fit(X[:, ::-1], Y), streaming().fit(X[:, ::-1], Y))


def test_partial_fit_after_a_fit_that_cannot_go_on():
    encoded = streaming(encoder=StandardScaler()).fit(X, Y)
    with pytest.raises(ValueError, match="encoder=None"):
        encoded.partial_fit(X, Y)
    by_group = streaming(RandomFeatureMMD(bandwidth=1.0, by="group")).fit(X, Y, sensitive_features=np.arange(180) % 2)
    X_syn, before = by_group.X_syn_, dict(vars(by_group))
    with pytest.raises(ValueError, match="by='group'"):
        by_group.partial_fit(X, Y)
    assert vars(by_group) == before and by_group.X_syn_ is X_syn, "a refused chunk must not cost the set"


def test_pickling_in_the_middle():
    condenser = streaming().partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
    condenser = pickle.loads(pickle.dumps(condenser))
    condenser.X_syn_  # noqa: B018
    condenser = pickle.loads(pickle.dumps(condenser)).partial_fit(X[100:], Y[100:])
    assert_same_set(pickle.loads(pickle.dumps(condenser)), streaming().fit(X, Y))
    # A fit goes on after the disk, too.
    half = np.arange(180) % 2 == 0
    condenser = pickle.loads(pickle.dumps(streaming().fit(X[half], Y[half])))
    assert_same_set(condenser.partial_fit(X[~half], Y[~half]), streaming().fit(X, Y))


def test_chunks_are_let_go():
    condenser = streaming()
    for _ in range(2):
        chunk, labels = X.copy(), Y.copy()
        gone = weakref.ref(chunk), weakref.ref(labels)
        condenser.partial_fit(chunk, labels)
        del chunk, labels
        gc.collect()
        assert all(reference() is None for reference in gone)


class Interrupted(RandomFeatureMMD):
    """Random features, until the user presses a key."""

    pressed = False

    def features(self, values):
        if Interrupted.pressed and len(values):
            raise KeyboardInterrupt
        return super().features(values)


def test_interrupted_chunk(monkeypatch):
    condenser = streaming(Interrupted(bandwidth=2.0, n_features=30))
    before = dict(vars(condenser))
    monkeypatch.setattr(Interrupted, "pressed", True)
    with pytest.raises(KeyboardInterrupt):
        condenser.partial_fit(X, Y)
    assert vars(condenser) == before
    monkeypatch.setattr(Interrupted, "pressed", False)
    condenser.partial_fit(X[:100], Y[:100], classes=[0, 1, 2])
    state, sketch = dict(vars(condenser)), pickle.dumps(condenser._stream.sketch)
    monkeypatch.setattr(Interrupted, "pressed", True)
    for interrupted in (lambda: condenser.partial_fit(X, Y), lambda: condenser.X_syn_):
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert vars(condenser) == state and pickle.dumps(condenser._stream.sketch) == sketch
    monkeypatch.setattr(Interrupted, "pressed", False)
    assert_same_set(condenser.partial_fit(X[100:], Y[100:]), streaming().fit(X, Y))


def test_identity_space_streams():
    spelled = streaming(RandomFeatureMMD(bandwidth=2.0, n_features=30, space=Identity()))
    assert_same_set(feed(spelled, X, Y, [90], classes=[0, 1, 2]), streaming().fit(X, Y))


# Dtypes


@pytest.mark.parametrize(
    "first, later, expected",
    [
        (np.int64, np.float64, np.float64),
        (np.float32, np.float64, np.float64),
        (np.uint8, np.uint16, np.uint16),
        (np.bool_, np.int8, np.int8),
        (np.int16, np.uint16, np.int32),
    ],
)
@pytest.mark.parametrize("names", [None, ["a", "b", "c"]])
@pytest.mark.parametrize("swapped", [False, True])
def test_dtypes_hold_what_all_chunks_do(first, later, expected, names, swapped):
    chunks = [np.tile([[0.0], [1.0]], (10, 3)).astype(first), (300.25 * np.tile([[0], [1]], (10, 3))).astype(later)]
    if names is not None:
        chunks = [pd.DataFrame(chunk, columns=names) for chunk in chunks]
    condenser = streaming(n_samples=4, discrepancy=RandomFeatureMMD(bandwidth=100.0))
    for chunk in chunks[::-1] if swapped else chunks:
        condenser.partial_fit(chunk)
    X_syn, _ = condenser
    assert set(np.ravel(X_syn.dtypes if names else X_syn.dtype)) == {np.dtype(expected)}
    most = np.asarray(X_syn, float).max()
    assert most > 250 or expected is np.int8, "the later chunk is cut off"


def test_columns_have_a_dtype_each():
    first = pd.DataFrame({"a": [True, False] * 5, "b": np.arange(10, dtype="int8"), "c": np.arange(10.0)})
    later = first.astype({"a": "Int64", "b": "int16"}) * 7
    X_syn, _ = streaming(n_samples=4).partial_fit(first).partial_fit(later)
    assert X_syn.dtypes.astype(str).tolist() == ["int64", "int16", "float64"]
    X_syn, _ = streaming(n_samples=4).partial_fit(first.astype({"a": "boolean"})).partial_fit(later)
    assert X_syn["a"].dtype.kind == "i" and X_syn["a"].max() > 1


def test_labels_hold_what_all_chunks_do():
    rows = np.array_split(X, 2)
    for first, later in (
        (pd.Series([1] * 90, dtype="int8"), pd.Series([300] * 90, dtype="int16")),
        (pd.Series(["a"] * 90, dtype="category"), pd.Series(["b"] * 90, dtype="category")),
        (pd.Series(["a"] * 90, dtype="category"), pd.Series(["b"] * 90)),
        (np.array(["a"] * 90), np.array(["long"] * 90)),
    ):
        labels = [first[0], later[0]]
        condenser = streaming(n_samples=None, n_per_class=2).partial_fit(rows[0], first, classes=labels)
        _, y_syn = condenser.partial_fit(rows[1], later)
        assert list(y_syn) == [labels[0]] * 2 + [labels[1]] * 2
