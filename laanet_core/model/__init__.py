"""The network: backbone, pyramid, heads."""
