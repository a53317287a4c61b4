"""The terminal's view of requests on replicas."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.layers.serve_answer import SHARES, ServeRun, Times
from gigaplan.report.swings_view import sparkline
from gigaplan.vocabulary.figures import DASH, short

AT_ONCE_S = 1e-3
"""Time of all arrivals below which there is no rate [s]."""
COLUMNS = 48
"""Blocks of a line over time."""


def terminal(run: ServeRun) -> RenderableType:
    """Return the times of requests, what replicas did, what it took, and what the fast model says.

    Parameters
    ----------
    run : ServeRun
        The answer of the verb.
    """
    times = _table("ms", "mean", "80 % of such answers", *SHARES)
    for name, one in (("first token", run.ttft_ms), ("per token", run.tpot_ms), ("whole request", run.latency_ms)):
        times.add_row(name, *_cells(one))
    question = run.job.question
    limits = f"{question.ttft_s:g} s to the first token and {1e3 * question.tpot_s:g} ms per token"
    lines = [
        f"{run.good_share:.2%} of {run.arrived:,} requests keep {limits}.",
        f"Replicas: {run.batch:,.3g} requests in a batch, {run.queue:,.3g} waiting in all; {run.kv_share:.1%} of the "
        f"key-value cache held, {run.busy_share:.1%} of the time busy, {run.read_share:.1%} of it reading prompts.",
    ]
    if run.cached_share:
        lines.append(f"Prefix cache: {run.cached_share:.1%} of prompt tokens found.")
    if run.preempted:
        lines.append(f"Memory ran out: {run.preempted:,} requests were preempted and read again.")
    lines += [f"Not served: {n:,} requests, {why}." for why, n in run.refused.items()]
    if run.resent:
        lines.append(f"Sent again, since their replica failed: {run.resent:,} requests.")
    if run.most_replicas > run.replicas:
        lines.append(f"Replicas: up to {run.most_replicas:,}, {run.replica_hours:,.3g} replica-hours in all.")
    lines.append(_cost(run))
    if run.holds is not None:
        lines.append(_sized(run))
    lines.append(_fast(run))
    notes = [Text(note, style="dim") for note in (*run.notes, *_trust(run))]
    return Group(
        Text(f"{run.brief_title()}: {_rate(run)}", style="bold"),
        times,
        Text(""),
        *(Text(f"{name:<10}{line}") for name, line in _series(run)),
        Text(""),
        *(Text(line) for line in lines),
        *notes,
    )


def _rate(run: ServeRun) -> str:
    """Return how fast requests come."""
    if run.span_s < AT_ONCE_S:
        return f"{run.arrived:,} {'request' if run.arrived == 1 else 'requests at once'}"
    return f"{run.arrived / run.span_s:,.4g} requests per second"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k else "left", overflow="fold")
    return table


def _cells(times: Times) -> list[str]:
    """Return a row's figures."""
    mean = times.mean
    known = [getattr(times, name) for name in SHARES]
    return [
        short(mean.value),
        f"{short(mean.low)} to {short(mean.high)}",
        *(DASH if v is None else short(v) for v in known),
    ]


def _series(run: ServeRun) -> list[tuple[str, str]]:
    """Return lines of blocks over the arrivals' time."""
    found = []
    for name, values in (
        ("arriving", [m.arrived_per_s for m in run.moments]),
        ("decoding", [m.running for m in run.moments]),
        ("waiting", [float(m.waiting) for m in run.moments]),
        ("replicas", [float(m.replicas) for m in run.moments]),
    ):
        top = max(*values, 1e-12) if len(values) > 1 else max(values[0], 1e-12)
        per = "/s" if name == "arriving" else ""
        found.append((name, f"{sparkline(tuple(values), top, COLUMNS)} up to {top:,.3g}{per}"))
    return found


def _cost(run: ServeRun) -> str:
    """Return what a token takes."""
    words = [f"{run.output_tokens_per_s_per_gpu:,.4g} output tokens per second and GPU"]
    if run.joules_per_token is not None and run.it_kw is not None:
        words.append(f"{run.joules_per_token:,.3g} J of IT energy a token at {run.it_kw:,.4g} kW")
    if run.usd_per_mtok_owned is not None:
        words.append(f"{run.usd_per_mtok_owned:,.3g} USD per million owned")
    if run.usd_per_mtok_rented is not None:
        words.append(f"{run.usd_per_mtok_rented:,.3g} rented")
    return ", ".join(words) + "."


def _fast(run: ServeRun) -> str:
    """Return what the fast model says."""
    fast = run.fast
    if fast.replicas is None:
        return "The fast model keeps the limits with no batch of this layout."
    return (
        f"The fast model, by the mean request in steady state: {fast.replicas:,} "
        f"{'replica' if fast.replicas == 1 else 'replicas'} of {fast.requests_per_s:,.3g} requests per second, "
        f"{short(fast.ttft_ms)} ms to the first token, {short(fast.tpot_ms)} ms per token."
    )


def _sized(run: ServeRun) -> str:
    """Return the fewest replicas that hold the limits, and what was tried."""
    tried = ", ".join(f"{n:,}: {share:.2%}" for n, share in run.tried)
    if not run.holds:
        return f"No number of replicas keeps the limits for {run.job.share:.4g} of the requests ({tried})."
    return f"Fewest replicas that keep them for {run.job.share:.2%}: {run.replicas:,} ({tried})."


def _trust(run: ServeRun) -> list[str]:
    """Return how far to trust it."""
    return [] if run.validity == "inside" else [f"step times: {run.validity}"]
