"""Decoupled condensers: a teacher is trained first, then rows are made or chosen by it, and labelled by it."""
