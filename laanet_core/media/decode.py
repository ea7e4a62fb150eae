"""Exact frames of a video by number, in order of presentation, through PyAV.

A frame's number is its place among the sorted presentation times of the video's packets, which are read without decoding. Where every
packet has its own time, the frames that come out are known by their times; in containers with an index of their key frames, frames are
reached by seeking to the key frame before them, in others by one pass. A seek counts only where it lands on a picture that needs no
earlier one: streams that refresh their picture bit by bit have none, and are decoded in one pass. Where times are missing, repeated or
those of decoding (AVI with B-frames), the video is decoded once from its beginning and counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

INDEXED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"}
"""FFmpeg's names of the containers in which seeking to a key frame is exact (an MPEG transport stream, for one, lands anywhere)."""
MOST_SIDE = 16384
MOST_PIXELS = 10**8
MOST_FRAMES = 10**7

Image = NDArray[np.uint8]


class UndecodableError(Exception):
    """A file that is no video that can be decoded; the reason in words."""


@dataclass(frozen=True)
class VideoInfo:
    """What a file's packets say of its video. times: presentation time of each frame, ascending, in the stream's time base, or
    none where packets lack them; key_times: those of key frames; width, height: stored pixels, before rotation."""

    frame_count: int
    width: int
    height: int
    times: tuple[int, ...]
    key_times: tuple[int, ...]


def select_frames(total: int, count: int) -> list[int]:
    """`count` frame numbers of `total`, evenly spaced from the first to the last without repetition; all where there are fewer."""
    if total <= count:
        return list(range(total))
    return [round(place) for place in np.linspace(0, total - 1, count).tolist()]


def probe(path: Path) -> VideoInfo:
    """Read a video's packets without decoding them; raises UndecodableError with the reason."""
    with _open(path) as (container, stream):
        _check_size(stream.codec_context.width, stream.codec_context.height)
        times: list[int | None] = []
        keys: list[int] = []
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            times.append(packet.pts)
            if packet.is_keyframe and packet.pts is not None:
                keys.append(packet.pts)
            if len(times) > MOST_FRAMES:
                raise UndecodableError(f"it has more than {MOST_FRAMES} frames")
        known = sorted(time for time in times if time is not None)
        reordered = times != known or not stream.codec_context.has_b_frames
        exact = reordered and len(known) == len(times) == len(set(known))
        size = stream.codec_context
        return VideoInfo(len(times), size.width, size.height, tuple(known) if exact else (), tuple(sorted(keys)) if exact else ())


def decode_frames(path: Path, numbers: Sequence[int], info: VideoInfo) -> Iterator[tuple[int, Image]]:
    """(number, RGB image (H, W, 3) uint8, upright) of the wanted frames, ascending; those that cannot be decoded are left out.

    Raises UndecodableError when the file cannot be opened, or gives no frame for a reason that it tells.
    """
    wanted = sorted(set(numbers))
    if info.times:
        yield from _decode_by_time(path, wanted, info)
    else:
        yield from _decode_by_count(path, wanted)


def _decode_by_time(path: Path, wanted: Sequence[int], info: VideoInfo) -> Iterator[tuple[int, Image]]:
    """Frames known by their times: seek where a later key frame spares decoding, else go on decoding."""
    number_of = {info.times[number]: number for number in wanted}
    with _open(path) as (container, stream):
        reader = _Reader(container, stream, info.key_times if container.format.name in INDEXED else ())
        for time in sorted(number_of):
            frame = reader.frame_at(time)
            if frame is not None:
                yield number_of[time], to_rgb(frame)


class _Reader:
    """Goes forward through a stream, by decoding or by seeking to one of `key_times`, to frames of given times."""

    def __init__(self, container: InputContainer, stream: VideoStream, key_times: Sequence[int]) -> None:
        self.container, self.stream, self.key_times = container, stream, key_times
        self.frames = _decoded(container, stream)
        self.position: int | None = None

    def frame_at(self, time: int) -> VideoFrame | None:
        """The frame of this presentation time, or None where it cannot be decoded."""
        before = bisect_right(self.key_times, time) - 1
        if before > 0 and (self.position is None or self.key_times[before] > self.position):
            self._seek(self.key_times[before])
        for frame in self.frames:
            self.position = frame.pts
            if frame.pts == time:
                return frame
            if frame.pts is not None and frame.pts > time:
                self.frames = _put_back(frame, self.frames)
                return None
        return None

    def _seek(self, key_time: int) -> None:
        """Go on at the key frame of this time or, where none comes out there, at the beginning and without further seeks."""
        self.container.seek(key_time, stream=self.stream, backward=True, any_frame=False)
        frames = _decoded(self.container, self.stream)
        first = next((frame for frame in frames if frame.pts is not None and frame.pts >= key_time), None)
        if first is not None and first.pts == key_time and first.key_frame:
            self.frames = _put_back(first, frames)
            return
        self.container.seek(self.key_times[0], stream=self.stream, backward=True, any_frame=False)
        self.frames, self.key_times = _decoded(self.container, self.stream), ()


def _put_back(frame: VideoFrame, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield frame
    yield from frames


def _decode_by_count(path: Path, wanted: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """Frames known by counting from the first, in one pass."""
    missing = set(wanted)
    with _open(path) as (container, stream):
        for number, frame in enumerate(_decoded(container, stream)):
            if number in missing:
                missing.remove(number)
                yield number, to_rgb(frame)
            if not missing:
                return


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in order of presentation; a packet that cannot be decoded is passed over, as players do."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except av.error.InvalidDataError:
            continue
        except av.error.FFmpegError:
            return
        for frame in frames:
            if isinstance(frame, VideoFrame) and not frame.is_corrupt:
                yield frame


def to_rgb(frame: VideoFrame) -> Image:
    """A frame in any pixel format as upright RGB (H, W, 3) uint8."""
    _check_size(frame.width, frame.height)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _check_size(width: int, height: int) -> None:
    """Refuse sizes that no camera makes, before memory is taken for them."""
    if width < 1 or height < 1:
        raise UndecodableError("it has no picture size")
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise UndecodableError(f"it claims {width}x{height} pixels; at most {MOST_SIDE} a side and {MOST_PIXELS} in all are accepted")


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream, decoded on one thread; FFmpeg's errors become UndecodableError."""
    if not path.is_file():
        raise UndecodableError("the file is not there")
    if path.stat().st_size == 0:
        raise UndecodableError("the file is empty")
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise UndecodableError("it has no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise UndecodableError("its codec is not known")
            stream.thread_count = 1
            yield container, stream
    except av.error.FFmpegError as error:
        raise UndecodableError(f"FFmpeg says: {error.strerror}") from None
