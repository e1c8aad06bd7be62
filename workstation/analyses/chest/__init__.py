"""Analyses of: chest."""
