"""Training: data, losses, optimizer, loop, resumable state, log."""
