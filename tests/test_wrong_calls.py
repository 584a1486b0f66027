"""What a person may type who has not read the guide: each wrong call says what is wrong, and what to do."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc import (
    AutoCondenser,
    CondensedEstimator,
    Condenser,
    DistributionMatching,
    GradientMatching,
    KernelHerding,
    KernelInducingPoints,
    KMeansCondenser,
    KMedoids,
    at_most,
)
from skdc.discrepancies import MMD
from skdc.evaluation import transfer_table
from skdc.networks import ConvNet
from skdc.parameterizations import Points, Subset
from skdc.preprocessing import TabularEncoder
from skdc.privacy import ClassGaussians, GaussianMechanism
from skdc.solvers import Descent, Greedy, Lloyd

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = np.arange(60) % 3
WORDS = np.array([*"abc"])[y]
FRAME = pd.DataFrame(X, columns=[*"abcd"])
MIXED = FRAME.assign(kind=WORDS, when=pd.date_range("2020", periods=60))
FITTED = KMedoids(1).fit(X, y)
RANGE = GaussianMechanism(epsilon=1.0, feature_range=(0, 1))
SIZES = {
    "whole number of at least 1": [KMedoids(0), KMedoids(-3), KMedoids(2.5), KMedoids("ten"), KMedoids(at_most(0))],
    "names no size for class 2; give one for each of": [KMedoids({0: 2, 1: 2})],
    "names 7, which is not among the classes": [KMedoids({0: 2, 1: 2, 2: 2, 7: 1})],
    "n_per_class=2 and n_samples=5 are both given; give one": [KMedoids(2, n_samples=5)],
    r"cannot take 50 rows of class 0 out of 20.*at_most\(50\) takes all": [KMedoids(50)],
    "cannot take 34 rows of class 0 out of 20.* lower": [KMedoids(n_samples=100)],
    "whole number, or a fraction between 0 and 1": [KMedoids(n_samples=1.5)],
    "cannot give each of 3 classes a row; use n_samples=3": [KMedoids(n_samples=2)],
    "words such as '784 B', '64 kB'": [KMedoids(n_bytes="many")],
    "too small for a point of each of 3 classes.* n_bytes=121": [KMedoids(n_bytes=5)],
    "n_jobs=0 must be a whole number of threads, -1 for all": [KMedoids(1, n_jobs=0)],
    "'seed' cannot be used to seed": [KMedoids(1, random_state="seed")],
    "a device that torch has on this machine: 'cpu'": [KMedoids(1, device="gpu"), KMedoids(1, device="cuda:9")],
    "must be 'auto', 'classification' or 'regression'": [KMedoids(1, task="classify")],
    "'/no/such/folder', which is no folder; give the path": [KMedoids(1, checkpoint="/no/such/folder/file")],
    "must be 'median', or positive numbers": [KernelHerding(1, bandwidth=-1)],
    r"n_steps=0.*at least 1": [DistributionMatching(1, n_steps=0)],
}
PARTS = {
    r"discrepancy must be an object such as MMD\(\), got 10": [Condenser(10)],
    r"did you mean MMD\(\): from skdc.discrepancies import MMD": [Condenser("mmd")],
    r"discrepancy must be an object such as MMD\(\), got": [Condenser(MMD), Condenser(LogisticRegression())],
    r"privacy must be an object such as GaussianMechanism\(\), got 1.0": [Condenser(privacy=1.0)],
    r"use Descent\(\) or Lloyd\(\) with Points\(\), Greedy\(\)": [Condenser(MMD(), Points(), Greedy())],
    r"Lloyd minimises the quantization error, not MMD\(\); use": [Condenser(MMD(), solver=Lloyd())],
    "gives them away; private sets need Points": [Condenser(MMD(), Subset(), privacy=RANGE)],
    r"give feature_range=\(low, high\), such as": [Condenser(privacy=ClassGaussians(epsilon=1.0))],
    "epsilon must be a positive number": [Condenser(privacy=ClassGaussians(epsilon=-1, feature_range=(0, 1)))],
    r"pass a callable network\(input_shape, n_outputs\)": [DistributionMatching(1, network=torch.nn.Linear(4, 3))],
    "needs images, but rows of shape .* a table has no pixels": [DistributionMatching(1, network=ConvNet())],
    "encoder='onehot' must be 'auto', None or a transformer": [KMedoids(1, encoder="onehot")],
    r"TabularEncoder is a class; pass an object, TabularEncoder\(\)": [KMedoids(1, encoder=TabularEncoder)],
}
DATA = {
    "y contains NaN in 20 of 60 rows, such as row .*; drop the rows without a target": [
        (X, np.where(y == 0, np.nan, y))
    ],
    "contains None; drop the rows without a target": [(X, np.array([None, *WORDS[1:]], object))],
    r"inconsistent numbers of samples: \[60, 59\]": [(X, y[:-1])],
    "give one label a row, or task='regression'": [(X, np.stack([WORDS, WORDS], axis=1))],
    r"contains NaN.*Frames may have missing values.*pass pandas.DataFrame\(X\)": [(np.where(X > 1, np.nan, X), y)],
    "X contains infinity in .* rows, such as row .*, in columns 0, 1.*give finite numbers": [
        (np.where(X > 1, np.inf, X), y)
    ],
    "Expected 2D array, got 1D array.*Reshape your data": [(X[:, 0], y), (y, X)],
    r"an array that holds strings; pass a frame": [(np.stack([WORDS, WORDS], axis=1), y)],
    "0 sample": [(X[:0], y[:0])],
    "0 feature": [(X[:, :0], y)],
    "inhomogeneous shape": [([[1, 2], [3]], [0, 1])],
    "X='train.csv' is a word, and holds no rows; read a file first": [("train.csv", "target")],
    "X is None; pass the rows": [(None, y)],
    r"of the column of a frame pass X\['kind'\]": [(MIXED, "kind")],
    "counts rows of a class, but y is None; pass the labels": [(FRAME.assign(target=y),)],
    "the column name 'a' occurs twice": [(pd.DataFrame(X, columns=[*"aabc"]), y)],
    "task='regression' if they are quantities": [(rng.normal(size=(300, 2)), np.arange(300))],
}
CALLS = {
    "encode it first": lambda: KMedoids(1, encoder=None).fit(MIXED, y),
    "needs numeric y; use task='classification'": lambda: KMedoids(n_samples=3, task="regression").fit(X, WORDS),
    "Negative values in data passed to `sample_weight`": lambda: KMedoids(1).fit(X, y, sample_weight=-np.ones(60)),
    "sample_weight.shape == (3,), expected (60,)": lambda: KMedoids(1).fit(X, y, sample_weight=np.ones(3)),
    "ample weights": lambda: KMedoids(1).fit(X, y, sample_weight=np.zeros(60)),
    "no discrepancy has by='group'": lambda: KMedoids(1).fit(X, y, sensitive_features=y),
    "unexpected keyword argument 'n_per_clas'": lambda: KMedoids(n_per_clas=1),
    "takes from 1 to 2 positional arguments": lambda: KMedoids(1, 2),
    "KMedoids instance is not fitted yet": lambda: [*KMedoids(1)],
    "instance is not fitted yet. Call 'fit'": lambda: KMedoids(1).transform(X),
    "X has 2 features, but KMedoids is expecting 4": lambda: FITTED.transform(X[:, :2]),
    "use skdc.CondensingPipeline (make_condensing_pipeline)": lambda: make_pipeline(
        StandardScaler(), KMedoids(1), LogisticRegression()
    ).fit(X, y),
    "NetworkGradients trains on targets, but y is None; pass y": lambda: GradientMatching(n_samples=3).fit(X),
    "trains on targets, but y is None": lambda: KernelInducingPoints(n_samples=3).fit(X),
    "RandomFeatureMMD(bandwidth=1.0)": lambda: Condenser(MMD()).partial_fit(X, y),
    "that takes sparse ones as they are": lambda: KMeansCondenser(1).fit(csr_array(X), y),
    "condenser must be an object such as KMedoids()": lambda: CondensedEstimator(LogisticRegression(), KMedoids(1)).fit(
        X, y
    ),
    "estimator must be an object such as SVC()": lambda: CondensedEstimator(KMedoids(1), None).fit(X, y),
    "CondensedEstimator instance is not fitted": lambda: CondensedEstimator(KMedoids(1), LogisticRegression()).predict(
        X
    ),
    "AutoCondenser requires y": lambda: AutoCondenser().fit(X),
    "positive number of seconds, or None": lambda: AutoCondenser(time_budget=0).fit(X, y),
    "'auto', a list or a dict of condensers": lambda: AutoCondenser(candidates="all").fit(X, y),
    "not like those that learners are trained on, (4,)": lambda: transfer_table(FITTED, X[:, :2], y),
    "Invalid parameter 'n_per_clas'": lambda: GridSearchCV(
        CondensedEstimator(KMedoids(1), LogisticRegression()), {"condenser__n_per_clas": [1]}
    ).fit(X, y),
    "warm_start=True cannot start points (6, 4)": lambda: _twice(1, 2),
}


def _twice(*sizes):
    condenser = Condenser(MMD(), solver=Descent(n_steps=1), warm_start=True)
    for size in sizes:
        condenser.set_params(n_per_class=size).fit(X, y)


def _each(told):
    return [
        pytest.param(call, message, id=f"{message[:40]}-{i}")
        for message, many in told.items()
        for i, call in enumerate(many)
    ]


@pytest.mark.parametrize("condenser, message", _each(SIZES) + _each(PARTS))
def test_wrong_parameters(condenser, message):
    with pytest.raises((ValueError, TypeError), match=message):
        condenser.fit(X, y)
    assert not hasattr(condenser, "condensed_")


@pytest.mark.parametrize("data, message", _each(DATA))
def test_wrong_data(data, message):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        KMedoids(1).fit(*data)


@pytest.mark.parametrize("message", CALLS)
def test_wrong_calls(message):
    with pytest.raises((ValueError, TypeError, AttributeError), match=re.escape(message)):
        CALLS[message]()
