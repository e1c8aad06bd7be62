"""Analyses of: heart."""
