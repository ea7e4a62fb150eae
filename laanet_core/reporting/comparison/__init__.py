"""Comparison of detectors on the videos that all of them scored (paper, Fig. 1)."""
