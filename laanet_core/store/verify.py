"""Artefacts read again and compared with the digests that were taken of them when they were made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.runtime.executor import worker_count
from laanet_core.runtime.progress import Progress
from laanet_core.store.dvc_records import Finding, Objects, examine, lock_records, read_listing, read_lock, run_cache_records
from laanet_core.store.work_dir import steps

CHUNK = 1 << 20


class Claim(NamedTuple):
    """A file and the digest it should have, empty where that is not known. algorithm: of hashlib; own: whether it is the digest that the
    file was given when it was written, not that of what dvc.lock wants in its place."""

    path: Path
    algorithm: str
    digest: str
    own: bool = True


@dataclass
class IntegrityReport:
    """What was found. checked: files read; n_bytes: in them; damaged: every name of those whose bytes are not what was once written;
    other: outputs that are not what dvc.lock has, but may well be sound; absent: listed but not here; unknown: items of which no digest
    was recorded; findings: what artefacts say against DVC's records of them."""

    checked: int = 0
    n_bytes: int = 0
    damaged: list[Path] = field(default_factory=list)
    other: list[Path] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unknown: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(project: Path, cache: Path, work: Path) -> IntegrityReport:
    """Read every artefact of a project and compare it with its digest, and what it says of itself with DVC's records of it.

    project: folder of dvc.lock, which lists each output with its MD5; cache: DVC's folder of objects, each named by its MD5; work: the
    work folder, whose records hold the SHA-256 of finished items. A file that has several names is read once. An output that shares no
    bytes with DVC's cache or the work folder can be seen to differ from dvc.lock, not why. Raises LaanetError when dvc.lock is missing or
    malformed.
    """
    report = IntegrityReport()
    lock = read_lock(project / "dvc.lock")
    claims = [*_outputs(lock, project, cache, report), *_objects(cache), *_items(work, report)]
    by_file: dict[tuple[int, int], list[Claim]] = {}
    for claim in claims:
        facts = claim.path.stat()
        by_file.setdefault((facts.st_dev, facts.st_ino), []).append(claim)
    with ThreadPoolExecutor(worker_count()) as pool, Progress("verify", total=len(by_file)) as progress:
        for (damaged, other), size in pool.map(_check, by_file.values()):
            report.damaged += damaged
            report.other += other
            report.checked += 1
            report.n_bytes += size
            progress.advance()
    objects = Objects(project, cache)
    report.findings = [finding for record in (*lock_records(lock), *run_cache_records(cache)) for finding in examine(record, objects)]
    report.damaged.sort()
    report.other.sort()
    return report


def remove_files(paths: list[Path]) -> None:
    """Remove files, so that the next run makes them anew."""
    for path in paths:
        path.chmod(0o644)
        path.unlink()


def _check(claims: list[Claim]) -> tuple[tuple[list[Path], list[Path]], int]:
    """One file's size, after its names: all of them if it is not what was written, and those that dvc.lock wants otherwise."""
    hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in {claim.algorithm for claim in claims}}
    size = 0
    with claims[0].path.open("rb") as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            for running in hashes.values():
                running.update(chunk)
    broken = [claim for claim in claims if claim.digest and hashes[claim.algorithm].hexdigest() != claim.digest]
    if any(claim.own for claim in broken):
        return (sorted({claim.path for claim in claims}), []), size
    return ([], [claim.path for claim in broken]), size


def _outputs(lock: Mapping[str, Mapping[str, Any]], project: Path, cache: Path, report: IntegrityReport) -> Iterator[Claim]:
    """Claims of dvc.lock about the outputs that are here."""
    for out in (out for stage in lock.values() for out in stage.get("outs", [])):
        path, digest = project / str(out["path"]), str(out.get("md5", ""))
        if not path.exists():
            report.absent.append(str(out["path"]))
        elif not digest.endswith(".dir"):
            yield Claim(path, "md5", digest, own=False)
        else:
            yield from _members(path, read_listing(cache, digest), report)


def _members(folder: Path, listing: Mapping[str, str] | None, report: IntegrityReport) -> Iterator[Claim]:
    """Claims about the files of an output that is a folder, from DVC's listing of it."""
    if listing is None:
        report.absent.append(f"{folder}'s listing in DVC's cache")
        return
    for name, digest in listing.items():
        path = Path(os.path.normpath(folder / name))
        if not path.is_relative_to(folder) or not path.is_file():
            report.absent.append(str(path))
        else:
            yield Claim(path, "md5", digest, own=False)


def _objects(cache: Path) -> Iterator[Claim]:
    """Claims that the names of DVC's objects make."""
    for path in sorted((cache / "files/md5").glob("??/*")):
        digest = (path.parent.name + path.name).removesuffix(".dir")
        if path.is_file() and len(digest) == 32:
            yield Claim(path, "md5", digest)


def _items(work: Path, report: IntegrityReport) -> Iterator[Claim]:
    """Claims of the work folder's records."""
    for step in steps(work):
        for item in step.items():
            digest = step.record.known_digest(item.name)
            report.unknown += not digest
            yield Claim(item, "sha256", digest)
