"""What every stage does around its own line of work."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

from laanet_core.errors import LaanetError
from laanet_core.parallel import end_with_pipeline
from laanet_core.params import Params, load_params
from laanet_core.work.folder import work_root

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def run_stage(stage: Callable[..., None]) -> None:
    """Call `stage(params, *command-line words)`; what the user can mend becomes one sentence and exit status 1."""
    end_with_pipeline()
    try:
        params: Params = load_params()
        for name in sys.argv[1:]:
            if name not in params.datasets:
                raise LaanetError(f"params.yaml has no data set '{name}'; name one of {', '.join(params.datasets)}.")
        stage(params, *sys.argv[1:])
    except LaanetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f" for {error.filename}" if error.filename else f" in {Path.cwd()} or {work_root()}"
        print(f"error: no space is left{where}; free some (see 'laanet clean'), then run again: what is finished is kept.", file=sys.stderr)
        sys.exit(1)
