"""Which lines of a plan matter, each with its unit, value and range; and every line that may be written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from gigaplan.app.requests import PlanState
from gigaplan.app.runs import result_of
from gigaplan.app.sources import sources_of
from gigaplan.plan.homes import Homes, homes_of
from gigaplan.plan.load import Plan, load_sources
from gigaplan.plan.paths import settings, type_at, unit_at
from gigaplan.report.headline import Card, cards
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Entry
from gigaplan.vocabulary.files import texts_only
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.units import UNIT_UNSAID

SHOWN = 9
"""Lines with a slider: as many as a screen holds."""
TRIED = 16
"""Lines that are tried, of which some may not be set by a number."""
BASES = {"it": "IT", "gpu_tgp": "GPUs", "facility": "meter"}
"""Bases of power as people write them."""
LATEST = 24.0
"""Months by which sites can be made later."""
USUAL = (
    "demand.software.overhead",
    "fleet.ladder.ready_lag_months",
    "fleet.ladder.acceptance_lag_months",
    "demand.software.gain_per_year",
    "finance.costs.it_life_years",
    "fleet.ladder.producing_lag_months",
    "demand.workloads.agents.requests_per_user_day",
    "demand.workloads.agents.value_usd_per_request",
    "demand.workloads.science.guaranteed_share",
    "demand.shape.night_share",
)
"""What is offered until a plan's own ranking is known: lines that decided figures of the built-in plans."""


def ranked(state: PlanState, members: int, progress: Progress | None = None) -> dict[str, Any]:
    """Return the lines of a plan that matter most, those first that decide most of the headline figures.

    Parameters
    ----------
    state : PlanState
        The plan.
    members : int
        With ten and more, lines are ranked by their contributions to the figures' variances; with fewer they are those
        that usually decide.
    progress : callable, optional
        Called with (stages done, stages, the next one); False cancels.

    Returns
    -------
    dict
        ``inputs``: each with path, value, low, high, unit, evidence, source and the share of the figures that it
        decides; ``lines``: every line that the plan states or may state, with its value where the run has one.

    Raises
    ------
    PlanError, Cancelled
        As of a run.
    """
    result = result_of(state, members, progress)
    with texts_only():
        plan = load_sources(sources_of(state, members))
        homes = homes_of(plan.document)
        scores = _scores(cards(result)) or dict.fromkeys(USUAL, 0.0)
        by_fact = {e.fact.id: e for e in result.ledger.entries if e.fact and not e.path.startswith("claims.")}
        by_path = {homes.stated(e.path, plan.root): e for e in result.ledger.entries}
        candidates: list[dict[str, Any]] = []
        for name, score in sorted(scores.items(), key=lambda item: -item[1]):
            entry = by_fact.get(name) or by_path.get(name)
            line = _line(entry, plan, homes) if entry else None
            if line and line["path"] not in [c["path"] for c in candidates]:
                candidates.append({**line, "share": score})
        candidates = [*_of_sites(plan), *candidates[:TRIED]]
        allowed = _settable(state, candidates)
    inputs = [c for c in candidates if c["path"] in allowed]
    return {"inputs": inputs[:SHOWN], "lines": list(_lines(result, plan, homes))}


def _scores(found: Iterable[Card]) -> dict[str, float]:
    """Return how much of the figures each input decides, the mean share of their variances; none for few members."""
    scores: dict[str, float] = {}
    figures = list(found)
    for card in figures:
        decided = card.decided.inputs if card.decided else ()
        for one in decided:
            scores[one.input] = scores.get(one.input, 0.0) + one.share / len(figures)
        for name in card.decided.indistinct if card.decided else ():
            scores.setdefault(name, 0.0)
    return scores


def _line(entry: Entry, plan: Plan, homes: Homes) -> dict[str, Any] | None:
    """Return a number with its range as a line of the plan, None where a slider can't set it."""
    fact = entry.fact
    path = homes.stated(entry.path, plan.root)
    parts = plan.root.parts(path)
    if fact is None or fact.low is None or fact.high is None or isinstance(fact.value, str):
        return None
    if type_at(parts) not in (float, int) or not fact.low < fact.high:
        return None
    return {
        "path": path,
        "value": fact.number,
        "low": min(fact.low, fact.number),
        "high": max(fact.high, fact.number),
        "unit": "" if fact.unit in UNIT_UNSAID else fact.unit,
        "write": _unit_written(parts),
        "whole": type_at(parts) is int,
        "fact": fact.id,
        "evidence": str(entry.evidence),
        "source": fact.source_title,
        "note": fact.note,
        "title": "",
    }


def _unit_written(parts: tuple[str, ...]) -> str:
    """Return the unit that a number at a path is written with."""
    unit = unit_at(parts)
    return "" if unit in UNIT_UNSAID else unit


def _of_sites(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the lines of the sites: how much later all are energised, and the power of the largest phase."""
    phases = [
        (f"fleet.sites.{quoted(site)}.phases.{quoted(name)}.power", phase.power)
        for site, found in plan.document.fleet.sites.items()
        for name, phase in found.phases.items()
        if phase.power is not None and math.isfinite(phase.power.value)
    ]
    common = {"whole": False, "fact": "", "evidence": "assumed", "source": "the plan", "share": 1.0}
    if phases:
        words = {"title": "all sites later by", "note": "moves every date of every phase"}
        path = "fleet.sites.*.phases.*"
        moved = {"path": path, "value": 0.0, "low": 0.0, "high": LATEST, "unit": "months", "write": "months"}
        yield {**common, **moved, **words, "whole": True, "shift": True}
        path, power = max(phases, key=lambda p: p[1].value)
        unit = f"MW {power.basis}"
        largest = {"path": path, "value": power.value, "low": 0.1 * power.value, "high": 3 * power.value}
        shown = f"MW ({BASES.get(power.basis, power.basis)})"
        yield {**common, **largest, "unit": shown, "write": unit, "title": "", "note": "the largest phase of a site"}


def quoted(name: str) -> str:
    """Return a name as a path of the plan writes it: in quotes where it has a dot."""
    return f'"{name}"' if "." in name else name


def _settable(state: PlanState, candidates: list[dict[str, Any]]) -> set[str]:
    """Return the paths at which a plan takes a number: all are tried at once, and one by one where one is refused."""
    written = {str(c["path"]): f"{c['path']}={change_text(c, c['high'])}" for c in candidates}
    if _loads(state, *written.values()):
        return set(written)
    return {path for path, change in written.items() if _loads(state, change)}


def _loads(state: PlanState, *changes: str) -> bool:
    """Return whether a plan with some more changes is one."""
    try:
        load_sources(sources_of(state.model_copy(update={"changes": (*state.changes, *changes)}), 1))
    except PlanError:
        return False
    return True


def change_text(line: dict[str, Any], value: float) -> str:
    """Return a number as it is written in a change, with its unit."""
    sign = "+" if line.get("shift") else ""
    return f"{sign}{value:.6g} {line['write']}".strip()


def _lines(result: Result, plan: Plan, homes: Homes) -> Iterator[dict[str, Any]]:
    """Yield every line that a plan states or may state: path, value and unit where there are."""
    seen = set[str]()
    for entry in result.ledger.entries:
        path = homes.stated(entry.path, plan.root)
        if path in seen or path.startswith("claims.") or type_at(plan.root.parts(path)) is None:
            continue
        seen.add(path)
        unit = entry.fact.unit if entry.fact else entry.unit
        yield {
            "path": path,
            "value": entry.value,
            "unit": "" if unit in UNIT_UNSAID else unit,
            "stated": not entry.fact,
        }
    for parts in settings():
        path = ".".join(parts)
        if "*" not in parts and path not in seen:
            yield {"path": path, "value": "", "unit": _unit_written(parts), "stated": False}
