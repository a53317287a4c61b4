"""An explanation says one figure everywhere, names what plays a part and nothing else, and fits on a screen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.report.test_report import printed

import gigaplan as gp
from gigaplan.api.json_form import plain
from gigaplan.report.explain_facts import readings
from gigaplan.report.explain_view import explain_tree, explanation_tree
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import HORIZON, years
from gigaplan.results.explain import Explanation, explain, lines_of
from gigaplan.results.result import Result
from gigaplan.vocabulary.variables import Variable, variables

PLANS = ("announced-2025-09", "actual-2026-11", "lab-1mw", "neocloud-100mw", "campus-1gw", "world-250gw")
WIDTHS = (60, 80, 120)
SCREEN = 25
NUMBER = re.compile(r"\(?[-$]?\d[\d.,:-]*%?\)?[,;]?$")
"""A word that is a number, a year or a date."""
result_of = cache(gp.run)


def words(text: str) -> list[str]:
    return re.sub("[├└│─]", " ", text).split()


def dims_to_fix(result: Result, row: Variable) -> Iterator[dict[str, str]]:
    """Yield a label along each dim of a quantity in turn, in the middle of the horizon where it has time."""
    period = {"year": years(result)[len(years(result)) // 2]} if row.time else {}
    yield {}
    yield period
    if row.time and row.reduction != "none":
        yield {"year": HORIZON}
    for dim in row.dims:
        if dim not in ("member", "year") and result.labels[dim]:
            label = result.labels[dim][-1]
            yield {dim: label} if dim in ("month", "edge") else period | {dim: label}


def the_same_figure(result: Result, row: Variable, at: dict[str, str]) -> None:
    """Printed = aggregated = JSON, the printed one in the first lines."""
    found = explain(result, row.name, at)
    told = gp.to_json(replace(found, inputs=(), entries=(), elsewhere=()))["figures"]
    for figure, as_json in zip(found.figures, told, strict=True):
        value = float(aggregate(result, row.name, at=figure.at).values)
        assert figure.value == pytest.approx(value, rel=1e-12, nan_ok=True), (row.name, figure.at)
        assert as_json["value"] == pytest.approx(value, rel=1e-12) if np.isfinite(value) else as_json["value"] is None
    lines = printed(explanation_tree(result, found, 1), 400).splitlines()
    assert lines[0].startswith(row.name)
    if "no values" in lines[0]:
        assert any(not result.labels[d] for d in row.dims if d != "member")
        return
    rows = lines_of(found)
    for name, figures in list(rows.items())[: 0 if len(rows) > 7 else None]:
        start = f"  {name}: " if name else row.name
        plain = (re.sub(r" \([^)]*\)", "", line) for line in lines)  # without what a scope means
        shown = next(line for line in plain if line.startswith(start))
        assert figures[0].text(row.unit) in shown and figures[-1].text(row.unit) in shown


@pytest.mark.parametrize("plan", PLANS)
def test_the_figure_is_the_same_wherever_it_stands(plan: str) -> None:
    result = result_of(plan)
    for row in variables().values():
        for at in list(dims_to_fix(result, row))[: None if plan == "campus-1gw" else 2]:
            the_same_figure(result, row, at)


@pytest.mark.parametrize("plan", PLANS)
def test_the_shortest_answer_fits_on_a_screen(plan: str) -> None:
    result = result_of(plan)
    for name in variables():
        text = printed(explain_tree(result, name, 1), 80)
        assert len(text.splitlines()) <= SCREEN, (name, text)
        assert "evidence:" in text


def numbers(found: Sequence[str]) -> list[str]:
    return sorted(word for word in found if NUMBER.match(word))


def test_nothing_is_cut_and_no_number_is_wrapped() -> None:
    result = result_of("actual-2026-11")
    for name in variables():
        found = explain(result, name)
        for depth in (1, 2):
            tree = explanation_tree(result, found, depth)
            wide = words(printed(tree, 100_000))
            for width in WIDTHS:
                text = printed(tree, width)
                assert "…" not in text and max(map(len, text.splitlines())) <= width
                assert not re.search(r"\d[\s│]*\n[\s│├└─]*[kMBT]\b(?! \w)", text), name
                if depth == 2:  # the shortest answer shows as many facts as there is room for
                    assert numbers(words(text)) == numbers(wide)
                    assert "".join(words(text)) == "".join(wide)


def test_a_generation_that_never_stands_plays_no_part() -> None:
    change = {"fleet.generations": "[h200_hgx, b300_hgx, gb200_nvl72]"}
    result = gp.run("lab-1mw", change)
    for name in variables():
        found = explain(result, name)
        assert not any("gb200_nvl72" in e.path for e in found.entries), name
        assert not any("gb200_nvl72" in line for line in lines_of(found) if "=" not in line), name
    # but where it is asked for
    assert explain(result, "gpus_in_production", {"generation": "gb200_nvl72"}).entries


def test_inputs_of_runs_play_a_part_where_there_is_a_run() -> None:
    run, none = result_of("lab-1mw"), result_of("actual-2026-11")
    nodes = [e.path for e in explain(run, "it_power_drawn_mw").entries if e.path.startswith("power.node")]
    assert "power.nodes.b300_hgx.gpu_limit_w" in nodes and "power.nodes.h200_hgx.gpu_limit_w" not in nodes
    assert not [e for e in explain(none, "it_power_drawn_mw").entries if e.path.startswith("power.node")]
    models = {
        e.path.split(".")[2] for e in explain(run, "run_mfu_share").entries if e.path.startswith("inference.models")
    }
    assert models == {"llama_3_1_8b"}
    assert explain(none, "run_mfu_share").entries == ()
    assert "this plan has no run" in printed(explain_tree(none, "run_mfu_share", 1), 80)


def test_what_concerns_most_and_is_most_uncertain_comes_first() -> None:
    result = result_of("actual-2026-11")
    entries = explain(result, "capital_usd", {"year": "2033"}).entries
    prices = [e.path.split(".")[2] for e in entries if e.path.endswith("rack_price_usd")]
    assert prices[0] == "vr_nvl72" and set(prices) <= set(result.labels["generation"])
    drawn = [e.path for e in explain(result, "requests_asked_per_h").entries]
    assert drawn.index("demand.shape.night_share") < drawn.index("demand.shape.region_us.utc_offset_h")


def test_equal_scopes_stand_once_with_what_they_mean() -> None:
    result = result_of("actual-2026-11")
    flop = np.array(result["largest_run_flop"])
    flop[:, 1] = flop[:, 2]
    equal = replace(result, arrays={**result.arrays, "largest_run_flop": flop})
    text = " ".join(words(printed(explain_tree(equal, "largest_run_flop", 1), 80)))
    assert "sites together (" in text and ") = whole fleet (" in text
    assert text.count("whole fleet (") == 1


def test_the_limit_that_binds_has_a_name() -> None:
    result = result_of("actual-2026-11")
    found = explain(result, "binding_limit")
    assert {f.label for f in found.figures} <= {*result.labels["limit"], "none"}
    assert "packaging" in {f.label for f in found.figures}


def test_lines_of_the_plan_stand_with_their_units() -> None:
    changes = {"power.facility.power_price_usd_per_mwh": "80 to 110 USD/MWh", "uncertainty.members": 10}
    result = gp.run("lab-1mw", {**changes, "horizon.end": "2027-07"})
    units = {e.path: e.unit for e in result.ledger.entries if not e.fact}
    assert units["power.facilities.Campus hall.power_price_usd_per_mwh"] == "USD/MWh"
    assert units["training.runs.domain model.tokens"] == "token"
    assert units["demand.adoption.reference_date"] == units["demand.workloads.chat.model"] == ""
    assert units["demand.workloads.agents.reach_share"] == "share"
    shown = " ".join(readings([e for e in result.ledger.entries if not e.fact], ids=False)).replace("\u00a0", " ")
    assert "95 (80 to 110) USD/MWh, the plan's own" in shown
    assert "domain model.tokens = 300,000,000,000 tokens, the plan's own" in shown
    assert "agents.reach_share = 3%, the plan's own" in shown
    assert "(it) MW" not in shown


def test_json_gives_each_quantity_in_full_once_and_names_it_wherever_it_is_taken() -> None:
    found = explain(result_of("lab-1mw"), "cost_usd")
    data = gp.to_json(found)

    def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for below in node.get("inputs", []):
            yield from nodes(below)

    def alike(node: dict[str, Any], of: Explanation) -> None:
        assert node["quantity"]["name"] == of.variable.name
        assert node["figures"] == plain(of.figures)
        if "above" not in node:
            for below, part in zip(node["inputs"], of.inputs, strict=True):
                alike(below, part)

    alike(data, found)
    every = list(nodes(data))
    whole = [json.dumps([n["quantity"]["name"], n["figures"]]) for n in every if "above" not in n]
    assert len(whole) == len(set(whole)) < len(every)
    assert {json.dumps([n["quantity"]["name"], n["figures"]]) for n in every if "above" in n} <= set(whole)
