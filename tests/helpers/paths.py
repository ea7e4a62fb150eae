"""Places that tests need."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project's own folder."""
