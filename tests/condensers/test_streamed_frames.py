"""Frames of mixed columns in chunks, with an encoder that came fitted."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator

from skdc import Condenser
from skdc.discrepancies import RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.preprocessing import TabularEncoder
from skdc.privacy import GaussianMechanism

N = 1001


@pytest.fixture
def frame(rng):
    columns = {"a": rng.normal(size=N), "city": rng.choice(["Oslo", "Rome", "Bern"], N), "n": rng.integers(0, 9, N)}
    frame = pd.DataFrame(columns)
    frame.loc[3, "a"] = np.nan
    return frame


@pytest.fixture
def labels(rng):
    return rng.choice(["yes", "no"], N)


@pytest.fixture
def encoder(frame):
    return TabularEncoder().fit(frame)


def condenser(encoder, **settings):
    encoder = FrozenEstimator(encoder)
    return Condenser(RandomFeatureMMD(bandwidth=1.0), encoder=encoder, n_per_class=4, random_state=0, **settings)


def test_chunks_give_the_set_of_all_rows(frame, labels, encoder):
    whole = condenser(encoder).fit(frame, labels)
    chunks = condenser(encoder)
    for start in range(0, N, 137):
        chunks.partial_fit(frame[start : start + 137], labels[start : start + 137])
    begun_by_fit = condenser(encoder).fit(frame[:500], labels[:500]).partial_fit(frame[500:], labels[500:])
    one, other = condenser(encoder).partial_fit(frame[:9], labels[:9]), condenser(encoder)
    merged = one.merge(other.partial_fit(frame[9:], labels[9:]))
    for fitted in (chunks, begun_by_fit, merged):
        assert_allclose(encoder.transform(fitted.X_syn_), encoder.transform(whole.X_syn_), atol=1e-6)
        assert_array_equal(fitted.X_syn_.dtypes, frame.dtypes)
        assert set(fitted.X_syn_["city"]) <= {"Oslo", "Rome", "Bern"}
        assert_array_equal(fitted.y_syn_, whole.y_syn_)


def test_what_was_passed_stays_as_it_is(frame, labels, encoder):
    encoder.set_output(transform="pandas")
    condenser(encoder).partial_fit(frame, labels).fit(frame, labels)
    assert isinstance(encoder.transform(frame), pd.DataFrame)


def test_an_encoder_that_is_not_fitted_is_refused_with_what_to_do(frame, labels):
    with pytest.raises(ValueError, match=r"cannot fit encoder=TabularEncoder\(\) on .*=FrozenEstimator"):
        Condenser(RandomFeatureMMD(bandwidth=1.0), encoder=TabularEncoder()).partial_fit(frame, labels)


def test_chunks_of_other_columns_are_refused_and_nothing_is_lost(frame, labels, encoder):
    fed = condenser(encoder).partial_fit(frame, labels)
    before = fed.X_syn_
    for other, words in ((frame[["a", "city"]], "now missing"), (frame.assign(city=1.0), "column 'city' is not like")):
        with pytest.raises(ValueError, match=words):
            fed.partial_fit(other, labels)
    pd.testing.assert_frame_equal(fed.X_syn_, before)


def test_private_rows_in_chunks_are_numbers(frame, labels, encoder):
    mechanism = GaussianMechanism(epsilon=1.0, delta=1e-5, feature_range=(-1, 1), classes=["no", "yes"])
    with pytest.raises(PartsError, match="private rows as numbers"):
        condenser(encoder, privacy=mechanism).partial_fit(encoder.transform(frame), labels)
