"""Tar shards: one file a video, its PNG images, then a JSON note; the same members give the same bytes."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.errors import LaanetError

NOTE = "video.json"
PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
"""Rows less the one above, and runs alone: on 720p frames half the time of zlib's level 1, to write and to read, at the same size."""
MOST_BYTES = 1 << 30
"""A member that claims more is refused."""
_CROP = re.compile(r"(\d{6,})(?:\.(\d+))?\.png")


def write_shard(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write an uncompressed tar of (name, bytes), in their order, with fixed owner, mode and time."""
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o444
            tar.addfile(info, io.BytesIO(content))


def note_member(video_id: str, facts: Mapping[str, Any]) -> tuple[str, bytes]:
    """The last member of a video's shard, so that images can be written as they come: status, reason and facts as JSON."""
    return f"{video_id}/{NOTE}", json.dumps(facts, sort_keys=True).encode()


class Shard:
    """A tar opened for random access by member name; raises LaanetError when it is missing or damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                self._places = {info.name: (info.offset_data, info.size) for info in tar if info.isfile()}
        except FileNotFoundError:
            raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
        except tarfile.TarError as error:
            raise LaanetError(f"{path}: not a whole tar shard ({error}); remove it and run 'dvc repro'.") from None

    def names(self) -> list[str]:
        """Names of all members, in order."""
        return list(self._places)

    def read(self, name: str) -> bytes:
        """Bytes of a member; raises LaanetError when it is not there, absurdly large or cut off."""
        try:
            offset, size = self._places[name]
        except KeyError:
            raise LaanetError(f"{self.path}: has no member {name}; remove it and run 'dvc repro'.") from None
        if size > MOST_BYTES:
            raise LaanetError(f"{self.path}: member {name} claims {size} bytes; remove the file and run 'dvc repro'.")
        self._file.seek(offset)
        content = self._file.read(size)
        if len(content) < size:
            raise LaanetError(f"{self.path}: cut off in member {name}; remove it and run 'dvc repro'.")
        return content

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Shard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_note(path: Path) -> dict[str, Any]:
    """The JSON note of a video's shard."""
    with Shard(path) as shard:
        facts: dict[str, Any] = json.loads(shard.read(shard.names()[-1]))
    return facts


def crop_members(shard: Shard) -> list[tuple[str, int, int]]:
    """(member, frame number, face number) of every image of a shard, in order; `000012.png` is face 0, `000012.1.png` face 1."""
    found = [(name, _CROP.fullmatch(name.rpartition("/")[2])) for name in shard.names()]
    return [(name, int(match[1]), int(match[2] or 0)) for name, match in found if match]


def read_rgb(shard: Shard, name: str) -> NDArray[np.uint8]:
    """Image member as RGB (H, W, 3) uint8; raises LaanetError when it is not an image."""
    encoded = np.frombuffer(shard.read(name), np.uint8)
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    except cv2.error:
        image = None
    if image is None:
        raise LaanetError(f"{shard.path}: member {name} is not an image; remove the file and run 'dvc repro'.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """PNG of an RGB image (H, W, 3) at a fast level, lossless."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), PNG_OPTIONS)
    if not done:
        raise ValueError(f"an image of shape {rgb.shape} cannot be written as PNG")
    return encoded.tobytes()
