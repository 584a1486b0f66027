"""What rows tell before they are condensed: their groups, their values, which of them and their labels to trust."""

from skdc.weighting.trust import cluster_groups, label_agreement, trimmed_weights
from skdc.weighting.values import row_values

__all__ = ["cluster_groups", "label_agreement", "row_values", "trimmed_weights"]
