"""Where work runs: processes, clusters, memory, progress and interruption."""
