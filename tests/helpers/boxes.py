"""Modified MP4 boxes, for files that claim more data than they contain."""

from __future__ import annotations

import struct


def box(name: bytes, content: bytes) -> bytes:
    """An MP4 box."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def deep_boxes(depth: int) -> bytes:
    """Boxes nested to the given depth."""
    sizes = range(8 * depth, 0, -8)
    return b"".join(struct.pack(">I4s", size, b"moov" if size == 8 * depth else b"trak") for size in sizes)


def large_header(name: bytes, size: int) -> bytes:
    """The header of a box whose size is a 64-bit number."""
    return struct.pack(">I4sQ", 1, name, size)


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    """The content with the last occurrence of `old` replaced by `new`, which has the same length."""
    place = content.rindex(old)
    assert len(old) == len(new)
    return content[:place] + new + content[place + len(new) :]


def sized(mp4: bytes, name: bytes, size: int) -> bytes:
    """The MP4 with `size` in the header of its last box of this name."""
    place = mp4.rindex(name)
    return mp4[: place - 4] + struct.pack(">I", size) + mp4[place:]


def inside(content: bytes, name: bytes, offset: int, new: bytes) -> bytes:
    """The content with bytes replaced at an offset from the end of a chunk's name."""
    place = content.index(name) + len(name) + offset
    return content[:place] + new + content[place + len(new) :]


def with_table(mp4: bytes, table: bytes, count: int) -> bytes:
    """The MP4 with a sample table that claims `count` entries; unchanged if it has no such table."""
    if table not in mp4:
        return mp4
    return inside(mp4, table, 8 if table == b"stsz" else 4, struct.pack(">I", count))


def claiming_frames(mp4: bytes, count: int) -> bytes:
    """The MP4 with tables that claim `count` frames of one byte each, in one chunk; the file itself stays small."""
    counted = inside(mp4, b"stsz", 4, struct.pack(">II", 1, count))
    timed = inside(counted, b"stts", 4, struct.pack(">III", 1, count, 1))
    return inside(timed, b"stsc", 4, struct.pack(">IIII", 1, 1, count, 1))


def with_cover(mp4: bytes, jpeg: bytes) -> bytes:
    """An MP4 with a cover picture, as in music files. The index (moov) of `mp4` must be its last box."""
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    cover = box(b"ilst", box(b"covr", box(b"data", struct.pack(">II", 13, 0) + jpeg)))
    added = box(b"udta", box(b"meta", bytes(4) + handler + cover))
    place = mp4.rindex(b"moov") - 4
    (size,) = struct.unpack_from(">I", mp4, place)
    return mp4[:place] + struct.pack(">I", size + len(added)) + mp4[place + 4 :] + added


def naming_again(mp4: bytes, times: int) -> bytes:
    """An MP4 with `times` frames, each of which covers the entire file: an index of a few kB refers to gigabytes.

    The index (moov) of `mp4` must be its last box.
    """
    sizes = struct.pack(">4xII", len(mp4), times)
    chunks = struct.pack(">4xI", times) + bytes(4 * times)
    durations, frames = struct.pack(">4xIII", 1, times, 1), struct.pack(">4xIIII", 1, 1, 1, 1)
    for name, content in [(b"stsz", sizes), (b"stco", chunks), (b"stts", durations), (b"stsc", frames)]:
        mp4 = _with_box(mp4, name, content)
    return mp4


def _with_box(mp4: bytes, name: bytes, content: bytes) -> bytes:
    """An MP4 with other content in one box of its only sample table. The index (moov) of `mp4` must be its last box."""
    place = mp4.rindex(name) - 4
    (size,) = struct.unpack_from(">I", mp4, place)
    grown = bytearray(mp4[:place] + box(name, content) + mp4[place + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = mp4.rindex(parent) - 4
        struct.pack_into(">I", grown, at, struct.unpack_from(">I", mp4, at)[0] + 8 + len(content) - size)
    return bytes(grown)


def _matrix(*numbers: int) -> bytes:
    return struct.pack(">9i", *numbers)


_ONE = 1 << 16
MATRICES = {
    "0": _matrix(_ONE, 0, 0, 0, _ONE, 0, 0, 0, 1 << 30),
    "90": _matrix(0, _ONE, 0, -_ONE, 0, 0, 0, 0, 1 << 30),
    "180": _matrix(-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, 1 << 30),
    "270": _matrix(0, -_ONE, 0, _ONE, 0, 0, 0, 0, 1 << 30),
    "mirror": _matrix(-_ONE, 0, 0, 0, _ONE, 0, 0, 0, 1 << 30),
    "slanted": _matrix(_ONE, _ONE // 3, 0, -_ONE // 3, _ONE, 0, 0, 0, 1 << 30),
    "nothing": _matrix(0, 0, 0, 0, 0, 0, 0, 0, 0),
}
"""Effect -> display matrix of a track's header."""
