"""Nouns and rules of radiology reading: numpy and the standard library only."""
