"""Records of DVC (dvc.lock and run cache), compared with the accounts (provenance records) of the artefacts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from laanet_core.errors import LaanetError
from laanet_core.store import tracked
from laanet_core.store.account import Account, differences, flatten, input_name
from laanet_core.store.artefacts import account_member, read_account
from laanet_core.store.digests import file_digest
from laanet_core.store.yaml_io import read_yaml


@dataclass(frozen=True)
class StageRecord:
    """DVC's record of one run of a stage. stage: its name in dvc.lock, or its command in the run cache; path: file of an entry of the run
    cache, None for dvc.lock; params: flat; deps, outs: path in the project -> MD5."""

    stage: str
    path: Path | None
    params: Mapping[str, Any]
    deps: Mapping[str, str]
    outs: Mapping[str, str]

    @property
    def where(self) -> str:
        """Location of the record, in words."""
        return f"dvc.lock, stage {self.stage}" if self.path is None else f"run cache, '{self.stage}'"


class Finding(NamedTuple):
    """A record that an artefact contradicts, or cannot confirm because it has no account. text: description for the user; contradicted:
    False if only unconfirmed; repaired: whether the next `dvc repro` corrects the record without further action."""

    record: StageRecord
    text: str
    contradicted: bool
    repaired: bool = False


class DvcCache:
    """Access to the files of DVC's cache by MD5, and to outputs in the project that DVC does not cache."""

    def __init__(self, project: Path, cache: Path) -> None:
        self.project, self.cache = project, cache

    def find(self, md5: str) -> Path | None:
        """Return the cached file with this digest; None if it is not in the cache."""
        path = object_path(self.cache, md5)
        return path if path.is_file() else None

    def uncached(self, output: str, md5: str) -> Path | None:
        """Return the path of an output in the project, if it is a file with this digest."""
        path = self.project / output
        return path if path.is_file() and tracked.output_digest(path) == md5 else None

    def member(self, md5: str, name: str) -> str | None:
        """Return the digest of file `name` in the folder with digest `md5` (None if there is none); `md5` itself if it is a file's."""
        listing = read_listing(self.cache, md5) if md5.endswith(".dir") else None
        return md5 if listing is None else listing.get(name)


def object_path(cache: Path, md5: str) -> Path:
    """Return the path in DVC's cache of the object with this digest."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def read_listing(cache: Path, md5: str) -> dict[str, str] | None:
    """Read DVC's listing of a folder, relative path -> MD5; None if the listing is not in the cache or damaged."""
    try:
        return {member["relpath"]: member["md5"] for member in json.loads(object_path(cache, md5).read_text())}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def read_lock(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read the stages of dvc.lock; raises LaanetError if the file is missing or malformed."""
    try:
        stages: Mapping[str, Mapping[str, Any]] = read_yaml(path)["stages"]
        for stage in stages.values():
            stage.get("outs", [])
        return stages
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; run in the project's folder, after 'dvc repro'.") from None
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise LaanetError(f"{path}: not a valid DVC lock file; restore it with 'git checkout dvc.lock'.") from None


def lock_records(lock: Mapping[str, Mapping[str, Any]]) -> list[StageRecord]:
    """Return the records of the stages in dvc.lock."""
    return [_record(name, None, stage) for name, stage in lock.items()]


def run_cache_records(cache: Path, mentioning: str = "") -> Iterator[StageRecord]:
    """Yield the entries of DVC's run cache that contain a text. Unreadable entries are skipped; DVC removes them by itself."""
    for path in sorted((cache / "runs").glob("??/*/*")):
        try:
            if mentioning.encode() not in path.read_bytes():
                continue
            entry = read_yaml(path)
            yield _record(entry["cmd"], path, entry)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError, FileNotFoundError):
            continue


def _record(stage: str, path: Path | None, entry: Mapping[str, Any]) -> StageRecord:
    deps, outs = ({item["path"]: item.get("md5", "") for item in entry.get(part, [])} for part in ("deps", "outs"))
    return StageRecord(stage, path, flatten(entry.get("params", {}).get("params.yaml", {})), deps, outs)


def replaced_outputs(record: StageRecord, cache: DvcCache) -> list[str]:
    """List outputs whose recorded digest differs from the one that the stage noted; empty if the stage's note is missing or damaged."""
    try:
        path = next(path for path in map(cache.find, tracked_digests(record)) if path)
        return tracked.replaced(record.outs, tracked.read_tracked(path))
    except (StopIteration, LaanetError):
        return []


def tracked_digests(record: StageRecord) -> list[str]:
    """Return the MD5 of the output in which the stage noted the digests of its git-tracked outputs, if it has one."""
    return [md5 for output, md5 in record.outs.items() if output.startswith(f"{tracked.FOLDER}/")]


def remove_entries(paths: Iterable[Path]) -> None:
    """Remove entries of DVC's run cache, and folders that become empty, which DVC cannot read."""
    for path in paths:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


def examine(record: StageRecord, cache: DvcCache) -> Iterator[Finding]:
    """Compare a record with the accounts of its artefacts; artefacts that are not in the cache or damaged are skipped."""
    for output, md5 in record.outs.items():
        member = account_member(output)
        if member is None or (cache.find(md5) or cache.uncached(output, md5)) is None:
            continue
        digest = cache.member(md5, member)
        path = None if digest is None else cache.find(digest) or cache.uncached(output, digest)
        try:
            account = None if path is None else read_account(path, suffix=Path(output, member).suffix)
        except LaanetError:
            continue
        if account is not None:
            yield from (Finding(record, text, contradicted=True) for text in _contradictions(output, account, record, cache))
        elif path is not None or digest is None:
            yield Finding(record, f"{output} has no provenance record", contradicted=False)
    replaced = replaced_outputs(record, cache)
    if replaced:
        yield Finding(record, f"the stage wrote different versions of {', '.join(replaced)}", contradicted=True, repaired=True)


def _contradictions(output: str, account: Account, record: StageRecord, cache: DvcCache) -> Iterator[str]:
    """Describe each parameter and input in which a record differs from the account of an output."""
    shared = {key: value for key, value in account.params.items() if key in record.params}
    for difference in differences(Account(shared), record.params):
        yield f"it records {difference.key} = {difference.now}, but {output} was made with {difference.made}"
    for dep, md5 in record.deps.items():
        name = input_name(Path(dep))
        digest = cache.member(md5, "videos.csv") if name in account.inputs else None
        path = None if digest is None else cache.find(digest)
        if path is not None and file_digest(path) != account.inputs[name] and tracked.output_digest(path) == digest:
            yield f"it records {dep} with MD5 {md5[:8]}, but {output} was made from a different version"
