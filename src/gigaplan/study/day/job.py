"""The question of a plan's day, and what it may not say."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from gigaplan.vocabulary.errors import Place, Problem
from gigaplan.vocabulary.options import DayOf, Option, Quantity

PLACE = Place("serve")
GROUP = "A plan's day"
EVENT = re.compile(r"\s*(?P<site>.+?)\s*@\s*(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})\s*")
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayJob:
    """A day of a plan: every request that its fleet serves, one by one."""

    day: Annotated[dt.date | None, Option(group=GROUP), DayOf()] = None
    """A day of the plan, as 2026-11-20, whose requests are served one by one by its whole fleet; instead of TRACE."""
    plan: Annotated[str, Option(group=GROUP)] = ""
    """The plan: a built-in one's name or a YAML file."""
    workload: Annotated[tuple[str, ...], Option(group=GROUP)] = ()
    """A workload of the plan; may be repeated (default: all of them)."""
    part: Annotated[float, Option(group=GROUP), Quantity("share", "10 %")] = 1.0
    """Share of the replicas of each kind that is simulated, one of each at least; the others are taken to be like them.
    """
    peak_load: Annotated[float, Option(group=GROUP), Quantity("share", "80 %")] = 0.0
    """Load of replicas in the peak hour, over what the fast model says that they serve (default: as many replicas as
    the plan has)."""
    spill: Annotated[float, Option(group=GROUP), Quantity("share", "80 %")] = 0.8
    """Load up to which a site takes the requests of the regions near it; what is more goes to the next one."""
    failover_s: Annotated[float, Option("failover", group=GROUP, words=True), Quantity("s", "30 s")] = 30.0
    """Time until requests of a site that failed are sent elsewhere."""
    out: Annotated[str, Option(group=GROUP)] = ""
    """Folder in which parts are kept; the same command goes on (default: gigaplan-studies/PLAN-DAY)."""
    on: Annotated[str, Option(group=GROUP, choices=("local", "ray"))] = "local"
    """Where it is computed: in processes on this machine, or by Ray."""
    workers: Annotated[int, Option(group=GROUP)] = 0
    """Processes (default: as many as processors and memory allow; on Ray: all that the cluster has)."""
    address: Annotated[str, Option(group=GROUP)] = ""
    """Ray cluster to join, as auto or ray://head:10001 (default: Ray is started here)."""
    fail: tuple[str, ...] = ()
    """Sites that fail, as Abilene@18:00, in UTC; the terminal's ``--fail``."""
    repair_s: Annotated[float, Quantity("s", "2 h")] = math.inf
    """Time until a failed site takes requests again [s]; the terminal's ``--repair``."""
    burst: float = 1.0
    """Variation of the gaps between arrivals at a site: 1 is Poisson."""
    max_waiting: int = 0
    """Most requests that wait at a replica; 0 for as many as it runs at once."""
    seed: int = 0
    """Seed of arrivals and lengths."""


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """A site that fails."""

    site: str
    at_s: float
    """Since midnight, UTC [s]."""


def site_events(job: DayJob) -> list[SiteEvent]:
    """Return what a job says of failures; ValueError says what to write."""
    return sorted((_event(text) for text in job.fail), key=lambda e: e.at_s)


def _event(text: str) -> SiteEvent:
    found = EVENT.fullmatch(text)
    if found is None or int(found["hour"]) > 23 or int(found["minute"]) > 59:
        raise ValueError(f"'{text}' is no site and an hour of the day; write it as Abilene@18:00")
    return SiteEvent(found["site"], 3600.0 * int(found["hour"]) + 60.0 * int(found["minute"]))


def impossible_day(job: DayJob) -> Iterator[Problem]:
    """Yield a problem for each number that can't be, and for what is missing."""
    if job.day is None:
        yield Problem("there is no day", PLACE, remedy="give --day 2026-11-20")
    if not job.plan:
        yield Problem("a day is one of a plan", PLACE, remedy="give --plan actual-2026-11")
    for option, value, example in (("part", job.part, "10 %"), ("spill", job.spill, "80 %")):
        if not 0 < value <= 1:
            what = f"'--{option}' is above zero and at most one"
            yield Problem(what, PLACE, value=f"{value:g}", remedy=f"write it as {example}")
    if not 0 <= job.peak_load <= 2:
        what, remedy = "'--peak-load' is a share from zero to two", "write it as 80 %"
        yield Problem(what, PLACE, value=f"{job.peak_load:g}", remedy=remedy)
    if not 0 < job.failover_s < SECONDS_PER_DAY:
        what, remedy = "'--failover' is above zero and below a day", "write it as 30 s"
        yield Problem(what, PLACE, value=f"{job.failover_s:g} s", remedy=remedy)
    if not job.repair_s > 0:
        yield Problem("'--repair' must be above zero", PLACE, value=f"{job.repair_s:g}", remedy="write it as 2 h")
    if math.isfinite(job.repair_s) and not job.fail:
        yield Problem("nothing fails that could be repaired", PLACE, value="--repair", remedy="give --fail SITE@18:00")
    if not 0 < job.burst <= 100:
        yield Problem("'--burst' is above zero, and 100 at most", PLACE, value=f"{job.burst:g}", remedy="give 1")
    if job.max_waiting < 0 or job.seed < 0:
        both = f"--max-waiting {job.max_waiting}, --seed {job.seed}"
        yield Problem("these are zero or more", PLACE, value=both, remedy="give whole numbers")
    for event in job.fail:
        try:
            _event(event)
        except ValueError as error:
            yield Problem(str(error), PLACE, value=event, remedy="write --fail Abilene@18:00")
