"""Measures of corrupted crops (paper, Table 2)."""
