"""What every stage does around its own line of work."""

from __future__ import annotations

import sys
from collections.abc import Callable

from laanet_core.errors import LaanetError
from laanet_core.parallel import end_with_pipeline
from laanet_core.params import Params, load_params


def run_stage(stage: Callable[..., None]) -> None:
    """Call `stage(params, *command-line words)`; what the user can mend becomes one sentence and exit status 1."""
    end_with_pipeline()
    try:
        params: Params = load_params()
        stage(params, *sys.argv[1:])
    except LaanetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
