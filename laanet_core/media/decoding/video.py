"""Videos as a FrameSource: exact frames by number, in presentation order, through PyAV.

A frame's number is its rank among the presentation timestamps of the video's packets, which are read without decoding. If every packet
has its own timestamp, decoded frames are identified by it. In containers with an index of key frames, the reader then seeks to the key
frame before a requested frame; others are decoded in one pass. A seek is accepted only if it lands on a frame that needs no earlier one:
streams with gradual intra refresh have no such frames and are decoded in one pass. If timestamps are missing, repeated or in decoding
order (AVI with B-frames), the video is decoded from the beginning and its frames are counted.
"""

from __future__ import annotations

import errno
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from laanet_core.media.decoding.base import UndecodableError, translated_errors
from laanet_core.media.decoding.limits import MAX_PIXELS, check_frame_count, check_payload, check_size
from laanet_core.types import Image

INDEXED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"}
"""FFmpeg's names of the containers in which seeking to a key frame is exact (unlike an MPEG transport stream, for example)."""
CONTAINERS = (*sorted(INDEXED), "mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "obu", "ivf", "flv", "asf", "ogg", "mxf", "mjpeg")
"""FFmpeg's names of the accepted containers: those of cameras, websites and editors, none of which can refer to another file."""
DECODERS = {
    "h264", "hevc", "vvc", "libdav1d", "av1", "vp6", "vp6f", "vp7", "vp8", "vp9", "theora", "dirac", "rv30", "rv40",
    "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h261", "h263", "h263p", "flv",
    "wmv1", "wmv2", "wmv3", "vc1", "svq1", "svq3", "cinepak", "indeo3", "indeo5", "qtrle", "rpza",
    "mjpeg", "mjpegb", "jpeg2000", "png", "prores", "dnxhd", "cfhd", "dvvideo", "rawvideo", "v210", "v410", "r210",
    "ffv1", "huffyuv", "ffvhuff", "utvideo", "lagarith", "magicyuv",
}  # fmt: skip
"""FFmpeg's names of the accepted decoders; most of its vulnerabilities are in the hundreds for old games and screen recorders."""
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(CONTAINERS),
    "codec_whitelist": ",".join(sorted(DECODERS)),
}

Times = NDArray[np.int64]

_NONE: Times = np.empty(0, np.int64)


class VideoSource:
    """The first video stream of a container. Raises UndecodableError, or an error of FFmpeg or the file system."""

    def __init__(self, path: Path) -> None:
        self._source = _Source(path)
        try:
            self._index = _read_index(self._source)
        except BaseException:
            self.close()
            raise
        self.frame_count = self._index.frame_count
        context = self._source.stream.codec_context
        self.width, self.height = context.width, context.height

    def frames(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """See `FrameSource`."""
        requested = sorted({number for number in numbers if 0 <= number < self.frame_count})
        with translated_errors():
            yield from self._by_time(requested) if len(self._index.times) else self._by_count(requested)

    def _by_time(self, numbers: Sequence[int]) -> Iterator[tuple[int, Image]]:
        """Yield frames identified by their timestamps: seek if a later key frame saves decoding, else continue to decode."""
        reader = _Reader(self._source, self._index)
        times = self._index.times[numbers].tolist()
        self._source.requested = frozenset(times)
        for number, time in zip(numbers, times, strict=True):
            frame = reader.frame_at(time)
            if frame is not None:
                yield number, to_rgb(frame)

    def _by_count(self, numbers: Sequence[int]) -> Iterator[tuple[int, Image]]:
        """Yield frames identified by counting from the first, in one pass."""
        missing = set(numbers)
        self._source.rewind()
        for number, frame in enumerate(self._source.frames()):
            if number in missing:
                missing.remove(number)
                yield number, to_rgb(frame)
            if not missing:
                return

    def close(self) -> None:
        """Close the container."""
        self._source.close()


class _Source:
    """A container and its video stream, decoded on one thread from the current position.

    requested: timestamps of the requested frames; None requests all. Other frames that are not used as a reference (about half of a
    typical H.264 file) are not decoded, which changes no pixel of the rest.
    """

    container: InputContainer
    stream: VideoStream

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requested: frozenset[int] | None = None
        self._open()

    def _open(self) -> None:
        self.container = _open_container(self.path)
        try:
            self.stream = _video_stream(self.container)
        except BaseException:
            self.container.close()
            raise
        self.stream.thread_count = 1
        self.stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}

    def rewind(self) -> None:
        """Return to the beginning by opening the file again, since not all containers can seek there."""
        self.container.close()
        self._open()

    def seek(self, time: int) -> bool:
        """Seek to the key frame with this timestamp; returns whether the container supports it."""
        try:
            self.container.seek(time, stream=self.stream, backward=True, any_frame=False)
        except av.error.FFmpegError:
            return False
        return True

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the stream up to the end or the first damage; empty packets, which would end decoding, are skipped."""
        try:
            yield from (packet for packet in self.container.demux(self.stream) if packet.size)
        except av.error.InvalidDataError:
            return

    def frames(self) -> Iterator[VideoFrame]:
        """Yield frames in presentation order; undecodable packets are skipped, as players do."""
        for packet in chain(self.packets(), [None]):
            yield from self._decoded(packet)

    def _decoded(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Decode one packet: the frames it completes; None flushes the frames still buffered at the end."""
        if packet is not None and self.requested is not None:
            self.stream.codec_context.skip_frame = "DEFAULT" if packet.pts in self.requested else "NONREF"
        try:
            return [frame for frame in self.stream.codec_context.decode(packet) if not frame.is_corrupt]
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            return []

    def close(self) -> None:
        """Close the container."""
        self.container.close()


def _open_container(path: Path) -> InputContainer:
    """Open the container of a file; an absolute path after `file:` cannot be taken for another protocol, such as `concat:`."""
    try:
        container: InputContainer = av.open(f"file:{path.absolute()}", options=_OPTIONS, metadata_errors="replace")
        return container
    except av.error.FFmpegError as error:
        if error.errno == errno.EINVAL:  # FFmpeg's error for a format that is not on the whitelist
            raise UndecodableError("it is not in a supported container format") from None
        raise


def _video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover picture; raises UndecodableError if its codec or size is not accepted."""
    streams = [stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise UndecodableError("it has no video stream")
    context = streams[0].codec_context
    if context is None:
        raise UndecodableError("its codec is unknown")
    if context.name not in DECODERS:
        raise UndecodableError(f"its codec {context.name} is not supported")
    check_size(context.width, context.height)
    check_frame_count(streams[0].frames)
    return streams[0]


@dataclass(frozen=True)
class _Index:
    """Frame index of a video, from its packets.

    times: presentation timestamp of each frame in units of the stream's time base, ascending; empty if frames cannot be identified by
    timestamps. key_times: timestamps of the key frames to which the reader can seek.
    """

    frame_count: int
    times: Times
    key_times: Times


def _read_index(source: _Source) -> _Index:
    """Build the frame index by reading all packets without decoding them."""
    times, keys = array("q"), array("q")
    untimed, payload, starts_with_key = False, 0, False
    file_size = source.path.stat().st_size
    for packet in source.packets():
        starts_with_key = packet.is_keyframe if not payload else starts_with_key
        payload += packet.size
        check_payload(payload, file_size)
        if packet.is_discard:
            continue
        untimed = untimed or packet.pts is None
        times.append(packet.pts or 0)
        if packet.is_keyframe:
            keys.append(packet.pts or 0)
        check_frame_count(len(times))
    stored = np.array(times, np.int64)
    if untimed or not _are_exact(stored, bool(source.stream.codec_context.has_b_frames)):
        return _Index(len(stored), _NONE, _NONE)
    key_times = np.sort(np.array(keys, np.int64)) if source.container.format.name in INDEXED else _NONE
    return _Index(len(stored), np.sort(stored), key_times if starts_with_key else key_times[1:])


def _are_exact(times: Times, has_b_frames: bool) -> bool:
    """Whether packet times, in decoding order, are presentation times: all distinct, and out of order if and only if it has B-frames."""
    ascending = bool(np.all(times[1:] > times[:-1]))
    distinct = ascending or len(np.unique(times)) == len(times)
    return distinct and ascending != has_b_frames


class _Reader:
    """Reads frames with ascending timestamps, by decoding or by seeking to key frames."""

    def __init__(self, source: _Source, index: _Index) -> None:
        self.source, self.key_times = source, index.key_times
        self.frames: Iterator[VideoFrame] = iter(())
        self.position: int | None = None

    def frame_at(self, time: int) -> VideoFrame | None:
        """The frame with this timestamp, or None if it cannot be decoded."""
        self._approach(time)
        for frame in self.frames:
            self.position = frame.pts
            if frame.pts == time:
                return frame
            if frame.pts is not None and frame.pts > time:
                self.frames = chain([frame], self.frames)
                return None
        return None

    def _approach(self, time: int) -> None:
        """Seek to the last key frame before this time if it is ahead; rewind at first use or if that key frame cannot be reached."""
        before = int(np.searchsorted(self.key_times, time, side="right")) - 1
        key_time = int(self.key_times[before]) if before >= 0 else None
        if self.position is not None and (key_time is None or key_time <= self.position):
            return
        if key_time is None or not self._seek(key_time):
            self.source.rewind()
            self.frames = self.source.frames()
        self.position = time if self.position is None else self.position

    def _seek(self, key_time: int) -> bool:
        """Continue at the key frame with this time. If no key frame is decoded there, seeking is given up for this video."""
        if self.source.seek(key_time):
            frames = self.source.frames()
            first = next((frame for frame in frames if frame.pts is not None and frame.pts >= key_time), None)
            if first is not None and first.pts == key_time and first.key_frame:
                self.frames = chain([first], frames)
                return True
        self.key_times = _NONE
        return False


def to_rgb(frame: VideoFrame) -> Image:
    """Convert a frame of any pixel format to upright RGB (H, W, 3) uint8, on one thread."""
    check_size(frame.width, frame.height)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24", threads=1), turns))
