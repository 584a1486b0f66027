"""Rows that are chosen, and kept by a storage."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, LogisticRegression

from skdc import AutoCondenser, Condenser, KMedoids, RandomSubset, TabularCondenser
from skdc.discrepancies import MMD
from skdc.exceptions import PartsError
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Edits, Fixed, Free, LowRank, LowResolution
from skdc.privacy import GaussianMechanism
from skdc.solvers import Descent, Draw, Greedy, Snap
from skdc.utils.estimator_checks import check_parameterization

from ..sources import row_source, seeded


@pytest.fixture
def images(rng):
    """Return 8-bit images of 6 by 6, and uneven labels."""
    waves = np.sin(np.linspace(0, 3, 36) * rng.uniform(0.5, 2, (60, 1))) + 0.1 * rng.normal(size=(60, 36))
    return (100 + 40 * waves).astype(np.uint8).reshape(60, 6, 6), np.repeat([0, 1, 2], [10, 20, 30])


def draw(storage, **given):
    return Condenser(None, Subset(storage), Draw(), **{"n_per_class": 4, "random_state": 0, **given})


@pytest.mark.parametrize("storage", [Free(), Fixed()], ids=repr)
def test_a_storage_that_changes_nothing_is_none(storage, images):
    X, y = images
    fitted, plain = draw(storage).fit(X, y), draw(None).fit(X, y)
    np.testing.assert_array_equal(fitted.X_syn_, plain.X_syn_)
    np.testing.assert_array_equal(fitted.X_syn_, X[fitted.indices_])
    assert fitted.storage_ == plain.storage_
    chosen = draw(storage, n_per_class=None, n_samples=5).fit(csr_array(X.reshape(60, 36)))
    assert chosen.X_syn_.shape == (5, 36)


@pytest.mark.parametrize("solver", [Draw(), Greedy(), Snap(Descent(n_steps=2)), Draw(reweight=MMD())], ids=repr)
def test_the_same_rows_are_chosen_and_come_out_as_they_are_kept(solver, images):
    X, y = images
    loss = None if isinstance(solver, Draw) else MMD()
    plain, kept = (
        Condenser(loss, Subset(storage), solver, n_per_class=4, random_state=0).fit(X, y)
        for storage in (None, LowRank(3))
    )
    np.testing.assert_array_equal(kept.indices_, plain.indices_)
    np.testing.assert_array_equal(kept.y_syn_, plain.y_syn_)
    chosen = X[kept.indices_].reshape(12, 36).astype(float)
    shift = X.mean()  # of all pixels: a mean image would take as many bytes as an image
    left, values, right = np.linalg.svd(chosen - shift, full_matrices=False)
    expected = np.clip(shift + (left[:, :3] * values[:3]) @ right[:3], X.min(axis=0).ravel(), X.max(axis=0).ravel())
    assert kept.X_syn_.dtype == np.uint8
    assert np.abs(kept.X_syn_.reshape(12, 36) - expected).max() <= 0.51  # whole
    assert (kept.X_syn_ != X[kept.indices_]).any()
    n_weights = len(np.unique(kept.sample_weight_))
    weights = 8 * (0 if n_weights == 1 else 3 if n_weights == 3 else 12)
    labels = 12 * 2 // 8
    assert kept.storage_["bytes"] - weights == (12 * 3 + 3 * 36) * 8 + 2 * 36 + labels
    assert kept.storage_["shared_bytes"] == 3 * 36 * 8 + 2 * 36
    assert kept.storage_["bytes_decoded"] - weights == 12 * 36 + labels


def test_small_images_are_enlarged(images):
    X, y = images
    kept = draw(LowResolution(2)).fit(X.astype(np.float32), y)
    small = X[kept.indices_].reshape(12, 3, 2, 3, 2).mean(axis=(2, 4))
    large = torch.nn.functional.interpolate(torch.as_tensor(small)[:, None], (6, 6), mode="bilinear")[:, 0].numpy()
    np.testing.assert_allclose(kept.X_syn_, np.clip(large, X.min(axis=0), X.max(axis=0)), rtol=1e-4)
    assert kept.storage_["bytes_decoded"] - kept.storage_["bytes"] == (12 * (36 - 9) - 2 * 36) * 4


def test_weights_are_those_of_what_comes_out(images):
    X, y = images
    plain, kept = (
        Condenser(None, Subset(storage), Draw(reweight=MMD()), n_per_class=4, random_state=0).fit(X, y)
        for storage in (None, LowRank(1))
    )
    assert np.abs(plain.sample_weight_ - kept.sample_weight_).max() > 0.05


def test_rows_of_weight_zero_are_no_rows_but_count_in_indices(images):
    X, y = images
    weight = (np.arange(60) % 5 > 0).astype(float)
    kept = draw(LowRank(3)).fit(X, y, sample_weight=weight)
    assert (kept.indices_ % 5 > 0).all()
    np.testing.assert_array_equal(kept.y_syn_, y[kept.indices_])
    assert np.abs(kept.X_syn_.astype(float) - X[kept.indices_]).mean() < 10


def test_a_frame_comes_out_as_one_with_its_index(rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"age": rng.integers(20, 70, 50), "wage": rng.normal(5, 1, 50), "job": rng.choice(["a", "b"], 50)},
        index=np.arange(100, 150),
    )
    price = pd.Series(rng.integers(0, 1000, 50).astype(float), index=frame.index, name="price")
    kept = draw(LowRank(2), n_per_class=None, n_samples=6, task="regression").fit(frame, price)
    rows, targets = kept
    assert rows.index.equals(frame.index[kept.indices_]) and targets.index.equals(rows.index)
    assert rows.dtypes.equals(frame.dtypes) and targets.name == "price"
    np.testing.assert_array_equal(targets, price.iloc[kept.indices_])
    assert rows["age"].between(frame["age"].min(), frame["age"].max()).all()
    assert not rows["wage"].equals(frame["wage"].iloc[kept.indices_])
    plain = draw(LowRank(2), n_per_class=None, n_samples=6, encoder=None).fit(frame[["age", "wage"]])
    assert plain.condensed_.X.dtypes.equals(frame[["age", "wage"]].dtypes)


def test_a_teacher_labels_the_rows_that_were_chosen(iris):
    X, y = iris
    parts = [
        Subset(storage, labels="teacher", teacher=LogisticRegression(max_iter=500)) for storage in (None, LowRank(2))
    ]
    plain, kept = (Condenser(None, part, Draw(), n_per_class=4, random_state=0).fit(X, y) for part in parts)
    np.testing.assert_array_equal(plain.y_soft_, kept.y_soft_)
    values = Condenser(
        None, Subset(LowRank(2), labels="teacher", teacher=LinearRegression()), Draw(), n_samples=5, random_state=0
    ).fit(X[:, :3], X[:, 3])
    assert not np.array_equal(values.y_syn_, X[values.indices_, 3])


def test_rows_are_encoded_once(images, monkeypatch):
    from skdc.parameterizations.storage.low_rank import CombinedRows

    X, y = images
    seen, encode = [], CombinedRows.encode
    monkeypatch.setattr(CombinedRows, "encode", lambda self, X: seen.append(len(X)) or encode(self, X))
    Condenser(None, Subset(LowRank(3)), Draw(reweight=MMD()), n_per_class=4, random_state=0).fit(X, y)
    assert seen == [12]


def test_a_part_of_the_set_is_that_of_the_whole():
    check_parameterization(Subset(LowRank(2)))


def test_what_is_kept_within_ends_says_so(rng):
    source = row_source(rng.normal(size=(40, 5)))
    live = Subset(LowRank(1)).build(source, np.array([30]), seeded())
    live.choose(np.arange(30), None)
    low, high = source.X.min(0), source.X.max(0)
    rows = source.decode(live().X)
    assert ((low - 1e-9 <= rows) & (rows <= high + 1e-9)).all()
    assert not live().X.requires_grad and not list(filter(lambda p: p.requires_grad, live.parameters()))


# What cannot be


@pytest.mark.parametrize("storage", [Edits(), LowRank(2, inner=Edits())], ids=repr)
def test_what_has_to_move_is_refused(storage, iris):
    with pytest.raises(PartsError, match=r"rows that are chosen do not move.*Edits\(\) would have no effect"):
        draw(storage).fit(*iris)


def test_what_a_storage_refuses_is_told_before_rows_are_chosen(iris):
    with pytest.raises(ValueError, match=r"LowRank\(rank=9\): 12 points of 4 features have a rank of 1 to 4"):
        Condenser(MMD(), Subset(LowRank(9)), Greedy(), n_per_class=4).fit(*iris)
    with pytest.raises(ValueError, match="needs images"):
        draw(LowResolution()).fit(*iris)


def test_sparse_rows_are_refused(iris):
    with pytest.raises(TypeError, match="dense data is required"):
        draw(LowRank(2)).fit(csr_array(iris[0]), iris[1])


def test_a_warm_start_is_refused(iris):
    fitted = draw(LowRank(2), warm_start=True).fit(*iris)
    with pytest.raises(ValueError, match="no effect on a choice of rows"):
        fitted.fit(*iris)


def test_private_rows_are_not_chosen(iris):
    mechanism = GaussianMechanism(epsilon=1.0, feature_range=(0, 8))
    with pytest.raises(PartsError, match="chooses rows of the data, and gives them away"):
        draw(LowRank(2), privacy=mechanism).fit(*iris)


def test_a_storage_of_what_chooses_rows_inside_would_be_lost(iris):
    inner = Condenser(None, Subset(LowRank(2)), Draw())
    for outer in (Condenser(MMD(), Points(start=inner)), TabularCondenser(rows=inner)):
        with pytest.raises(PartsError, match="in a storage, which would have no effect"):
            outer.fit(*iris)
    # Candidates are fitted as they are.
    auto = AutoCondenser(candidates={"kept": inner}, n_per_class=3, random_state=0, time_budget=20).fit(*iris)
    assert {"kept", "random rows"} == set(auto.leaderboard_["candidate"])
    assert (
        RandomSubset(3).recipe().parameterization.leaves_rows() and KMedoids().recipe().parameterization.leaves_rows()
    )
