"""Analyses of: vessel."""
