"""A result that lacks a quantity: every verb and page says so, leaves it out, and gives the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.report.test_report import printed

import gigaplan as gp
from gigaplan import catalog, claims
from gigaplan.report.compare_view import comparison
from gigaplan.report.explain_view import explain_tree
from gigaplan.report.html import html
from gigaplan.report.terminal import render
from gigaplan.results.lacking import left_out
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Claim, Verdict
from gigaplan.study.compare import Comparison
from gigaplan.vocabulary.errors import LackingQuantityError
from gigaplan.vocabulary.variables import HOURS, Variable, variables

WEIGHTS = sorted({w for v in variables().values() for w in v.weight_by} - {HOURS})
NAMES = sorted(variables())


def without(result: Result, name: str) -> Result:
    """Return a result as a version wrote it that did not know a quantity: neither its numbers nor its row."""
    arrays, rows = ({n: v for n, v in d.items() if n != name} for d in (result.arrays, result.rows))
    return replace(result, arrays=arrays, rows=rows, sources=None)


def users(name: str) -> Iterator[Variable]:
    """Yield the quantities that are made of another, or weighed by it."""
    for row in variables().values():
        if name in (*row.inputs, *row.weight_by) and row.name != name:
            yield row


@pytest.fixture(scope="module")
def whole(announced: Result) -> tuple[str, set[str]]:
    """The page of the whole result, and the names of its JSON."""
    return html(announced), set(gp.to_json(announced))


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_reads_what_rests(name: str, announced: Result, whole: tuple[str, set[str]], tmp_path: Path) -> None:
    result = without(announced, name)
    assert result.lacking == (name,)
    page = html(result)
    assert f"this result does not hold {name}" in page
    assert len(page) > 0.9 * len(whole[0])
    screen = printed(render(result, full=True), 120)
    assert "this result does not hold" in screen
    assert name in screen
    data = gp.to_json(result)
    assert data["lacking"] == [name]
    assert name not in data["tables"]
    assert set(data) == whole[1]
    repr(result), result._repr_html_()
    for other in users(name):
        try:
            with_lack = gp.explain(result, other.name)
        except LackingQuantityError:
            assert name in other.weight_by
            continue
        assert name not in {part.variable.name for part in with_lack.inputs}
        if name in other.inputs:
            assert f"{name} (left out" in printed(explain_tree(result, other.name, 1), 200)
    for ask in (lambda: gp.explain(result, name), lambda: result.table(name), lambda: result[name]):
        with pytest.raises(LackingQuantityError, match="saved by another version"):
            ask()
    with pytest.raises(gp.PlanError, match="no such quantity"):
        gp.export(result, "csv", tmp_path / "one.csv", [name])


@pytest.fixture(scope="module")
def compared(announced: Result) -> Comparison:
    """The whole result next to itself."""
    return gp.compare(announced, replace(announced, sources=None))


@pytest.mark.parametrize("name", NAMES)
def test_a_comparison_leaves_out_what_one_side_lacks(name: str, announced: Result, compared: Comparison) -> None:
    before, answer = compared, gp.compare(announced, without(announced, name))
    assert not answer.differences
    assert set(answer.same) <= set(before.same)
    assert len(answer.same) >= len(before.same) - len(before.same) // 2
    assert answer.left_out == (f"B: {left_out(without(announced, name))}",)
    assert name in printed(comparison(answer, 5), 200)
    json.dumps(gp.to_json(answer))


SETS = [claims.read(s) for s in ("announcement-2025-09", "stargate-2025-01")]


@pytest.fixture(scope="module")
def verdicts(announced: Result) -> tuple[Claim, ...]:
    """The claims on the whole result."""
    return claims.evaluate(announced, catalog.load(), SETS)


@pytest.mark.parametrize("name", NAMES)
def test_claims_that_read_it_cannot_be_determined(name: str, announced: Result, verdicts: tuple[Claim, ...]) -> None:
    before = verdicts
    after = claims.evaluate(without(announced, name), catalog.load(), SETS)
    for one, two in zip(before, after, strict=True):
        assert two.verdict in (one.verdict, Verdict.UNKNOWN, Verdict.ON_BASIS), one.id
        if one.verdict != two.verdict:
            assert f"does not hold '{name}'" in two.because


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_all_others_read(name: str) -> None:
    """Each quantity is given by year, or refused because what weighs it is lacking, and by all its own labels."""
    whole = gp.load(Path(__file__).parent / "formats" / "2")
    result = without(whole, name)
    for other in result.arrays:
        row = result.variable(other)
        dims = [d for d in row.dims if d not in ("member", "day", "hour")]
        years = [d if d not in ("month", "edge") else "year" for d in dims]
        refusal: gp.PlanError | None = None
        try:
            by_year = result.table(other, by=years)
        except gp.PlanError as error:
            refusal = error
        if refusal is None:
            assert row.over_time != "none"
            assert by_year.values.shape == tuple(len(by_year.labels[d]) for d in by_year.dims)
        elif isinstance(refusal, LackingQuantityError):
            assert {name, *whole.lacking} & set(row.weight_by)
            assert f"{other} is averaged by" in str(refusal)
        else:
            assert row.over_time == "none"
        if "day" not in row.dims:  # one number each, so that nothing weighs it
            held = result.central(other)
            np.testing.assert_array_equal(result.table(other, by=dims).values, held)


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_saved_result_without_a_weight_reads(name: str, tmp_path: Path) -> None:
    whole = gp.load(Path(__file__).parent / "formats" / "2")
    folder = gp.save(without(whole, name), tmp_path / "kept")
    result = gp.load(folder)
    assert name not in result
    assert any(f"does not hold: {name}" in w or f", {name}" in w for w in result.warnings)
    assert name in (folder / "report.html").read_text()
    assert gp.export(folder, "parquet", tmp_path / "all.parquet").stat().st_size > 0
    gp.compare(folder, whole)


def test_an_old_result_is_aggregated_by_the_rows_kept_with_it(announced: Result) -> None:
    price = announced.variable("cost_per_mtok_all_usd")
    rows = {**announced.rows, price.name: replace(price, weight_by=(HOURS,))}
    old = replace(announced, rows=rows, sources=None)
    year = [i for i, m in enumerate(announced.labels["month"]) if m.startswith("2026")]
    plain = np.average(announced.central(price.name)[year], weights=announced.axis.hours[year])
    at = {"year": "2026"}
    assert old.table(price.name, by=(), at=at).values == pytest.approx(plain)
    assert gp.explain(old, price.name, at).figures[0].value == pytest.approx(plain)
    assert announced.table(price.name, by=(), at=at).values != pytest.approx(plain)
    amount = announced.variable("revenue_usd")
    last = replace(announced, rows={**announced.rows, amount.name: replace(amount, over_time="end")})
    assert last.table(amount.name, by=(), at=at).values == announced.central(amount.name)[year[-1]]
    power = announced.variable("power_state_mw")
    apart = replace(announced, rows={**announced.rows, power.name: replace(power, sum_over=())})
    with pytest.raises(gp.PlanError, match="can't be summed over site"):
        apart.table(power.name, by=("state", "year"))
