"""Progress in a terminal: counts and times are never truncated."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

LABEL, LONG_LABEL = "train", "landmarks of a data set that has quite a long name"
NOTES = [
    "",
    "loss 0.733, class 0.693, heat map 0.0412, consistency 0.00123, rate 0.00072, 0.97 images/s, 12% making pairs, epoch 12: val AUC 0.931",
    "test/fake/[/brackets] that are no markup [red]/video_0001",
]
PROGRAM = """
import sys
from laanet_core.runtime.progress import Progress
label, total, note = sys.argv[1:]
with Progress(label, int(total), done=740) as progress:
    progress.advance(note)
"""


def shown(label: str, total: int, note: str, width: int) -> list[str]:
    """The lines written to a pseudo-terminal of `width` columns, without colours and cursor movements."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", str(width), "rows", "24"], stdin=theirs, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm-256color"}
    running = subprocess.Popen([sys.executable, "-c", PROGRAM, label, str(total), note], stdin=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    content = b""
    while piece := _read(ours):
        content += piece
    assert running.wait() == 0, content.decode()
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.decode())
    return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]


def _read(terminal: int) -> bytes:
    """The next output of a terminal; empty once its other end is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize("note", NOTES, ids=["no note", "training", "name of a video"])
@pytest.mark.parametrize("label", [LABEL, LONG_LABEL], ids=["short", "long"])
@pytest.mark.parametrize("total", [741, 1_234_567])
def test_counts_and_times_are_not_truncated_at_80_columns(label: str, note: str, total: int) -> None:
    lines = shown(label, total, note, 80)
    assert re.search(rf" +741/{total} \d:\d\d:\d\d (-|\d):(--|\d\d):(--|\d\d)", lines[-1]), lines
    assert all(re.search(rf" 74[01]/{total} ", line) and len(line) <= 80 for line in lines), lines
    assert lines[-1].startswith(label[:20])
    assert note[:6] in lines[-1]


def test_a_wide_terminal_shows_the_complete_note() -> None:
    assert NOTES[1] in shown(LABEL, 741, NOTES[1], 250)[-1]
