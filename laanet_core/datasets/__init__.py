"""Data sets: one module per folder layout, each of which converts a folder into index rows."""
