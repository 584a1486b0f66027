"""Modes of numbers: found where they are, and numbers that come back."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from skdc.preprocessing import ModeEncoder, TabularEncoder
from skdc.preprocessing.groups import CodeGroup


@pytest.fixture
def three(rng):
    return rng.choice([-10.0, 0.0, 10.0], p=[0.2, 0.5, 0.3], size=900) + 0.5 * rng.normal(size=900)


def test_modes_are_found(three):
    encoder = ModeEncoder().fit(three[:, None])
    mean, deviation, share = encoder.modes_[0]
    np.testing.assert_allclose(mean, [-10, 0, 10], atol=0.1)
    np.testing.assert_allclose(deviation, 0.5, atol=0.07)
    np.testing.assert_allclose(share, [0.2, 0.5, 0.3], atol=0.04)
    codes = encoder.transform(three[:, None])
    np.testing.assert_array_equal(codes[:, 1:], np.abs(three[:, None] - mean).argmin(1)[:, None] == np.arange(3))
    expected = ((three[:, None] - mean) / (4 * deviation))[codes[:, 1:] > 0]
    np.testing.assert_allclose(codes[:, 0], expected)
    assert encoder.code_groups() == [CodeGroup("bounded"), CodeGroup("category", 3)]
    assert encoder.get_feature_names_out().tolist() == ["x0", "x0_mode0", "x0_mode1", "x0_mode2"]


def test_numbers_come_back_but_for_what_is_cut_off(three):
    X = np.stack([three, np.full(900, 7.0)], axis=1)
    encoder = ModeEncoder().fit(X)
    np.testing.assert_allclose(encoder.inverse_transform(encoder.transform(X)), X, atol=1e-12)
    assert encoder.transform(X).shape == (900, 5), "a constant column has one mode"
    low = encoder.inverse_transform(encoder.transform([[-50.0, 7.0]]))[0, 0]
    mean, deviation, _ = encoder.modes_[0]
    assert low == pytest.approx(mean[0] - 4 * deviation[0])


def test_a_weight_is_a_row_that_often_and_a_seed_is_not_needed(three, rng):
    weight = rng.integers(1, 4, 900)
    weighted = ModeEncoder().fit(three[:, None], sample_weight=weight)
    repeated = ModeEncoder().fit(np.repeat(three, weight)[:, None])
    np.testing.assert_array_equal(weighted.modes_[0], repeated.modes_[0])


def test_the_most_modes(three):
    assert len(ModeEncoder(n_modes=1).fit(three[:, None]).modes_[0].mean) == 1
    with pytest.raises(ValueError, match="n_modes=0 must be a whole number of at least 1"):
        ModeEncoder(n_modes=0).fit(three[:, None])
    with pytest.raises(ValueError, match="X has 2 columns, but a row has 4 codes"):
        ModeEncoder().fit(three[:, None]).inverse_transform(np.zeros((3, 2)))


def test_tables_come_back_with_whole_numbers_categories_and_what_is_missing(three, rng):
    frame = pd.DataFrame(
        {
            "modes": three,
            "count": rng.integers(0, 6, 900),
            "gaps": np.where(rng.random(900) < 0.1, np.nan, rng.normal(size=900)),
            "kind": pd.Categorical(rng.choice(["u", "v", "w"], 900)),
            "flag": rng.random(900) < 0.2,
            "same": 5,
        }
    )
    encoder = TabularEncoder(numbers=ModeEncoder()).fit(frame)
    codes = encoder.transform(frame)
    back = encoder.inverse_transform(codes)
    pd.testing.assert_frame_equal(back, frame, rtol=1e-12)
    groups = encoder.code_groups()
    assert sum(group.size for group in groups) == codes.shape[1]
    assert groups[:2] == [CodeGroup("bounded"), CodeGroup("category", 3)]
    assert groups[-2:] == [CodeGroup("category", 3), CodeGroup("category", 1)]
    places = np.cumsum([group.size for group in groups])[:-1]
    for group, part in zip(groups, np.split(codes, places, axis=1)):
        if group.kind == "category":
            np.testing.assert_allclose(part.sum(1), 1) if group.size > 1 else np.testing.assert_array_equal(
                part, part > 0
            )
        else:
            assert group.kind == "bounded" and np.abs(part).max() <= 1


def test_other_numbers_are_numbers(rng):
    frame = pd.DataFrame({"a": rng.normal(size=30), "b": rng.choice(["u", "v"], 30), "c": 1})
    for numbers in (None, StandardScaler()):
        groups = TabularEncoder(numbers=numbers).fit(frame).code_groups()
        assert groups == [CodeGroup("number"), CodeGroup("category")]
    assert TabularEncoder().fit(frame[["c"]]).code_groups() == [CodeGroup("number")]


def test_modes_depend_neither_on_the_unit_nor_on_one_light_row(iris):
    X, _ = iris
    n_modes = [len(modes.mean) for modes in ModeEncoder().fit(X).modes_]
    for rows in (3.7 * X, 1e-150 * X, X + 1000):
        assert [len(modes.mean) for modes in ModeEncoder().fit(rows).modes_] == n_modes
    weight = np.ones(len(X))
    weight[0] = 0.01
    found = [len(modes.mean) for modes in ModeEncoder().fit(X, sample_weight=weight).modes_]
    assert np.abs(np.subtract(found, n_modes)).max() <= 2, "other quantiles, but no more evidence"
    twice = ModeEncoder().fit(X, sample_weight=np.full(len(X), 2.0)).modes_
    copies = ModeEncoder().fit(np.concatenate([X, X])).modes_
    for one, other in zip(twice, copies, strict=True):
        np.testing.assert_allclose(one.mean, other.mean)
