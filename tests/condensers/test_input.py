"""What condensers refuse, and what they say: every message is read as a user would."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils import get_tags

from skdc import (
    Condenser,
    DistributionMatching,
    GradientMatching,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    RandomSubset,
    TrajectoryMatching,
)
from skdc.discrepancies import MMD, Hybrid, QuantizationError, SquaredL2
from skdc.parameterizations import Points, Subset
from skdc.solvers import Descent, Draw, Greedy, Lloyd
from skdc.spaces import Joint, KernelRidgePredictions, NetworkGradients, RandomNetwork

from .quick import QUICK, every_condenser, some_condensers

X = np.random.default_rng(0).normal(size=(40, 3))
y = np.arange(40) % 2
SEX = np.array(["f", "m"] * 20)


def refusal(condenser, *data, error=ValueError, **metadata):
    """Return what a condenser says when it refuses data; it must stay as it was, and speak plainly."""
    before = dict(vars(condenser))
    with pytest.raises(error) as caught:
        condenser.fit(*data, **metadata)
    assert vars(condenser) == before, "a condenser that refuses must stay as it was"
    message = str(caught.value)
    assert not re.search(r"np\.\w+\(|dtype=object|NoneType", message), f"not for users: {message}"
    return message


def with_value(values, position, value):
    values = values.copy()
    values[position] = value
    return values


@pytest.mark.parametrize(
    "rows, error, words",
    [
        pytest.param(with_value(X, (3, 1), np.nan), ValueError, ["X contains NaN"], id="nan"),
        pytest.param(with_value(X, (3, 1), np.inf), ValueError, ["X contains infinity"], id="inf"),
        pytest.param(X[:0], ValueError, ["0 sample(s)", "(0, 3)"], id="no-rows"),
        pytest.param(X[:, :0], ValueError, ["0 feature(s)", "(40, 0)"], id="no-features"),
        pytest.param(X[:, 0], ValueError, ["Expected 2D array", "reshape"], id="one-dimension"),
        pytest.param(3.0, ValueError, ["Expected 2D array", "scalar"], id="scalar"),
        pytest.param(X + 1j, ValueError, ["Complex data not supported"], id="complex"),
        pytest.param([["a", 1.0]] * 40, ValueError, ["strings"], id="text"),
        pytest.param(np.array([["a", 1.0]] * 40, object), ValueError, ["string to float: 'a'"], id="objects"),
    ],
)
@every_condenser
def test_rows(condenser, rows, error, words):
    message = refusal(clone(condenser), rows, y[: np.size(rows)], error=error)
    assert all(word in message for word in words), message


@some_condensers([name for name, build in QUICK.items() if not get_tags(build()).input_tags.sparse])
def test_sparse_rows_are_for_those_who_can(condenser):
    message = refusal(clone(condenser), csr_array(X), y, error=TypeError)
    assert all(word in message for word in ["Sparse", "dense", "toarray()"]), message


@pytest.mark.parametrize("shape", [(40, 0, 5), (40, 5, 0), (40, 3, 0, 8)])
def test_images_without_pixels(shape):
    message = refusal(RandomSubset(), np.zeros(shape), y)
    assert "0 feature(s)" in message and str(shape) in message


LABELS = np.array(list("ab") * 20, dtype=object)


@pytest.mark.parametrize(
    "targets, words",
    [
        pytest.param(with_value(y.astype(float), 3, np.nan), ["y contains NaN"], id="nan"),
        pytest.param(with_value(y.astype(float), 3, np.inf), ["y contains infinity"], id="inf"),
        pytest.param(with_value(LABELS, 3, None), ["y contains None", "drop the rows"], id="None"),
        pytest.param(with_value(LABELS, 3, np.nan), ["y contains nan", "drop the rows"], id="nan-among-labels"),
        pytest.param([None] * 40, ["y contains None", "drop the rows"], id="all-None"),
        pytest.param(pd.Series(with_value(LABELS, 3, None), dtype="category"), ["drop the rows"], id="category"),
        pytest.param(pd.Series(with_value(LABELS, 3, None), dtype="string"), ["drop the rows"], id="NA-string"),
        pytest.param(pd.Series([True, None] * 20, dtype="boolean"), ["drop the rows"], id="NA-boolean"),
        pytest.param(pd.Series([1, None] * 20, dtype="Int64"), ["y contains NaN"], id="NA-integer"),
        pytest.param(with_value(LABELS, 3, 7), ["y", "str", "int"], id="mixed-labels"),
        pytest.param(y[:-1], ["[40, 39]", "inconsistent"], id="too-short"),
        pytest.param(np.r_[y, 1], ["[40, 41]", "inconsistent"], id="too-long"),
        pytest.param(np.c_[y, y + 1], ["multiclass-multioutput", "one label a row"], id="two-columns-of-labels"),
        pytest.param(X.reshape(40, 3, 1), ["dim 3", "<= 2"], id="three-dimensions"),
        pytest.param(y + 1j, ["Complex data not supported"], id="complex"),
    ],
)
def test_targets(targets, words):
    message = refusal(RandomSubset(), X, targets)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("dtype", [int, float])
def test_many_distinct_numbers(dtype):
    many = np.arange(120, dtype=dtype)
    message = refusal(RandomSubset(), np.tile(X, (3, 1)), many)
    assert "120 distinct numbers" in message
    assert "task='regression'" in message and "task='classification'" in message
    # Either answer helps, and labels that are no numbers need none.
    tiled = np.tile(X, (3, 1))
    assert RandomSubset(task="regression").fit(tiled, many).y_syn_.shape == (100,)
    assert len(RandomSubset(task="classification").fit(tiled, many).classes_) == 120
    assert len(RandomSubset().fit(tiled, many.astype(str)).classes_) == 120


def test_a_dtype_of_categories_says_labels():
    many, tiled = np.arange(120), np.tile(X, (3, 1))
    for labels in (pd.Series(many, dtype="category"), pd.DataFrame({"y": pd.Categorical(many)})):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)
            fitted = RandomSubset().fit(tiled, labels)
        assert fitted.classes_.tolist() == many.tolist()
    assert "give one label a row" in refusal(RandomSubset(), tiled, pd.Series(many + 0.5, dtype="category"))


@pytest.mark.parametrize(
    "task, targets, words",
    [
        ("regression", y.astype(str), ["task='regression'", "numeric"]),
        ("classification", X[:, 0], ["continuous", "task='regression'"]),
        ("classification", None, ["task='classification'", "y is None"]),
        ("regression", None, ["task='regression'", "y is None"]),
        ("clustering", y, ["'clustering'", "'auto'", "'classification'", "'regression'"]),
        (None, y, ["task=None", "'auto'"]),
    ],
)
def test_task(task, targets, words):
    message = refusal(RandomSubset(task=task), X, targets)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("size", [0, -1, True, 2.0, 2.5, "5", np.nan, [2]])
def test_n_per_class(size):
    message = refusal(RandomSubset(n_per_class=size), X, y)
    assert f"n_per_class={size!r}" in message and "whole number of at least 1" in message


@pytest.mark.parametrize("size", [0, -1, True, 0.0, 1.0, 1.5, -0.5, 10.0, np.nan, "5"])
def test_n_samples(size):
    message = refusal(RandomSubset(n_samples=size), X, y)
    assert f"n_samples={size!r}" in message and "whole number" in message


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({0: 1, 1: 1, 7: 2}, ["7", "[0, 1]"]),
        ({0: 1}, ["class 1", "[0, 1]"]),
        ({0: 1, 1: 0}, ["n_per_class[1]=0", "at least 1"]),
        ({0: 1, 1: True}, ["n_per_class[1]=True", "whole number"]),
        ({"0": 1, "1": 1}, ["'0'", "[0, 1]"]),
    ],
)
def test_n_per_class_by_label(sizes, words):
    message = refusal(RandomSubset(n_per_class=sizes), X, y)
    assert all(word in message for word in words), message


def test_missing_values_of_an_array_are_refused_with_what_to_do():
    message = refusal(RandomSubset(n_per_class=2), with_value(X, (3, 1), np.nan), y)
    assert "X contains NaN in 1 of 40 rows, such as row 3, in column 1" in message
    assert "Frames may have missing values" in message and "SimpleImputer" in message
    assert "Frames" not in refusal(RandomSubset(n_per_class=2, encoder=None), with_value(X, (3, 1), np.nan), y)
    assert "Frames may" not in refusal(RandomSubset(n_per_class=2), with_value(X, (3, 1), np.inf), y)


def test_sizes_that_contradict():
    message = refusal(RandomSubset(n_per_class=2, n_samples=5), X, y)
    assert "n_per_class=2" in message and "n_samples=5" in message and "one of them" in message
    message = refusal(RandomSubset(n_samples=1), X, y)
    assert "n_samples=1" in message and "2 classes" in message and "n_samples=2" in message


@pytest.mark.parametrize("targets", [None, X[:, 0]], ids=["no-targets", "continuous"])
def test_n_per_class_without_classes(targets):
    message = refusal(RandomSubset(n_per_class=2), X, targets)
    assert "n_per_class=2" in message and "use n_samples" in message


@pytest.mark.parametrize("condenser", [RandomSubset(), KernelHerding(), KMeansCondenser()], ids=repr)
@pytest.mark.parametrize(
    "size, targets, words",
    [
        ({"n_per_class": 21}, y, ["21", "20", "class 0", "n_per_class"]),
        ({"n_per_class": 21}, LABELS, ["21", "20", "class 'a'", "n_per_class"]),
        ({"n_samples": 41}, y, ["class 0", "20", "n_samples"]),
        ({"n_samples": 41}, None, ["41", "40", "n_samples"]),
    ],
    ids=["n_per_class", "labels", "n_samples", "no-targets"],
)
def test_more_rows_than_there_are(condenser, size, targets, words):
    message = refusal(clone(condenser).set_params(**size), X, targets)
    assert all(word in message for word in words), message


def test_default_size_is_capped():
    few = np.r_[0, 0, np.ones(38, int)]
    assert np.bincount(RandomSubset().fit(X, few).y_syn_).tolist() == [2, 10]
    assert len(KernelHerding().fit(X).X_syn_) == 40


@pytest.mark.parametrize(
    "weight, words",
    [
        pytest.param(with_value(np.ones(40), 3, -1.0), ["Negative values", "sample_weight"], id="negative"),
        pytest.param(np.zeros(40), ["zero"], id="all-zero"),
        pytest.param(np.ones(39), ["(39,)", "(40,)"], id="short"),
        pytest.param(np.ones((40, 2)), ["1D array"], id="two-dimensions"),
        pytest.param(with_value(np.ones(40), 3, np.nan), ["sample_weight contains NaN"], id="nan"),
    ],
)
def test_sample_weight(weight, words):
    message = refusal(RandomSubset(), X, y, sample_weight=weight)
    assert all(word in message for word in words), message


NEED_CLASSES = [GradientMatching(n_steps=2), TrajectoryMatching(n_steps=2), KernelInducingPoints(n_steps=2)]


@pytest.mark.parametrize("condenser", NEED_CLASSES, ids=lambda condenser: type(condenser).__name__)
def test_methods_that_train_on_labels(condenser):
    assert "at least two classes" in refusal(condenser, X, np.zeros(40, int))
    message = refusal(condenser, X)
    assert "y is None" in message and "pass y" in message


@pytest.mark.parametrize("column", [["x", "y"] * 20, pd.Categorical(["x", "y"] * 20), pd.Timestamp("2020-01-01")])
def test_text_columns(column):
    frame = pd.DataFrame({"age": X[:, 0]}).assign(city=column)
    message = refusal(RandomSubset(encoder=None), frame, y)
    assert "'city'" in message and "'age'" not in message
    assert "encoder=" in message and "inverse_transform" in message


@pytest.mark.parametrize("encoder", [Normalizer(), ColumnTransformer([])], ids=lambda encoder: type(encoder).__name__)
def test_encoder_without_a_way_back(encoder):
    message = refusal(RandomSubset(encoder=encoder), X, y)
    assert type(encoder).__name__ in message and "inverse_transform" in message


def test_encoder_that_is_none():
    message = refusal(RandomSubset(encoder="onehot"), X, y, error=TypeError)
    assert "onehot" in message


def test_encoder_and_what_is_no_table():
    assert "dense" in refusal(RandomSubset(encoder=StandardScaler()), csr_array(X), y, error=TypeError)
    assert "1 dimension" in refusal(RandomSubset(encoder=StandardScaler()), X[:, 0], y)


def test_encoded_rows_are_checked():
    message = refusal(RandomSubset(encoder=StandardScaler()), with_value(X, (0, 0), np.nan), y)
    assert "encoded X contains NaN" in message


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:", "cuda:99", "meta", "xla", 0, None])
def test_device(device):
    message = refusal(RandomSubset(device=device), X, y)
    assert f"device={device!r} must be 'auto'" in message and "'cpu'" in message


@pytest.mark.parametrize(
    "parts, words",
    [
        ({"discrepancy": "mmd"}, ["discrepancy", "'mmd'", "MMD()"]),
        ({"discrepancy": MMD}, ["discrepancy", "class", "MMD()"]),
        ({"parameterization": "points"}, ["parameterization", "'points'", "Points()"]),
        ({"solver": "adam"}, ["solver", "'adam'", "Descent()"]),
        ({"solver": 0.1}, ["solver", "0.1", "Descent()"]),
    ],
)
def test_parts_of_another_kind(parts, words):
    message = refusal(Condenser(**parts), X, y, error=TypeError)
    assert all(word in message for word in words), message


GRADIENTS, PREDICTIONS = NetworkGradients(), KernelRidgePredictions()


@pytest.mark.parametrize(
    "parts, words",
    [
        ((None, Subset(), Descent()), ["Descent", "Subset", "Greedy()"]),
        ((None, Points(), Greedy()), ["Greedy", "Points", "Descent()"]),
        ((None, Points(), Draw()), ["Draw", "Points", "Subset()"]),
        ((MMD(), Subset(), Draw()), ["Draw", "MMD()", "no effect", "leave it out"]),
        ((MMD(), Points(), Lloyd()), ["Lloyd", "MMD()", "QuantizationError()"]),
        ((QuantizationError(by=None), Points(), Lloyd()), ["by=None", "by='class'"]),
        ((QuantizationError(space=RandomNetwork()), Points(), Lloyd()), ["Lloyd", "RandomNetwork", "Identity()"]),
        ((MMD(space=GRADIENTS), None, None), ["MMD", "clouds", "NetworkGradients", "SquaredL2"]),
        ((SquaredL2(), None, None), ["SquaredL2", "aligned", "Identity", "NetworkGradients()"]),
        ((MMD(), Points(labels="learned"), None), ["targets", "no gradient", "keep the labels"]),
        ((MMD(by="sex"), None, None), ["by='sex'", "'class'", "'group'"]),
        ((MMD(reduce="sum"), None, None), ["reduce='sum'", "'mean'", "'worst'"]),
        ((MMD(weight=0.0), None, None), ["weight=0.0", "positive"]),
        ((MMD(bandwidth="mean"), None, None), ["bandwidth='mean'", "'median'"]),
        ((MMD(bandwidth=-1.0), None, None), ["bandwidth=-1.0", "positive"]),
        ((Hybrid([]), None, None), ["nothing to minimise", "at least one"]),
        ((MMD(), Points(labels="soft"), None), ["labels='soft'", "'hard'", "'learned'"]),
        ((MMD(), Points(start="zeros"), None), ["start='zeros'", "'rows'", "'noise'"]),
        ((MMD(), None, Descent(n_steps=0)), ["n_steps=0", "at least 1"]),
        ((MMD(), None, Descent(step_size=-1.0)), ["step_size=-1.0", "positive"]),
    ],
    ids=str,
)
def test_parts_that_do_not_go_together(parts, words):
    message = refusal(Condenser(*parts), X, y)
    assert all(word in message for word in words), message


def test_parts_that_need_targets():
    message = refusal(Condenser(MMD(space=Joint())), X)
    assert "Joint()" in message and "y is None" in message
    message = refusal(Condenser(MMD(), Points(labels="learned")), X)
    assert "labels='learned'" in message and "y is None" in message


def test_regression_on_a_discrepancy_blind_to_targets():
    message = refusal(DistributionMatching(n_steps=2), X, X[:, 0])
    assert "targets" in message and "MMD(space=Joint())" in message
    assert "labels='hard'" not in message, "hard labels are no way out of regression"


def test_groups_that_nothing_looks_at():
    message = refusal(RandomSubset(), X, y, sensitive_features=SEX)
    assert "sensitive_features" in message and "by='group'" in message
    message = refusal(Condenser(MMD(by="group")), X, y)
    assert "sensitive_features=" in message and "by='class'" in message


@pytest.mark.parametrize(
    "groups, words",
    [
        pytest.param(SEX[:-1], ["(39,)", "each row of X"], id="short"),
        pytest.param(np.append(SEX, "f"), ["(41,)", "each row of X"], id="long"),
        pytest.param(np.zeros((40, 2, 2)), ["(40, 2, 2)"], id="three-dimensions"),
        pytest.param("sex", ["sensitive_features"], id="scalar"),
        pytest.param(with_value(SEX.astype(object), 3, None), ["sensitive_features", "missing"], id="None"),
        pytest.param(with_value(np.ones(40), 3, np.nan), ["sensitive_features", "missing"], id="nan"),
        pytest.param(np.full((40, 2), "x"), ["one group only", "'x, x'"], id="one-group"),
    ],
)
def test_groups(groups, words):
    weight = with_value(np.ones(40), 39, 0.0)
    for metadata in ({}, {"sample_weight": weight}):
        message = refusal(Condenser(MMD(by="group")), X, y, sensitive_features=groups, **metadata)
        assert all(word in message for word in words), message


def test_groups_may_have_any_name():
    names = np.array(["None", "nan"] * 20)
    condenser = Condenser(MMD(by="group"), solver=Descent(n_steps=1), random_state=0)
    expected = condenser.fit(X, y, sensitive_features=SEX).X_syn_
    assert np.array_equal(condenser.fit(X, y, sensitive_features=names).X_syn_, expected)
    assert np.array_equal(condenser.fit(X, y, sensitive_features=pd.DataFrame({"s": SEX})).X_syn_, expected)


def test_ambiguous_channels():
    images = np.random.default_rng(0).random((40, 8, 8, 8))
    for condenser in (GradientMatching(n_steps=2), DistributionMatching(n_steps=2)):
        message = refusal(condenser, images, y)
        assert "(8, 8, 8)" in message and "channels='first'" in message and "channels='last'" in message
    assert RandomSubset().fit(images, y).X_syn_.shape == (20, 8, 8, 8)


def test_n_jobs():
    assert "n_jobs=0 must be a whole number" in refusal(RandomSubset(n_jobs=0), X, y)
