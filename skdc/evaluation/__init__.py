"""How good a synthetic set is, and what it gives away."""

from skdc.evaluation.audits import (
    AttackResult,
    MembershipResult,
    canary_scores,
    epsilon_lower_bound,
    membership_inference,
)
from skdc.evaluation.fairness import FairnessTable, fairness_table
from skdc.evaluation.transfer import TransferTable, transfer_table
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = [
    "AttackResult",
    "FairnessTable",
    "MembershipResult",
    "TransferTable",
    "TwoSampleResult",
    "canary_scores",
    "epsilon_lower_bound",
    "fairness_table",
    "membership_inference",
    "transfer_table",
    "two_sample_test",
]
