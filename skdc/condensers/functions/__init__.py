"""Condensers that match what learners predict which are trained on the set."""
