"""Training runs as people read them: from when to when, and by how much a deadline or milestone is missed."""

from __future__ import annotations

import math

from gigaplan.report.format import short
from gigaplan.report.words import title
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.vocabulary.units import parse_date

SMALLEST_SHARE = 0.005
"""Share of a run's tokens below which training no more than that is no advice."""


def runs(result: Result) -> list[tuple[str, str, str, bool]]:
    """Return the training runs: name, first and last month in words, whether a deadline is missed."""
    days = {w: [result.day(float(d)) for d in figures(result, f"run_{w}_day")] for w in ("start", "done", "deadline")}
    return [
        (
            title(name),
            f"{start:%Y-%m}" if start else "not begun",
            f"{done:%Y-%m}" if done else "after the horizon",
            deadline is not None and (done is None or done > deadline),
        )
        for name, start, done, deadline in zip(result.labels["run"], *days.values(), strict=True)
    ]


def missed(result: Result) -> list[str]:
    """Return a sentence for each missed deadline or milestone: by how much, and what would meet it."""
    return [*_late_runs(result), *_late_milestones(result)]


def _late_runs(result: Result) -> list[str]:
    lines = []
    tokens, requested = figures(result, "run_tokens_asked"), figures(result, "run_gpus_asked")
    by_then, late = figures(result, "run_tokens_by_deadline"), figures(result, "run_late_days")
    needed, start_by = figures(result, "run_gpus_needed"), figures(result, "run_latest_start_day")
    begun, done = figures(result, "run_start_day"), figures(result, "run_done_day")
    for k, name in enumerate(result.labels["run"]):
        if not late[k] > 0:
            continue
        deadline = result.day(float(figures(result, "run_deadline_day")[k]))
        if math.isnan(begun[k]):
            lines.append(
                f"{title(name)} never begins, its deadline is {deadline}: {short(requested[k])} GPUs "
                "never stand free at its site "
                "or none of its layouts fits."
            )
            continue
        end = f"done {result.day(float(done[k]))}" if not math.isnan(done[k]) else "not done within the horizon"
        minimum = "" if not math.isnan(done[k]) else "at least "
        stands = _late_site(result, name, float(begun[k]), f"{short(requested[k])} GPUs")
        ways = []
        if not math.isnan(needed[k]):
            ways.append(f"{short(needed[k])} GPUs instead of {short(requested[k])}")
        if start_by[k] >= 0:  # a day of the horizon
            day = result.day(float(start_by[k]))
            ways.append(f"these GPUs there, and a start, by {day}" if stands else f"a start by {day}, its GPUs there")
        if by_then[k] >= SMALLEST_SHARE * tokens[k]:
            ways.append(f"{short(by_then[k])} tokens instead of {short(tokens[k])}")
        if stands and not math.isnan(done[k]):
            ways.append(f"a deadline of {result.day(math.ceil(done[k]))}")
        more = "" if not math.isnan(needed[k]) else "; no more GPUs that stand at its site in time would do"
        would = f" It would meet it with {' or '.join(ways)}{more}." if ways else f" It can't meet it{more}."
        lines.append(
            f"{title(name)} misses its deadline {deadline} by {minimum}{late[k]:,.0f} days ({end}, "
            f"{by_then[k] / tokens[k]:.0%} of its tokens by then).{stands}{would}"
        )
    return lines


def _late_site(result: Result, name: str, begun: float, gpus: str) -> str:
    """Return a sentence about a site at which a run waits for its GPUs, "" where it begins on the day it is to."""
    stated = {n: next(result.ledger.under(f"training.runs.{name}.{n}"), None) for n in ("site", "start")}
    site, start = stated["site"], stated["start"]
    if site is None or start is None:  # saved by a version whose ledger has neither
        return ""
    planned, day = parse_date(start.value), result.day(begun)
    waits = (day - planned).days if day else 0
    if waits < 1 or begun <= 0:
        return ""
    when = f"from {day}, {waits:,} days after the run's start {planned}"
    return f" Its site is late: {gpus} stand at {title(site.value)} {when}."


def _late_milestones(result: Result) -> list[str]:
    share, done = figures(result, "milestone_share"), figures(result, "milestone_done_share")
    late, days = figures(result, "milestone_late_days"), figures(result, "milestone_day")
    begun = dict(zip(result.labels["run"], figures(result, "run_start_day"), strict=True))
    end = float(result.axis.edge_days[-1])
    lines = []
    for k, name in enumerate(result.labels["milestone"]):
        run = name.rpartition(" ")[0]
        if not late[k] > 0 or math.isnan(begun[run]):
            continue
        when = f"{late[k]:,.0f} days late" if days[k] + late[k] < end else "the rest not within the horizon"
        lines.append(
            f"{title(run)} misses its milestone of {share[k]:.0%} by {result.day(float(days[k]))}: "
            f"{done[k]:.0%} done by then, {when}."
        )
    return lines
