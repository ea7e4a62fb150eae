"""Integrity check: artefacts are read and compared with the digests recorded when they were written."""

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
from laanet_core.store.dvc_records import DvcCache, Finding, examine, lock_records, read_listing, read_lock, run_cache_records
from laanet_core.store.work_dir import steps

CHUNK = 1 << 20


class Claim(NamedTuple):
    """A file and the digest it should have. algorithm: name in hashlib; digest: empty if unknown; own: whether the digest was recorded when
    this file was written, as opposed to the digest that dvc.lock expects at its path."""

    path: Path
    algorithm: str
    digest: str
    own: bool = True


@dataclass
class IntegrityReport:
    """Result of the check. checked: number of files read; n_bytes: their total size; damaged: all paths of files whose content differs from
    what was written; other: outputs that differ from dvc.lock but may be undamaged; absent: listed but missing; unknown: number of items
    without a recorded digest; findings: contradictions between artefacts and DVC's records of them."""

    checked: int = 0
    n_bytes: int = 0
    damaged: list[Path] = field(default_factory=list)
    other: list[Path] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unknown: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(project: Path, cache: Path, work: Path) -> IntegrityReport:
    """Compare every artefact of a project with its digest, and its account with DVC's records.

    project: folder of dvc.lock, which lists each output with its MD5; cache: DVC's cache, in which each file is named by its MD5; work: the
    work folder, whose records hold the SHA-256 of finished items. A file with several hard links is read once. If an output that is not
    linked to DVC's cache or the work folder differs from dvc.lock, the reason cannot be determined. Raises LaanetError if dvc.lock is
    missing or malformed.
    """
    report = IntegrityReport()
    lock = read_lock(project / "dvc.lock")
    claims = [*_outputs(lock, project, cache, report), *_objects(cache), *_items(work, report)]
    by_file: dict[tuple[int, int], list[Claim]] = {}
    for claim in claims:
        info = claim.path.stat()
        by_file.setdefault((info.st_dev, info.st_ino), []).append(claim)
    with ThreadPoolExecutor(worker_count()) as pool, Progress("verify", total=len(by_file)) as progress:
        for (damaged, other), size in pool.map(_check, by_file.values()):
            report.damaged += damaged
            report.other += other
            report.checked += 1
            report.n_bytes += size
            progress.advance()
    dvc_cache = DvcCache(project, cache)
    report.findings = [finding for record in (*lock_records(lock), *run_cache_records(cache)) for finding in examine(record, dvc_cache)]
    report.damaged.sort()
    report.other.sort()
    return report


def remove_files(paths: list[Path]) -> None:
    """Remove files, so that the next run creates them again."""
    for path in paths:
        path.chmod(0o644)
        path.unlink()


def _check(claims: list[Claim]) -> tuple[tuple[list[Path], list[Path]], int]:
    """Check one file: return (its damaged paths: all or none, its paths that differ from dvc.lock) and its size in bytes."""
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
    """Yield the claims of dvc.lock about existing outputs."""
    for out in (out for stage in lock.values() for out in stage.get("outs", [])):
        path, digest = project / str(out["path"]), str(out.get("md5", ""))
        if not path.exists():
            report.absent.append(str(out["path"]))
        elif not digest.endswith(".dir"):
            yield Claim(path, "md5", digest, own=False)
        else:
            yield from _members(path, read_listing(cache, digest), report)


def _members(folder: Path, listing: Mapping[str, str] | None, report: IntegrityReport) -> Iterator[Claim]:
    """Yield claims about the files of an output folder, from DVC's listing of it."""
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
    """Yield the claims that the file names in DVC's cache make."""
    for path in sorted((cache / "files/md5").glob("??/*")):
        digest = (path.parent.name + path.name).removesuffix(".dir")
        if path.is_file() and len(digest) == 32:
            yield Claim(path, "md5", digest)


def _items(work: Path, report: IntegrityReport) -> Iterator[Claim]:
    """Yield the claims of the records in the work folder."""
    for step in steps(work):
        for item in step.items():
            digest = step.record.recorded_digest(item.name)
            report.unknown += not digest
            yield Claim(item, "sha256", digest)
