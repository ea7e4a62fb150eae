"""Scores of videos, and measures of how well they separate fakes from real videos."""
