"""Condensers of the data regime that choose or average rows."""
