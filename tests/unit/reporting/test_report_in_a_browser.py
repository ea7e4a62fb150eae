"""The report in headless Chromium: no errors or network requests, all pictures are drawn, and it fits a phone screen."""

from pathlib import Path

import pytest

from laanet_core.params import load_params
from tests.helpers.browser import CHROMIUM, visit
from tests.helpers.paths import ROOT
from tests.helpers.report_inputs import demo_rows, report, write_inputs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    params = load_params(ROOT / "presets/demo.yaml")
    write_inputs(tmp_path, {"demo": demo_rows()}, params)
    return report(tmp_path, params)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_has_no_errors_or_requests_and_fits_the_screen(page: Path, tmp_path: Path, width: int) -> None:
    visited = visit(page, width, tmp_path)
    assert visited.console == []
    assert visited.requests == []
    assert visited.shown
    assert visited.fits
    assert visited.bar > 0
    assert visited.cut == []


def test_a_defective_page_is_detected(page: Path, tmp_path: Path) -> None:
    text = page.read_text().replace("default-src 'none'; img-src data:", "default-src * 'unsafe-inline'; img-src *")
    wide = "<div style='width:3000px'>x</div><img src='http://127.0.0.1:9/a.png' alt='none'><script>console.error('oh')</script>"
    page.write_text(text.replace("<main>", "<main>" + wide))
    visited = visit(page, 390, tmp_path)
    assert any("oh" in line for line in visited.console)
    assert "http://127.0.0.1:9/a.png" in visited.requests
    assert not visited.shown
    assert not visited.fits
    assert visited.cut == ["div x"]
