"""Tables of a result: every figure with its labels, in a few lines, as rows and as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.results.table import Table
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.members import Array


@dataclass(frozen=True)
class Stub:
    name: str
    unit: str
    dims: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    values: Array
    reduction: str


def small() -> Table:
    labels = {"workload": ("chat", "agents <b>"), "year": ("2026", "2027", "2028"), "site": ("unused",)}
    values = np.array([[1.5, 2e9, np.nan], [0.0, -12345.6, 1e-9]])
    return Table.of(Stub("revenue_usd", "USD", ("workload", "year"), labels, values, "sum over the year"))


def test_rows_carry_labels_and_values() -> None:
    table = small()
    assert len(table) == len(table.rows()) == 6
    assert table.rows()[1] == {"workload": "chat", "year": "2027", "value": 2e9}
    assert [*table.labels] == ["workload", "year"]
    data = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert data["rows"][2] == {"workload": "chat", "year": "2028", "value": None}
    assert (data["quantity"], data["unit"], data["reduction"]) == ("revenue_usd", "USD", "sum over the year")


def test_as_text_and_html() -> None:
    table = small()
    lines = repr(table).splitlines()
    assert lines[0] == "revenue_usd [USD], sum over the year"
    assert lines[1].split() == ["workload", "2026", "2027", "2028"]
    assert lines[2].split() == ["chat", "1.5", "2e+09", "–"]
    assert lines[3].split() == ["agents", "<b>", "0", "-12,346", "1e-09"]
    assert "<td>agents &lt;b&gt;</td>" in table._repr_html_()


@pytest.mark.parametrize("shape", [(), (3,), (0,), (40, 30), (2, 20, 9), (1, 500)])
def test_any_table_fits_ten_lines(shape: tuple[int, ...]) -> None:
    dims = tuple(f"d{i}" for i in range(len(shape)))
    labels = {d: tuple(f"{d}-{k}" for k in range(n)) for d, n in zip(dims, shape, strict=True)}
    table = Table(name="q", unit="MW", dims=dims, labels=labels, values=np.ones(shape), reduction="")
    lines = repr(table).splitlines()
    assert 2 <= len(lines) <= 10
    assert max(map(len, lines)) <= 120
    assert len(table.rows()) == table.values.size
    assert table._repr_html_().startswith("<table>")
    rows = len(lines) - 2 - ("more" in lines[-1])
    columns = len(lines[1].split()) - max(len(shape) - 1, 0)
    assert (rows * columns < table.values.size) == ("more" in lines[-1])


def test_no_column_is_hidden_while_there_is_room() -> None:
    labels = {"year": tuple(str(y) for y in range(2024, 2036))}
    table = Table(name="q", unit="MW", dims=("year",), labels=labels, values=np.arange(12.0), reduction="")
    assert repr(table).splitlines()[1].split() == list(labels["year"])
    wide = {"month": tuple(f"2026-{k:04}" for k in range(200))}
    shown = repr(Table(name="q", unit="MW", dims=("month",), labels=wide, values=np.ones(200), reduction=""))
    assert 120 - len("2026-0000") - 2 < max(map(len, shown.splitlines())) <= 120


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="its labels say"):
        Table(name="q", unit="MW", dims=("year",), labels={"year": ("2026",)}, values=np.ones(2), reduction="")


def test_pandas_if_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MachineError, match="pip install pandas"):
        small().to_pandas()


def test_a_frame_has_the_last_dim_along_its_columns() -> None:
    pytest.importorskip("pandas")
    frame = small().to_pandas()
    assert frame.loc[("chat",), "2027"].item() == 2e9
    assert list(frame.columns) == ["2026", "2027", "2028"]


def test_a_result_asks_for_its_figures_by_dims_and_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def aggregate(result: Any, name: str, **how: Any) -> Stub:
        asked.update(how)
        return Stub(name, "USD", tuple(how["by"]), {"year": ("2026",)}, np.array([1.0]), "sum over the year")

    stub = ModuleType("gigaplan.results.aggregate")
    stub.aggregate = aggregate  # type: ignore[attr-defined]
    result = gp.run("lab-1mw", {"horizon.end": "2026-03"})  # first: what it imports is to see the real module
    monkeypatch.setitem(sys.modules, "gigaplan.results.aggregate", stub)
    table = result.table("revenue_by_workload_usd", "year", {"workload": "chat"})  # type: ignore[arg-type]
    assert asked == {"by": ("year",), "at": {"workload": "chat"}, "members": "median"}
    assert table.heading == "revenue_by_workload_usd [USD], sum over the year"
    with pytest.raises(PlanError, match="nearest: revenue_usd"):
        result.table("revenue")


def test_yearly_and_monthly_figures() -> None:
    pytest.importorskip("gigaplan.results.aggregate")
    result = gp.run("lab-1mw", {"horizon.end": "2028-01"})
    yearly = result.table("revenue_by_workload_usd", by=("workload", "year"))
    assert yearly.labels["year"] == ("2026", "2027")
    assert yearly.values.shape == (len(result.labels["workload"]), 2)
    central = result.central("revenue_by_workload_usd")
    np.testing.assert_allclose(yearly.values, central.reshape(len(central), 2, 12).sum(axis=-1))
    chat = result.table("revenue_by_workload_usd", by=("month",), at={"workload": "chat"})
    np.testing.assert_allclose(chat.values, central[result.index("workload", "chat")])


@pytest.mark.parametrize("by", [("run",), ("run", "month"), ("month", "run"), ("tranche",)])
def test_a_table_without_entries_shows_itself(by: tuple[str, ...]) -> None:
    quantity, plan = ("tranche_paid_usd", "lab-1mw") if by == ("tranche",) else ("run_tokens_done", "announced-2025-09")
    at = {"month": "2028-01"} if by == ("run",) else {}
    table = gp.run(plan).table(quantity, by, at)
    assert len(table) == 0 and not table.rows()
    assert repr(table) and table._repr_html_() and table.to_pandas().size == 0
