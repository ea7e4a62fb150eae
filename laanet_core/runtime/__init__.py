"""Execution of work: processes, clusters, memory, progress display and interruption."""
