"""Section `demo`."""

from __future__ import annotations

from pydantic import Field

from laanet_core.params.section import Section


class DemoParams(Section):
    """The embedded data set. enabled: build it; seconds: length of a clip; crf: H.264 quality of its files."""

    enabled: bool
    seconds: float = Field(gt=0)
    crf: int = Field(ge=0, le=51)
