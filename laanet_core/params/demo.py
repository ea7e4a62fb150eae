"""Section `demo`."""

from __future__ import annotations

from pydantic import Field

from laanet_core.params.section import Section


class DemoParams(Section):
    """The embedded demo data set. enabled: whether to build it; seconds: length of each clip; crf: H.264 constant rate factor."""

    enabled: bool
    seconds: float = Field(gt=0)
    crf: int = Field(ge=0, le=51)
