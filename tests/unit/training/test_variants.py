"""Every variant of the paper's ablations and baselines trains: Tables 1, 3, 4 and 5."""

from __future__ import annotations

import csv
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from laanet_core.model import load_model
from tests.helpers.training_set import params_of, run_training

pytestmark = pytest.mark.slow

HEADS = [list(heads) for count in range(3) for heads in combinations(["heatmap", "consistency"], count)]
TABLE_3 = [{"pyramid": pyramid, "heads": heads} for pyramid in ("none", "efpn") for heads in HEADS]
TABLE_4 = [{"pyramid": pyramid, "levels": list(range(6, lowest - 1, -1))} for pyramid in ("fpn", "efpn") for lowest in range(6, 1, -1)]
TABLE_5 = [(1, 1), (10, 10), (100, 100), (100, 10), (10, 100)]


def name_of(value: Any) -> str:
    return "-".join(map(str, value.values() if isinstance(value, dict) else value)).replace(" ", "")


def train_a_little(dataset: Path, out: Path, **changes: Any) -> list[dict[str, str]]:
    """Two epochs of three steps, the backbone frozen in the first; the log's rows."""
    params = params_of(epochs=2, frames_per_epoch=2, **changes)
    run_training(params, dataset, out)
    model = load_model(out / "out/model.safetensors")
    assert model.params == params.model
    with (out / "reports/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    return rows


@pytest.mark.parametrize("model", TABLE_3, ids=name_of)
def test_rows_of_table_3_train(model: dict[str, Any], dataset: Path, tmp_path: Path) -> None:
    row = train_a_little(dataset, tmp_path, model=model)[-1]
    for head in ("heatmap", "consistency"):
        assert (float(row[f"loss_{head}"]) > 0) == (head in model["heads"])


@pytest.mark.parametrize("model", TABLE_4, ids=name_of)
def test_rows_of_table_4_train(model: dict[str, Any], dataset: Path, tmp_path: Path) -> None:
    train_a_little(dataset, tmp_path, model=model)


@pytest.mark.parametrize("recipe", ["paper", "official"])
@pytest.mark.parametrize("weights", TABLE_5, ids=name_of)
def test_rows_of_table_5_train_by_both_recipes(weights: tuple[int, int], recipe: str, dataset: Path, tmp_path: Path) -> None:
    top = dict(zip(("lambda1", "lambda2"), weights, strict=True))
    row = train_a_little(dataset, tmp_path, top=top, recipe=recipe)[0]
    parts = [float(row[f"loss_{name}"]) for name in ("class", "heatmap", "consistency")]
    assert float(row["loss"]) == pytest.approx(parts[0] + weights[0] * parts[1] + weights[1] * parts[2], rel=1e-5)


@pytest.mark.parametrize(
    ("backbone", "fakes"),
    [("test_efficientnet", "synthetic"), ("legacy_xception", "dataset")],
    ids=["SBI", "Xception on real fakes"],
)
def test_baselines_of_table_1_train(backbone: str, fakes: str, dataset: Path, tmp_path: Path) -> None:
    model = {"backbone": backbone, "pyramid": "none", "heads": [], "drop_path": 0}
    rows = train_a_little(dataset, tmp_path, model=model, fakes=fakes)
    assert all(float(row["loss"]) == pytest.approx(float(row["loss_class"])) for row in rows)


def test_fakes_of_a_data_set_cannot_teach_the_auxiliary_heads() -> None:
    with pytest.raises(ValidationError, match="no blending mask to learn from; set it to"):
        params_of(fakes="dataset")
