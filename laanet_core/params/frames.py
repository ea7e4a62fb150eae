"""Section `frames`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from laanet_core.params.section import Section, Split


class FramesParams(Section):
    """Frame sampling. count: number of frames per video, by split; minimum: with fewer decodable frames the status is `too_few_frames`."""

    count: dict[Split, Annotated[int, Field(ge=1)]]
    minimum: int = Field(ge=1)
