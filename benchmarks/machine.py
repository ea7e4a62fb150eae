"""Description of the machine on which a benchmark ran."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def describe_machine(device: str) -> dict[str, str | int]:
    """Name of the processor or GPU, number of cores and threads, and versions."""
    found: dict[str, str | int] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    return found


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
