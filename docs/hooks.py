"""MkDocs hook: pages from the repository's root become pages of the site, and files that pages link to are copied into it.

Links in Markdown are those of the repository, so that they work in an editor and on a code host; here they are rewritten to the site's.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}
"""Pages outside docs/ -> their names in the site."""
COPIES = "repository"
"""Folder of the site that holds copies of linked files."""
LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?=[#)])")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the root's pages, and copies of the files that any page links to."""
    for source, name in ROOT_PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text()))
    for page in list(files.documentation_pages()):
        for match in LINK.finditer(page.content_string):
            target = _target(page.src_uri, match["path"])
            name = _site_name(target)
            if (ROOT / target).is_file() and name.startswith(f"{COPIES}/") and files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, abs_src_path=str(ROOT / target), inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Turn a page's links to files of the repository into links within the site."""

    def rewritten(match: re.Match[str]) -> str:
        target = _target(page.file.src_uri, match["path"])
        if not (ROOT / target).is_file():
            return match["path"]
        return posixpath.relpath(_site_name(target), posixpath.dirname(page.file.src_uri) or ".")

    return LINK.sub(rewritten, markdown)


def _target(src_uri: str, link: str) -> str:
    """Path from the repository's root of what a page's link names. src_uri: the page's name in the site."""
    origin = next((source for source, name in ROOT_PAGES.items() if name == src_uri), f"docs/{src_uri}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))


def _site_name(target: str) -> str:
    """Name in the site of a file of the repository."""
    if target in ROOT_PAGES:
        return ROOT_PAGES[target]
    return target.removeprefix("docs/") if target.startswith("docs/") else f"{COPIES}/{target}"
