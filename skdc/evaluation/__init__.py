"""How good a synthetic set is."""

from skdc.evaluation.robustness import (
    RobustnessTable,
    default_attacks,
    image_corruptions,
    robustness_table,
    table_corruptions,
)
from skdc.evaluation.transfer import TransferTable, transfer_table
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = [
    "RobustnessTable",
    "TransferTable",
    "TwoSampleResult",
    "default_attacks",
    "image_corruptions",
    "robustness_table",
    "table_corruptions",
    "transfer_table",
    "two_sample_test",
]
