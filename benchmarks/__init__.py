"""Benchmarks: `make bench-<name>`; results go to benchmarks/results."""
