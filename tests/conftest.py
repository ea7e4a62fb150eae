"""Fixtures shared by several tests: third-party weights, which are fetched once into the work folder, and the shared real data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from laanet_core.assets import fetch_assets
from laanet_core.evaluation import predict
from laanet_core.store.work_dir import work_root
from laanet_core.training import trainer
from tests.helpers.paths import ROOT
from tests.helpers.project import SMALL, Project
from tests.helpers.training_set import params_of, run_training, write_training_set

# Tests need reproducible bits, which a CPU gives; test_gpu.py makes the GPU visible again in separate processes.
os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(scope="session", autouse=True)
def return_freed_memory() -> Iterator[None]:
    """Return freed memory to the system: all tests share one process, and some of them measure its memory."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (predict, trainer):
            patch.setattr(module, "keep_freed_memory", lambda: None)
        yield


@pytest.fixture(scope="session")
def asset_work() -> Path:
    """The work folder of verified assets, kept between runs of the tests."""
    folder = work_root() / "assets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def assets(asset_work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of assets with the face detector, the landmark predictor and the demo's backbone."""
    out = tmp_path_factory.mktemp("assets")
    fetch_assets(["retinaface_mobilenet", "dlib_68_landmarks", "tf_efficientnet_lite0"], {}, out, asset_work)
    return out


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared real data next to the project; skips the test if it does not exist."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is not there")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training set of `tests.helpers.training_set`."""
    return write_training_set(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def finished(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted training on it."""
    out = tmp_path_factory.mktemp("finished")
    run_training(params_of(), dataset, out)
    return out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for a data set."""
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, asset_work: Path) -> Project:
    """The cut-down demo, run from raw video to report and committed."""
    project = Project.create(tmp_path_factory.mktemp("built") / "project", SMALL)
    shutil.copytree(asset_work, project.root / ".work/assets", dirs_exist_ok=True)
    project.dvc("repro")
    project.commit()
    return project


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project for one test to change."""
    return built.copy(tmp_path / "project")
