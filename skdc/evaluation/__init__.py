"""How good a synthetic set is."""

from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = ["TwoSampleResult", "two_sample_test"]
