"""Shards as the tests write them."""

from pathlib import Path

from laanet_core.media.storage.shards import Shard


def content_digest(path: Path) -> str:
    """The digest that videos.csv has of a shard."""
    with Shard(path) as shard:
        return shard.digest()
