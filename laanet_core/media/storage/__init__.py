"""Storage of frames and crops."""
