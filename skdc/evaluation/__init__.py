"""How good a synthetic set is."""

from skdc.evaluation.transfer import TransferTable, transfer_table
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = ["TransferTable", "TwoSampleResult", "transfer_table", "two_sample_test"]
