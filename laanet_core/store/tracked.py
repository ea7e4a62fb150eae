"""The digests of a stage's outputs that git keeps, in an output of the same stage that DVC keeps.

Git heeds no lock of DVC: between a stage's end and DVC's record of it, a `git stash` or `git checkout` can put a commit's own files in the
places of those that the stage made. DVC then records these. What DVC keeps itself, git does not touch, so this file tells.
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
    """Where a stage, named as in dvc.lock, has the digests of its outputs that git keeps."""
    return f"{FOLDER}/{stage.replace('@', '/')}.json"


def output_digest(path: Path) -> str:
    """MD5 of a file, or of the listing of a folder with `.dir` after it, as dvc.lock has it."""
    if not path.is_dir():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    files = sorted(Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    members = [{"md5": output_digest(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    listing = json.dumps(sorted(members, key=lambda member: member["relpath"]), sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def write_tracked(root: Path, stage: str, outputs: Iterable[str]) -> None:
    """Write the digests of those of the outputs that a stage made in the folder `root`."""
    made = {output: output_digest(root / output) for output in sorted(outputs) if (root / output).exists()}
    write_json(root / tracked_path(stage), made, indent=1)


def read_tracked(path: Path) -> dict[str, str]:
    """Output -> its digest; raises LaanetError when the file cannot be read."""
    try:
        loaded = json.loads(path.read_text())
        return {str(output): str(digest) for output, digest in loaded.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise LaanetError(f"{path}: cannot be read ({error}); remove it and run 'dvc repro'.") from None


def exchanged(recorded: Mapping[str, str], made: Mapping[str, str]) -> list[str]:
    """Outputs of which DVC recorded another digest than their stage made."""
    return sorted(output for output, digest in made.items() if recorded.get(output, digest) != digest)
