"""A headless browser: console messages and network requests of a page, and whether it fits the screen."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import NamedTuple

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Visit(NamedTuple):
    """fits: nothing is wider than the screen; shown: every picture was drawn; cut: first characters of each element that is cut off at an
    edge; bar: width of the scroll bar in pixels; console: lines on the console; requests: URLs requested from the network."""

    fits: bool
    shown: bool
    cut: list[str]
    bar: int
    console: list[str]
    requests: list[str]


_PROBE = """
const page = document.getElementById('f').contentDocument, root = page.documentElement, scrolled = '.scroll table';
const cut = [...page.body.querySelectorAll('*')].filter(item => {
  const box = item.getBoundingClientRect(), scroller = item.closest('.scroll');
  if (!box.width || (item.closest(scrolled) && !item.closest('caption span'))) return false;
  const edge = scroller ? scroller.getBoundingClientRect().right : root.clientWidth;
  return box.left < -0.5 || box.right > edge + 0.5;
});
document.title = JSON.stringify({
  fits: root.scrollWidth <= root.clientWidth,
  shown: [...page.images].every(picture => picture.naturalWidth > 0),
  cut: cut.map(item => item.tagName.toLowerCase() + ' ' + item.textContent.trim().slice(0, 30).replace(/[^ -~]/g, '?')),
  bar: page.defaultView.innerWidth - root.clientWidth,
});
"""


def visit(page: Path, width: int, folder: Path) -> Visit:
    """Open a page in a frame of `width` pixels, with a classic scroll bar. A frame is used because windows are at least 500 pixels wide.

    Content of a table that scrolls horizontally does not count as cut off, except its caption, which must stay visible.
    """
    frame, log = folder / "frame.html", folder / "net.json"
    (folder / "probe.js").write_text(_PROBE)
    style = f"width:{width}px;height:900px;border:0"
    load = "s=document.createElement('script');s.src='probe.js';document.body.append(s)"
    frame.write_text(f'<body><iframe id=f src="{page.as_uri()}" style="{style}" onload="{load}"></iframe></body>')
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=4000",
        "--disable-background-networking", "--disable-component-update", "--no-first-run", "--enable-logging=stderr",
        f"--log-net-log={log}", f"--user-data-dir={folder / 'profile'}", "--dump-dom", frame.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(unescape(done.stdout.partition("<title>")[2].partition("</title>")[0]))
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(**found, console=console, requests=_requests(log))


def _requests(log: Path) -> list[str]:
    """All URLs requested by a page, except files and data URLs; requests without an origin are the browser's own."""
    started = [event["params"] for event in json.loads(log.read_text())["events"] if "initiator" in event.get("params", {})]
    urls = {params["url"] for params in started if params["initiator"] != "not an origin"}
    return sorted(url for url in urls if not url.startswith(("file:", "data:")))
