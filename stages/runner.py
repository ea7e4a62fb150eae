"""Common frame of all stages: parameters, input checks, staging of outputs, error messages."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from laanet_core.errors import GOES_ON, INTERRUPTED, InterruptedRunError, LaanetError, describe_os_error
from laanet_core.evaluation.robustness.corruptions import find_corruptions
from laanet_core.params import parse_params, read_params
from laanet_core.runtime.executor import end_with_pipeline
from laanet_core.store.account import chosen, flatten
from laanet_core.store.snapshot import Snapshot
from laanet_core.store.staging import Staging
from laanet_core.store.tracked import write_tracked
from laanet_core.store.work_dir import work_root
from stages.dvc_lock import hold_dvc_lock
from stages.dvc_yaml import Stage, read_stage
from stages.input_checks import check_code, check_inputs
from stages.run_consistency import check_run, check_unchanged

PARAMS = Path("params.yaml")


def run_stage(stage: Callable[..., Callable[[], None] | None]) -> None:
    """Call `stage(params, out, *command-line arguments)`, which writes its outputs below the folder `out`, and move them to their paths.

    If the stage returns a function, that is called afterwards.

    Parameters and inputs are recorded at the start and compared at the end: if they changed meanwhile, the stage fails and existing outputs
    are left untouched. Errors that the user can fix are printed as one sentence with exit status 1, Ctrl-C as one with exit status 130.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # replaces the one of `stages`, which ends at once
    end_with_pipeline()
    try:
        _run(stage)
    except LaanetError as error:
        _end(f"error: {error}", 1)
    except InterruptedRunError as error:
        _end(str(error), INTERRUPTED)
    except KeyboardInterrupt:
        _end(f"interrupted; {GOES_ON}", INTERRUPTED)
    except OSError as error:
        sentence = describe_os_error(error, f"{Path.cwd()} or {work_root()}")
        if sentence is None:
            raise
        _end(f"error: {sentence}", 1)


def _end(sentence: str, status: int) -> None:
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(status)


def _run(stage: Callable[..., Callable[[], None] | None]) -> None:
    values = read_params(PARAMS)
    params, words = parse_params(values, PARAMS), sys.argv[1:]
    for word in words:
        if word not in params.datasets:
            raise LaanetError(f"params.yaml has no data set '{word}'; choose one of {', '.join(params.datasets)}.")
    find_corruptions(params.robustness.corruptions)  # a wrong name is reported by the first stage, not after the training
    if os.environ.get("RANK", "0") != "0":
        stage(params, Path(), *words)  # another process of a distributed training; only rank 0 writes
        return
    check_run(values)
    script = Path(sys.argv[0]).stem
    name, declared = "@".join([script, *words]), read_stage(script, words[0] if words else None, values)
    inputs = Snapshot(map(Path, declared.deps))
    check_code(script, declared)
    check_inputs(declared, params)
    with Staging(Path(), name) as staging:
        finish = stage(params, staging.folder, *words)
        if declared.uncached:
            write_tracked(staging.folder, name, declared.uncached)
        hold_dvc_lock(Path())
        _check_params(values, declared)
        inputs.check()
        staging.publish(declared.outs, declared.persistent)
    if finish is not None:
        finish()


def _check_params(values: Mapping[str, Any], declared: Stage) -> None:
    """Raise LaanetError if a parameter that the stage depends on has changed since the stage started."""
    try:
        now = flatten(read_params(PARAMS))
    except LaanetError as error:
        raise LaanetError(f"while this stage ran, params.yaml became unreadable, so nothing is kept: {error}") from None
    before = flatten(values)
    check_unchanged(before, now, chosen(before | now, declared.params), "this stage", "its result is not kept")
