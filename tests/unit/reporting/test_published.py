"""The published numbers equal those in the text of the paper, which is parsed here independently by the headings of its tables."""

import re
from pathlib import Path

import pytest

from laanet_core.reporting.paper.published import (
    AVERAGE,
    MASK_SSIM,
    PAPER,
    PAPER_NAMES,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE4_AVERAGE,
    TABLE5,
)

LAYOUTS = {name: layout for layout, name in PAPER_NAMES.items()} | {"Avg": AVERAGE, "Avg.": AVERAGE}
Lines = list[list[str]]


@pytest.fixture(scope="module")
def text(shared: Path) -> str:
    return (shared / "paper/laa-net-cvpr2024.txt").read_text()


def lines_of(text: str, number: int) -> Lines:
    """Cells of the lines above a table's caption, without underlines and improvements in brackets."""
    above = text[: text.index(f"\nTable {number}. ")].rstrip("\n")
    lines = above[above.rindex("\n\n") + 2 :].splitlines()
    return [[re.sub(r"</?u>|\s*\(↑.*\)", "", item).strip() for item in line.split("\t")] for line in lines]


def number(printed: str) -> float | None:
    return None if printed in {"-", ""} else float(printed)


def spread(headings: list[str]) -> list[str]:
    """Headings that span several columns, repeated for each column."""
    filled: list[str] = []
    for heading in headings:
        filled.append(heading or (filled[-1] if filled else ""))
    return filled


def test_data_sets_are_named_as_the_projects_layouts_and_dfdc_is_the_preview_set() -> None:
    assert LAYOUTS["DFDC"] == "dfdcp"
    assert set(PAPER_NAMES) == {"ffpp", "cdf2", "dfw", "dfd", "dfdcp"}


def test_table_1_has_every_number_of_every_method(text: str) -> None:
    lines = lines_of(text, 1)
    sets, measures = lines[2], lines[3]
    names = ["", "", "", "ffpp", *(LAYOUTS[name] for name in spread(sets[4:]))]
    for method, cells in zip(TABLE1, lines[4:], strict=True):
        assert method.name.replace(" ", "") == cells[0].replace(" ", "")
        assert (method.real, method.fake) == (cells[1] == "✓", cells[2] == "✓")
        for place in range(3, len(cells)):
            measure = measures[place] if place > 3 else sets[3].removeprefix("FF++ ")
            kept = method.auc if measure == "AUC (%)" else method.ap
            assert kept.get(names[place]) == number(cells[place]), (method.name, names[place], measure)
        assert len(method.auc) + len(method.ap) == sum(number(cell) is not None for cell in cells[3:])


def test_table_2_has_every_number_of_every_method(text: str) -> None:
    heading, *lines = lines_of(text, 2)
    kinds = [name.lower().replace("pixel", "pixelation") for name in heading[2:]]
    for method, cells in zip(TABLE2, lines, strict=True):
        assert (method.name, method.fake) == (cells[0], cells[1] == "✓")
        assert method.auc == {kind: float(cell) for kind, cell in zip(kinds, cells[2:], strict=True)}


def test_table_3_has_the_printed_marks_and_flags_the_row_with_repeated_marks(text: str) -> None:
    lines = lines_of(text, 3)
    names = [LAYOUTS[name] for name in lines[1][3:]]
    for row, cells in zip(TABLE3, lines[2:], strict=True):
        assert [row.consistency, row.heatmap, row.efpn] == [cell == "✓" for cell in cells[:3]]
        assert row.auc == dict(zip(names, map(float, cells[3:]), strict=True))
    marks = [tuple(cells[:3]) for cells in lines[2:]]
    assert [row.misprinted for row in TABLE3] == [mark in marks[:place] for place, mark in enumerate(marks)]


def test_table_4_has_every_level_of_both_pyramids(text: str) -> None:
    lines = lines_of(text, 4)
    headings = [(LAYOUTS[name], pyramid) for name, pyramid in zip(spread(lines[1][6:]), lines[2][6:], strict=False)]
    assert len(headings) == 8
    for row, cells in zip([*TABLE4, TABLE4_AVERAGE], lines[3:], strict=True):
        assert cells[0].strip("()").lower() == row.row
        assert row.levels == tuple(level for level, mark in zip((6, 5, 4, 3, 2), cells[1:6], strict=True) if mark)
        figures = spread(cells[6:14]) if row.row == "a" else cells[6:14]
        for (name, pyramid), figure in zip(headings, figures, strict=True):
            assert (row.fpn if pyramid == "FPN" else row.efpn)[name] == float(figure)


def test_table_5_has_every_pair_of_weights(text: str) -> None:
    lines = lines_of(text, 5)
    names = [LAYOUTS[name] for name in lines[1][2:]]
    for row, cells in zip(TABLE5, lines[2:], strict=True):
        assert (row.lambda1, row.lambda2) == (float(cells[0]), float(cells[1]))
        assert row.auc == dict(zip(names, map(float, cells[2:]), strict=True))


def test_printed_averages_equal_the_averages_of_their_rows() -> None:
    for auc in [*(row.auc for row in TABLE3), *(row.auc for row in TABLE5)]:
        others = [value for name, value in auc.items() if name != AVERAGE]
        assert auc[AVERAGE] == pytest.approx(sum(others) / len(others), abs=0.011)
    for pyramid in ("fpn", "efpn"):
        for name, printed in getattr(TABLE4_AVERAGE, pyramid).items():
            assert printed == pytest.approx(sum(getattr(row, pyramid)[name] for row in TABLE4) / len(TABLE4), abs=0.011)


def test_mean_mask_ssim_equals_that_in_the_text(text: str) -> None:
    sentence = text[text.index("CDF2 [25] is formed by") :].partition("We note")[0]
    found = re.search(r"value of (\S+), followed by DFD and DFDC with an average Mask-SSIM of (\S+) and (\S+), ", sentence)
    assert found
    assert [MASK_SSIM[name] for name in ("cdf2", "dfd", "dfdcp")] == list(map(float, found.groups()))


def test_the_summary_of_laa_nets_results_equals_table_1() -> None:
    facts = {item.layout: (item.sbi_auc, item.sbi_ap, item.bi_auc, item.bi_ap) for item in PAPER}
    assert facts == {
        "ffpp": (99.96, None, 99.95, None), "cdf2": (95.40, 97.64, 86.28, 91.93), "dfw": (80.03, 81.08, 57.13, 56.89),
        "dfd": (98.43, 99.40, 99.51, 99.80), "dfdcp": (86.94, 97.70, 69.69, 93.67),
    }  # fmt: skip
