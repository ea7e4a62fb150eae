"""Published checkpoints: the importer, the reference's values (../shared/golden/README.md), and invalid files."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from laanet_core.cli import app
from laanet_core.errors import LaanetError
from laanet_core.model import LAANet, load_model
from laanet_core.model.official import PUBLISHED, import_official
from tests.helpers.paths import ROOT
from tests.unit.model.test_model import lukemelas_state

pytestmark = pytest.mark.slow

GOLDEN = ROOT.parent / "shared" / "golden"
State = dict[str, Tensor]


def official_state(model: LAANet) -> State:
    """A network's entries under the published names, by walking its modules: the inverse of the mapping under test."""
    pyramid: Any = model.pyramid
    top, fifth, fourth, last = pyramid.steps["6"], pyramid.steps["5"], pyramid.steps["4"], pyramid.descent
    parts: dict[str, Any] = {
        "deconv_1.0": top, "deconv_2.0": fifth[:3], "deconv_2.1": fifth[3], "deconv_2.2": fifth[4],
        "deconv_3.0": fourth[:3], "deconv_3.1": fourth[3], "deconv_3.2": fourth[4],
        "deconv_4.1": last.up[0], "deconv_4.2": last.up[1], "hm": model.heatmap, "cls": model.classifier, "cstency": model.embedding,
    }  # fmt: skip
    for block, module in (("pw", last.inception.project), ("conv3", last.inception.conv3), ("conv5", last.inception.conv5)):
        parts |= {f"{alias}.{block}_block": module for alias in ("inception_block", "deconv_4.0")}
    decoder = {f"{name}.{key}": value for name, module in parts.items() for key, value in module.state_dict().items()}
    backbone = {name: value for name, value in lukemelas_state(model.backbone.network) if not name.startswith("_fc.")}
    return {**backbone, **decoder}


def write(path: Path, state: State) -> Path:
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}, path)
    return path


@pytest.fixture(scope="module")
def small() -> State:
    """All published entries in 60 kB: each a single number, repeated by a stride of 0."""
    with torch.device("meta"):
        model = LAANet(PUBLISHED).double()
    return {name: torch.ones((), dtype=value.dtype).expand(value.shape) for name, value in official_state(model).items()}


# --- what is imported


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LAANet]:
    """The network imported from a checkpoint of the recipe's values, through the command."""
    if not GOLDEN.is_dir():
        pytest.skip("../shared/golden is not here")
    folder = tmp_path_factory.mktemp("official")
    shapes: dict[str, list[int]] = json.loads((GOLDEN / "official_state_dict_shapes.json").read_text())
    source = write(folder / "official.pth", {name: golden_value(name, shape) for name, shape in shapes.items()})
    out = folder / "model.safetensors"
    done = CliRunner().invoke(app, ["import-checkpoint", str(source), str(out)])
    assert (done.exit_code, done.stderr) == (0, "")
    source.unlink()
    yield load_model(out).double()
    out.unlink()


def golden_value(name: str, shape: list[int]) -> Tensor:
    canonical = name.replace("inception_block.", "deconv_4.0.")
    random = np.random.default_rng([1, zlib.crc32(canonical.encode())])
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_mean"):
        value = 0.05 * random.standard_normal(shape)
    elif name.endswith("running_var"):
        value = 1 + 0.2 * random.random(shape)
    elif len(shape) == 1:
        value = 0.05 * random.standard_normal(shape) if name.endswith("bias") else 1 + 0.1 * random.standard_normal(shape)
    else:
        value = random.standard_normal(shape) * np.sqrt(2.4 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(value))


def test_an_imported_checkpoint_gives_the_published_networks_outputs(published: LAANet) -> None:
    random = np.random.default_rng([1, 99])
    coarse, fine = random.uniform(-1, 1, (2, 3, 12, 12)), random.uniform(-1, 1, (2, 3, 384, 384))
    images = torch.from_numpy(0.7 * np.kron(coarse, np.ones((1, 1, 32, 32))) + 0.3 * fine)[:1]
    taps: dict[int, Tensor] = {}
    published.backbone.register_forward_hook(lambda _module, _images, levels: taps.update(levels))
    with torch.no_grad():
        output = published(images)
    with np.load(GOLDEN / "official_forward_seed1.npz", allow_pickle=False) as stored:
        golden = {name: stored[name][:1] for name in stored}
    for level in range(2, 7):
        assert_close(taps[level].mean(dim=(2, 3)), golden[f"reduction_{level}_mean_per_channel"])
    assert_close(output.heads["heatmap"], golden["hm"])
    assert_close(output.logit[:, None], golden["cls"])
    assert_close(output.heads["consistency"][:, :, ::8, ::8], golden["cstency"])


def assert_close(found: Tensor, expected: Any) -> None:
    """To 1e-6 of the largest value (the stored ones have single precision)."""
    assert np.abs(found.numpy() - expected).max() < 1e-6 * np.abs(expected).max()


def test_an_imported_checkpoint_knows_its_padding_input_and_size(published: LAANet) -> None:
    assert (published.params, published.image_size) == (PUBLISHED, 384)
    assert published.params.padded_for == 380
    assert published.normalisation == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert not published.training


def test_weights_written_under_the_published_names_are_read_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = LAANet(PUBLISHED).double()
    for statistic in model.buffers():
        statistic.random_(1, 3)
    import_official(write(tmp_path / "official.pth", official_state(model)), tmp_path / "model.safetensors", image_size=256)
    imported = load_model(tmp_path / "model.safetensors")
    assert imported.image_size == 256
    theirs = imported.state_dict()
    assert list(theirs) == list(model.state_dict())
    assert all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())


def test_block_6_pads_at_384_as_it_would_at_380() -> None:
    network: Any = LAANet(PUBLISHED).backbone.network
    dynamic: Any = LAANet(PUBLISHED.model_copy(update={"padded_for": None})).backbone.network
    fixed, timms = network.blocks[2][0].conv_dw, dynamic.blocks[2][0].conv_dw
    features = torch.randn(1, fixed.in_channels, 96, 96)
    expected = F.conv2d(F.pad(features, (2, 2, 2, 2)), fixed.weight, stride=2, groups=fixed.in_channels)
    at_384 = F.conv2d(F.pad(features, (1, 2, 1, 2)), fixed.weight, stride=2, groups=fixed.in_channels)
    timms.weight = fixed.weight
    torch.testing.assert_close(fixed(features), expected)
    torch.testing.assert_close(timms(features), at_384)
    assert not torch.allclose(expected, at_384, atol=0.1)


# --- refused files


def entry(name: str, change: Callable[[Tensor], Any]) -> Callable[[State], State]:
    return lambda state: {**state, name: change(state[name])}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {name: value for name, value in state.items() if name != "hm.3.bias"}, r"heatmap\.3\.bias.*missing"),
        (lambda state: {name: value for name, value in state.items() if not name.startswith("inception_block.")}, "is not in both"),
        (lambda state: {**state, "_blocks.99._bn1.weight": torch.ones(1)}, "_blocks.99._bn1.weight"),
        (lambda state: {**state, "hm.9.weight": torch.ones(1)}, r"no entry 'heatmap\.9\.weight'"),
        (lambda state: {f"module.{name}": value for name, value in state.items()}, "unknown entry 'module"),
        (lambda state: {"fc.weight": torch.ones(2, 2)}, "fc.weight"),
        (lambda state: {}, "missing"),
        (lambda state: {**state, 5: torch.ones(1)}, "'5', which is not a tensor"),
        (entry("cls.5.weight", lambda value: value[:, :3]), r"classifier\.5\.weight.*\(1, 3\).*\(1, 64\)"),
        (entry("_bn0.weight", lambda value: [1.0] * 48), "'_bn0.weight', which is not a tensor"),
        (entry("_bn0.weight", lambda value: value.long()), "int64"),
        (entry("_bn0.weight", lambda value: value.to(torch.complex64)), "not a plain tensor"),
        (entry("_conv_stem.weight", lambda value: value.to_sparse()), "not a plain tensor"),
        (entry("_bn0.bias", lambda value: value * float("nan")), r"bn1\.bias.*not finite"),
        (entry("_bn0.bias", lambda value: value * float("inf")), r"bn1\.bias.*not finite"),
        (entry("inception_block.pw_block.1.bias", lambda value: value * 2), "inception_block.pw_block.1.bias differs"),
        (entry("inception_block.pw_block.1.bias", lambda value: value[:5]), "inception_block.pw_block.1.bias differs"),
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_entries_that_are_not_the_published_networks_are_refused(
    small: State, tmp_path: Path, change: Callable[[State], State], words: str
) -> None:
    source = write(tmp_path / "official.pth", change(small))
    assert_refused(source, words)


def assert_refused(source: Path, words: str) -> None:
    """One sentence that names the file and has these words; nothing written."""
    before = set(source.parent.iterdir())
    with pytest.raises(LaanetError, match=words) as refusal:
        import_official(source, source.parent / "out.safetensors")
    assert str(refusal.value).startswith(f"{source}: no published checkpoint (")
    assert "\n" not in str(refusal.value)
    assert set(source.parent.iterdir()) == before


@pytest.mark.parametrize("content", [[1, 2], torch.ones(2), {"state_dict": {}}, {"epoch": 1, "state_dict": [], "optimizer": {}}])
def test_another_table_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "official.pth")
    assert_refused(tmp_path / "official.pth", "it is not a dictionary of epoch, optimizer, state_dict")


def test_a_bare_state_dict_is_refused(small: State, tmp_path: Path) -> None:
    torch.save(small, tmp_path / "official.pth")
    assert_refused(tmp_path / "official.pth", "it is not a dictionary of")


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_no_code_in_a_hostile_file_is_run(small: State, tmp_path: Path) -> None:
    (folder := tmp_path / "files").mkdir()
    trap = tmp_path / "trap"
    torch.save({"epoch": Hostile(trap), "state_dict": small, "optimizer": {}}, folder / "official.pth")
    assert_refused(folder / "official.pth", "holds objects other than tensors, which were not executed")
    assert not trap.exists()
    torch.load(folder / "official.pth", weights_only=False)
    assert trap.exists()  # the file was hostile indeed


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "not written by torch.save"), (b"epoch: 3\n", "not written by torch.save"), (b"PK\x03\x04 and no more", "not written by")],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "official.pth").write_bytes(content)
    assert_refused(tmp_path / "official.pth", words)


def test_a_truncated_file_a_folder_no_file_and_safetensors_are_refused(small: State, tmp_path: Path) -> None:
    source = write(tmp_path / "official.pth", small)
    source.write_bytes(source.read_bytes()[:-500])
    assert_refused(source, "not written by torch.save")
    assert_refused(tmp_path, "Is a directory")
    assert_refused(tmp_path / "none.pth", "No such file")
    save_file({"x": torch.ones(1)}, tmp_path / "model.pth")
    assert_refused(tmp_path / "model.pth", "not written by torch.save")


def test_an_older_pickle_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 0, "state_dict": {}, "optimizer": {}}, tmp_path / "official.pth", _use_new_zipfile_serialization=False)
    assert_refused(tmp_path / "official.pth", "not written by torch.save")


def test_entries_that_inflate_are_refused(small: State, tmp_path: Path) -> None:
    source = write(tmp_path / "plain.pth", small)
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(tmp_path / "official.pth", "w", zipfile.ZIP_DEFLATED) as deflated:
        for name in given.namelist():
            deflated.writestr(name, given.read(name))
    assert_refused(tmp_path / "official.pth", "compressed")


def test_weights_that_reach_past_the_file_are_refused(small: State, tmp_path: Path) -> None:
    source = write(tmp_path / "plain.pth", {**small, "_bn0.weight": torch.ones(1 << 20, dtype=torch.float64)})
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(tmp_path / "official.pth", "w") as cut:
        for name in given.namelist():
            cut.writestr(name, given.read(name)[:100_000])
    assert_refused(tmp_path / "official.pth", "RuntimeError|ValueError")


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "official.pth").open("wb") as file:
        file.truncate(3 << 30)
    assert_refused(tmp_path / "official.pth", "3221225472 bytes")


@pytest.mark.parametrize(("out", "image_size", "words"), [("model.pth", 384, "safetensors"), ("model.safetensors", 380, "380 pixels")])
def test_another_kind_of_output_is_refused(tmp_path: Path, out: str, image_size: int, words: str) -> None:
    with pytest.raises(LaanetError, match=words):
        import_official(tmp_path / "official.pth", tmp_path / out, image_size)


def test_the_command_reports_an_error_in_one_line_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["import-checkpoint", str(tmp_path / "none.pth"), str(tmp_path / "model.safetensors")])
    assert done.exit_code == 1
    reason = "no published checkpoint (No such file or directory); give the file that the authors published."
    assert done.stderr == f"error: {tmp_path}/none.pth: {reason}\n"
    assert done.stdout == ""
