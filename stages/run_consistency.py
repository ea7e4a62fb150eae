"""Consistency of the stages of one run: all use the same parameters, and each uses the latest outputs of the stages before it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from laanet_core.errors import LaanetError
from laanet_core.params import Params
from laanet_core.store.account import Account, differences, flatten
from laanet_core.store.dvc_records import lock_records, read_lock
from laanet_core.store.writing import write_json
from stages.input_checks import scores_its_training
from stages.yaml_text import in_yaml

RECORD = Path(".dvc/tmp/laanet-parameters.json")
"""File with the last dvc command that ran a stage and the parameters at its start."""


def check_run(values: Mapping[str, Any]) -> None:
    """Raise LaanetError if parameters changed since the first stage of the current dvc command. values: content of params.yaml."""
    command, params = _dvc_command(), json.loads(json.dumps(flatten(values), default=str))
    if command is None or not RECORD.parent.parent.is_dir():
        return
    record = _read_record()
    if record.get("command") != command:
        write_json(RECORD, {"command": command, "params": params})
        return
    before = record["params"]
    check_unchanged(before, params, sorted(before.keys() | params.keys()), "this run", "its stages would be inconsistent")


def check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], keys: Iterable[str], started: str, consequence: str) -> None:
    """Raise LaanetError for the first of these dotted keys whose value now differs from that when `started` started."""
    for key in keys:
        if before.get(key) != now.get(key):
            raise LaanetError(
                f"params.yaml: {key} was {in_yaml(before.get(key))} when {started} started and is {in_yaml(now.get(key))} now, so "
                f"{consequence}; wait for other commands to finish ('laanet run' does so), set the intended value, then run again."
            )


def _read_record() -> dict[str, Any]:
    try:
        loaded = json.loads(RECORD.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _dvc_command() -> list[int] | None:
    """Return process id and start time of the dvc command that runs this process; None if it was started directly."""
    pid = os.getppid()
    while pid > 1:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if any(Path(os.fsdecode(word)).name == "dvc" for word in words):
            return [pid, int(fields[19])]
        pid = int(fields[1])
    return None


def check_lock(params: Params, values: Mapping[str, Any], lock: Path = Path("dvc.lock")) -> None:
    """Raise LaanetError if a stage in dvc.lock ran with other parameters, or with an outdated version of an input.

    values: content of params.yaml. The training is ignored if another network is evaluated.
    """
    records = [record for record in lock_records(read_lock(lock)) if _is_relevant(record.stage, params)]
    latest = {output: (record.stage, md5) for record in records for output, md5 in record.outs.items()}
    for record in records:
        for difference in differences(Account(record.params), flatten(values)):
            raise LaanetError(
                f"dvc.lock: {record.stage} ran with {difference.key} = {in_yaml(difference.made)}, params.yaml has "
                f"{in_yaml(difference.now)}; run 'dvc repro', or restore the parameter."
            )
        for dep, md5 in record.deps.items():
            if latest.get(dep, ("", md5))[1] != md5:
                raise LaanetError(
                    f"dvc.lock: {record.stage} used an outdated {dep}, which {latest[dep][0]} has written again since; run 'dvc repro'."
                )


def _is_relevant(stage: str, params: Params) -> bool:
    name, _, dataset = stage.partition("@")
    return name != "report" and (not dataset or dataset in params.datasets) and (name != "train" or scores_its_training(params))
