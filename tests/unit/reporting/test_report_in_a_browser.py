"""The report in headless Chromium: it opens without an error or a request, its pictures are drawn, and it fits a phone."""

from pathlib import Path

import pytest

from laanet_core.params import load_params
from tests.helpers.browser import CHROMIUM, visit
from tests.helpers.paths import ROOT
from tests.helpers.report_inputs import demo_rows, report, write_inputs

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    params = load_params(ROOT / "presets/demo.yaml")
    write_inputs(tmp_path, {"demo": demo_rows()}, params)
    return report(tmp_path, params)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_opens_without_errors_or_requests_and_fits_its_screen(page: Path, tmp_path: Path, width: int) -> None:
    seen = visit(page, width, tmp_path)
    assert seen.console == []
    assert seen.requests == []
    assert seen.shown
    assert seen.fits
    assert seen.bar > 0
    assert seen.cut == []


def test_a_page_that_does_not_would_be_noticed(page: Path, tmp_path: Path) -> None:
    text = page.read_text().replace("default-src 'none'; img-src data:", "default-src * 'unsafe-inline'; img-src *")
    wide = "<div style='width:3000px'>x</div><img src='http://127.0.0.1:9/a.png' alt='none'><script>console.error('oh')</script>"
    page.write_text(text.replace("<main>", "<main>" + wide))
    seen = visit(page, 390, tmp_path)
    assert any("oh" in line for line in seen.console)
    assert "http://127.0.0.1:9/a.png" in seen.requests
    assert not seen.shown
    assert not seen.fits
    assert seen.cut == ["div x"]
