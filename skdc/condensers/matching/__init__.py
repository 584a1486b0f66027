"""Condensers that match what networks see: features and gradients."""
