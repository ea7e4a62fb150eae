"""All stages of one `dvc` command belong together: the same parameters hold for each of them, and each used what the one before it made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.store.account import Account, differences, flatten
from laanet_core.store.dvc_records import lock_records, read_lock
from laanet_core.store.writing import write_json
from stages.made import scores_its_training
from stages.yaml_words import in_yaml

NOTED = Path(".dvc/tmp/laanet-parameters.json")
"""The parameters with which the stages of a dvc command started, and which command that was."""


def check_run(values: Mapping[str, Any]) -> None:
    """Raise LaanetError when parameters changed since the first stage that this stage's dvc command ran. values: content of params.yaml."""
    command, params = _dvc_command(), json.loads(json.dumps(flatten(values), default=str))
    if command is None or not NOTED.parent.parent.is_dir():
        return
    noted = _noted()
    if noted.get("command") != command:
        write_json(NOTED, {"command": command, "params": params})
        return
    before = noted["params"]
    for key in sorted(before.keys() | params.keys()):
        if before.get(key) != params.get(key):
            raise LaanetError(
                f"params.yaml: {key} was {in_yaml(before.get(key))} when this run started and is {in_yaml(params.get(key))} now, so its "
                "stages would not belong together; let other commands end ('laanet run' waits for them), set what you mean, then run again."
            )


def _noted() -> dict[str, Any]:
    try:
        loaded = json.loads(NOTED.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _dvc_command() -> list[int] | None:
    """Process id and start time of the dvc command that runs this process; None where it was started by hand."""
    pid = os.getppid()
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if any(Path(os.fsdecode(word)).name == "dvc" for word in words):
            return [pid, int(facts[19])]
        pid = int(facts[1])
    return None


def check_lock(params: Params, values: Mapping[str, Any], lock: Path = Path("dvc.lock")) -> None:
    """Raise LaanetError when dvc.lock has a stage that ran with other parameters than these, or with an input that was made again since.

    values: content of params.yaml. The training does not count where another network than its own scores.
    """
    records = [record for record in lock_records(read_lock(lock)) if _counts(record.stage, params)]
    made = {output: (record.stage, md5) for record in records for output, md5 in record.outs.items()}
    for record in records:
        for difference in differences(Account(record.params), flatten(values)):
            raise LaanetError(
                f"dvc.lock: {record.stage} ran with {difference.key} = {in_yaml(difference.made)}, params.yaml has "
                f"{in_yaml(difference.now)}; run 'dvc repro', or set the parameter back."
            )
        for dep, md5 in record.deps.items():
            if made.get(dep, ("", md5))[1] != md5:
                raise LaanetError(f"dvc.lock: {record.stage} ran with another {dep} than {made[dep][0]} made last; run 'dvc repro'.")


def _counts(stage: str, params: Params) -> bool:
    name, _, dataset = stage.partition("@")
    return name != "report" and (not dataset or dataset in params.datasets) and (name != "train" or scores_its_training(params))
