"""Digests of the git-tracked outputs of a stage, saved in another output of the same stage that DVC caches.

Git ignores DVC's locks: between the end of a stage and DVC's record of it, `git stash` or `git checkout` can replace the files that the
stage wrote by those of a commit, and DVC then records the wrong files. Git does not touch outputs cached by DVC, so the digests saved in
one reveal the replacement.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.store.writing import write_json

FOLDER = "data/tracked"


def tracked_path(stage: str) -> str:
    """Return the path of the file with the digests of a stage's git-tracked outputs. stage: its name in dvc.lock."""
    return f"{FOLDER}/{stage.replace('@', '/')}.json"


def output_digest(path: Path) -> str:
    """Return the digest that dvc.lock has of an output: MD5 of a file, or of the listing of a folder followed by `.dir`."""
    if not path.is_dir():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    members = [{"md5": output_digest(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listing = json.dumps(sorted(members, key=lambda member: member["relpath"]), sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def write_tracked(root: Path, stage: str, outputs: Iterable[str]) -> None:
    """Write the digests of the outputs that exist in the folder `root`."""
    digests = {output: output_digest(root / output) for output in sorted(outputs) if (root / output).exists()}
    write_json(root / tracked_path(stage), digests, indent=1)


def read_tracked(path: Path) -> dict[str, str]:
    """Read the digests, output -> digest; raises LaanetError if the file cannot be read."""
    try:
        loaded = json.loads(path.read_text())
        return {str(output): str(digest) for output, digest in loaded.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise LaanetError(f"{path}: cannot be read ({error}); remove it and run 'dvc repro'.") from None


def replaced(recorded: Mapping[str, str], written: Mapping[str, str]) -> list[str]:
    """List outputs for which DVC recorded a different digest than their stage wrote; both arguments: output -> digest."""
    return sorted(output for output, digest in written.items() if recorded.get(output, digest) != digest)
