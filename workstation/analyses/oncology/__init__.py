"""Analyses of: oncology."""
