"""What every stage does around its own line of work."""

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
from stages.declared import Stage, read_stage
from stages.dvc_lock import hold_dvc_lock
from stages.made import check_code, check_inputs
from stages.one_run import check_run
from stages.yaml_words import in_yaml

PARAMS = Path("params.yaml")


def run_stage(stage: Callable[..., Callable[[], None] | None]) -> None:
    """Call `stage(params, out, *command-line words)`, which makes its outputs under the folder `out`, then put them in their places.

    What the stage returns is called after that.

    Parameters and inputs are noted first and compared last: were they changed meanwhile, the stage fails and leaves its outputs' places as
    they were. What the user can fix becomes one sentence and exit status 1, Ctrl-C one sentence and exit status 130.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # no longer that of `stages`, which ends at once
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
            raise LaanetError(f"params.yaml has no data set '{word}'; name one of {', '.join(params.datasets)}.")
    find_corruptions(params.robustness.corruptions)  # a wrong name is reported by the first stage, not after the training
    if os.environ.get("RANK", "0") != "0":
        stage(params, Path(), *words)  # one of several processes of a training, of which the first one writes
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
    """Raise LaanetError when a parameter that the stage depends on is not what it was when the stage started."""
    try:
        now = flatten(read_params(PARAMS))
    except LaanetError as error:
        raise LaanetError(f"while this stage ran, params.yaml became unreadable, so nothing is kept: {error}") from None
    before = flatten(values)
    for key in chosen(before | now, declared.params):
        if before.get(key) != now.get(key):
            raise LaanetError(
                f"params.yaml: {key} was {in_yaml(before.get(key))} when this stage started and is {in_yaml(now.get(key))} now, so its "
                "result is not kept; let other commands end ('laanet run' waits for them), set what you mean, then run again."
            )
