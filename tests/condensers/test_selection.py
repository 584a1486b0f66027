"""What all condensers that choose rows have in common."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdc import Condenser, FacilityLocation, KCenter, KernelHerding, KMedoids, RandomSubset, SteinThinning
from skdc.discrepancies import (
    MMD,
    CoveringRadius,
    EnergyDistance,
    GaussianScore,
    KernelStein,
    QuantizationError,
    Sinkhorn,
)
from skdc.parameterizations import Subset
from skdc.solvers import Greedy
from skdc.spaces import RandomNetwork, Standardized

from ..sources import squares

SELECTIONS = [RandomSubset(), KernelHerding(), SteinThinning(), KCenter(), FacilityLocation(), KMedoids()]
named = {"ids": lambda condenser: type(condenser).__name__}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.mark.parametrize("condenser", SELECTIONS, **named)
def test_chosen_rows_are_rows(condenser, digits):
    X, y = digits
    X_syn, y_syn = condenser = clone(condenser).set_params(n_per_class=5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(X_syn, X[condenser.indices_])
    np.testing.assert_array_equal(y_syn, y[condenser.indices_])
    assert len(set(condenser.indices_)) == 50


@pytest.mark.parametrize("condenser", SELECTIONS, **named)
def test_no_weight_could_be_better_placed(condenser, digits):
    X, y = digits
    weight = np.linspace(1, 2, len(X))
    plain = clone(condenser).set_params(n_per_class=5, random_state=0).fit(X, y, sample_weight=weight)
    best = clone(plain).set_params(reweight=MMD(bandwidth=30.0)).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(best.indices_, plain.indices_)
    for c in range(10):
        rows, real = best.X_syn_[best.y_syn_ == c], X[y == c]
        found, before = (fitted.sample_weight_[fitted.y_syn_ == c] for fitted in (best, plain))
        assert found.sum() == pytest.approx(before.sum(), rel=1e-4)
        found, mass = found / found.sum(), weight[y == c] / weight[y == c].sum()
        gram, potential = (np.exp(-squares(rows, other) / 1800) for other in (rows, real))
        # At the least value of a convex function on the simplex no vertex is downhill.
        slope = gram @ found - potential @ mass
        assert found @ slope - slope.min() < 1e-5


def test_weights_of_all_classes_together(digits):
    X, y = digits
    together = KMedoids(n_per_class=2, reweight=MMD(by=None)).fit(X, y)
    by_class = KMedoids(n_per_class=2, reweight=MMD()).fit(X, y)
    distances = [MMD()(X, c.X_syn_, sample_weight_y=c.sample_weight_) for c in (together, by_class)]
    assert distances[0] < distances[1]


@pytest.mark.parametrize("reweight", [Sinkhorn(), QuantizationError(), MMD() + CoveringRadius()], ids=repr)
def test_weights_need_a_mean_embedding(reweight, digits):
    with pytest.raises(ValueError, match=r"is no squared distance of mean embeddings.*use MMD\(\)"):
        RandomSubset(n_per_class=2, reweight=reweight).fit(*digits)


@pytest.mark.parametrize(
    "reweight",
    [MMD(by="group", reduce="worst"), MMD() + EnergyDistance(by=None)],
    ids=["worst group", "two by"],
)
def test_weights_are_solved_for_a_mean(reweight, digits):
    X, y = digits
    with pytest.raises(ValueError, match="use reduce='mean', and the same by= in all terms"):
        KernelHerding(n_per_class=2, by="group", reweight=reweight).fit(X, y, sensitive_features=X[:, 20] > 8)


@pytest.mark.parametrize("reweight", ["mmd", MMD], ids=["word", "class"])
def test_weights_need_an_object(reweight, digits):
    with pytest.raises(TypeError, match=r"reweight.*object.*MMD\(\)"):
        RandomSubset(n_per_class=2, reweight=reweight).fit(*digits)


def test_weights_may_look_at_groups(digits):
    X, y = digits
    groups = X[:, 20] > 8
    even = RandomSubset(n_per_class=6, reweight=MMD(by="group"), random_state=0).fit(X, y, sensitive_features=groups)
    plain = RandomSubset(n_per_class=6, reweight=MMD(), random_state=0).fit(X, y)
    np.testing.assert_array_equal(even.indices_, plain.indices_)
    assert not np.allclose(even.sample_weight_, plain.sample_weight_)
    with pytest.raises(ValueError, match="pass sensitive_features="):
        RandomSubset(n_per_class=2, reweight=MMD(by="group")).fit(X, y)


@pytest.mark.parametrize(
    "condenser",
    [
        Condenser(MMD(unbiased=True), n_per_class=2),
        Condenser(MMD() + MMD(unbiased=True), n_per_class=2),
        KernelHerding(reweight=MMD(unbiased=True), n_per_class=2),
    ],
    ids=["alone", "in a sum", "weights"],
)
def test_condensed_rows_are_no_independent_sample(condenser, digits):
    with pytest.raises(ValueError, match=r"MMD\(unbiased=True\) is an estimate for independent rows"):
        condenser.fit(*digits)


def test_stein_thinning_with_its_best_weights(digits):
    X, y = digits
    X = X[y == 3]
    condenser = SteinThinning(density=GaussianScore(), n_samples=6)
    plain, best = condenser.fit(X), clone(condenser).set_params(reweight=KernelStein()).fit(X)
    values = [KernelStein()(X, c.X_syn_, sample_weight_y=c.sample_weight_) for c in (plain, best)]
    assert values[1] < values[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "condenser, discrepancy",
    [
        (KernelHerding(by=None), MMD()),
        (KernelHerding(space=Standardized(), by=None), MMD(space=Standardized())),
        (FacilityLocation(by=None), QuantizationError(exponent=1)),
        (KMedoids(by=None), QuantizationError(exponent=1)),
        (KCenter(by=None), CoveringRadius()),
        (SteinThinning(density=GaussianScore(), by=None), KernelStein()),
        (KernelHerding(bandwidth=20.0, by=None), MMD(bandwidth=20.0)),
        (Condenser(EnergyDistance(by=None), parameterization=Subset(), solver=Greedy()), EnergyDistance()),
    ],
    ids=lambda part: repr(part).replace("\n", ""),
)
def test_what_is_minimised_is_lower_than_for_random_rows(condenser, discrepancy, digits):
    X = digits[0]
    chosen = clone(condenser).set_params(n_samples=20).fit(X)
    random = [discrepancy(X, X[np.random.default_rng(seed).permutation(600)[:20]]) for seed in range(20)]
    assert discrepancy(X, chosen.X_syn_) < min(random)


def test_together_or_by_class(digits):
    X, y = digits
    together, by_class = (KernelHerding(n_per_class=3, by=by).fit(X, y) for by in (None, "class"))
    np.testing.assert_array_equal(together.y_syn_, by_class.y_syn_)
    assert MMD()(X, together.X_syn_) < MMD()(X, by_class.X_syn_)


def test_groups_need_features(digits):
    X, y = digits
    groups = (X[:, 20] > 8).astype(int)
    with pytest.raises(ValueError, match="sensitive_features would have no effect"):
        KernelHerding(n_per_class=3).fit(X, y, sensitive_features=groups)
    with pytest.raises(ValueError, match="pass sensitive_features="):
        KernelHerding(n_per_class=3, by="group").fit(X, y)
    chosen = KernelHerding(n_per_class=6, by="group").fit(X, y, sensitive_features=groups)
    assert len(chosen.indices_) == 60


def test_images_in_a_space(digits):
    X, y = digits
    images = X.reshape(-1, 8, 8)
    flat, shown = KCenter(n_per_class=3).fit(X, y), KCenter(n_per_class=3).fit(images, y)
    np.testing.assert_array_equal(flat.indices_, shown.indices_)
    assert shown.X_syn_.shape == (30, 8, 8)
    embedded = KCenter(n_per_class=3, space=RandomNetwork(), random_state=0).fit(images, y)
    assert set(embedded.indices_) != set(shown.indices_)


def test_continuous_targets_count(rng):
    X = rng.normal(size=(200, 1))
    y = np.where(np.arange(200) < 20, 50.0, 0.0)
    chosen = KernelHerding(n_samples=10).fit(X, y)
    assert (chosen.y_syn_ == 50).sum() == 1
    np.testing.assert_array_equal(chosen.y_syn_, y[chosen.indices_])


def test_frames_keep_their_rows(rng):
    frame = pd.DataFrame({"a": rng.normal(size=50), "b": np.arange(50)}, index=[f"row {i}" for i in range(50)])
    X_syn, _ = chosen = KMedoids(n_samples=4).fit(frame)
    pd.testing.assert_frame_equal(X_syn, frame.iloc[chosen.indices_])


def test_more_rows_than_there_are(digits):
    X = digits[0]
    for condenser in SELECTIONS:
        with pytest.raises(ValueError, match="cannot take 700 rows"):
            clone(condenser).set_params(n_samples=700).fit(X)
        assert len(clone(condenser).set_params(n_samples=12).fit(X[:12]).indices_) == 12
