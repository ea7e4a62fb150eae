"""Training targets from blending masks (Eq. 2, 3, 4 and 7)."""
