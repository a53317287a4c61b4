from __future__ import annotations

from functools import cache
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

import gigaplan as gp
from gigaplan.layers.failures import FailureOptions
from gigaplan.report import sites_view, train_view
from gigaplan.report.fitting import Bars, Fitting

CELL = st.text(alphabet="abcdefghij0123456789.", min_size=1, max_size=16)


def printed(what: RenderableType, width: int) -> str:
    file = StringIO()
    Console(file=file, width=width, color_system=None).print(what)
    return file.getvalue()


@cache
def run() -> gp.TrainRun:
    return gp.train("llama_3_1_405b", "h100_hgx", gpus=16384, failures=FailureOptions(trials=20))


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=9), st.integers(40, 120))
def test_law_no_cell_of_a_table_is_cut(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = printed(Fitting(("first column", "second", "third"), rows), width).splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    for row in rows:
        assert all(cell in words for cell in row)
    assert "…" not in words


def test_a_table_is_turned_or_told_row_by_row_where_it_is_too_wide() -> None:
    columns = ("name", *(f"column {k}" for k in range(8)))
    few = Fitting(columns, [("one", *"12345678"), ("two", *"12345678")])
    assert printed(few, 100).splitlines()[0].split()[:2] == ["name", "column"]
    assert printed(few, 60).splitlines()[0].split() == ["name", "one", "two"], "columns became rows"
    many = Fitting(columns, [(f"row {k}", *"12345678") for k in range(9)])
    assert printed(many, 60).splitlines()[1].split() == ["column", "0", "1"], "row by row"


def test_headings_fold_before_a_table_is_told_row_by_row() -> None:
    rows = [(f"a row with a name {k}", "78%", "1.23") for k in range(9)]
    lines = printed(Fitting(("rows", "in 80 % range", "high over low"), rows), 44).splitlines()
    assert [line.split() for line in lines[-1:]] == [["a", "row", "with", "a", "name", "8", "78%", "1.23"]]
    assert len(lines) == 9 + 3, "three lines of headings"


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_bars_are_as_long_as_their_share_and_stay_in_one_line(width: int) -> None:
    parts = {"a long name of a part": 75.0, "another": 25.0, "none": 0.0}
    first, second = printed(Bars(parts, dict.fromkeys(parts, "red"), "s"), width).splitlines()
    assert len(first) <= width
    assert first.count("█") == pytest.approx(3 * second.count("█"), abs=3)
    assert "75.0%" in first
    assert len(first) == len(second)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_training_fits_narrow_terminals(width: int) -> None:
    together = gp.train_sites("llama_3_1_405b", "h100_hgx", sites="a=50000,b=40000", wan_distance="50 km", by="2028-06")
    for shown in (train_view.terminal(run()), sites_view.terminal(together)):
        text = printed(shown, width)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width


def test_power_and_energy_are_told_in_units_that_suit_them() -> None:
    told = dict(train_view.rows(gp.train("llama_3_1_405b", "gb200_nvl72", gpus=871424)))
    assert "GW IT drawn" in told["power"]
    assert told["energy"].endswith("GWh IT")
    small = dict(train_view.rows(gp.train("llama_3_1_8b", "h100_hgx", gpus=64)))
    assert "kW IT drawn" in small["power"]
    assert "e+" not in small["run"]
