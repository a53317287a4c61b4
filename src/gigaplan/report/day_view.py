"""The terminal's view of a plan's day."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.report.swings_view import sparkline
from gigaplan.study.day.answer import DayPart, DayRun, DayTimes
from gigaplan.vocabulary.figures import DASH, short


def terminal(run: DayRun) -> RenderableType:
    """Return whose requests kept the limits and when, what sites did, what it took, and what the fast model says.

    Parameters
    ----------
    run : DayRun
        The answer of the verb.
    """
    whole = run.whole
    works = _table(
        "workload", "replicas", "load", "within limits", "fast model", "worst hour", "TTFT p50", "p99", "TPOT", "p99"
    )
    for w in run.workloads:
        part = w.part
        works.add_row(
            part.name,
            f"{part.replicas:,}",
            f"{part.peak_load:.0%}",
            _share(part.good_share),
            f"{w.fast_good_share:.0%}",
            _worst(part),
            *_times(part.ttft_ms),
            short(part.tpot_ms.mean) if part.tpot_ms.mean is not None else DASH,
            short(part.tpot_ms.p99) if part.tpot_ms.p99 is not None else DASH,
        )
    sites = _table("site", "GPUs", "load", "requests", "within limits", "worst hour", "TTFT p50", "p99")
    for part in run.sites:
        sites.add_row(
            part.name,
            f"{part.gpus:,}",
            f"{part.peak_load:.0%}",
            short(part.requests),
            _share(part.good_share),
            _worst(part),
            *_times(part.ttft_ms),
        )
    notes = [Text(note, style="dim") for note in (*run.notes, "times in ms; hours in UTC")]
    title = f"{run.brief_title()}, {short(run.simulated)} of them simulated one by one"
    return Group(
        Text(title, style="bold"),
        works,
        Text(""),
        *(Text(f"{name:<15}{line}") for name, line in _series(whole)),
        Text(""),
        sites,
        Text(""),
        *(Text(line) for line in _lines(run)),
        *notes,
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k else "left", overflow="fold")
    return table


def _share(share: float | None) -> str:
    return DASH if share is None else f"{share:.1%}"


def _worst(part: DayPart) -> str:
    """Return the hour in which fewest keep the limits, and how many do."""
    worst = part.worst_hour
    return DASH if worst is None or worst.good_share is None else f"{worst.good_share:.1%} at {worst.hour:02d}:00"


def _times(times: DayTimes) -> list[str]:
    return [DASH if v is None else short(v) for v in (times.p50, times.p99)]


def _series(part: DayPart) -> list[tuple[str, str]]:
    """Return lines of blocks over the hours of the day."""
    found = []
    for name, values, per in (
        ("arriving", [h.arrived_per_s for h in part.hours], "/s"),
        ("waiting", [h.waiting for h in part.hours], ""),
        ("within limits", [100 * (h.good_share or 0.0) for h in part.hours], " %"),
    ):
        top = max(*values, 1e-12)
        found.append((name, f"{sparkline(tuple(v for v in values for _ in (0, 1)), top, 48)} up to {top:,.3g}{per}"))
    return found


def _lines(run: DayRun) -> list[str]:
    """Return what it took, and what was lost."""
    whole = run.whole
    words = [f"{short(whole.output_tokens)} output tokens"]
    if whole.it_mw is not None and whole.joules_per_token is not None:
        words.append(f"{whole.joules_per_token:,.3g} J of IT energy a token at {whole.it_mw:,.3g} MW")
    if whole.usd_per_mtok_owned is not None:
        words.append(f"{whole.usd_per_mtok_owned:,.3g} USD per million owned")
    if whole.usd_per_mtok_rented is not None:
        words.append(f"{whole.usd_per_mtok_rented:,.3g} rented")
    found = [
        ", ".join(words) + ".",
        f"Replicas: busy {whole.busy_share:.0%} of the time, {whole.read_share:.0%} of it reading prompts; "
        f"{whole.kv_share:.0%} of the key-value cache held.",
    ]
    if whole.preempted:
        found.append(f"Memory ran out: {whole.preempted:,} requests were preempted and read again.")
    if whole.refused:
        found.append(f"Refused, since too many waited or they were too long: {whole.refused:,} requests.")
    if lost := sum(w.lost for w in run.workloads):
        found.append(f"Sent again, since their site failed: {lost:,} requests that it had.")
    if away := sum(w.rejected for w in run.workloads):
        found.append(f"For {away:,} requests of a failed site no site was left.")
    unserved = [f"{w.part.name} {w.unserved_share:.0%}" for w in run.workloads if w.unserved_share > UNSERVED]
    if unserved:
        found.append(f"Not served by the plan itself, for want of GPUs: {', '.join(unserved)}.")
    return found


UNSERVED = 0.005
"""Share of a workload's requests from which on it is told that the plan doesn't serve them."""
