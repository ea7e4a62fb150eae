"""Mask-SSIM, the similarity of a fake to its source, and its bins."""
