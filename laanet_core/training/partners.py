"""Partners of real crops in a pair: a crop of another person with similar landmarks (BI), or a fake of the data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from laanet_core.params import Params
from laanet_core.synthesis.neighbours import nearest_faces
from laanet_core.synthesis.rng import Rng
from laanet_core.training.dataset import Clip, Draw


class Partners(Protocol):
    """Chooses a partner for each drawn crop."""

    def pick(self, draw: Draw, key: int) -> tuple[Clip, int]:
        """A clip and the index of one of its crops; depends on draw and key only."""


class FakeVideos:
    """Fakes of the data set: a uniformly drawn video, and a uniformly drawn crop of it."""

    def __init__(self, fakes: Sequence[Clip]) -> None:
        self.fakes = fakes

    def pick(self, draw: Draw, key: int) -> tuple[Clip, int]:
        """See Partners."""
        rng = Rng(np.array([key]))
        clip = self.fakes[int(rng.integers("fake video", 0, len(self.fakes) - 1)[0])]
        return clip, int(rng.integers("fake crop", 0, len(clip.members) - 1)[0])


class NearestPeople:
    """Faces of other people: one of at most `count` with the nearest landmarks. Raises LaanetError for fewer than two people."""

    def __init__(self, clips: Sequence[Clip], count: int, device: torch.device) -> None:
        self.clips = clips
        self.starts = np.cumsum([0, *(len(clip.members) for clip in clips)])
        people = [clip.person for clip in clips for _ in clip.members]
        points = torch.from_numpy(np.concatenate([clip.points for clip in clips])).to(device)
        self.table = nearest_faces(points, people, count).cpu().numpy()

    def pick(self, draw: Draw, key: int) -> tuple[Clip, int]:
        """See Partners."""
        nearest = self.table[self.starts[draw.clip] + draw.crop]
        nearest = nearest[nearest >= 0]
        number = nearest[Rng(np.array([key])).integers("partner", 0, len(nearest) - 1)[0]]
        clip = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.clips[clip], int(number - self.starts[clip])


def partners_of(clips: Sequence[Clip], fakes: Sequence[Clip] | None, params: Params, device: torch.device) -> Partners | None:
    """The partners for a training with these parameters, None for SBI; fakes: clips of fakes if it uses those of the data set."""
    if fakes is not None:
        return FakeVideos(fakes)
    return NearestPeople(clips, params.synthesis.bi.neighbours, device) if params.synthesis.method == "bi" else None
