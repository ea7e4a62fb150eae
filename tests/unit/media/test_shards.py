"""Shards: equal members give equal bytes, any member can be read by name, damage is reported."""

from pathlib import Path

import numpy as np
import pytest

from laanet_core.errors import LaanetError
from laanet_core.media.storage.shards import Note, Shard, crop_members, encode_png, read_note, read_rgb, write_shard
from laanet_core.store.account import Account
from tests.helpers.shards import content_digest

PICTURE = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def written(path: Path) -> Path:
    names = ["a/b/000003.png", "a/b/000003.1.png", "a/b/000012.png"]
    write_shard(path, [*((name, encode_png(PICTURE)) for name in names), Note("a/b", {"status": "ok", "n": 3}, Account())])
    return path


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "one.tar").read_bytes() == written(tmp_path / "two.tar").read_bytes()


def test_images_are_read_back_exactly_with_frame_and_face(tmp_path: Path) -> None:
    with Shard(written(tmp_path / "s.tar")) as shard:
        assert crop_members(shard) == [("a/b/000003.png", 3, 0), ("a/b/000003.1.png", 3, 1), ("a/b/000012.png", 12, 0)]
        assert np.array_equal(read_rgb(shard, "a/b/000012.png"), PICTURE)
    note = read_note(tmp_path / "s.tar")
    assert (note["status"], note["n"]) == ("ok", 3)
    assert note["digest"] == content_digest(tmp_path / "s.tar")


def test_missing_or_damaged_shards_raise_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="not found"):
        Shard(tmp_path / "none.tar")
    path = written(tmp_path / "s.tar")
    with Shard(path) as shard, pytest.raises(LaanetError, match=r"no member a/b/000099\.png"):
        shard.read("a/b/000099.png")
    with Shard(path) as shard, pytest.raises(LaanetError, match="is not an image"):
        read_rgb(shard, "a/b/video.json")
    (tmp_path / "text.tar").write_text("x" * 2000)
    with pytest.raises(LaanetError, match="not a complete tar"):
        Shard(tmp_path / "text.tar")
    content = path.read_bytes()
    (tmp_path / "cut.tar").write_bytes(content[:1500])
    with pytest.raises(LaanetError, match=r"cut off|not a complete tar"), Shard(tmp_path / "cut.tar") as shard:
        shard.read("a/b/000003.png")
