"""The terms that an explanation shows add up to its figure, at every coordinate and in every built-in plan."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from tests.report.test_report import printed

import gigaplan as gp
from gigaplan.results.explain import explain
from gigaplan.results.result import Result
from gigaplan.vocabulary.variables import Variable, variables

PLANS = ("announced-2025-09", "campus-1gw", "lab-1mw")
SUMS = [v for v in variables().values() if v.terms]


def coordinates(result: Result, row: Variable) -> Iterator[dict[str, str]]:
    """Yield periods of the figure, with one and without any label along each of its other dims."""
    labels, months = result.labels, result.labels["month"]
    years = sorted({m[:4] for m in months})
    times: list[dict[str, str]] = [{"year": y} for y in (years[0], years[len(years) // 2], years[-1])]
    if "year" not in row.dims:
        times.append({"month": months[len(months) // 2]})
    dims = [d for d in row.dims if d not in ("member", "month", "edge", "year", "day", "hour")]
    picks = [[{}, *({d: label} for label in labels[d][-2:])] for d in dims]
    for time, *others in itertools.product(times, *picks):
        yield time | {d: label for other in others for d, label in other.items()}


@pytest.mark.parametrize("name", PLANS)
def test_terms_add_up_to_the_figure(name: str) -> None:
    result = gp.run(name)
    for row in SUMS:
        for at in coordinates(result, row):
            found = explain(result, row.name, at)
            figure = found.figures[-1].value
            if not np.isfinite(figure):
                continue
            assert found.terms, (row.name, at)
            scale = max(abs(t.value) for t in found.terms)
            assert sum(t.sign * t.value for t in found.terms) == pytest.approx(figure, rel=1e-9, abs=1e-9 * scale)
            for term in found.terms:
                product = np.prod([1 / f.value if f.divides else f.value for f in term.factors])
                assert term.value == 0 or term.value == pytest.approx(product, rel=1e-9), (row.name, at)


def test_cash_lines_rack_stock_and_phase_dates_are_shown(announced: Result) -> None:
    gap = explain(announced, "funding_gap_usd", {"year": "2028"})
    lines = [f.at.get("line") for t in gap.terms for f in t.factors if f.name == "cost_usd"]
    assert lines == ["energy", "operations", "rental", "lease"]
    gpus = explain(announced, "gpus_in_production", {"generation": "vr_nvl72", "year": "2028"})
    assert [f.name.rsplit(".", 1)[-1] for f in gpus.terms[0].factors] == ["racks_in_production", "gpus_per_rack"]
    first = explain(announced, "first_token_day", {"site": "Abilene"})
    assert any(e.path.endswith("energised") for e in first.entries)
    assert not any("Shackelford" in e.path for e in first.entries)
    assert sum(f.value for f in first.inputs[0].figures) > 0


def test_a_shallow_tree_is_short(announced: Result) -> None:
    from gigaplan.report.explain_view import explain_tree

    for name in variables():
        at = {"year": "2028"} if variables()[name].time else {}
        lines = printed(explain_tree(announced, name, 1, at), 100).splitlines()
        assert len(lines) <= 80, (name, len(lines))
