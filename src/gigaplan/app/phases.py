"""The phases of a plan's sites as the page lets them be dragged in time: each is one line of the plan."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from gigaplan.app.inputs import quoted
from gigaplan.app.requests import PlanState
from gigaplan.results.result import Result

MOST_PHASES = 40
"""Phases that are offered, the largest ones: as many handles as a screen holds."""
ENERGISED, POWER = ".energised", ".power"
MOVED = re.compile(r"([+-]\d+) months?")
"""A date that is moved by whole months, as the page writes it."""
MEGAWATTS = re.compile(r"[\d.,e+]+")


def phases(result: Result, state: PlanState) -> list[dict[str, Any]]:
    """Return the phases whose dates can be dragged, in the plan's order, which stays while one is dragged.

    Parameters
    ----------
    result : Result
        The plan's result, whose ledger has the dates that it was run with.
    state : PlanState
        The plan as it stands on the page.

    Returns
    -------
    list of dict
        ``path`` (of the date on which power reaches the phase), ``site``, ``phase``, ``power`` in words, ``day``,
        ``at`` (share of the horizon), and ``moved``: the months by which the page's own change moves it.
    """
    found = list(_phases(result, state))
    largest = {p["path"] for p in sorted(found, key=lambda p: -p["mw"])[:MOST_PHASES]}
    return [p for p in found if p["path"] in largest]


def _phases(result: Result, state: PlanState) -> Iterator[dict[str, Any]]:
    start, end = result.axis.start, result.axis.end
    moved = _moved(state)
    for site in result.labels["site"]:
        under = f"fleet.sites.{site}.phases."
        lines = {e.path.removeprefix(under): e for e in result.ledger.under(under.removesuffix("."))}
        for line, entry in lines.items():
            if not line.endswith(ENERGISED) or not (day := _day(str(entry.value))) or not start <= day < end:
                continue
            name = line.removesuffix(ENERGISED)
            power = str(lines[name + POWER].value) if name + POWER in lines else ""
            path = f"fleet.sites.{quoted(site)}.phases.{quoted(name)}{ENERGISED}"
            number = MEGAWATTS.match(power)
            yield {
                "path": path,
                "site": site,
                "phase": name,
                "power": power,
                "mw": float(number[0].replace(",", "")) if number else 0.0,
                "day": str(day),
                "at": (day - start).days / (end - start).days,
                "moved": moved.get(path, 0),
            }


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _moved(state: PlanState) -> dict[str, int]:
    """Return by how many months each date is moved by a change of its own."""
    found: dict[str, int] = {}
    for change in state.changes:
        path, _, value = change.partition("=")
        if months := MOVED.fullmatch(value.strip()):
            found[path.strip()] = int(months[1])
    return found
