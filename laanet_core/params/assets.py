"""Section `assets`."""

from __future__ import annotations

from laanet_core.params.section import Section


class AssetsParams(Section):
    """paths: asset name -> a file that the user already has, used instead of a download."""

    paths: dict[str, str] = {}
