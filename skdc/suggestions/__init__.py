"""Which condenser for which data, and why."""

from skdc.suggestions.rules import RULES, Case, Rule
from skdc.suggestions.suggestion import Suggestion, suggest

__all__ = ["RULES", "Case", "Rule", "Suggestion", "suggest"]
