"""Content of the demo: its clips and face swaps, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from laanet_core.params import Split

Method = Literal["feather", "poisson"]


@dataclass(frozen=True)
class Clip:
    """A real clip: a section of a video, or a still image seen by a simulated moving camera.

    person: identifier of the person shown, who appears in one split only, or empty; media: name in `pinned.MEDIA`; size: width and height
    of the clip in pixels; view: centre x, centre y and width of the visible part of the image, in its pixels; start: first frame, or
    middle: middle frame of the section of a video (for which the view does not move); both None for an image.
    """

    name: str
    split: Split
    person: str
    media: str
    size: tuple[int, int]
    view: tuple[float, float, float]
    start: int | None = None
    middle: int | None = None

    @property
    def path(self) -> str:
        """Path of the clip inside the data set."""
        return f"{self.split}/real/{self.name}.mp4"


@dataclass(frozen=True)
class Fake:
    """A face swap: the donor's face in the target's clip."""

    target: str
    donor: str
    method: Method

    @property
    def path(self) -> str:
        """Path of the fake inside the data set."""
        return f"test/fake/{self.target}_{self.donor}_{self.method}.mp4"


_WIDE, _NARROW, _SMALL, _SQUARE = (640, 360), (480, 360), (360, 270), (288, 288)
_WHOLE = (320.0, 180.0, 640.0)

CLIPS = [
    Clip("woman_sad", "train", "woman", "woman", _WIDE, _WHOLE, 0),
    Clip("woman_hand", "train", "woman", "woman", _WIDE, _WHOLE, 160),
    Clip("woman_calm", "train", "woman", "woman", _WIDE, _WHOLE, 232),
    Clip("woman_smile", "train", "woman", "woman", _WIDE, _WHOLE, 300),
    Clip("woman_turn", "train", "woman", "woman", _WIDE, _WHOLE, 372),
    Clip("man", "train", "man", "man", _WIDE, _WHOLE, 22),
    Clip("man_near", "train", "man", "clouds_then_man", _WIDE, (450, 280, 640), 118),
    Clip("man_then_clouds", "train", "man", "man_then_clouds", _WIDE, (480, 270, 960), middle=73),
    Clip("clouds_then_man", "train", "man", "clouds_then_man", _WIDE, (480, 270, 960), middle=96),
    Clip("grace_far", "train", "grace", "grace", _NARROW, (260, 215, 470)),
    Clip("grace_near", "train", "grace", "grace", _NARROW, (265, 215, 380)),
    Clip("friend_right", "train", "friend_right", "group", _SQUARE, (736, 356, 200)),
    Clip("friend_middle", "train", "friend_middle", "group", _SQUARE, (581, 372, 200)),
    Clip("friend_left", "train", "friend_left", "group", _SQUARE, (362, 298, 200)),
    Clip("astronaut_far", "val", "astronaut", "astronaut", _SMALL, (230, 135, 330)),
    Clip("astronaut_near", "val", "astronaut", "astronaut", _SMALL, (226, 118, 250)),
    Clip("guido_far", "val", "guido", "guido", _WIDE, (390, 265, 740)),
    Clip("guido_near", "val", "guido", "guido", _NARROW, (370, 262, 620)),
    Clip("clouds", "test", "", "clouds", _WIDE, (480, 270, 960), 20),
    Clip("portrait_far", "test", "portrait", "portrait", _NARROW, (284, 262, 520)),
    Clip("portrait_near", "test", "portrait", "portrait", _NARROW, (284, 262, 420)),
    Clip("katherine_far", "test", "katherine", "katherine", _WIDE, (390, 265, 680)),
    Clip("katherine_near", "test", "katherine", "katherine", _NARROW, (390, 268, 500)),
    Clip("filippo_far", "test", "filippo", "filippo", _WIDE, (400, 200, 640)),
    Clip("filippo_near", "test", "filippo", "filippo", _NARROW, (402, 195, 460)),
    Clip("christophe_far", "test", "christophe", "christophe", _WIDE, (380, 240, 740)),
    Clip("christophe_near", "test", "christophe", "christophe", _NARROW, (345, 250, 630)),
]

FAKES = [
    Fake("portrait_far", "katherine_far", "feather"),
    Fake("portrait_far", "filippo_far", "poisson"),
    Fake("portrait_near", "katherine_near", "poisson"),
    Fake("portrait_near", "filippo_near", "feather"),
    Fake("katherine_far", "portrait_far", "poisson"),
    Fake("katherine_far", "filippo_far", "feather"),
    Fake("katherine_near", "filippo_near", "poisson"),
    Fake("katherine_near", "portrait_near", "feather"),
    Fake("filippo_far", "katherine_far", "poisson"),
    Fake("filippo_far", "portrait_far", "feather"),
    Fake("filippo_near", "katherine_near", "feather"),
    Fake("filippo_near", "portrait_near", "poisson"),
    Fake("christophe_far", "portrait_far", "feather"),
    Fake("christophe_far", "katherine_far", "poisson"),
    Fake("christophe_near", "filippo_near", "feather"),
    Fake("christophe_near", "portrait_near", "poisson"),
]
