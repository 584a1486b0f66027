"""Intervals and p-values against scipy, and against the formula."""

import numpy as np
import pytest
from scipy import stats

from skdc.evaluation.significance import confidence_interval, p_value_of

VALUES = np.array([0.1, 0.3, -0.05, 0.2, 0.15])


def test_without_overlap_they_are_those_of_the_t_test():
    assert p_value_of(VALUES, 0) == pytest.approx(stats.ttest_1samp(VALUES, 0).pvalue)
    expected = stats.ttest_1samp(VALUES, 0).confidence_interval(0.9)
    assert confidence_interval(VALUES, 0, 0.9) == pytest.approx(tuple(expected))


def test_overlap_widens_them_as_nadeau_and_bengio_say():
    error = np.sqrt(VALUES.var(ddof=1) * (1 / 5 + 0.25))
    assert p_value_of(VALUES, 0.25) == pytest.approx(2 * stats.t.sf(VALUES.mean() / error, 4))
    low, high = confidence_interval(VALUES, 0.25)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert p_value_of(-VALUES, 0.25) == p_value_of(VALUES, 0.25)


def test_the_corrected_test_rejects_a_true_hypothesis_as_seldom_as_it_says():
    # Scores of splits whose errors correlate by t / (n + t): the plain test rejects far too often.
    rng, rho = np.random.default_rng(0), 0.3
    shared, own = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 10))
    samples = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
    rejected = [np.mean([p_value_of(sample, ratio) < 0.05 for sample in samples]) for ratio in (0, 0.3 / 0.7)]
    assert rejected[0] > 0.3 and rejected[1] < 0.07


def test_what_tells_nothing_has_no_p_value():
    assert p_value_of(np.zeros(4), 0.3) == 1.0
    assert np.isnan(p_value_of(np.full(4, 0.1), 0.3))
    assert np.isnan(p_value_of(np.array([0.1]), 0.3)) and np.isnan(p_value_of(np.zeros(1), 0.3))
    assert np.isnan(p_value_of(np.array([0.1, np.nan, 0.2]), 0.3))
    assert np.isnan(confidence_interval(np.array([0.1]), 0.3)).all()
