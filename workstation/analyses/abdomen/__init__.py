"""Analyses of: abdomen."""
