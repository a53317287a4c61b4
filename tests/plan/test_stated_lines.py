"""A line that a plan states keeps how it is known and from where: in the ledger, and in what ``explain`` shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.plan.document import parse
from gigaplan.plan.provenance import plain_values
from gigaplan.plan.sources import builtin_names, builtin_text
from gigaplan.vocabulary.facts import Evidence

FRAME = ("gigaplan", "name", "title", "notes", "claims", "horizon", "announced")
"""What no quantity of a result is made of."""
RANGE = re.compile(r"(?P<low>[^,]+) to (?P<high>[^,]+), central (?P<central>[^,]+)")
"""How ``plain_values`` writes a range whose ends stand apart."""
CHOSEN = ("fleet.reference_generation", "fleet.profile")
"""Names that choose what is told and which facts are read; they enter no formula."""


def sourced(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Return a plan's values, each with a source of its own that names its path."""
    if isinstance(value, dict) and "one_of" in value:
        return {"one_of": value["one_of"], "evidence": "filed", "source": f"letter on {'.'.join(path)}"}
    if isinstance(value, dict):
        return {k: sourced(v, (*path, str(k))) for k, v in value.items()}
    if isinstance(value, list) or value is None or path[0] in FRAME:
        return value
    parts = {"value": value}
    if isinstance(value, str) and (range_ := RANGE.fullmatch(value)):
        parts = range_.groupdict()
    return {**parts, "evidence": "filed", "source": f"letter on {'.'.join(path)}"}


def sources(value: Any) -> set[str]:
    """Return the sources of all values."""
    if not isinstance(value, dict):
        return set()
    if "source" in value:
        return {value["source"]}
    return set().union(*(sources(v) for v in value.values()))


@pytest.mark.parametrize("name", builtin_names())
def test_every_stated_line_is_in_the_ledger_as_it_is_known(name: str, tmp_path: Path) -> None:
    """All lines of a built-in plan, each with a source of its own: what was read of the plan has that source."""
    tree = sourced(plain_values(parse(builtin_text(name), name)))
    file = tmp_path / "plan.yaml"
    file.write_text(json.dumps(tree, default=str))
    read = [e for e in plan.resolve(plan.load(file)).ledger.entries if e.fact is None]
    assert {e.evidence for e in read} == {Evidence.FILED}
    known = {e.source.rpartition("; ")[2] for e in read}  # an option of a choice has its weight in front
    unread = {s.removeprefix("letter on ") for s in sources(tree) - known}
    assert unread <= set(CHOSEN)


GUIDE = """
overlay: {who: me, why: the utility's letter and the supplier's quote, from: both of this month}
power:
  facility:
    power_price_usd_per_mwh: {value: 61 USD/MWh, evidence: filed, source: the utility's letter}
finance:
  systems:
    gb300_nvl72: {rack_price_usd: {value: $4.1M, evidence: filed, source: the quote}}
"""


def test_explain_shows_the_guides_lines_with_their_sources(tmp_path: Path) -> None:
    """What ``docs/guide-plan-my-first-site.md`` states."""
    overlay = tmp_path / "known.yaml"
    overlay.write_text(GUIDE)
    result = gp.run("campus-1gw", overlays=[overlay])
    for quantity, line, value, source in (
        ("energy_cost_usd", "power_price_usd_per_mwh", "61.0", "the utility's letter"),
        ("capital_usd", "rack_price_usd", "4100000.0", "the quote"),
    ):
        entries = _entries(gp.explain(result, quantity))
        found = [e for e in entries if e.path.endswith(line) and e.fact is None]
        assert found
        for entry in found:
            assert (str(entry.value), entry.evidence, entry.source) == (value, Evidence.FILED, source)


def _entries(explanation: Any) -> list[Any]:
    return [*explanation.entries, *(e for part in explanation.inputs for e in _entries(part))]
