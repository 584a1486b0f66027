"""How good a synthetic set is, and what it gives away."""

from skdc.evaluation.audits import (
    AttackResult,
    MembershipResult,
    canary_scores,
    epsilon_lower_bound,
    membership_inference,
)
from skdc.evaluation.fairness import FairnessTable, fairness_table
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
    "AttackResult",
    "FairnessTable",
    "MembershipResult",
    "RobustnessTable",
    "TransferTable",
    "TwoSampleResult",
    "canary_scores",
    "default_attacks",
    "epsilon_lower_bound",
    "fairness_table",
    "image_corruptions",
    "membership_inference",
    "robustness_table",
    "table_corruptions",
    "transfer_table",
    "two_sample_test",
]
