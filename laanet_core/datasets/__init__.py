"""Data sets: one module a folder layout, each turning a folder into index rows."""
