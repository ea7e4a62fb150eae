"""LAA-Net (CVPR 2024): the network, its pseudo-fakes, and the data pipeline around them. Knows nothing of DVC."""

from importlib.metadata import version

__version__ = version("laanet")
"""Version of the installed package, from setup.cfg."""
