"""The documentation site builds without a warning, and its pages need no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.browser import CHROMIUM, visit
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stderr
    return folder


def test_the_api_pages_have_the_docstrings(site: Path) -> None:
    pages = {page: (site / f"api/{page}.html").read_text() for page in ("model", "synthesis", "evaluation", "quality", "params")}
    for page, name in [
        ("model", "load_model"),
        ("synthesis", "self_blend"),
        ("synthesis", "cross_blend"),
        ("synthesis", "encode_targets"),
        ("evaluation", "paired_intervals"),
        ("quality", "mask_ssim"),
        ("params", "TrainParams"),
    ]:
        assert f'.{name}"' in pages[page], (page, name)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("page", ["index", "architecture"])
def test_a_page_fits_the_screen_shows_its_pictures_and_needs_no_network(site: Path, page: str, width: int, tmp_path: Path) -> None:
    found = visit(site / f"{page}.html", width, tmp_path)
    assert found.fits
    assert found.shown
    assert not found.requests
