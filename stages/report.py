"""The page to look at: `python -m stages.report`."""

from pathlib import Path

from laanet_core.params import Params
from laanet_core.reporting.html import build_report
from laanet_core.reporting.sheet import training_sheet
from stages.runner import run_stage


def report(params: Params) -> None:
    """data/evaluation/<dataset>, reports/training, and crops and landmarks of the training set -> reports/index.html."""
    data, name, out = Path("data"), params.train.dataset, Path("reports/index.html")
    sheet = training_sheet(data / "crops" / name, data / "landmarks" / f"{name}.h5", data / "index" / f"{name}.csv", params)
    build_report(data / "evaluation", Path("reports/training"), sheet, params, out)
    print(f"report: {out}")


if __name__ == "__main__":
    run_stage(report)
