"""Record the version of each stage's code: `python -m stages.code`."""

from pathlib import Path

from laanet_core.params import Params
from laanet_core.store.code import module_digests
from laanet_core.store.writing import write_json
from stages.dvc_yaml import code_file, stage_names
from stages.runner import run_stage


def code(params: Params, out: Path) -> None:
    """dvc.yaml -> data/code/<stage>.json: for each stage, the modules it uses and a digest of the definitions used in each."""
    for name in stage_names():
        write_json(out / code_file(name), module_digests(f"stages.{name}"), indent=1)


if __name__ == "__main__":
    run_stage(code)
