"""Inputs of a stage compared, by their own accounts, with the parameters and with each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.store.account import Account, differences, flatten, input_digest, input_name
from laanet_core.store.artefacts import NETWORK, account_member, read_account
from laanet_core.store.code import module_digests
from laanet_core.store.tracked import FOLDER, output_digest, read_tracked
from stages.declared import Stage, code_file

TRAINING = "reports/training/made.json"
"""Of the training whose log the report shows, unless another network scores."""


def check_inputs(stage: Stage, params: Params) -> None:
    """Raise LaanetError when an input was made with other parameters than these, or of other inputs than those that lie beside it."""
    values = flatten(params.model_dump(mode="json"))
    beside = {input_name(Path(dep)): Path(dep) for dep in stage.deps if dep.startswith("data/") and not dep.startswith("data/assets/")}
    evaluations = [f"data/evaluation/{name}" for name in params.datasets if "data/evaluation" in stage.deps]
    own = scores_its_training(params)
    for dep in [*stage.deps, *evaluations]:
        member = account_member(dep)
        path = Path(dep, member or "")
        if member is None or not Path(dep).exists() or (dep == TRAINING and not own):
            continue
        account = read_account(path) if path.exists() else None
        if account is None:
            raise LaanetError(f"{dep}: says nothing of what made it, as files of earlier versions do; make it again with 'dvc repro'.")
        _check_params(path, account, values)
        _check_inputs(path, account, beside)
        network = read_account(path, NETWORK) if path.suffix == ".json" else None
        if network is not None and own:
            _check_params(path, network, values)
    for dep in stage.deps:
        if dep == f"{FOLDER}/evaluate":
            _check_exchanged(Path(dep, f"{name}.json") for name in params.datasets)
        elif dep.startswith(f"{FOLDER}/"):
            _check_exchanged([Path(dep)])


def check_code(script: str, stage: Stage) -> None:
    """Raise LaanetError when the code of a stage is not the one whose version its outputs would be recorded with."""
    noted = Path(code_file(script))
    if str(noted) in stage.deps and noted.exists() and json.loads(noted.read_text()) != module_digests(f"stages.{script}"):
        raise LaanetError(f"{noted}: is of other code than the one that is here; run 'dvc repro code' first.")


def scores_its_training(params: Params) -> bool:
    """Whether the network that scores is the one that `train` makes."""
    return params.evaluate.checkpoint.startswith("data/checkpoints/")


def _check_exchanged(paths: Iterable[Path]) -> None:
    """Raise LaanetError when an output that git keeps is another than its stage made. paths: of such stages' digests."""
    for path in filter(Path.exists, paths):
        for output, digest in read_tracked(path).items():
            if not Path(output).exists() or output_digest(Path(output)) != digest:
                raise LaanetError(
                    f"{output}: is not what its stage made; another command, such as 'git stash', exchanged it. Run 'dvc repro' again."
                )


def _check_params(path: Path, account: Account, values: Mapping[str, Any]) -> None:
    for difference in differences(account, values):
        raise LaanetError(
            f"{path}: was made with {difference.key} = {difference.made}, params.yaml has {difference.now}; make it again with "
            "'dvc repro', or set the parameter back."
        )


def _check_inputs(path: Path, account: Account, beside: Mapping[str, Path]) -> None:
    for name in sorted(account.inputs.keys() & beside.keys()):
        if beside[name].exists() and input_digest(beside[name]) != account.inputs[name]:
            raise LaanetError(f"{path}: was made from another {beside[name]} than the one that is here; run 'dvc repro'.")
