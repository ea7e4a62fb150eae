"""Section `assets`."""

from __future__ import annotations

from laanet_core.params.section import Section


class AssetsParams(Section):
    """Third-party files. paths: asset name -> local file to use instead of downloading it."""

    paths: dict[str, str] = {}
