"""Benchmarks: `make bench-<name>`; results are written to benchmarks/results."""
