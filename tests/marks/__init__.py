"""Marks: numbers, tools, the room that keeps them, the panel."""
