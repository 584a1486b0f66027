"""How good a synthetic set is."""

from skdc.evaluation.fairness import FairnessTable, fairness_table
from skdc.evaluation.transfer import TransferTable, transfer_table
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = [
    "FairnessTable",
    "TransferTable",
    "TwoSampleResult",
    "fairness_table",
    "transfer_table",
    "two_sample_test",
]
