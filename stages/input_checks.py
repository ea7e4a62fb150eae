"""Checks of a stage's inputs: their accounts (provenance records) must agree with the parameters and with each other."""

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
from stages.dvc_yaml import Stage, code_file

TRAINING = "reports/training/made.json"
"""Account of the training shown in the report; not checked if another network is evaluated."""


def check_inputs(stage: Stage, params: Params) -> None:
    """Raise LaanetError if an input was produced with other parameters than `params`, or from other inputs than the current ones."""
    values = flatten(params.model_dump(mode="json"))
    current = {input_name(Path(dep)): Path(dep) for dep in stage.deps if dep.startswith("data/") and not dep.startswith("data/assets/")}
    evaluations = [f"data/evaluation/{name}" for name in params.datasets if "data/evaluation" in stage.deps]
    uses_own_training = scores_its_training(params)
    for dep in [*stage.deps, *evaluations]:
        member = account_member(dep)
        path = Path(dep, member or "")
        if member is None or not Path(dep).exists() or (dep == TRAINING and not uses_own_training):
            continue
        account = read_account(path) if path.exists() else None
        if account is None:
            raise LaanetError(f"{dep}: has no provenance record (files of earlier versions have none); rebuild it with 'dvc repro'.")
        _check_params(path, account, values)
        _check_inputs(path, account, current)
        network = read_account(path, NETWORK) if path.suffix == ".json" else None
        if network is not None and uses_own_training:
            _check_params(path, network, values)
    for dep in stage.deps:
        if dep == f"{FOLDER}/evaluate":
            _check_not_replaced(Path(dep, f"{name}.json") for name in params.datasets)
        elif dep.startswith(f"{FOLDER}/"):
            _check_not_replaced([Path(dep)])


def check_code(script: str, stage: Stage) -> None:
    """Raise LaanetError if the recorded version of a stage's code, which its outputs depend on, is not that of the current code."""
    recorded = Path(code_file(script))
    if str(recorded) in stage.deps and recorded.exists() and json.loads(recorded.read_text()) != module_digests(f"stages.{script}"):
        raise LaanetError(f"{recorded}: describes different code than the current one; run 'dvc repro code' first.")


def scores_its_training(params: Params) -> bool:
    """Return whether the evaluated network is the one that `train` produces."""
    return params.evaluate.checkpoint.startswith("data/checkpoints/")


def _check_not_replaced(paths: Iterable[Path]) -> None:
    """Raise LaanetError if a git-tracked output differs from what its stage wrote. paths: files with the digests that stages saved."""
    for path in filter(Path.exists, paths):
        for output, digest in read_tracked(path).items():
            if not Path(output).exists() or output_digest(Path(output)) != digest:
                raise LaanetError(
                    f"{output}: is not the file that its stage wrote; another command, such as 'git stash', replaced it. "
                    "Run 'dvc repro' again."
                )


def _check_params(path: Path, account: Account, values: Mapping[str, Any]) -> None:
    for difference in differences(account, values):
        raise LaanetError(
            f"{path}: was made with {difference.key} = {difference.made}, params.yaml has {difference.now}; rebuild it with "
            "'dvc repro', or restore the parameter."
        )


def _check_inputs(path: Path, account: Account, current: Mapping[str, Path]) -> None:
    for name in sorted(account.inputs.keys() & current.keys()):
        if current[name].exists() and input_digest(current[name]) != account.inputs[name]:
            raise LaanetError(f"{path}: was made from a different version of {current[name]}; run 'dvc repro'.")
