"""Tar shards: one file per video with its PNG images, then a JSON note. Equal members give equal bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from laanet_core.errors import LaanetError
from laanet_core.store.account import ENTRY, Account
from laanet_core.types import Image

NOTE = "video.json"
PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
"""'Up' filter and run-length encoding: on 720p frames, writes and reads in half the time of zlib's level 1 at the same size."""
MAX_MEMBER_BYTES = 1 << 30
"""Larger members are refused."""
DIGEST = "digest"
"""Key of the shard's content digest in its note."""
_verified: dict[Path, tuple[int, int, int, int, str]] = {}
"""Shards already verified by this process -> device, inode, size, modification time (ns) and the digest."""
_CROP = re.compile(r"(\d{6,})(?:\.(\d+))?\.png")


@dataclass(frozen=True)
class Note:
    """Last member of a shard, so that images can be streamed. facts: status, reason and others; made: the account of the shard."""

    video_id: str
    facts: Mapping[str, Any]
    made: Account


class ShardDigest:
    """SHA-256 of a shard's images, their names and its facts. The account is excluded, so that equal content has an equal digest."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, name: str, content: bytes) -> None:
        """Add the next image."""
        self._hash.update(f"{name} {len(content)}\n".encode())
        self._hash.update(content)

    def finish(self, facts: Mapping[str, Any]) -> str:
        """Digest of all added images and these facts."""
        self._hash.update(json.dumps(facts, sort_keys=True).encode())
        return self._hash.hexdigest()


def write_shard(path: Path, members: Iterable[tuple[str, bytes] | Note]) -> None:
    """Write members (name, bytes) and the note in the given order into an uncompressed tar with fixed owner, mode and time."""
    digest = ShardDigest()
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, Note):
                note = {**member.facts, DIGEST: digest.finish(member.facts), ENTRY: member.made.as_json()}
                name, content = f"{member.video_id}/{NOTE}", json.dumps(note, sort_keys=True).encode()
            else:
                name, content = member
                digest.add(name, content)
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o444
            tar.addfile(info, io.BytesIO(content))


class Shard:
    """A tar opened for random access by member name; raises LaanetError if it is missing or damaged.

    digest: expected content digest, from videos.csv; LaanetError is raised for other content, so that no result is made from images that
    were replaced in the meantime. A file is verified once per process as long as its size and modification time stay the same.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                self._places = {info.name: (info.offset_data, info.size) for info in tar if info.isfile()}
        except FileNotFoundError:
            raise LaanetError(f"{path}: not found; build it with 'dvc repro'.") from None
        except tarfile.TarError as error:
            raise LaanetError(f"{path}: not a complete tar shard ({error}); remove it and run 'dvc repro'.") from None
        if digest is not None:
            self._check(digest)

    def _check(self, digest: str) -> None:
        stat = os.fstat(self._file.fileno())
        state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, digest)
        if _verified.get(self.path) == state:
            return
        actual = self.digest()
        if actual != digest:
            self.close()
            raise LaanetError(
                f"{self.path}: its content differs from videos.csv (digest {actual[:12]}, expected {digest[:12]}); it was damaged or "
                "replaced by another command; run 'laanet verify', then 'dvc repro'."
            )
        _verified[self.path] = state

    def digest(self) -> str:
        """Compute the content digest, as `write_shard` does."""
        digest, note = ShardDigest(), self._note_name()
        for name in self.names():
            if name != note:
                digest.add(name, self.read(name))
        facts = {} if note is None else self.note()
        return digest.finish({name: fact for name, fact in facts.items() if name not in {DIGEST, ENTRY}})

    def note(self) -> dict[str, Any]:
        """The JSON note: facts, digest and account of the shard; raises LaanetError if there is none."""
        name = self._note_name() or NOTE
        try:
            facts: dict[str, Any] = json.loads(self.read(name))
        except ValueError:
            raise LaanetError(f"{self.path}: {name} is not a valid note; remove the file and run 'dvc repro'.") from None
        return facts

    def _note_name(self) -> str | None:
        """Name of the note, or None."""
        return next((name for name in reversed(self._places) if name.endswith(f"/{NOTE}")), None)

    def names(self) -> list[str]:
        """Names of all members, in order."""
        return list(self._places)

    def read(self, name: str) -> bytes:
        """Bytes of a member; raises LaanetError if it is missing, too large or cut off."""
        try:
            offset, size = self._places[name]
        except KeyError:
            raise LaanetError(f"{self.path}: has no member {name}; remove it and run 'dvc repro'.") from None
        if size > MAX_MEMBER_BYTES:
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
        return shard.note()


def crop_members(shard: Shard) -> list[tuple[str, int, int]]:
    """(member, frame number, face number) of each image of a shard, in order; `000012.png` is face 0, `000012.1.png` face 1."""
    matches = [(name, _CROP.fullmatch(name.rpartition("/")[2])) for name in shard.names()]
    return [(name, int(match[1]), int(match[2] or 0)) for name, match in matches if match]


def read_rgb(shard: Shard, name: str) -> Image:
    """Decode a member as RGB (H, W, 3) uint8; raises LaanetError if it is not an image."""
    encoded = np.frombuffer(shard.read(name), np.uint8)
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    except cv2.error:
        image = None
    if image is None:
        raise LaanetError(f"{shard.path}: member {name} is not an image; remove the file and run 'dvc repro'.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def encode_png(rgb: Image) -> bytes:
    """Encode an RGB image (H, W, 3) as PNG, with fast compression."""
    success, encoded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), PNG_OPTIONS)
    if not success:
        raise ValueError(f"an image of shape {rgb.shape} cannot be written as PNG")
    return encoded.tobytes()
