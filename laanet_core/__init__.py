"""LAA-Net (CVPR 2024): the network, its pseudo-fakes, and the data pipeline around them. Knows nothing of DVC."""
