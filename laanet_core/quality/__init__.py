"""Mask-SSIM: how close a fake is to its source, and the bins of it."""
