"""How published benchmarks launch and prepare an engine, as the scripts that they publish say.

A script's options hold prompts back, read more or fewer of them together, or leave more or less memory: they belong to
who ran the row, not to the engine. ``serving_scripts.csv`` has those of InferenceX by engine, board, model, precision,
layout and load; where several of its rows apply the last one counts.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from gigaplan.inference.inputs import Harness
from gigaplan.validation.serving.rows import Worker

SCRIPTS = "serving_scripts.csv"
WARMED_SINCE = "2026-01-21"
"""Since when InferenceX sends two prompts for each user before those that it measures."""
SNAPSHOT = "2026-03"
"""Rows without a date of their own repeat runs of this month."""


@dataclass(frozen=True, slots=True)
class Script:
    """Options of one launch script, and to which rows they apply."""

    when: Mapping[str, tuple[str, ...]]
    """Allowed words by what they are of; none: any."""
    users_from: float
    since: str
    options: Mapping[str, float]


@cache
def scripts() -> tuple[Script, ...]:
    """Return the options that come with gigaplan."""
    path = Path(str(files("gigaplan.validation") / "data" / SCRIPTS))
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_script(row) for row in csv.DictReader(file))


def _script(row: Mapping[str, str]) -> Script:
    names = ("engines", "boards", "precisions", "models", "gpus", "input_tokens", "output_tokens")
    options = {k: float(row[k]) for k in ("held_steps", "read_every", "chunk_tokens", "memory_share") if row[k]}
    return Script({n: tuple(row[n].split()) for n in names}, float(row["users_from"]), row["since"], options)


def harness_of(
    row: Mapping[str, str], system: str, model: str, engine: str, precision: str, worker: Worker, *, inferencex: bool
) -> Harness:
    """Return how the harness of a published row launched and prepared the engine.

    Parameters
    ----------
    row
        A row of a published table, by column.
    system, model
        Names in the catalog.
    engine, precision
        Serving engine, and precision of the weights.
    worker
        The worker that decodes.
    inferencex
        Whether InferenceX ran it.
    """
    if not inferencex:
        return Harness()
    if (row.get("mode") or "agg") != "agg":
        return Harness()  # recipes of workers apart warm each of them
    date = row.get("date") or SNAPSHOT
    cold = date < WARMED_SINCE
    is_of = {
        "engines": engine,
        "boards": system,
        "precisions": precision,
        "gpus": str(worker.gpus),
        "input_tokens": _whole(row.get("isl")),
        "output_tokens": _whole(row.get("osl")),
    }
    options: dict[str, float] = {}
    for script in scripts():
        applies = all(not words or is_of[n] in words for n, words in script.when.items() if n != "models")
        of_model = not script.when["models"] or model.startswith(script.when["models"])
        if applies and of_model and float(row.get("concurrency") or 0) >= script.users_from and date >= script.since:
            options = dict(script.options)
    return Harness(cold=cold, **options)


def _whole(cell: str | None) -> str:
    return f"{float(cell):.0f}" if cell else ""
