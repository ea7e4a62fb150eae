"""The machine on which a benchmark runs: its devices, and its description."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

import torch


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --device, to be read by `devices`."""
    parser.add_argument("--device", choices=["cpu", "cuda"], help="one device instead of all of this machine")


def devices(requested: str | None) -> list[str]:
    """The requested device, or without one the CPU and, if torch finds one, the GPU."""
    return [requested] if requested else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


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
