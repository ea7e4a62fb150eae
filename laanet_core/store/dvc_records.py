"""What DVC recorded of stages, compared with what the artefacts say of themselves."""

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
class Record:
    """What DVC says of one run of a stage. stage: its name in dvc.lock, or its command in the run cache; path: of a run cache's entry, None
    for dvc.lock; params: flat; deps, outs: path in the project -> MD5."""

    stage: str
    path: Path | None
    params: Mapping[str, Any]
    deps: Mapping[str, str]
    outs: Mapping[str, str]

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        return f"dvc.lock, stage {self.stage}" if self.path is None else f"run cache, '{self.stage}'"


class Finding(NamedTuple):
    """A record that an artefact contradicts, or cannot confirm since it says nothing of what made it. text: what is said of it;
    repaired: whether the next `dvc repro` makes it right without being asked to."""

    record: Record
    text: str
    contradicted: bool
    repaired: bool = False


class Objects:
    """The files of DVC's cache, each by its MD5, and outputs in the project that DVC does not cache."""

    def __init__(self, project: Path, cache: Path) -> None:
        self.project, self.cache = project, cache

    def find(self, md5: str) -> Path | None:
        """The object of a digest; None where it is not here."""
        path = object_path(self.cache, md5)
        return path if path.is_file() else None

    def uncached(self, output: str, md5: str) -> Path | None:
        """An output in the project, if it is a file with this digest."""
        path = self.project / output
        return path if path.is_file() and tracked.output_digest(path) == md5 else None

    def member(self, md5: str, name: str) -> str | None:
        """The digest of a file in a folder that is here and has this digest, None where the folder has no such file; a file's own."""
        listing = read_listing(self.cache, md5) if md5.endswith(".dir") else None
        return md5 if listing is None else listing.get(name)


def object_path(cache: Path, md5: str) -> Path:
    """Where DVC keeps the object of a digest."""
    return cache / "files/md5" / md5[:2] / md5[2:]


def read_listing(cache: Path, md5: str) -> dict[str, str] | None:
    """Relative path -> MD5 of the files of a folder, as DVC lists them; None where the listing is not here, or damaged."""
    try:
        return {member["relpath"]: member["md5"] for member in json.loads(object_path(cache, md5).read_text())}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def read_lock(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The stages of dvc.lock; raises LaanetError when it is missing or malformed."""
    try:
        stages: Mapping[str, Mapping[str, Any]] = read_yaml(path)["stages"]
        for stage in stages.values():
            stage.get("outs", [])
        return stages
    except FileNotFoundError:
        raise LaanetError(f"{path}: not found; run in the project's folder, after 'dvc repro'.") from None
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        raise LaanetError(f"{path}: not a lock file of DVC; restore it with 'git checkout dvc.lock'.") from None


def lock_records(lock: Mapping[str, Mapping[str, Any]]) -> list[Record]:
    """The stages of dvc.lock."""
    return [_record(name, None, stage) for name, stage in lock.items()]


def run_cache_records(cache: Path, mentioning: str = "") -> Iterator[Record]:
    """The entries of DVC's run cache that mention a text; one that cannot be read, DVC removes by itself."""
    for path in sorted((cache / "runs").glob("??/*/*")):
        try:
            if mentioning.encode() not in path.read_bytes():
                continue
            entry = read_yaml(path)
            yield _record(entry["cmd"], path, entry)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError, FileNotFoundError):
            continue


def _record(stage: str, path: Path | None, entry: Mapping[str, Any]) -> Record:
    deps, outs = ({item["path"]: item.get("md5", "") for item in entry.get(part, [])} for part in ("deps", "outs"))
    return Record(stage, path, flatten(entry.get("params", {}).get("params.yaml", {})), deps, outs)


def exchanged_outputs(record: Record, objects: Objects) -> list[str]:
    """Outputs that are recorded otherwise than the stage made them; none where the file that tells is not here, or damaged."""
    try:
        path = next(path for path in map(objects.find, tracked_digests(record)) if path)
        return tracked.exchanged(record.outs, tracked.read_tracked(path))
    except (StopIteration, LaanetError):
        return []


def tracked_digests(record: Record) -> list[str]:
    """MD5 of the output that has the digests of a stage's outputs that git keeps, if it has such an output."""
    return [md5 for output, md5 in record.outs.items() if output.startswith(f"{tracked.FOLDER}/")]


def remove_entries(paths: Iterable[Path]) -> None:
    """Remove entries of DVC's run cache, and folders that are empty then: DVC cannot read such a one."""
    for path in paths:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


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
    exchanged = exchanged_outputs(record, objects)
    if exchanged:
        yield Finding(record, f"the stage made other files than {', '.join(exchanged)}", contradicted=True, repaired=True)


def _contradictions(output: str, account: Account, record: Record, objects: Objects) -> Iterator[str]:
    shared = {key: value for key, value in account.params.items() if key in record.params}
    for difference in differences(Account(shared), record.params):
        yield f"it says {difference.key} = {difference.now}, but {output} was made with {difference.made}"
    for dep, md5 in record.deps.items():
        name = input_name(Path(dep))
        digest = objects.member(md5, "videos.csv") if name in account.inputs else None
        path = None if digest is None else objects.find(digest)
        if path is not None and file_digest(path) != account.inputs[name] and tracked.output_digest(path) == digest:
            yield f"it says {dep} had MD5 {md5[:8]}, but {output} was made from another"
