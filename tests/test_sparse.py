"""Sparse rows give what dense rows give."""

import re

import numpy as np
import pytest
import torch
from scipy.sparse import csc_array, csr_array, csr_matrix, random_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, normalize

import skdc
from skdc import (
    CondensedEstimator,
    Condenser,
    DeterminantalSelection,
    FacilityLocation,
    GraphCutSelection,
    GreedyKernelPoints,
    KCenter,
    KernelHerding,
    KMeansCondenser,
    KMedoids,
    MaxMinDiversification,
    RandomSubset,
    TabularCondenser,
    make_condensing_pipeline,
)
from skdc.discrepancies import MMD, EnergyDistance, NystromError
from skdc.hashes import row_hashes
from skdc.kernels import (
    ArcCosine,
    Energy,
    Gaussian,
    InverseMultiquadric,
    Laplace,
    Linear,
    NeuralTangent,
    Polynomial,
    RandomNetworkKernel,
)
from skdc.parameterizations import Subset
from skdc.solvers import Greedy
from skdc.sources import SparseSource, products_above, sparse_rows
from skdc.spaces import Standardized

from .sources import row_source

CONDENSERS = [
    RandomSubset(n_per_class=4, random_state=0),
    KernelHerding(n_per_class=4),
    KernelHerding(n_samples=10, by=None, reweight=MMD()),
    KCenter(n_per_class=4),
    KCenter(outliers=0.1, n_per_class=4),
    FacilityLocation(n_per_class=4),
    MaxMinDiversification(n_per_class=4),
    GraphCutSelection(n_per_class=4),
    DeterminantalSelection(n_per_class=4),
    KMedoids(n_samples=10, by=None),
    Condenser(EnergyDistance() + MMD(), parameterization=Subset(), solver=Greedy(), n_per_class=3),
]


@pytest.fixture
def matrix(rng):
    matrix = random_array((120, 30), density=0.15, rng=rng, format="csr")
    matrix.data[::7] *= -1
    return matrix


@pytest.mark.parametrize("condenser", CONDENSERS, ids=lambda condenser: repr(condenser).replace("\n", ""))
def test_the_same_rows_are_chosen(condenser, matrix):
    y = np.arange(120) % 3
    weight = np.linspace(0.5, 2, 120)
    dense = clone(condenser).fit(matrix.toarray(), y, sample_weight=weight)
    sparse = clone(condenser).fit(matrix, y, sample_weight=weight)
    np.testing.assert_array_equal(sparse.indices_, dense.indices_)
    np.testing.assert_allclose(sparse.sample_weight_, dense.sample_weight_, rtol=1e-4)
    X_syn, y_syn = sparse
    np.testing.assert_array_equal(X_syn.toarray(), dense.X_syn_)
    np.testing.assert_array_equal(y_syn, dense.y_syn_)
    assert type(X_syn) is type(sparse.X_syn_) is csr_array


@pytest.mark.parametrize("kind", [csr_matrix, csc_array])
def test_other_formats(kind, matrix):
    chosen = KernelHerding(n_samples=5).fit(kind(matrix))
    np.testing.assert_array_equal(chosen.indices_, KernelHerding(n_samples=5).fit(matrix).indices_)
    assert chosen.X_syn_.shape == (5, 30)
    assert chosen.transform(kind(matrix)).shape == (120, 30)


def test_input_stays_as_it_is(matrix):
    before = matrix.copy()
    KMedoids(n_samples=5).fit(matrix)
    assert (matrix != before).nnz == 0


def test_rows_are_zero_or_have_weight_zero(matrix):
    matrix = matrix.tolil()
    matrix[5] = 0
    weight = np.r_[np.zeros(4), np.ones(116)]
    chosen = KCenter(n_samples=116).fit(csr_array(matrix), sample_weight=weight).indices_
    assert set(chosen) == set(range(4, 120))


def test_a_refusal_of_sparse_rows_names_who_takes_them():
    matrix, y = csr_array(np.eye(30)), np.arange(30) % 2
    encoded = RandomSubset(encoder=OneHotEncoder())
    for condenser in (Condenser(), KMeansCondenser(), GreedyKernelPoints(), TabularCondenser(), encoded):
        with pytest.raises(TypeError, match=r"Sparse data was passed.*KernelHerding\(\)") as caught:
            condenser.set_params(n_per_class=2).fit(matrix, y)
    named = re.findall(r"(\w+)\(\)[, ]", str(caught.value).split("encoder: ")[1] + " ")
    assert len(named) == 5
    for name in named:
        assert len(getattr(skdc, name)(2).fit(matrix, y).indices_) == 4


def test_tags_say_who_takes_sparse_rows():
    assert KernelHerding().__sklearn_tags__().input_tags.sparse
    assert not KernelHerding(space=Standardized()).__sklearn_tags__().input_tags.sparse
    assert not Condenser().__sklearn_tags__().input_tags.sparse


def test_scale_of_the_data_is_that_of_dense_rows(matrix):
    weight = np.linspace(0.5, 2, 120)
    dense = row_source(matrix.toarray(), weight=weight)
    sparse = SparseSource(matrix, None, weight, dense.key, dense.schema)
    assert sparse.units.scale == pytest.approx(dense.units.scale)
    assert sparse.units.shift == 0


def test_hashes_are_those_of_dense_rows(matrix):
    matrix = matrix.tolil()
    matrix[3] = matrix[4] = 0
    np.testing.assert_array_equal(row_hashes(csr_array(matrix), 7), row_hashes(matrix.toarray(), 7))


@pytest.mark.parametrize(
    "kernel",
    [
        Gaussian([0.5, 2.0]),
        Laplace(),
        InverseMultiquadric(),
        Energy(),
        Energy(0.5),
        Linear(),
        Polynomial(),
        ArcCosine(),
        NeuralTangent(),
    ],
    ids=repr,
)
def test_kernels(kernel, matrix):
    dense = torch.tensor(matrix.toarray())
    kernel = clone(kernel).fit(dense, torch.full((120,), 1 / 120, dtype=torch.float64))
    rows = sparse_rows(matrix, torch.float64)
    torch.testing.assert_close(kernel(rows[:50], rows[50:]), kernel(dense[:50], dense[50:]))
    torch.testing.assert_close(kernel.diagonal(rows), kernel.diagonal(dense))
    some = torch.tensor([5, 1])
    torch.testing.assert_close(kernel.among(rows)(slice(9), some), kernel.among(dense)(slice(9), some))


def test_text_in_a_pipeline():
    texts = [f"{word} {other} {word}" for word in ("apple pear", "nut bolt") for other in "abcdefgh"]
    y = np.repeat(["fruit", "iron"], 8)
    encoder = TfidfVectorizer(token_pattern=r"\w+")
    condenser = KernelHerding(n_per_class=2)
    whole = make_condensing_pipeline(encoder, condenser, LogisticRegression()).fit(texts, y)
    assert whole.score(texts, y) == 1
    last = make_pipeline(encoder, CondensedEstimator(condenser, LogisticRegression())).fit(texts, y)
    assert last.score(texts, y) == 1


@pytest.mark.parametrize("kernel", [RandomNetworkKernel(), Gaussian() + RandomNetworkKernel()], ids=["one", "sum"])
@pytest.mark.parametrize("loss", [MMD, NystromError])
def test_networks_see_no_sparse_rows(kernel, loss):
    sparse = csr_array(np.eye(12))
    condenser = Condenser(loss(kernel=kernel), Subset(), Greedy(), n_per_class=2, random_state=0)
    assert not condenser.__sklearn_tags__().input_tags.sparse
    with pytest.raises(TypeError, match="Sparse data was passed for X, but dense data is required"):
        condenser.fit(sparse, np.arange(12) % 2)


@pytest.mark.parametrize("bound", [0.0, 0.3, 0.8, 0.95])
def test_products_above_a_bound_are_those_of_all_columns(bound, rng):
    words = rng.zipf(1.3, size=(1001, 30)) % 500
    rows = np.zeros((1001, 500))
    np.add.at(rows, (np.arange(1001)[:, None], words), rng.normal(size=words.shape) + 1)
    rows[500:] = rows[:501] + 0.2 * rows[rng.permutation(1001)[:501]]
    rows[::100] = 0
    rows = normalize(rows)
    frequent = np.bincount(words.ravel()).argmax()
    share = bound + np.arange(1, 9) / 1000  # of the most frequent column, beside one of its own
    rows[1:17] = 0
    rows[1:9, frequent], rows[np.arange(1, 9), np.arange(20, 28)] = share, np.sqrt(1 - share**2)
    rows[9:17, frequent] = 1
    x, y = (sparse_rows(part, torch.float64) for part in (rows[:400], rows))
    found, exact = products_above(x, bound)(y).numpy(), rows[:400] @ rows.T
    above = exact > bound
    assert above.any(axis=1).sum() > 380
    np.testing.assert_allclose(found[above], exact[above], atol=1e-12)
    assert (found[~above] <= bound + 1e-12).all()
