"""A real browser, headless: what a page says on its console, what it asks the network for, and whether it fits the screen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Visit(NamedTuple):
    """fits: nothing is wider than the screen; shown: every picture was drawn; console: its lines; requests: URLs asked of the network."""

    fits: bool
    shown: bool
    console: list[str]
    requests: list[str]


def visit(page: Path, width: int, folder: Path) -> Visit:
    """Open a page in a frame `width` pixels wide (a window of the browser's own is never narrower than 500)."""
    frame, log = folder / "frame.html", folder / "net.json"
    pictures = "[...f.contentDocument.images].every(i=>i.naturalWidth>0)"
    probe = f"t=f.contentDocument.documentElement;document.title=[t.scrollWidth<=t.clientWidth,{pictures}]"
    frame.write_text(f"<iframe id=f src='{page.as_uri()}' style='width:{width}px;height:900px;border:0' onload=\"{probe}\"></iframe>")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=4000",
        "--disable-background-networking", "--disable-component-update", "--no-first-run", "--enable-logging=stderr",
        f"--log-net-log={log}", f"--user-data-dir={folder / 'profile'}", "--dump-dom", frame.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = done.stdout.partition("<title>")[2].partition("</title>")[0].split(",")
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(title[0] == "true", title[-1] == "true", console, _requests(log))


def _requests(log: Path) -> list[str]:
    """Every URL that a page asked for and that is neither a file nor data; the browser's own requests have no origin."""
    started = [event["params"] for event in json.loads(log.read_text())["events"] if "initiator" in event.get("params", {})]
    urls = {params["url"] for params in started if params["initiator"] != "not an origin"}
    return sorted(url for url in urls if not url.startswith(("file:", "data:")))
