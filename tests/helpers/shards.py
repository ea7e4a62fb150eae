"""Shards in tests."""

from pathlib import Path

from laanet_core.media.storage.shards import Shard


def content_digest(path: Path) -> str:
    """The digest of a shard in videos.csv."""
    with Shard(path) as shard:
        return shard.digest()
