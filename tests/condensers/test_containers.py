"""What goes in a frame comes out a frame: containers, column types, images and encoders."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

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
from skdc.discrepancies import MMD, Cosine, RandomFeatureMMD
from skdc.learners import AlternatingNetworks
from skdc.networks import ConvNet
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import NetworkGradients, Standardized

from .quick import SMALL, every_condenser

RNG = np.random.default_rng(0)
INDEX = pd.Index([f"row{i}" for i in range(40)], name="id")
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 9, size=40),
        "dose": RNG.normal(size=40).astype(np.float32),
        "count": RNG.integers(0, 9, size=40),
        "smoker": RNG.random(40) > 0.5,
    },
    index=INDEX,
)
MIXED = FRAME.assign(
    city=pd.Categorical(RNG.choice(["Bonn", "Oslo", "Rome"], size=40), categories=["Rome", "Oslo", "Bonn", "Lima"]),
    word=RNG.choice(["u", "v"], size=40),
)
Y = np.arange(40) % 2


def chosen(condenser):
    return hasattr(condenser, "indices_")


class MixedEncoder(TransformerMixin, BaseEstimator):
    """Standardise the numbers of a frame and code its other columns; the way back is exact for the categories."""

    def fit(self, X, y=None):
        self.numbers_ = list(X.select_dtypes(["number", "bool"]).columns)
        self.others_ = [name for name in X.columns if name not in self.numbers_]
        self.columns_ = list(X.columns)
        self.scaler_ = StandardScaler().fit(X[self.numbers_])
        self.onehot_ = OneHotEncoder(sparse_output=False).fit(X[self.others_])
        return self

    def transform(self, X):
        return np.hstack([self.scaler_.transform(X[self.numbers_]), self.onehot_.transform(X[self.others_])])

    def inverse_transform(self, X):
        k = len(self.numbers_)
        numbers = pd.DataFrame(self.scaler_.inverse_transform(X[:, :k]), columns=self.numbers_)
        others = pd.DataFrame(self.onehot_.inverse_transform(X[:, k:]), columns=self.others_)
        return pd.concat([numbers, others], axis=1)[self.columns_].to_numpy()


@every_condenser
def test_frame_gives_frame(condenser):
    condenser = clone(condenser).set_params(n_per_class=3).fit(FRAME, pd.Series(Y, index=INDEX, name="ill"))
    X_syn, y_syn = condenser
    assert list(X_syn.columns) == list(FRAME.columns) and len(X_syn) == 6
    assert y_syn.name == "ill" and y_syn.dtype == np.int64
    assert_array_equal(y_syn, condenser.y_syn_)
    assert_array_equal(X_syn.index, y_syn.index)
    if condenser.recipe().streams():  # which has no encoder
        assert_array_equal(X_syn.astype(float), condenser.X_syn_)
    else:
        assert_frame_equal(condenser.X_syn_, X_syn)
    assert_array_equal(X_syn.dtypes, FRAME.dtypes)
    assert all(X_syn[name].between(FRAME[name].min(), FRAME[name].max()).all() for name in ("age", "dose", "count"))
    if chosen(condenser):
        assert_frame_equal(X_syn, FRAME.iloc[condenser.indices_])


@pytest.mark.parametrize("columns", [range(4), pd.MultiIndex.from_product([["a", "b"], ["p", "q"]])])
def test_other_column_names(columns):
    frame = FRAME.set_axis(pd.Index(columns) if isinstance(columns, range) else columns, axis=1)
    for condenser in (RandomSubset(), KMeansCondenser()):
        X_syn, _ = condenser.fit(frame, Y)
        assert X_syn.columns.equals(frame.columns)


LABELS = np.array(["no", "yes"])[Y]


@every_condenser
@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.Categorical(LABELS, categories=["yes", "no", "never"], ordered=True), name="t"),
        pd.Series(LABELS, name="t"),
        pd.Series(LABELS, dtype=object, name="t"),
        pd.Series(LABELS, dtype="string", name="t"),
        pd.Series(Y.astype(np.int8), name="t"),
        pd.Series(Y, dtype="Int64", name="t"),
        pd.Series(Y > 0, name="t"),
        pd.Series(Y.astype(np.float32), name=7),
    ],
    ids=lambda series: str(series.dtype),
)
def test_series_keeps_name_and_dtype(condenser, series):
    condenser = clone(condenser).set_params(n_per_class=2).fit(FRAME.to_numpy(), series)
    y_syn = list(condenser)[1]
    assert isinstance(y_syn, pd.Series) and y_syn.name == series.name and y_syn.dtype == series.dtype
    assert set(y_syn) <= set(series) and set(condenser.classes_) == set(series)
    if chosen(condenser):
        own = series.iloc[condenser.indices_]
        assert y_syn.index.equals(own.index)
        if condenser.y_soft_ is None:  # a teacher may know better
            assert_series_equal(y_syn, own)


@pytest.mark.parametrize("condenser", [RandomSubset(n_samples=5), Condenser(solver=Descent(n_steps=2), n_samples=5)])
def test_continuous_targets_keep_their_container(condenser):
    target = pd.Series(FRAME["age"].to_numpy() * 2, index=INDEX, name="price")
    y_syn = list(clone(condenser).fit(FRAME, target))[1]
    assert y_syn.name == "price" and y_syn.dtype == np.float64 and y_syn.shape == (5,)
    pair = pd.DataFrame({"price": target, "cost": -target})
    y_syn = list(clone(condenser).fit(FRAME, pair))[1]
    assert list(y_syn.columns) == ["price", "cost"] and y_syn.shape == (5, 2)
    assert_allclose(y_syn["cost"], -y_syn["price"], rtol=0.2)


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@every_condenser
def test_a_column_of_targets_comes_out_the_same_everywhere(condenser):
    condenser = clone(condenser).set_params(n_per_class=2)
    y_syn = list(condenser.fit(FRAME.to_numpy(), Y[:, None]))[1]
    assert y_syn.shape == condenser.y_syn_.shape == (4,)


@every_condenser
def test_lists_and_tensors(condenser):
    condenser = clone(condenser).set_params(n_per_class=2)
    rows = np.ascontiguousarray(FRAME.to_numpy(dtype=np.float64))
    expected = clone(condenser).fit(rows, Y)
    assert_allclose(clone(condenser).fit(np.asfortranarray(rows), Y).X_syn_, expected.X_syn_, rtol=1e-6, atol=1e-6)
    weight = np.linspace(1, 2, 40)
    tensors = torch.tensor(rows, requires_grad=True), torch.tensor(Y)
    for X, y in ((rows.tolist(), Y.tolist()), tensors, (rows, tuple(Y))):
        X_syn, y_syn = clone(condenser).fit(X, y)
        assert isinstance(X_syn, np.ndarray) and isinstance(y_syn, np.ndarray)
        assert_array_equal(X_syn, expected.X_syn_)
        assert_array_equal(y_syn, expected.y_syn_)
    weighted = [
        clone(condenser).fit(rows, Y, sample_weight=container(weight)).X_syn_
        for container in (np.asarray, torch.tensor, pd.Series, list)
    ]
    for X_syn in weighted[1:]:
        assert_array_equal(X_syn, weighted[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.uint8])
def test_tensor_dtypes(dtype):
    images = torch.arange(40 * 4).reshape(40, 4).to(dtype)
    X_syn = KMeansCondenser(n_per_class=2, random_state=0).fit(images, Y).X_syn_
    assert X_syn.dtype == (np.uint8 if dtype == torch.uint8 else np.float16 if dtype == torch.float16 else np.float32)
    assert X_syn.min() >= 0 and X_syn.max() < 160


CONV = ConvNet(width=4, depth=2)
ON_IMAGES = [
    RandomSubset(random_state=0),
    KMeansCondenser(random_state=0),
    KernelHerding(random_state=0),
    DistributionMatching(network=CONV, n_steps=2, random_state=0),
    GradientMatching(network=CONV, n_steps=2, n_train_steps=1, random_state=0),
    TrajectoryMatching(network=CONV, n_experts=1, n_segments=2, n_student_steps=2, n_steps=2, random_state=0),
    KernelInducingPoints(n_steps=2, random_state=0),
    Condenser(MMD(), solver=Descent(n_steps=2), random_state=0),
    Condenser(RandomFeatureMMD(bandwidth=1.0, n_features=20), solver=Descent(n_steps=2), random_state=0),
    # The default network of images.
    DistributionMatching(n_steps=2, random_state=0),
    GradientMatching(n_steps=2, n_train_steps=1, random_state=0),
    TrajectoryMatching(n_experts=1, n_segments=2, n_student_steps=2, n_steps=2, random_state=0),
]


@pytest.mark.parametrize("condenser", ON_IMAGES, ids=lambda condenser: type(condenser).__name__)
@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 8, 8), (8, 8, 3)], ids=str)
def test_images_keep_their_layout(condenser, shape):
    # One number is marked: in a transposed image it would stand elsewhere.
    images = np.random.default_rng(0).random((40, *shape))
    mark = (slice(None), *[0] * (len(shape) - 1), 2)
    images[mark] += 50
    X_syn, y_syn = clone(condenser).set_params(n_per_class=2).fit(images, Y)
    assert X_syn.shape == (4, *shape) and y_syn.tolist() == [0, 0, 1, 1]
    assert X_syn[mark].min() > 45
    X_syn[mark] = 0
    assert np.abs(X_syn).max() < 5


@pytest.mark.parametrize("condenser", ON_IMAGES[:9], ids=lambda condenser: type(condenser).__name__)
def test_byte_images(condenser):
    images = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8), dtype=np.uint8)
    fitted = clone(condenser).set_params(n_per_class=2).fit(images, Y)
    learned = isinstance(fitted, KernelInducingPoints)  # labels, which makes the points go anywhere
    assert fitted.X_syn_.dtype == (np.float64 if learned else np.uint8)
    assert learned or ((images.min(axis=0) <= fitted.X_syn_).all() and (fitted.X_syn_ <= images.max(axis=0)).all())
    assert fitted.X_syn_.std() > 20


def test_learner_takes_images():
    images = np.random.default_rng(0).random((40, 8, 8)) + Y[:, None, None]
    learner = KernelInducingPoints(n_steps=5, n_per_class=2, random_state=0).fit(images, Y).learner_
    assert learner.score(images, Y) == 1.0


@every_condenser
def test_numeric_encoders_round_trip(condenser):
    rows = FRAME[["age", "dose"]].to_numpy()
    condenser = clone(condenser).set_params(n_per_class=3)
    for encoder in (StandardScaler(), PCA(2, whiten=True)):
        fitted = clone(condenser).set_params(encoder=encoder).fit(rows, Y)
        X_syn, _ = fitted
        assert X_syn.shape == (6, 2) and X_syn.dtype == rows.dtype
        assert np.all(np.abs(X_syn - rows.mean(axis=0)) < 6 * rows.std(axis=0)), "rows come out in their own units"
        if chosen(fitted):
            assert_array_equal(X_syn, rows[fitted.indices_])


@every_condenser
@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=repr)
def test_categorical_encoders_round_trip(condenser, encoder):
    words = MIXED[["city", "word"]]
    condenser = clone(condenser).set_params(n_per_class=2, encoder=encoder)
    X_syn, _ = condenser.fit(words, Y)
    assert_array_equal(X_syn.dtypes, words.dtypes)
    assert set(X_syn["city"]) <= set(words["city"]) and set(X_syn["word"]) <= {"u", "v"}
    assert not X_syn.isna().any(axis=None)
    if chosen(condenser):
        assert_frame_equal(X_syn, words.iloc[condenser.indices_])
    X_syn, _ = condenser.fit(words.to_numpy(), Y)
    assert isinstance(X_syn, np.ndarray) and set(X_syn[:, 1]) <= {"u", "v"}


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=repr)
def test_points_that_stay_keep_their_categories(encoder):
    words = pd.DataFrame({"word": np.repeat(list("pqrstuv"), [2, 3, 4, 5, 6, 7, 8])})
    labels = np.where(words["word"] > "s", "late", "early")
    still = Descent(n_steps=1, step_size=1e-9)
    X_syn, y_syn = Condenser(solver=still, encoder=encoder, n_per_class=4, random_state=0).fit(words, labels)
    assert set(zip(X_syn["word"], y_syn)) <= set(zip(words["word"], labels))
    assert set(X_syn["word"]) == set("pqrstuv"), "points start at distinct rows"


@every_condenser
def test_mixed_frame_round_trips(condenser):
    condenser = clone(condenser).set_params(n_per_class=3, encoder=MixedEncoder())
    condenser.fit(MIXED, pd.Series(Y, index=INDEX, name="ill"))
    X_syn, y_syn = condenser
    assert list(X_syn.columns) == list(MIXED.columns) and y_syn.name == "ill"
    assert X_syn["city"].dtype == MIXED["city"].dtype and set(X_syn["word"]) <= {"u", "v"}
    assert X_syn["age"].dtype == np.float64 and X_syn["dose"].dtype == np.float32
    assert X_syn["age"].between(10, 70).all()
    assert_frame_equal(condenser.X_syn_, X_syn)
    assert condenser.feature_names_in_.tolist() == list(MIXED.columns) and condenser.n_features_in_ == 6
    assert isinstance(condenser.encoder_, MixedEncoder) and vars(condenser.encoder) == {}
    if chosen(condenser):
        assert_frame_equal(X_syn, MIXED.iloc[condenser.indices_])
    else:
        # What comes out can go in again, as a user trains on it.
        assert condenser.encoder_.transform(X_syn).shape == (6, 9)


ENCODERS = [StandardScaler(), OneHotEncoder(), OneHotEncoder(sparse_output=False), OrdinalEncoder(), MixedEncoder()]


@pytest.mark.parametrize("encoder", [*ENCODERS, OrdinalEncoder().set_output(transform="pandas")], ids=repr)
def test_learner_takes_raw_rows(encoder):
    frame = {"StandardScaler": FRAME, "MixedEncoder": MIXED}.get(type(encoder).__name__, MIXED[["city", "word"]])
    target = (MIXED["city"] == "Oslo").to_numpy() if frame is not FRAME else (FRAME["age"] > 40).to_numpy()
    condenser = KernelInducingPoints(encoder=encoder, n_steps=20, n_per_class=3, random_state=0).fit(frame, target)
    assert condenser.learner_.score(frame, target) > 0.8
    assert_array_equal(condenser.learner_.predict(frame.iloc[:9]), condenser.learner_.predict(frame)[:9])
    loaded = pickle.loads(pickle.dumps(condenser)).learner_
    assert_array_equal(loaded.predict(frame), condenser.learner_.predict(frame))


def test_learner_takes_raw_rows_whatever_the_output_setting():
    with sklearn.config_context(transform_output="pandas"):
        condenser = KernelInducingPoints(encoder=StandardScaler(), n_steps=2, random_state=0).fit(FRAME, Y)
        assert condenser.learner_.predict(FRAME).shape == (40,)


@every_condenser
def test_nothing_passed_is_modified(condenser):
    condenser = clone(condenser).set_params(n_per_class={0: 2, 1: 3}, encoder=MixedEncoder())
    series, weight = pd.Series(Y, index=INDEX, name="ill"), pd.Series(np.linspace(1, 2, 40), index=INDEX)
    passed = [MIXED, series, weight]
    copies, parameters = [part.copy(deep=True) for part in passed], pickle.dumps(condenser.get_params(deep=False))
    X_syn, y_syn = condenser.fit(MIXED, series, sample_weight=weight)
    assert_frame_equal(MIXED, copies[0])
    assert_series_equal(series, copies[1])
    assert_series_equal(weight, copies[2])
    assert pickle.dumps(condenser.get_params(deep=False)) == parameters
    # Nor does what comes out share memory with what went in.
    X_syn["age"] = 0.0
    y_syn[:] = 0
    assert_frame_equal(MIXED, copies[0])
    assert_series_equal(series, copies[1])


def test_parts_passed_are_not_modified():
    space = Standardized()
    discrepancy = MMD(space=space) + 0.5 * MMD(bandwidth=[1.0, 2.0], space=space)
    parts = discrepancy, Points(start="spread"), Descent(n_steps=2)
    before = pickle.dumps(parts)
    condenser = Condenser(*parts, n_per_class=2, random_state=0).fit(FRAME, Y)
    assert pickle.dumps(parts) == before and condenser.discrepancy is discrepancy
    first, second = condenser.discrepancy_.leaves()
    assert first.space_ is second.space_ and first.space_ is not space
    network = NetworkGradients(AlternatingNetworks(SMALL))
    Condenser(Cosine(space=network), solver=Descent(n_steps=2), n_per_class=2).fit(FRAME, Y)
    assert vars(network).keys() == network.get_params(deep=False).keys()
