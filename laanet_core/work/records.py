"""What DVC recorded of stages, compared with what the artefacts say of themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.account import Account, differences, flatten, input_name
from laanet_core.digests import file_digest
from laanet_core.errors import LaanetError
from laanet_core.work.artefacts import account_member, read_account

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Record:
    """What DVC says of one run of a stage. where: in words; path: of a run cache's entry, None for dvc.lock; params: flat;
    deps, outs: path in the project -> MD5."""

    where: str
    path: Path | None
    params: Mapping[str, Any]
    deps: Mapping[str, str]
    outs: Mapping[str, str]


class Finding(NamedTuple):
    """A record that an artefact contradicts, or cannot confirm since it says nothing of what made it. text: one sentence."""

    record: Record
    text: str
    contradicted: bool


class Objects:
    """The files of DVC's cache, each by its MD5, and outputs in the project that DVC does not cache."""

    def __init__(self, project: Path, cache: Path) -> None:
        self.project, self.cache = project, cache

    def find(self, md5: str) -> Path | None:
        """The object of a digest; None where it is not here."""
        path = self.cache / "files/md5" / md5[:2] / md5[2:]
        return path if path.is_file() else None

    def uncached(self, output: str, md5: str) -> Path | None:
        """An output in the project, if it is a file with this digest."""
        path = self.project / output
        same = path.is_file() and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == md5
        return path if same else None

    def member(self, md5: str, name: str) -> str | None:
        """The digest of a file in a folder that is here and has this digest, None where the folder has no such file; a file's own."""
        listing = self.find(md5) if md5.endswith(".dir") else None
        if listing is None:
            return md5
        return next((entry["md5"] for entry in json.loads(listing.read_text()) if entry["relpath"] == name), None)


def read_records(lock: Path, cache: Path) -> Iterator[Record]:
    """The stages of dvc.lock and the entries of DVC's run cache; an entry that cannot be read, DVC removes by itself."""
    for name, stage in yaml.load(lock.read_text(), Loader=Loader)["stages"].items():  # noqa: S506 - a safe loader, compiled
        yield _record(f"dvc.lock, stage {name}", None, stage)
    for path in sorted((cache / "runs").glob("??/*/*")):
        try:
            stage = yaml.load(path.read_text(), Loader=Loader)  # noqa: S506
            yield _record(f"run cache, '{stage['cmd']}'", path, stage)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
            continue


def _record(where: str, path: Path | None, stage: Mapping[str, Any]) -> Record:
    deps, outs = ({item["path"]: item.get("md5", "") for item in stage.get(part, [])} for part in ("deps", "outs"))
    return Record(where, path, flatten(stage.get("params", {}).get("params.yaml", {})), deps, outs)


def examine(record: Record, objects: Objects) -> Iterator[Finding]:
    """What the artefacts of a run say against its record; those that are not in the cache, or damaged, say nothing."""
    for output, md5 in record.outs.items():
        member = account_member(output)
        if member is None or (objects.find(md5) or objects.uncached(output, md5)) is None:
            continue
        digest = objects.member(md5, member)
        path = None if digest is None else objects.find(digest) or objects.uncached(output, digest)
        try:
            account = None if path is None else read_account(path, suffix=Path(output, member).suffix)
        except LaanetError:
            continue
        if account is not None:
            yield from (Finding(record, text, contradicted=True) for text in _contradictions(output, account, record, objects))
        elif path is not None or digest is None:
            yield Finding(record, f"{output} says nothing of what made it", contradicted=False)


def _contradictions(output: str, account: Account, record: Record, objects: Objects) -> Iterator[str]:
    shared = {key: value for key, value in account.params.items() if key in record.params}
    for difference in differences(Account(shared), record.params):
        yield f"it says {difference.key} = {difference.now}, but {output} was made with {difference.made}"
    for dep, md5 in record.deps.items():
        name = input_name(Path(dep))
        digest = objects.member(md5, "videos.csv") if name in account.inputs else None
        path = None if digest is None else objects.find(digest)
        if path is not None and file_digest(path) != account.inputs[name]:
            yield f"it says {dep} had MD5 {md5[:8]}, but {output} was made from another"
