"""How good a synthetic set is, and what it gives away."""

from skdc.evaluation.audits import (
    AttackResult,
    MembershipResult,
    canary_scores,
    epsilon_lower_bound,
    membership_inference,
)
from skdc.evaluation.comparison import compare
from skdc.evaluation.curves import BudgetCurve, budget_curve
from skdc.evaluation.fairness import FairnessTable, fairness_table
from skdc.evaluation.ranking import (
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)
from skdc.evaluation.report import CondensationReport, condensation_report
from skdc.evaluation.robustness import (
    RobustnessTable,
    default_attacks,
    image_corruptions,
    robustness_table,
    table_corruptions,
)
from skdc.evaluation.searches import SearchAgreement, search_agreement
from skdc.evaluation.transfer import TransferTable, transfer_table
from skdc.evaluation.two_sample import TwoSampleResult, two_sample_test

__all__ = [
    "AttackResult",
    "BudgetCurve",
    "CondensationReport",
    "FairnessTable",
    "MembershipResult",
    "RobustnessTable",
    "SearchAgreement",
    "TransferTable",
    "TwoSampleResult",
    "augmentation_robust_score",
    "budget_curve",
    "canary_scores",
    "compare",
    "condensation_report",
    "default_attacks",
    "epsilon_lower_bound",
    "fairness_table",
    "hard_label_recovery",
    "image_corruptions",
    "improvement_over_random",
    "label_robust_score",
    "membership_inference",
    "robustness_table",
    "search_agreement",
    "table_corruptions",
    "transfer_table",
    "two_sample_test",
]
