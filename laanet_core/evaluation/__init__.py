"""Scores and measures."""
