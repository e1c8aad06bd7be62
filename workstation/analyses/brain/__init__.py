"""Analyses of: brain."""
