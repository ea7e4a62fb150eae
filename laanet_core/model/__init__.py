"""The network: backbone, pyramid, classifier and auxiliary heads; checkpoints; export."""

from laanet_core.model.checkpoint import load_model, save_model
from laanet_core.model.laanet import LAANet, Output, build_model

__all__ = ["LAANet", "Output", "build_model", "load_model", "save_model"]
