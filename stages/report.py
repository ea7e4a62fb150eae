"""The page to look at: `python -m stages.report`."""

from pathlib import Path

import cv2

from laanet_core.params import Params
from laanet_core.reporting.html import build_report
from laanet_core.reporting.sheet import training_examples
from laanet_core.synthesis.sheet import contact_sheet
from stages.runner import run_stage

TILE, LARGE_TILE = 144, 256


def report(params: Params) -> None:
    """data/evaluation/<dataset>, reports/training, and crops and landmarks of the training set -> reports/index.html, pseudo_fakes.png."""
    data, name, out = Path("data"), params.train.dataset, Path("reports/index.html")
    examples = training_examples(data / "crops" / name, data / "landmarks" / f"{name}.h5", data / "index" / f"{name}.csv", params)
    cv2.imwrite("reports/pseudo_fakes.png", contact_sheet(*examples, LARGE_TILE)[..., ::-1])
    build_report(data / "evaluation", Path("reports/training"), contact_sheet(*examples, TILE), params, out)
    print(f"report: {out}")


if __name__ == "__main__":
    run_stage(report)
