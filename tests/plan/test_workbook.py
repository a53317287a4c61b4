"""A workbook comes back as the plan that it is of, with what was changed in it, or is refused at its cells."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import gigaplan as gp
from gigaplan.plan.load import load, load_sources
from gigaplan.plan.sources import Sources
from gigaplan.plan.workbook import layout
from gigaplan.plan.workbook.lines import written_path
from gigaplan.plan.workbook.read import read_book
from gigaplan.plan.workbook.text import Kept, kept_rows, sources_of_rows
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError

Book = openpyxl.Workbook
PUE = "power.facilities.Campus hall.pue"
RATE = "finance.cost_of_capital.plan_per_year"


@pytest.fixture(scope="module")
def lab() -> Result:
    return gp.run("lab-1mw")


@pytest.fixture(scope="module")
def book(lab: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gp.export(lab, "xlsx", tmp_path_factory.mktemp("lab") / "lab.xlsx")


@pytest.fixture
def edited(book: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return what saves the workbook with some cells changed: by path and column, or by a function."""

    def edit(*edits: Callable[[Book], None] | tuple[str, str, Any]) -> Path:
        opened = openpyxl.load_workbook(book)
        for change in edits:
            if callable(change):
                change(opened)
            else:
                path, column, value = change
                opened["Inputs"].cell(row_of(opened, path), layout.COLUMNS.index(column) + 1).value = value
        opened.save(tmp_path / "edited.xlsx")
        return tmp_path / "edited.xlsx"

    return edit


def row_of(book: Book, path: str) -> int:
    return next(c.row for (c,) in book["Inputs"].iter_rows(min_row=5, max_col=1) if c.value == path)


def problems_of(path: Path, where: Path) -> list[str]:
    with pytest.raises(PlanError) as refused:
        gp.new(where / "new.yaml", from_xlsx=path)
    assert not (where / "new.yaml").exists()
    return [str(p) for p in refused.value.problems]


@pytest.mark.parametrize("plan", ["announced-2025-09", "neocloud-100mw"])
def test_unchanged_it_is_the_same_plan(plan: str, announced: Result, tmp_path: Path) -> None:
    result = announced if plan == announced.stamp.plan else gp.run(plan)
    new = gp.new(tmp_path / "new.yaml", from_xlsx=gp.export(result, "xlsx", tmp_path / "book.xlsx"))
    assert result.sources is not None
    assert new.read_text("utf-8") == result.sources.text
    assert load(new).hash == result.stamp.plan_hash


def test_a_spreadsheet_that_saves_it_changes_nothing(lab: Result, edited: Callable[..., Path], tmp_path: Path) -> None:
    new = gp.new(tmp_path / "new.yaml", from_xlsx=edited())
    assert load(new).hash == lab.stamp.plan_hash


def test_a_plan_with_changes_comes_back_with_them(tmp_path: Path) -> None:
    result = gp.run("lab-1mw", {"finance.cost_of_capital.plan_per_year": "9 %/year"})
    new = gp.new(tmp_path / "new.yaml", from_xlsx=gp.export(result, "xlsx", tmp_path / "book.xlsx"))
    assert load(new).hash == result.stamp.plan_hash


def test_a_plan_with_an_overlay_gives_the_same_answer(tmp_path: Path) -> None:
    """The overlay's header, which is part of the hash, stands in a comment of the plan that is written."""
    overlay = tmp_path / "dear.yaml"
    head = "overlay: {who: a tester, why: dearer money, from: nowhere}\n"
    overlay.write_text(f"{head}finance: {{cost_of_capital: {{plan_per_year: 20 %/year}}}}\n", encoding="utf-8")
    result = gp.run("lab-1mw", overlays=[overlay])
    new = gp.new(tmp_path / "new.yaml", from_xlsx=gp.export(result, "xlsx", tmp_path / "book.xlsx"))
    assert "a tester" in new.read_text("utf-8")
    assert (gp.run(new)["cost_of_capital_usd"] == result["cost_of_capital_usd"]).all()


def test_changed_cells_are_lines_of_the_plan(edited: Callable[..., Path], tmp_path: Path) -> None:
    edits: list[tuple[str, str, Any]] = [(PUE, "value", 1.3), (PUE, "low", 1.2), (PUE, "high", 1.4)]
    edits += [(RATE, "value", "12 %/year"), (RATE, "low", None), (RATE, "high", None)]
    edits += [("fleet.sites.Campus hall.phases.second half.energised", "value", dt.datetime(2028, 3, 1))]
    new = gp.new(tmp_path / "new.yaml", from_xlsx=edited(*edits))
    plan = load(new)
    ranges = plan.ranges["fleet.sites.Campus hall.facility.pue"]
    assert (ranges.low, ranges.central, ranges.high) == (1.2, 1.3, 1.4)
    assert plan.document.fleet.sites["Campus hall"].phases["second half"].energised == dt.date(2028, 3, 1)
    by_set = gp.run(
        "lab-1mw",
        {
            "fleet.sites.Campus hall.facility.pue": "{value: 1.3, low: 1.2, high: 1.4}",
            "finance.cost_of_capital.plan_per_year": "12 %/year",
            "fleet.sites.Campus hall.phases.second half.energised": "2028-03-01",
        },
    )
    assert (gp.run(new)["cost_usd"] == by_set["cost_usd"]).all()


def test_every_wrong_cell_is_refused_at_once(edited: Callable[..., Path], tmp_path: Path) -> None:
    path = edited(
        (PUE, "value", "a lot"),
        (RATE, "high", None),
        ("inference.efficiency.gemm_share_fp8", "value", 0.9),
        ("finance.cost_of_capital.vendor_per_year", "value", 0.9),
        ("finance.cost_of_capital.lenders_per_year", "source", "a friend"),
        ("fleet.sites.Campus hall.region", "value", 7),
        ("finance.cost_of_capital.investors_per_year", "value", None),
        lambda b: b["Inputs"].cell(b["Inputs"].max_row + 1, 1, "fleet.sites.Campus hall.pue"),
    )
    found = problems_of(path, tmp_path)
    rows = openpyxl.load_workbook(path)
    for name, column, words in (
        (PUE, "B", "write a number"),
        (RATE, "D", "two ends"),
        ("inference.efficiency.gemm_share_fp8", "B", "no line of a plan states"),
        ("finance.cost_of_capital.vendor_per_year", "B", "does not hold the value"),
        ("finance.cost_of_capital.lenders_per_year", "I", "was changed"),
        ("fleet.sites.Campus hall.region", "B", "a text or a date is meant"),
        ("finance.cost_of_capital.investors_per_year", "B", "the value is missing"),
    ):
        place = f"edited.xlsx Inputs!{column}{row_of(rows, name)}: error: "
        assert any(place in text and words in text for text in found), (place, found)
    assert any("no input of the run stands in this row" in text for text in found)


def test_what_the_plan_refuses_stands_at_its_cell(edited: Callable[..., Path], tmp_path: Path) -> None:
    path = edited((PUE, "value", 0.5), (PUE, "low", None), (PUE, "high", None))
    (found,) = problems_of(path, tmp_path)
    assert f"Inputs!B{row_of(openpyxl.load_workbook(path), PUE)}: error: " in found and "at least 1" in found


def test_a_line_that_moves_more_than_its_cell_is_refused(announced: Result, tmp_path: Path) -> None:
    """The line for the facilities of the opening fleet is that of all sites, which stand in cells of their own."""
    path = gp.export(announced, "xlsx", tmp_path / "a.xlsx")
    opened = openpyxl.load_workbook(path)
    places = [row_of(opened, f"power.facilities.{site}.pue") for site in ("opening", "Abilene", "UAE")]
    opened["Inputs"].cell(places[0], 2).value = 1.2
    opened.save(tmp_path / "b.xlsx")
    found = problems_of(tmp_path / "b.xlsx", tmp_path)
    for row in places[1:]:
        assert any(f"Inputs!B{row}: error: this follows from power.facility.pue" in text for text in found)
    assert not any(f"Inputs!B{places[0]}:" in text for text in found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.remove(b["Plan"]), "lacks the sheet 'Plan'"),
        (
            lambda b: [b.remove(b[n]) for n in ("Inputs", "Inputs as run")],
            "lacks the sheets 'Inputs' and 'Inputs as run'",
        ),
        (lambda b: b["Inputs"].delete_rows(30), "this input is missing"),
        (lambda b: b["Inputs"].cell(4, 2, "wert"), "the names of the columns were changed"),
        (lambda b: b["Inputs as run"].cell(9, 2, 3.3), "was changed: it says what was run"),
        (lambda b: b["Plan"].cell(14, 4, "name: other"), "the plan's text was changed"),
        (lambda b: b["Plan"].cell(1, 1, "gigaplan workbook 9"), "not one that this version reads"),
        (lambda b: b["Plan"].cell(12, 1, "macro"), "can't be read"),
    ],
)
def test_another_workbook_is_refused(
    change: Callable[[Book], Any], words: str, edited: Callable[..., Path], tmp_path: Path
) -> None:
    found = problems_of(edited(change), tmp_path)
    assert any(words in text for text in found), found


def test_rows_may_be_sorted(lab: Result, edited: Callable[..., Path], tmp_path: Path) -> None:
    def turn(book: Book) -> None:
        sheet = book["Inputs"]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=5)]
        for k, row in enumerate(reversed(rows)):
            for j, value in enumerate(row):
                sheet.cell(5 + k, j + 1).value = value

    assert load(gp.new(tmp_path / "new.yaml", from_xlsx=edited(turn))).hash == lab.stamp.plan_hash


def test_other_files_are_refused_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Path) -> None:
    (tmp_path / "a.xlsx").write_text("path,value\n", encoding="utf-8")
    assert "this is no workbook" in problems_of(tmp_path / "a.xlsx", tmp_path)[0]
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as parts:
        parts.writestr("x.txt", "x")
    assert "no workbook that can be read" in problems_of(tmp_path / "b.xlsx", tmp_path)[0]
    assert "no such file" in problems_of(tmp_path / "c.xlsx", tmp_path)[0]
    with zipfile.ZipFile(tmp_path / "d.xlsx", "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/workbook.xml", bytes(layout.MOST_UNPACKED + 1))
    assert "unpacks to" in problems_of(tmp_path / "d.xlsx", tmp_path)[0]
    monkeypatch.setattr("gigaplan.plan.workbook.read.MOST_BYTES", 1_000)
    assert "more than 1,000 bytes" in problems_of(book, tmp_path)[0]
    monkeypatch.undo()
    monkeypatch.setattr("gigaplan.plan.workbook.read.MOST_ROWS", 100)
    assert "more than 100 rows" in problems_of(book, tmp_path)[0]


def test_law_a_damaged_archive_is_refused_or_read_whatever_its_bytes(book: Path, tmp_path: Path) -> None:
    """Each byte of its last entry and of its end says something else: the version to unpack it, its flags, its size."""
    whole, damaged = book.read_bytes(), tmp_path / "damaged.xlsx"
    refused = 0
    begin = whole.rindex(b"PK\x01\x02") + 4
    for k in (*range(begin, begin + 8), *range(begin + 8, len(whole), 9)):
        damaged.write_bytes(whole[:k] + bytes([whole[k] ^ 0xB1]) + whole[k + 1 :])
        try:
            read_book(damaged)
        except PlanError:
            refused += 1
    assert refused


def test_a_workbook_is_read_alone(book: Path, tmp_path: Path) -> None:
    for more in ({"like": "lab-1mw"}, {"changes": {"uncertainty.members": 2}}, {"power": "3 MW it"}):
        with pytest.raises(PlanError, match="from a workbook alone"):
            gp.new(tmp_path / "new.yaml", from_xlsx=book, **more)  # type: ignore[arg-type]


def test_any_text_of_a_plan_comes_back_letter_by_letter() -> None:
    text = "a: =1\n\tb: '_x0041_'\r\n\u00a0\u2028 long: " + "x" * (2 * layout.PIECE + 3) + "\n\n"
    sources = Sources("p.yaml", text, (("o", "1"), ("o", "2\n")), ("a=1", "a=1"), (("f", ""),))
    rows = [tuple(row) + (None,) * (4 - len(row)) for row in kept_rows(Kept("p", "h", "v", "c", 0, "d", sources))]
    at = next(k for k, row in enumerate(rows) if row[0] == "part")
    assert sources_of_rows([(p, n, h, t or None) for p, n, h, t in rows[at + 1 :]]) == sources
    assert all(len(str(row[3])) < 32_767 and str(row[3] or "").isprintable() for row in rows)


def test_paths_are_written_as_a_change_takes_them() -> None:
    assert written_path(("fleet", "sites", "St. Louis", "region")) == 'fleet.sites."St. Louis".region'
    assert written_path(("fleet", "sites", "a=b", "region")) == ""


def test_a_result_without_its_text_says_so(lab: Result, tmp_path: Path) -> None:
    path = gp.export(replace(lab, sources=None), "xlsx", tmp_path / "old.xlsx")
    assert "saved without its plan's text" in openpyxl.load_workbook(path)["Inputs"]["A2"].value
    assert "lacks the sheets 'Inputs as run' and 'Plan'" in problems_of(path, tmp_path)[0]


def test_sources_of_the_workbook_load_as_they_are(lab: Result) -> None:
    assert lab.sources is not None
    assert load_sources(lab.sources).hash == lab.stamp.plan_hash
