"""Build the embedded data set: `python -m stages.demo`."""

from pathlib import Path

from laanet_core.demo.build import build_demo
from laanet_core.params import Params
from laanet_core.runtime.executor import open_executor
from laanet_core.store.work_dir import WorkDir, work_root
from stages.runner import run_stage


def demo(params: Params, out: Path) -> None:
    """Pinned packages and data/assets -> data/raw/demo and data/raw/demo.json."""
    with WorkDir("demo").lock(), open_executor() as executor:
        build_demo(params.demo, params.seed, params.assets.paths, Path("data/assets"), out / "data/raw/demo", work_root(), executor)


if __name__ == "__main__":
    run_stage(demo)
