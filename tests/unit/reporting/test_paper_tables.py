"""The paper's tables contain the published numbers, ours if a comparable experiment was run, and 'not run' elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laanet_core.datasets.layouts import layout_name
from laanet_core.params import DatasetParams, Params, load_params
from laanet_core.reporting.paper.cells import NOT_RUN, RUN, UNCLEAR, UNDEFINED, Cell
from laanet_core.reporting.paper.experiments import Experiment, rest_digest
from laanet_core.reporting.paper.published import LAANET_BI, LAANET_SBI, PAPER_NAMES, SBI_BASELINE, TABLE1, TABLE2, TABLE3, TABLE4, TABLE5
from laanet_core.reporting.paper.robustness import robustness_table, write_robustness_table
from laanet_core.reporting.paper.tables import MISPRINT, NOT_IN_PAPER, Row, paper_tables, write_paper_tables
from tests.helpers.paths import ROOT
from tests.helpers.project import table

PAPER = load_params(ROOT / "presets/paper.yaml")
DEMO = load_params(ROOT / "presets/demo.yaml")
LEVELS = ["6", "6,5", "6,5,4", "6,5,4,3", "6,5,4,3,2"]


def ran(dataset: str = "cdf2", auc: float | None = 0.5, params: Params = PAPER, **change: Any) -> Experiment:
    """An experiment with the full network and the current parameters, apart from the changes."""
    full = {
        "experiment": "some", "rev": "1234567", "adapter": layout_name(dataset, params.datasets[dataset]), "lambda1": params.lambda1,
        "lambda2": params.lambda2, "pyramid": "efpn", "levels": "6,5,4,3", "heads": "consistency,heatmap", "method": "sbi",
        "rest": rest_digest(params, dataset),
    }  # fmt: skip
    measures = {"auc": auc, "auc_low": 0.4, "auc_high": 0.6, "ap": 0.7, "n_real": 10, "n_fake": 20, "coverage": 0.9}
    return Experiment(**{"dataset": dataset, **full, **measures, **change})


def rows_of(number: int, *experiments: Experiment, params: Params = PAPER) -> list[Row]:
    return {item.number: item for item in paper_tables(experiments, params).tables}[number].rows


def ours(rows: list[Row], dataset: str = "cdf2") -> dict[str, float]:
    """Label (in Table 4 with the pyramid) -> our AUC, of the rows that have one."""
    found = {}
    for row in rows:
        value = next(item for item in row.cells if item.dataset == dataset).ours_auc
        if value is not None:
            found[f"{row.label} {row.marks.get('pyramid', '')}".strip()] = value
    return found


def all_cells(*experiments: Experiment, params: Params = PAPER) -> Iterator[tuple[int, Row, Cell]]:
    for item in paper_tables(experiments, params).tables:
        yield from ((item.number, row, part) for row in item.rows for part in row.cells)


@pytest.mark.parametrize("params", [PAPER, DEMO], ids=["paper", "demo"])
def test_cells_that_were_not_run_are_marked_and_have_no_number_of_ours(params: Params) -> None:
    for number, row, part in all_cells(params=params):
        assert part.status == (UNCLEAR if number == 3 and row.note == MISPRINT else NOT_RUN)
        assert [part.ours_auc, part.ours_low, part.ours_high, part.ours_ap, part.n_real, part.n_fake, part.experiment] == [None] * 6 + [""]


def test_every_published_number_is_in_its_table() -> None:
    def shown(number: int, measure: str) -> list[float]:
        values = [getattr(part, measure) for table_number, _, part in all_cells() if table_number == number]
        return sorted(value for value in values if value is not None)

    assert shown(1, "paper_auc") == sorted(value for row in TABLE1 for value in row.auc.values())
    assert shown(1, "paper_ap") == sorted(value for row in TABLE1 for value in row.ap.values())
    assert shown(3, "paper_auc") == sorted(value for row in TABLE3 for value in row.auc.values())
    assert shown(5, "paper_auc") == sorted(value for row in TABLE5 for value in row.auc.values())
    levels = [value for row in TABLE4 for side in ([row.efpn] if row.row == "a" else [row.fpn, row.efpn]) for value in side.values()]
    means = [90.84, 93.16, 98.06, 98.02, 70.46, 74.38, 76.40, 81.59]
    assert shown(4, "paper_auc") == sorted(levels + means)


def test_our_results_are_in_per_cent_with_interval_counts_coverage_and_experiment() -> None:
    row = next(row for row in rows_of(1, ran()) if row.label == LAANET_SBI)
    assert row.cells[1] == Cell("cdf2", "CDF2", 95.40, 50.0, 40.0, 60.0, 97.64, 70.0, 10, 20, 90.0, RUN, "some")


def test_table_1_distinguishes_sbi_bi_and_the_baseline() -> None:
    rows = rows_of(1, ran(auc=0.1), ran(auc=0.2, method="bi"), ran(auc=0.3, pyramid="none", heads=""), ran(auc=0.4, pyramid="fpn"))
    assert ours(rows) == {LAANET_SBI: 10, LAANET_BI: 20, SBI_BASELINE: 30}


@pytest.mark.parametrize(
    ("heads", "pyramid", "label"),
    [
        ("", "none", "none"), ("heatmap", "none", "H"), ("consistency", "none", "C"), ("consistency,heatmap", "none", "C + H"),
        ("", "efpn", "E-FPN"), ("heatmap", "efpn", "H + E-FPN"), ("consistency", "efpn", "C + E-FPN"),
        ("consistency,heatmap", "efpn", "C + H + E-FPN"),
    ],
)  # fmt: skip
def test_each_combination_of_table_3_has_its_row(heads: str, pyramid: str, label: str) -> None:
    rows = rows_of(3, ran(heads=heads, pyramid=pyramid))
    assert ours(rows) == {label: 50}
    assert rows[0].label == "none"
    assert rows[0].cells[0].paper_auc == 74.54


def test_the_misprinted_row_of_table_3_is_flagged_and_its_two_candidates_are_added() -> None:
    rows = rows_of(3, ran(heads="", pyramid="none"), ran(heads="consistency", pyramid="none"), ran(heads="", pyramid="efpn"))
    assert (rows[1].note, rows[1].cells[0].paper_auc, {part.status for part in rows[1].cells}) == (MISPRINT, 80.89, {UNCLEAR})
    assert [(row.label, row.note, row.cells[0].paper_auc) for row in rows[-2:]] == [
        ("C", NOT_IN_PAPER, None),
        ("E-FPN", NOT_IN_PAPER, None),
    ]


@pytest.mark.parametrize(("levels", "row"), list(zip(LEVELS[1:], "bcde", strict=True)))
@pytest.mark.parametrize("pyramid", ["fpn", "efpn"])
def test_rows_of_table_4_are_by_pyramid_and_levels(levels: str, row: str, pyramid: str) -> None:
    assert ours(rows_of(4, ran(levels=levels, pyramid=pyramid))) == {f"{row} {pyramid}": 50}


@pytest.mark.parametrize(("pyramid", "levels"), [("fpn", "6"), ("efpn", "6"), ("none", "6"), ("none", "6,5,4,3")])
def test_f6_alone_is_row_a_of_table_4_and_the_row_without_e_fpn_of_table_3(pyramid: str, levels: str) -> None:
    experiment = ran(levels=levels, pyramid=pyramid)
    assert ours(rows_of(4, experiment)) == {"a both": 50}
    assert ours(rows_of(3, experiment)) == {"C + H": 50}


def test_f6_with_a_class_head_is_not_the_plain_classifier() -> None:
    assert ours(rows_of(3, ran(levels="6", heads=""))) == {}


def test_table_5_varies_the_weights_and_the_other_tables_use_the_current_ones() -> None:
    experiments = [ran(auc=place / 10, lambda1=pair.lambda1, lambda2=pair.lambda2) for place, pair in enumerate(TABLE5)]
    assert ours(rows_of(5, *experiments)) == {"1, 1": 0, "10, 10": 10, "100, 100": 20, "100, 10": 30, "10, 100": 40}
    assert ours(rows_of(3, *experiments)) == {"C + H + E-FPN": 40}
    assert ours(rows_of(1, *experiments)) == {LAANET_SBI: 40}


def test_the_weight_of_a_missing_head_is_ignored() -> None:
    assert ours(rows_of(3, ran(heads="heatmap", lambda2=1))) == {"H + E-FPN": 50}
    assert ours(rows_of(3, ran(heads="heatmap", lambda1=1))) == {}


def test_the_last_of_several_experiments_for_a_cell_is_used() -> None:
    first, last = ran(auc=0.1, experiment="first"), ran(auc=0.2, experiment="last")
    for order, expected in (([first, last], 20), ([last, first], 10)):
        assert ours(rows_of(3, *order)) == {"C + H + E-FPN": expected}


def test_experiments_with_other_parameters_or_data_sets_are_left_out_and_counted() -> None:
    experiments = [ran(), ran(rest="0" * 12), ran("dfd"), ran(dataset="cdf2", experiment="x")._replace(dataset="gone")]
    found = paper_tables(experiments, PAPER)
    assert (found.used, found.left_out) == (2, 2)
    assert ours(rows_of(3, *experiments[1:])) == {}


def test_our_other_data_sets_are_columns_without_published_numbers() -> None:
    more = {
        "dfdc": DatasetParams(root="/d"),
        "mine": DatasetParams(root="/m"),
        "ffpp40": DatasetParams(root="/f", layout="ffpp", compression="c40"),
    }
    params = PAPER.model_copy(update={"datasets": {**PAPER.datasets, **more}})
    row = rows_of(1, ran("mine", params=params), params=params)[-1]
    assert [(part.dataset, part.name) for part in row.cells] == [
        ("ffpp", "FF++"), ("cdf2", "CDF2"), ("dfw", "DFW"), ("dfd", "DFD"), ("dfdcp", "DFDC"),
        ("dfdc", "dfdc"), ("mine", "mine"), ("ffpp40", "ffpp40"),
    ]  # fmt: skip
    assert [part.paper_auc for part in row.cells[5:]] == [None] * 3
    assert [part.status for part in row.cells[5:]] == [NOT_RUN, RUN, NOT_RUN]


def test_a_data_set_with_another_name_is_matched_by_its_layout() -> None:
    params = PAPER.model_copy(update={"datasets": {"ffpp": PAPER.datasets["ffpp"], "celebs": DatasetParams(root="/c", layout="cdf2")}})
    part = rows_of(1, ran("celebs", params=params), params=params)[-1].cells[1]
    assert (part.dataset, part.name, part.paper_auc, part.ours_auc) == ("celebs", "CDF2", 95.40, 50)


def test_a_data_set_with_the_name_but_not_the_layout_of_a_published_one_is_not_matched() -> None:
    params = PAPER.model_copy(update={"datasets": {"ffpp": PAPER.datasets["ffpp"], "cdf2": DatasetParams(root="/c", layout="folder")}})
    cells = {part.name: part for part in rows_of(1, ran("cdf2", params=params), params=params)[-1].cells}
    assert (cells["CDF2"].paper_auc, cells["CDF2"].status) == (95.40, NOT_RUN)
    assert (cells["cdf2"].paper_auc, cells["cdf2"].ours_auc) == (None, 50)


def test_our_average_needs_every_data_set_of_the_paper() -> None:
    figures = {"cdf2": 0.9, "dfd": 0.8, "dfdcp": 0.7, "dfw": 0.6}
    experiments = [ran(name, auc=auc) for name, auc in figures.items()]
    full = rows_of(3, *experiments, ran("dfdc", auc=0.1))[6]
    assert (full.cells[-1].paper_auc, full.cells[-1].ours_auc, full.cells[-1].status) == (90.20, 75, RUN)
    incomplete = rows_of(3, *experiments[1:], ran("dfdc"))[6]
    assert (incomplete.cells[-1].ours_auc, incomplete.cells[-1].status) == (None, NOT_RUN)
    assert rows_of(5, *experiments)[-1].cells[-1].ours_auc == pytest.approx((90 + 70 + 60) / 3, abs=1e-4)


def test_table_4_ends_with_the_mean_of_each_pyramid() -> None:
    fpn = [ran(auc=place / 10, levels=levels, pyramid="fpn") for place, levels in enumerate(LEVELS)]
    rows = rows_of(4, *fpn, *(item._replace(pyramid="efpn") for item in fpn[2:]))
    means = {row.marks["pyramid"]: row.cells[0] for row in rows[-2:]}
    assert (means["fpn"].paper_auc, means["fpn"].ours_auc, means["fpn"].status) == (90.84, 20, RUN)
    assert (means["efpn"].paper_auc, means["efpn"].ours_auc, means["efpn"].status) == (93.16, None, NOT_RUN)


def test_an_undefined_auc_is_distinguished_from_a_missing_run() -> None:
    row = rows_of(3, ran(auc=None))[6]
    assert (row.cells[0].status, row.cells[0].n_fake, row.cells[0].ours_auc) == (UNDEFINED, 20, None)


def test_tables_are_written_with_one_line_per_row_and_data_set(tmp_path: Path) -> None:
    write_paper_tables([ran()], PAPER, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"table{number}.csv" for number in (1, 3, 4, 5)]
    lines = table(tmp_path / "table3.csv")
    assert len(lines) == 9 * 7
    assert list(lines[0])[:8] == ["table", "row", "consistency", "heatmap", "efpn", "dataset", "name", "paper_auc"]
    assert {line["status"] for line in lines} == {RUN, NOT_RUN, UNCLEAR}
    full = next(line for line in lines if (line["row"], line["dataset"]) == ("C + H + E-FPN", "cdf2"))
    assert [full[name] for name in ("paper_auc", "ours_auc", "ours_low", "ours_high", "experiment")] == [
        "95.4",
        "50.0",
        "40.0",
        "60.0",
        "some",
    ]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_paper_tables([ran()], PAPER, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def corrupted(dataset: str, corruption: str, severity: int, auc: float | str) -> dict[str, str]:
    measures = {"auc": str(auc), "auc_low": "0.1", "auc_high": "1.0", "ap": "0.5", "coverage": "0.75"}
    return {"dataset": dataset, "corruption": corruption, "severity": str(severity), "n_real": "7", "n_fake": "8", **measures}


def test_table_2_has_the_mean_over_the_severities_next_to_the_papers_value(tmp_path: Path) -> None:
    rows = [corrupted("ffpp", "none", 0, 0.99), *(corrupted("ffpp", "noise", severity, 1 - severity / 10) for severity in range(1, 6))]
    rows += [corrupted("ffpp", "blur", 1, 0.9), corrupted("ffpp", "blur", 2, ""), corrupted("cdf2", "block", 1, 0.2)]
    found = {item.corruption: item for item in robustness_table(rows, PAPER) if item.row == "Ours"}
    noise = found["noise"]
    assert (noise.paper_auc, noise.ours_auc, noise.ours_lowest, noise.ours_highest) == (53.9, 70, 50, 90)
    assert (noise.severities, noise.n_real, noise.n_fake, noise.coverage, noise.status, noise.name) == ("1,2,3,4,5", 7, 8, 75, RUN, "FF++")
    assert (found["blur"].status, found["blur"].ours_auc, found["block"].status) == (UNDEFINED, None, NOT_RUN)
    assert found["saturation"].status == NOT_RUN
    write_robustness_table(rows, PAPER, tmp_path)
    lines = table(tmp_path / "table2.csv")
    assert len(lines) == 5 * 6
    assert [float(line["paper_auc"]) for line in lines] == [value for row in TABLE2 for value in row.auc.values()]
    assert {line["status"] for line in lines if line["row"] != "Ours"} == {NOT_RUN}


def test_table_2_ends_with_corruptions_that_the_paper_does_not_have(tmp_path: Path) -> None:
    rows = [corrupted("demo", "none", 0, 0.9), corrupted("demo", "invert", 1, 0.8), corrupted("demo", "invert", 2, 0.6)]
    rows += [corrupted("demo", "noise", 1, 0.7), corrupted("demo", "jpeg", 1, "")]
    write_robustness_table(rows, DEMO, tmp_path)
    lines = table(tmp_path / "table2.csv")
    ours = {line["corruption"]: line for line in lines if (line["row"], line["dataset"]) == ("Ours", "demo")}
    assert list(ours) == [*TABLE2[0].auc, "invert", "jpeg"]
    assert [(ours[kind]["paper_auc"], ours[kind]["ours_auc"], ours[kind]["status"]) for kind in ("invert", "jpeg")] == [
        ("", "70.0", RUN),
        ("", "", UNDEFINED),
    ]
    others = [line for line in lines if line["corruption"] in {"invert", "jpeg"}]
    assert others == [ours["invert"], ours["jpeg"]]
    without = robustness_table([row for row in rows if row["corruption"] not in {"invert", "jpeg"}], DEMO)
    assert len(lines) == len(without) + len(others)


def test_corruptions_of_another_data_set_are_not_compared_with_the_paper() -> None:
    found = [
        item for item in robustness_table([corrupted("demo", "noise", 3, 0.6)], DEMO) if (item.row, item.corruption) == ("Ours", "noise")
    ]
    assert [(item.name, item.paper_auc, item.ours_auc, item.status) for item in found] == [
        ("FF++", 53.9, None, NOT_RUN),
        ("demo", None, 60, RUN),
    ]


def test_every_data_set_of_the_paper_has_a_layout_of_this_project() -> None:
    assert {layout_name(name, DatasetParams(root="/x")) for name in PAPER_NAMES} == set(PAPER_NAMES)
