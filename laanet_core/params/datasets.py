"""Section `datasets`."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field

from laanet_core.params.section import Section


class DatasetParams(Section):
    """One data set, named by its key under `datasets`.

    root: folder of the data set, absolute or relative to the project.
    layout: folder layout (`laanet_core.datasets`); default: the layout with the same name as the key, else `folder`. The old name
    `adapter` of this parameter is also accepted.
    compression: compression level to use, for data sets with several (FF++, DFD, DeepfakeBench lists).
    partial: accept an official data set with missing videos; listed videos that are missing become rows with a status.
    cropped: whether the images are face crops already and need no cropping; default: as defined by the layout.
    listing: JSON list for the layout `deepfakebench`, absolute or relative to root.
    """

    root: str
    layout: str | None = Field(default=None, validation_alias=AliasChoices("layout", "adapter"))
    compression: Literal["c0", "c23", "c40"] = "c23"
    partial: bool = False
    cropped: bool | None = None
    listing: str | None = None
