"""Hundreds of small malformed files with their allowed statuses, the same on every run."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image

from tests.helpers.boxes import (
    MATRICES,
    box,
    claiming_frames,
    deep_boxes,
    inside,
    large_header,
    naming_again,
    patched,
    sized,
    with_cover,
    with_table,
)
from tests.helpers.videos import moving_pictures, write_sound, write_video

OK, UNREADABLE, TOO_FEW = "ok", "unreadable", "too_few_frames"
INTACT = frozenset({OK})
ONE = frozenset({OK, TOO_FEW})
"""For a single picture: whether one frame is enough depends on the parameters."""
BROKEN = frozenset({UNREADABLE})
ANY = frozenset({OK, UNREADABLE, TOO_FEW})
"""The decoder may recover enough of a damaged video, too little, or nothing."""


@dataclass(frozen=True)
class Malformed:
    """One entry. name: name of the file or folder; allowed: acceptable statuses; build: creates it at a path."""

    name: str
    allowed: frozenset[str]
    build: Callable[[Path], object]


def malformed_files() -> list[Malformed]:
    """All entries; their names differ."""
    return [
        *_truncated(), *_flipped(), *_misnamed(), *_playlists(), *_odd_streams(), *_odd_boxes(), *_pictures(), *_folders(), *_no_files(),
        *_odd_names(),
    ]  # fmt: skip


KINDS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "late_index.mp4": ("libx264", {"g": "4"}, {}),
    "early_index.mp4": ("libx264", {"g": "4"}, {"movflags": "faststart"}),
    "fragments.mp4": ("libx264", {"g": "4"}, {"movflags": "frag_keyframe+empty_moov"}),
    "matroska.mkv": ("libx264", {"g": "4"}, {}),
    "web.webm": ("libvpx", {"g": "4"}, {}),
    "reordered.avi": ("mpeg4", {"g": "4", "bf": "2"}, {}),
    "transport.ts": ("mpeg2video", {"g": "4"}, {}),
    "program.mpg": ("mpeg1video", {"g": "4"}, {}),
    "flash.flv": ("flv", {"g": "4"}, {}),
    "lossless.mkv": ("ffv1", {}, {}),
    "raw.h264": ("libx264", {"g": "4"}, {}),
    "next.webm": ("libvpx-vp9", {"g": "4"}, {}),
}
"""Name of an intact video -> encoder, its options, options of the container."""


@cache
def intact(kind: str) -> bytes:
    """An intact video of twelve frames of 64x48 pixels."""
    codec, options, muxing = KINDS[kind]
    return _encoded(Path(kind).suffix, codec, options, muxing)


def _encoded(
    suffix: str, codec: str, options: dict[str, str] | None = None, muxing: dict[str, str] | None = None, pix_fmt: str = "yuv420p",
    shape: tuple[int, int, int] = (12, 48, 64), times: list[int] | None = None,
) -> bytes:  # fmt: skip
    """Bytes of a small video. shape: frames, height, width."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video{suffix}"
        pix_fmt = "bgr0" if codec == "ffv1" else pix_fmt
        return write_video(path, moving_pictures(*shape), codec, pix_fmt, options, times, muxing).read_bytes()


def _file(name: str, allowed: frozenset[str], content: Callable[..., bytes] | bytes, *arguments: object) -> Malformed:
    """A file with the given bytes, or with those that a function returns for its arguments."""
    return Malformed(name, allowed, lambda path: path.write_bytes(content if isinstance(content, bytes) else content(*arguments)))


def _truncated() -> Iterator[Malformed]:
    for kind in KINDS:
        for share in (0.001, 0.03, 0.1, 0.3, 0.6, 0.9, 0.99):
            yield _file(f"cut_{share}_{kind}", ANY, lambda k, s: cut(intact(k), s), kind, share)
        yield _file(f"headless_{kind}", ANY, lambda k: intact(k)[200:], kind)


def cut(content: bytes, share: float) -> bytes:
    """The first `share` of the bytes, at least one."""
    return content[: max(1, int(len(content) * share))]


def _flipped() -> Iterator[Malformed]:
    regions = {"head": (0.0, 0.1), "middle": (0.4, 0.6), "tail": (0.85, 1.0), "all": (0.0, 1.0)}
    for seed, kind in enumerate(KINDS):
        for region, (start, stop) in regions.items():
            for bits in (2, 60):
                name = f"flipped_{bits}_{region}_{kind}"
                yield _file(name, ANY, lambda k, *change: flip(intact(k), *change), kind, start, stop, bits, seed)


def flip(content: bytes, start: float, stop: float, bits: int, seed: int) -> bytes:
    """The content with `bits` random bits inverted between `start` and `stop`, which are fractions of its length."""
    flipped = bytearray(content)
    r = np.random.default_rng(seed)
    for place in r.integers(int(len(content) * start), max(int(len(content) * stop), 1), bits).tolist():
        flipped[place] ^= 1 << int(r.integers(8))
    return bytes(flipped)


def _misnamed() -> Iterator[Malformed]:
    contents = {
        "text": b"Dear Sir or Madam\n", "html": b"<!doctype html><html><video src=x.mp4></video></html>", "zip": b"PK\3\4" + bytes(100),
        "elf": b"\x7fELF\2\1\1" + bytes(200), "pickle": pickle.dumps({"weights": [1.0] * 50}), "pdf": b"%PDF-1.7\n" + bytes(50),
        "zero": bytes(5000), "ones": b"\xff" * 5000, "noise": np.random.default_rng(1).bytes(20000), "shell": b"#!/bin/sh\nexit 1\n",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "one_byte": b"\0", "empty": b"", "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(28),
        "gif": b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    }  # fmt: skip
    for content, data in contents.items():
        for suffix in ("mp4", "avi", "jpg"):
            yield _file(f"{content}_named.{suffix}", BROKEN, data)
    for name in ("jpeg_named.mp4", "png_named.mkv", "webp_named.avi"):
        yield _file(name, BROKEN, picture, name.partition("_")[0])
    for name in ("mp4_named.avi", "mp4_named.txt", "mp4_named.mkv", "mp4_named"):
        yield _file(name, INTACT, intact, "late_index.mp4")
    for name in ("mp4_named.jpg", "mp4_named.png"):
        yield _file(name, BROKEN, intact, "late_index.mp4")
    yield _file("matroska_named.mp4", INTACT, intact, "matroska.mkv")


def _playlists() -> Iterator[Malformed]:
    """Scripts that refer to other files: a system file, and a video next to them, whose frames must not be decoded."""
    texts = {
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "hls_video": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
        "concat": "ffconcat version 1.0\nfile '/etc/passwd'\n",
        "concat_video": "ffconcat version 1.0\nfile 'other.ts'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>file:///etc/passwd</BaseURL></MPD>",
        "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nHello\n\n",
        "webvtt": "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
        "ass": "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,D,,0,0,0,,x\n",
        "vobsub": "# VobSub index file, v7\nsize: 720x576\ntimestamp: 00:00:00:000, filepos: 000000000\n",
        "metadata": ";FFMETADATA1\ntitle=x\n",
        "imf": "<?xml version='1.0'?><CompositionPlaylist xmlns='http://www.smpte-ra.org/schemas/2067-3/2016'/>",
    }
    for name, text in texts.items():
        for suffix in ("mp4", "m3u8"):
            yield _file(f"{name}_script.{suffix}", BROKEN, text.encode())
    yield _file("other.ts", INTACT, intact, "transport.ts")


def _odd_streams() -> Iterator[Malformed]:
    yield Malformed("sound_only.m4a", BROKEN, write_sound)
    yield Malformed("sound_only.mp4", BROKEN, write_sound)
    yield _file("sound_with_cover.m4a", BROKEN, lambda: with_cover(sound(), picture("jpeg")))
    yield _file("video_with_cover.mp4", INTACT, lambda: with_cover(intact("late_index.mp4"), picture("jpeg")))
    yield _file("unknown_codec.mp4", BROKEN, lambda: patched(intact("late_index.mp4"), b"avc1\0\0\0\0", b"zzz9\0\0\0\0"))
    yield _file("unknown_codec.mkv", BROKEN, lambda: patched(intact("matroska.mkv"), b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))
    yield _file("unknown_codec.avi", BROKEN, lambda: intact("reordered.avi").replace(b"FMP4", b"ZZZ9"))
    yield _file("game_codec.avi", BROKEN, lambda: intact("reordered.avi").replace(b"FMP4", b"SCPR"))
    for width, height in [(1, 1), (2, 2), (1, 47), (16383, 2), (2, 16383), (61, 47)]:
        yield _file(f"size_{width}x{height}.mov", INTACT, _encoded, ".mov", "png", None, None, "rgb24", (3, height, width))
    yield _file("anamorphic.mkv", INTACT, _encoded, ".mkv", "mpeg4", {"aspect": "3:1"})
    yield _file("one_frame.mp4", frozenset({TOO_FEW}), lambda: _encoded(".mp4", "libx264", shape=(1, 48, 64)))
    yield _file("variable_rate.mp4", INTACT, lambda: _encoded(".mp4", "libx264", times=[0, 1, 2, 30, 31, 90, 95, 96, 97, 200, 201, 250]))
    yield _file("long_gap.mp4", INTACT, lambda: _encoded(".mp4", "libx264", times=[0, 1, *range(10**6, 10**6 + 10)]))
    yield _file("repeated_times.mkv", INTACT, lambda: re_timed(intact("lossless.mkv"), lambda _: 0))
    yield _file("negative_times.mkv", INTACT, lambda: re_timed(intact("lossless.mkv"), lambda time: time - 300))
    yield _file("backward_times.mkv", INTACT, lambda: re_timed(intact("lossless.mkv"), lambda time: 440 - time))
    for name in ("transport.ts", "late_index.mp4"):
        yield _file(f"twice_{name}", INTACT, lambda n: intact(n) * 2, name)
    yield _file("twice.mkv", ANY, lambda: intact("matroska.mkv") * 2)
    for size in (100_000, 12_000, 2**31 - 1, 0):
        yield _file(f"claims_{size}.avi", BROKEN, lambda s: inside(uncompressed(), b"strf", 8, struct.pack("<ii", s, s)), size)


def sound() -> bytes:
    """A file that contains only sound."""
    with tempfile.TemporaryDirectory() as folder:
        return write_sound(Path(folder) / "sound.m4a").read_bytes()


@cache
def uncompressed() -> bytes:
    """An AVI whose picture size is given only in its header."""
    return _encoded(".avi", "rawvideo", pix_fmt="bgr24")


def re_timed(matroska: bytes, new_time: Callable[[int], int]) -> bytes:
    """A Matroska file with changed times (ms, relative to their cluster) in the simple blocks of track 1."""
    content, place = bytearray(matroska), matroska.index(bytes.fromhex("1F43B675"))
    while (place := content.find(b"\x81", place + 1)) >= 0:
        if any(content[place - n - 1] == 0xA3 and content[place - n] >> (8 - n) == 1 for n in (1, 2, 3, 4)):
            (time,) = struct.unpack_from(">h", content, place + 1)
            struct.pack_into(">h", content, place + 1, new_time(time))
    return bytes(content)


def _odd_boxes() -> Iterator[Malformed]:
    plain = partial(intact, "late_index.mp4")
    for turn, matrix in MATRICES.items():
        yield _file(f"turned_{turn}.mp4", INTACT, lambda m: patched(plain(), MATRICES["0"], m), matrix)
    for table in ("stsz", "stts", "stsc", "stco", "ctts", "stss"):
        for count in (10**9, 2**32 - 1, 3 * 10**7):
            yield _file(f"claims_{count}_{table}.mp4", ANY, lambda t, n: with_table(plain(), t.encode(), n), table, count)
    for count in (10**9, 8 * 10**7, 5 * 10**6):
        yield _file(f"claims_{count}_frames.mp4", BROKEN, lambda n: claiming_frames(plain(), n), count)
    for name in ("moov", "trak", "mdia", "minf", "stbl", "mdat", "ftyp", "stsd", "avcC", "mvhd"):
        for size in (0, 1, 7, 2**32 - 1):
            yield _file(f"box_{name}_{size}.mp4", ANY, lambda n, s: sized(plain(), n.encode(), s), name, size)
    for size in (2**63 - 1, 2**63, 2**64 - 1, 10**12):
        yield _file(f"last_box_of_{size}.mp4", ANY, lambda s: plain() + large_header(b"mdat", s) + bytes(64), size)
        yield _file(f"first_box_of_{size}.mp4", ANY, lambda s: large_header(b"moov", s) + plain(), size)
    yield _file("same_bytes_again.mp4", BROKEN, lambda: naming_again(box(b"free", bytes(10**6)) + plain(), 500))
    yield _file("index_twice.mp4", ANY, lambda: plain() + box(b"moov", plain()[plain().index(b"moov") + 4 :]))
    yield _file("nested_boxes.mp4", BROKEN, lambda: plain()[:32] + deep_boxes(20_000))
    yield _file("many_empty_boxes.mp4", BROKEN, lambda: plain()[:32] + box(b"moov", box(b"trak", b"") * 30_000))
    yield _file("zero_boxes.mp4", BROKEN, lambda: plain()[:32] + bytes(100_000))
    yield _file("bad_text.mp4", ANY, lambda: plain() + box(b"udta", box(b"\xa9nam", b"\0\4\0\0\xff\xfe\xff\xfe")))
    yield _file("external_track.mp4", ANY, lambda: patched(plain(), b"url \0\0\0\1", b"url \0\0\0\0"))


def picture(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """An encoded picture."""
    out = BytesIO()
    PIL.Image.fromarray(moving_pictures(1, size[1], size[0])[0]).save(out, kind)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims this size, with hardly any data."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _pictures() -> Iterator[Malformed]:
    for kind in ("png", "jpeg", "webp", "bmp"):
        yield _file(f"intact.{kind}", ONE, picture, kind)
        for share in (0.01, 0.2, 0.7):
            yield _file(f"cut_{share}.{kind}", BROKEN, lambda k, s: cut(picture(k), s), kind, share)
        for seed in range(3):
            yield _file(f"flipped_{seed}.{kind}", ANY, lambda k, s: flip(picture(k), 0, 1, 30, s), kind, seed)
    for side in (100_000, 12_000, 2**31 - 1):
        yield _file(f"claims_{side}.png", BROKEN, png_claiming, side, side)
        yield _file(f"claims_{side}.bmp", BROKEN, lambda s: picture("bmp")[:18] + struct.pack("<ii", s, s) + picture("bmp")[26:], side)
    size, huge = struct.pack(">HH", 48, 64), struct.pack(">HH", 65500, 65500)
    yield _file("claims_65500.jpg", BROKEN, lambda: picture("jpeg").replace(size, huge))
    extended = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0) + (16_000).to_bytes(3, "little") * 2
    yield _file("claims_16001.webp", BROKEN, b"RIFF" + struct.pack("<I", len(extended)) + extended)


def _folder(name: str, allowed: frozenset[str], members: dict[str, bytes]) -> Malformed:
    def build(path: Path) -> None:
        path.mkdir()
        for member, content in members.items():
            (path / member).write_bytes(content)

    return Malformed(name, allowed, build)


def _folders() -> Iterator[Malformed]:
    intact_ones = {f"{number}.png": picture("png") for number in range(5)}
    broken_ones = {f"{number}b.png": picture("png")[:60] for number in range(5)}
    yield _folder("pictures", INTACT, intact_ones)
    yield _folder("pictures.mp4", INTACT, intact_ones)
    yield _folder("some_broken", INTACT, intact_ones | broken_ones)
    yield _folder("all_broken", BROKEN, broken_ones)
    yield _folder("no_pictures", BROKEN, {"notes.txt": b"none"})
    yield _folder("empty_folder.mp4", BROKEN, {})
    yield _folder("sizes", INTACT, intact_ones | {"9.jpg": picture("jpeg", (30, 20))})
    yield _folder("bombs", BROKEN, {f"{number}.png": png_claiming(10**5, 10**5) for number in range(5)})
    yield _folder("videos_named_pictures", BROKEN, {f"{number}.png": intact("late_index.mp4") for number in range(5)})


def _no_files() -> Iterator[Malformed]:
    yield Malformed("missing.mp4", BROKEN, lambda path: None)
    yield Malformed("pipe.mp4", BROKEN, os.mkfifo)
    yield Malformed("pipe.png", BROKEN, os.mkfifo)
    yield Malformed("socket.mp4", BROKEN, _bind)
    yield Malformed("loop.mp4", BROKEN, lambda path: path.symlink_to(path))
    for suffix in ("mp4", "png"):
        for target in ("gone", "/dev/zero", "/dev/null"):
            yield Malformed(f"link_to_{Path(target).name}.{suffix}", BROKEN, partial(os.symlink, target))


def _bind(path: Path) -> None:
    """Create a socket file. It is bound under a short path and then renamed, because socket paths have a maximum length."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/s")
        Path(f"{folder}/s").rename(path)


def _odd_names() -> Iterator[Malformed]:
    names = [
        "two\nlines.mp4", "it's \"quoted\".mp4", "frame%03d.mp4", "-leading.mp4", "видео 视频 🎬.mp4", "concat:a|b.mp4", "pipe:0.mp4",
        "http:x.mp4", "a;rm -rf $(b) `c`.mp4", " spaces .mp4", "back\\slash.mp4", "glob*[a-z]?.mp4", "#hash?query=1.mp4",
        f"{'n' * 240}.mp4", "..mp4", "no_suffix", "UPPER.MP4",
    ]  # fmt: skip
    for name in names:
        yield _file(name, INTACT, intact, "late_index.mp4")
    yield _file("picture%03d.jpg", ONE, picture, "jpeg")
