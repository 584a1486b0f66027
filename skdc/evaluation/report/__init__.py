"""One report on a condensed set: what it is, what it is worth, and what it gives away."""

from skdc.evaluation.report.report import CondensationReport, condensation_report

__all__ = ["CondensationReport", "condensation_report"]
