"""The permutation test: its level, its power, its value, and the rows that it shows."""

import numpy as np
import pytest
import torch
from scipy import stats

from skdc import Condenser
from skdc.discrepancies.aligned import SquaredL2
from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.mmd import MMD, EnergyDistance
from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.penalties import L2Norm
from skdc.discrepancies.prefixes import Prefixes
from skdc.discrepancies.transport import QuantizationError, SlicedWasserstein
from skdc.evaluation import two_sample, two_sample_test

SPLIT = pytest.mark.parametrize("labelled", [False, True])


def labels(n, labelled):
    return np.arange(n) % 2 if labelled else None


# Level and power


@pytest.mark.slow
@SPLIT
@pytest.mark.parametrize("discrepancy", [MMD(), QuantizationError()], ids=repr)
def test_p_values_of_random_rows_are_uniform(discrepancy, labelled):
    p_values = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X, X_syn = rng.normal(size=(60, 2)), rng.normal(size=(10, 2))
        # One class is elsewhere, which both sets share.
        y, y_syn = labels(60, labelled), labels(10, labelled)
        if labelled:
            X, X_syn = X + 5 * y[:, None], X_syn + 5 * y_syn[:, None]
        result = two_sample_test(discrepancy, X, X_syn, y, y_syn, n_permutations=49, n_witnesses=0, random_state=seed)
        p_values.append(result.p_value)
    # At one in a thousand; p-values are multiples of 1 / 50.
    assert stats.kstest(p_values, "uniform").statistic < stats.kstwo.isf(1e-3, 100) + 1 / 50


@SPLIT
def test_weighted_rows_of_the_same_law_are_not_told_apart(labelled):
    p_values = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-2, 2, size=(80, 1))
        weight = stats.norm.pdf(X[:, 0])
        X_syn, weight_syn = stats.truncnorm.rvs(-2, 2, size=(10, 1), random_state=rng), rng.uniform(0.5, 1.5, 10)
        result = two_sample_test(
            EnergyDistance(),
            X,
            X_syn,
            labels(80, labelled),
            labels(10, labelled),
            sample_weight=weight,
            sample_weight_syn=weight_syn,
            n_permutations=49,
            random_state=seed,
        )
        p_values.append(result.p_value)
    assert stats.kstest(p_values, "uniform").statistic < stats.kstwo.isf(1e-3, 100) + 1 / 50


@SPLIT
def test_a_shift_is_found(labelled, rng):
    X, X_syn = rng.normal(size=(200, 3)), 1 + rng.normal(size=(20, 3))
    assert two_sample_test(MMD(), X, X_syn, labels(200, labelled), labels(20, labelled)).p_value == 1 / 200


def test_classes_that_change_places_are_found_by_labels_only(rng):
    y, y_syn = np.arange(200) % 2, np.arange(40) % 2
    X = rng.normal(size=(200, 1)) + 4 * y[:, None]
    X_syn = rng.normal(size=(40, 1)) + 4 * (1 - y_syn)[:, None]
    assert two_sample_test(MMD(), X, X_syn, y, y_syn).p_value == 1 / 200
    assert two_sample_test(MMD(), X, X_syn).p_value > 0.05
    assert two_sample_test(MMD(by=None), X, X_syn, y, y_syn).p_value > 0.05


def test_a_set_better_than_random_rows_has_a_p_value_near_one(rng):
    X = rng.normal(size=(300, 2))
    X_syn = Condenser(MMD(), n_samples=10, random_state=0).fit(X).X_syn_
    assert two_sample_test(MMD(), X, X_syn).p_value == 1.0


def test_equal_sets_are_never_rejected(rng):
    X = np.ones((8, 2))
    assert two_sample_test(MMD(bandwidth=1.0), X, X[:3], n_permutations=19).p_value == 1.0
    X = rng.normal(size=(30, 2))
    assert two_sample_test(EnergyDistance(), X, X[::-1], n_permutations=99).p_value == 1.0


def test_values_that_are_equal_but_for_rounding_do_not_reject():
    # One synthetic row out of two kinds: two values are possible, of which the observed one is the less.
    X = np.repeat([[0.0], [np.pi / 10]], 50, axis=0)
    for discrepancy in (MMD(bandwidth=1.0), MMD(bandwidth=1.0, unbiased=False) + EnergyDistance(), MeanDistance()):
        assert two_sample_test(discrepancy, X, X[-1:]).p_value == 1.0


# Value


@pytest.mark.parametrize("discrepancy", [MMD(), SlicedWasserstein(), 0.5 * MMD() + EnergyDistance()], ids=repr)
def test_the_value_is_the_discrepancy(discrepancy, rng):
    X, X_syn, p, q = rng.normal(size=(30, 2)), rng.normal(size=(5, 2)), rng.uniform(size=30), rng.uniform(size=5)
    result = two_sample_test(discrepancy, X, X_syn, sample_weight=p, sample_weight_syn=q, n_permutations=1, max_rows=9)
    assert result.value == discrepancy(X, X_syn, sample_weight=p, sample_weight_y=q)


def test_the_value_with_labels_is_the_mean_over_classes(rng):
    X, X_syn = rng.normal(size=(30, 2)), rng.normal(size=(6, 2))
    y, y_syn = np.array(["b", "a", "a"] * 10), np.array(["a", "b"] * 3)
    found = two_sample_test(MMD(bandwidth=2.0), X, X_syn, y, y_syn, n_permutations=1).value
    by_class = [MMD(bandwidth=2.0)(X[y == c], X_syn[y_syn == c]) for c in "ab"]
    assert found == pytest.approx(np.mean(by_class), rel=1e-10)


def test_continuous_targets_are_part_of_the_rows(rng):
    X, X_syn = rng.normal(size=(100, 1)), rng.normal(size=(40, 1))
    right = two_sample_test(EnergyDistance(), X, X_syn, 3 * X[:, 0], 3 * X_syn[:, 0])
    wrong = two_sample_test(EnergyDistance(), X, X_syn, 3 * X[:, 0], -3 * X_syn[:, 0])
    assert wrong.p_value == 1 / 200 < 0.05 < right.p_value


@SPLIT
@pytest.mark.parametrize("reduce", ["mean", "worst"])
def test_the_quadratic_form_is_the_value_of_each_permutation(labelled, reduce, rng, monkeypatch):
    discrepancy = MMD(reduce=reduce, weight=2.0) if labelled else MMD(weight=2.0) + 3 * EnergyDistance(by=None)
    seen = {}

    def spy(function):
        def spied(*arguments):
            values = function(*arguments)
            seen.setdefault(function.__name__, []).append(values)
            return values

        return spied

    X, X_syn, q = rng.normal(size=(30, 2)), rng.normal(size=(6, 2)), rng.uniform(0.5, 2, 6)
    data = X, X_syn, labels(30, labelled), labels(6, labelled)
    each, quadratic = two_sample._each, two_sample._quadratic
    monkeypatch.setattr(two_sample, "_quadratic", spy(quadratic))
    fast = two_sample_test(discrepancy, *data, sample_weight_syn=q, n_permutations=19)
    monkeypatch.setattr(two_sample, "_quadratic", lambda *arguments: spy(each)(*arguments, 0))
    slow = two_sample_test(discrepancy, *data, sample_weight_syn=q, n_permutations=19)
    for fast_values, slow_values in zip(seen["_quadratic"], seen["_each"], strict=True):
        torch.testing.assert_close(fast_values, slow_values)
    assert fast.p_value == slow.p_value
    total = torch.stack(seen["_each"]).sum(0)
    assert float(total[0]) == pytest.approx(fast.value, rel=1e-10)
    assert len(total.unique()) > 10


# Witness


def test_the_witness_finds_a_mode_that_is_missing(rng):
    X = np.vstack([rng.normal(size=(80, 2)), 6 + 0.3 * rng.normal(size=(12, 2))])
    order = rng.permutation(92)
    result = two_sample_test(MMD(), X[order], rng.normal(size=(15, 2)), n_witnesses=12)
    assert set(order[result.missed]) == set(range(80, 92))
    assert (np.diff(result.witness) <= 0).all()


@pytest.mark.parametrize("discrepancy", [MMD(), MeanDistance(), SlicedWasserstein(), MMD() + MMD(by=None)], ids=repr)
def test_the_witness_looks_into_each_class(discrepancy, rng):
    # What class 0 misses is where class 1 is.
    X = np.vstack([rng.normal(size=(40, 2)), 6 + rng.normal(size=(10, 2)), 6 + rng.normal(size=(50, 2))])
    y = np.repeat([0, 1], 50)
    X_syn = np.vstack([rng.normal(size=(10, 2)), 6 + rng.normal(size=(10, 2))])
    result = two_sample_test(discrepancy, X, X_syn, y, np.repeat([0, 1], 10), n_witnesses=5, n_permutations=1)
    assert y[result.missed].tolist() == [0] * 5 + [1] * 5
    assert ((result.missed[:5] >= 40) & (result.missed[:5] < 50)).all()


def test_witness_indices_are_those_of_the_data_where_rows_have_no_weight(rng):
    X = np.vstack([rng.normal(size=(40, 2)), [[9.0, 9.0]], rng.normal(size=(20, 2))])
    weight = np.ones(61)
    weight[::3] = 0
    result = two_sample_test(QuantizationError(), X, X[:10], sample_weight=weight, n_witnesses=1)
    assert result.missed.tolist() == [40]


def test_missed_rows_are_distinct_where_rows_are_drawn_twice(rng):
    X, weight = rng.normal(size=(20, 2)), np.r_[100.0, np.ones(19)]
    missed = two_sample_test(MMD(), X, X[1:4], sample_weight=weight, n_witnesses=20).missed
    assert len(missed) == len(set(missed)) > 0
    assert 0 in missed


# Size


def test_many_rows_are_thinned_for_the_permutations_only(rng, monkeypatch):
    X, y = rng.normal(size=(500, 2)), np.repeat([0, 1], [495, 5])
    sizes = []
    orders = two_sample._orders
    monkeypatch.setattr(two_sample, "_orders", lambda key, *rest: sizes.append(key.bincount()) or orders(key, *rest))
    result = two_sample_test(MMD(), X, X[-10:], y, y[-10:], max_rows=40, n_permutations=9)
    # Row 495 of the second class is there although its share of 40 is less than one.
    assert sizes[0].tolist() == [40 + 5, 1 + 5] or sizes[0].tolist() == [39 + 5, 1 + 5]
    assert result.value == two_sample_test(MMD(), X, X[-10:], y, y[-10:], n_permutations=9).value


def test_the_seed_decides(rng):
    X, X_syn = rng.normal(size=(50, 2)), rng.normal(size=(9, 2))
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (two_sample_test(MMD(), X, X_syn, max_rows=30, random_state=s) for s in (0, 0, 1))
    assert (first.p_value, first.witness.tolist()) == (again.p_value, again.witness.tolist())
    assert first.witness.tolist() != other.witness.tolist()
    assert torch.equal(torch_state, torch.random.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()  # noqa: NPY002


def test_nothing_passed_is_changed(rng):
    X, X_syn, weight = rng.normal(size=(50, 2)), rng.normal(size=(9, 2)), rng.uniform(size=50)
    kept = X.copy(), X_syn.copy(), weight.copy()
    X.flags.writeable = X_syn.flags.writeable = weight.flags.writeable = False
    discrepancy = MMD()
    two_sample_test(discrepancy, X, X_syn, sample_weight=weight, n_permutations=5)
    for before, after in zip(kept, (X, X_syn, weight), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not hasattr(discrepancy, "kernel_")


# What makes no sense


class Critical(Discrepancy):
    compares = "clouds"

    def fit_scale(self, source, generator):
        self.critic_ = torch.ones(2, dtype=torch.float64, requires_grad=True)
        return self

    def own_parameters(self):
        return [{"params": [self.critic_], "lr": 0.1, "maximize": True}]

    def between(self, p, q, generator):
        return (p.mean() - q.mean()) @ self.critic_


X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((Prefixes(MMD()), X, X), r"sees the set in parts; test what is inside: MMD\(\)"),
        ((MMD(), X, X, Y), "y is given, y_syn is not; give both, or neither"),
        ((MMD(), X, X, None, Y), "y_syn is given, y is not"),
        ((MMD(), X, X, Y, Y + 1), r"y_syn holds 2, which is not among the labels \[0, 1\] of y"),
        ((MMD(), X, X[:3], Y, Y[:3]), "y_syn holds no 1, so that this class cannot be compared"),
        ((MMD(), X, X, Y[:5], Y), "inconsistent numbers of samples"),
        ((MMD(), X, X[:, :1]), r"the rows of X have shape \(2,\), those of X_syn \(1,\)"),
        ((MMD(), X, X[0]), "Expected 2D array"),
        ((MMD(), X, X * np.nan), "Input X_syn contains NaN"),
        ((MMD(), X, X, np.c_[Y, Y], Y), "must hold one label a row"),
        ((MMD(), X, X, Y + 0.5, Y.astype(str)), "y holds quantities"),
        ((SquaredL2(), X, X), "SquaredL2 compares rows that correspond, so that none can change places"),
        ((MMD() + L2Norm(), X, X), r"L2Norm\(\) does not compare sets"),
        ((Critical(), X, X), "Critical trains critics, which would have to be trained again for each permutation"),
    ],
)
def test_senseless_data_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        two_sample_test(*arguments)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_permutations": 0}, "n_permutations=0 must be a whole number of at least 1"),
        ({"max_rows": 2.5}, "max_rows=2.5 must be a whole number of at least 1"),
        ({"n_witnesses": -1}, "n_witnesses=-1 must be a whole number of at least 0"),
        ({"sample_weight": -np.ones(6)}, "Negative values"),
        ({"sample_weight_syn": np.zeros(6)}, "non-zero number|zero for every row"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        two_sample_test(MMD(), X, X, **options)


def test_the_frame_has_a_line_for_each_missed_row(rng):
    X, X_syn = rng.normal(size=(50, 2)), rng.normal(size=(5, 2))
    result = two_sample_test(MMD(), X, X_syn, n_permutations=9, n_witnesses=3)
    frame = result.to_frame()
    assert frame["missed"].tolist() == result.missed.tolist() and frame["witness"].tolist() == result.witness.tolist()
    assert set(frame["p_value"]) == {result.p_value} and set(frame["value"]) == {result.value}
    bare = two_sample_test(MMD(), X, X_syn, n_permutations=9, n_witnesses=0).to_frame()
    assert len(bare) == 1 and bare["missed"].isna().all()
