"""Section `datasets`."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field

from laanet_core.params.section import Section


class DatasetParams(Section):
    """One data set, named by its key under `datasets`.

    root: folder of the data set, absolute or relative to the project.
    layout: folder layout (`laanet_core.datasets`), by default the key itself where a layout has that name, else `folder`;
    `adapter`, its name in earlier versions, is read too.
    compression: which compression of a data set that has several (FF++, DFD, lists of DeepfakeBench).
    partial: go on with an official data set of which videos are missing; those that its lists name are rows with a status.
    cropped: its pictures are face crops already, and nothing is to be cropped; by default what the layout says.
    listing: JSON list of the layout `deepfakebench`, absolute or relative to root.
    """

    root: str
    layout: str | None = Field(default=None, validation_alias=AliasChoices("layout", "adapter"))
    compression: Literal["c0", "c23", "c40"] = "c23"
    partial: bool = False
    cropped: bool | None = None
    listing: str | None = None
