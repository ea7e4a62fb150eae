"""Robustness to corrupted face crops (paper, Table 2)."""
