"""A run over several sites for the terminal and as a page: methods side by side, the network they need, the largest
run."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.layers.training_sites import Largest, Method, SitesRun
from gigaplan.report import train_view, words
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.fitting import Fitting
from gigaplan.report.format import money, scientific, short
from gigaplan.vocabulary.interval import Figure

ROUND_THE_EARTH_KM = 20_000
"""Half-way round: no two sites lie further apart."""
METHOD_COLUMNS = ("method", "step", "trains", "counts", "efficiency", "days", "gain", "uplink", "reach")
RUN_COLUMNS = ("sites", "method", "GPUs", "goodput", "FLOP that count", "parameters")
ALONE = "alone"
CAPTION = (
    "step: in seconds. trains: of the time, the rest waits for the network. counts: of the compute, the rest "
    "makes up for a higher loss. efficiency: "
    "both, over one site with all GPUs, failures not counted. gain: over the largest site alone, failures counted. "
    "uplink, reach: bandwidth of each site at this distance, and distance at this bandwidth, for {share:.0%} "
    "of the time in training"
)


def terminal(run: SitesRun) -> RenderableType:
    """Return the sites, every method, and the largest runs."""
    lines: list[RenderableType] = [
        Text(title(run), style="bold"),
        Text(question(run), style="dim"),
        _grid(facts(run)),
        Text(),
    ]
    lines += [Fitting(METHOD_COLUMNS, method_rows(run)), Text(CAPTION.format(share=run.job.share), style="dim")]
    if run.largest:
        lines += [Text(), Text(largest_line(run), style="bold"), Fitting(RUN_COLUMNS, largest_rows(run), (0, 1))]
    lines += [Text(), *(Text(n, style="dim") for n in notes(run))]
    return Group(*lines)


def title(run: SitesRun) -> str:
    """Return what is trained where."""
    places = ", ".join(f"{words.title(s.name)} ({s.gpus:,})" for s in run.sites)
    return (
        f"{words.model(run.one.job.model)} on {run.one.job.gpus:,} GPUs of {words.system(run.one.job.system)}: {places}"
    )


def question(run: SitesRun) -> str:
    """Return the question in words."""
    return (
        f"{run.distance_km:,.0f} km apart ({short(run.latency_ms)} ms along the fibre), {bits(run.uplink_bits_per_s)} "
        f"from each site; {train_view.question(run.one)}"
    )


def facts(run: SitesRun) -> list[tuple[str, str]]:
    """Return the figures that all methods share."""
    best = run.method(run.best)
    return [
        (
            "best",
            f"{best.name}: {best.share.value:.0%} of one site with all GPUs ({best.share.low:.0%} to "
            f"{best.share.high:.0%}), "
            f"{best.over_largest_site:.2f} times the largest site alone",
        ),
        ("exchanges", exchanges(run)),
        (
            "one site",
            f"a step of {_with_range(run.one.step_s)} s, {_with_range(run.one.days)} days without failures, "
            f"{run.one.best.layout}",
        ),
        (
            "network",
            f"{run.fibre_pairs:,} pair{'s' * (run.fibre_pairs > 1)} of fibres from each site; its routes, built "
            f"new, {money(run.route_usd)}",
        ),
        ("memory", f"local updates take {short(run.outer_gb_per_gpu)} GB more of each GPU"),
    ]


def exchanges(run: SitesRun) -> str:
    """Return what each method sends, and when."""
    parts = []
    for m in run.methods:
        when = "each step" if m.inner_steps == 1 else f"every {m.inner_steps:g} steps"
        pieces = f" in {m.pieces} fragments" if m.pieces > 1 else ""
        parts.append(
            f"{m.name} {when}{pieces}: {short(m.sent_bytes_per_step * m.inner_steps / 1e9)} GB, {short(m.exchange_s)} s"
        )
    return "; ".join(parts)


def method_rows(run: SitesRun) -> list[tuple[str, ...]]:
    """Return a row for each method."""
    return [
        (
            _brief(m.name),
            short(m.step_s.value),
            f"{m.time_share.value:.0%}",
            f"{m.effective_compute_share.value:.0%}",
            _shares(m.share),
            short(m.days.value),
            f"{m.over_largest_site:.2f}",
            "none" if m.uplink_needed_bits_per_s is None else bits(m.uplink_needed_bits_per_s).replace("bit/s", "b/s"),
            reach(m),
        )
        for m in run.methods
    ]


def largest_rows(run: SitesRun) -> list[tuple[str, ...]]:
    """Return a row for each of the largest runs."""
    return [
        (
            " + ".join(words.title(n) for n in r.sites),
            _brief(r.method),
            short(r.gpus),
            f"{r.goodput_share:.0%}",
            _powers(r.counted_flop),
            f"{short(r.parameters.low)} to {short(r.parameters.high)}",
        )
        for r in run.largest
    ]


def largest_line(run: SitesRun) -> str:
    """Return the largest run in words."""
    best = max(run.largest, key=lambda r: r.counted_flop.value)
    where = " and ".join(words.title(n) for n in best.sites)
    how = ALONE if best.method == ALONE else f"together, {best.method}"
    return (
        f"the largest run that ends by {run.job.by} in {run.run_days:g} days: "
        f"{scientific(best.counted_flop.value)} FLOP "
        f"that count, at {where} {how}"
    )


def notes(run: SitesRun) -> list[str]:
    """Return what an answer rests on, in words."""
    found = [f"{words.title(s.name)}: GPUs {s.source}" for s in run.sites]
    beyond = sorted({m.beyond for m in run.methods if m.beyond})
    if run.largest:
        found.append(
            "parameters by Hoffmann et al. (2022), 20 tokens each; the range is their fit of the loss, as "
            "published and as corrected"
        )
    return [*found, *(f"local updates: {b}" for b in beyond), *run.notes]


def bits(per_s: float) -> str:
    """Return a bandwidth for people."""
    size, unit = next(
        ((s, u) for s, u in ((1e15, "Pbit/s"), (1e12, "Tbit/s"), (1e9, "Gbit/s")) if per_s >= s), (1e6, "Mbit/s")
    )
    return f"{short(per_s / size)} {unit}"


def reach(method: Method) -> str:
    """Return how far apart sites may lie."""
    km = method.distance_allowed_km
    if km is None:
        return "none"
    return "any" if km > ROUND_THE_EARTH_KM else f"{km:,.0f} km"


def _brief(method: str) -> str:
    """Return a method's name for a narrow column."""
    return method.removesuffix(" updates")


def _shares(f: Figure) -> str:
    return f"{f.value:.0%}" if f.low == f.high else f"{f.value:.0%} ({100 * f.low:.0f}-{100 * f.high:.0f})"


def _with_range(f: Figure) -> str:
    return f"{short(f.value)} ({short(f.low)} to {short(f.high)})"


def _powers(f: Figure) -> str:
    size = 10.0 ** math.floor(math.log10(f.value))
    return f"{f.value:.2g} ({f.low / size:.1f}-{f.high / size:.1f})"


def _grid(pairs: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in pairs:
        table.add_row(name, text)
    return table


def html(run: SitesRun) -> str:
    """Return a page that needs no network: the run on one site, then the sites."""
    return train_view.html(
        run.one, further=charts(run), heading=title(run), lead=question(run), extra=facts(run), notes=notes(run)
    )


def charts(run: SitesRun) -> list[Chart]:
    """Return efficiency by uplink, what each method loses, and the largest runs."""
    found = [_by_uplink(run), _losses(run)]
    if run.largest:
        found.append(_runs(run))
    return found


def _by_uplink(run: SitesRun) -> Chart:
    names = [bits(b) for b in run.grid_bits_per_s]
    series = [
        base.line(m.name, [100 * v for v in m.curve], base.PALETTE[k]) | {"symbol": "none"}
        for k, m in enumerate(run.methods)
    ]
    at = min(range(len(names)), key=lambda k: abs(run.grid_bits_per_s[k] - run.uplink_bits_per_s))
    series[0] |= {
        "markLine": {
            "silent": True,
            "symbol": "none",
            "data": [{"xAxis": names[at]}],
            "label": {"formatter": "uplink", "position": "insideMiddleTop"},
        }
    }
    every = range(0, len(names), 8)
    table = tuple((m.name, *(f"{m.curve[k]:.0%}" for k in every)) for m in run.methods)
    return Chart(
        "uplink",
        "Efficiency by the uplink of each site",
        base.option(series, names, "% of one site with all GPUs"),
        f"Time that trains times compute that counts, {run.distance_km:,.0f} km apart.",
        ("", *(names[k] for k in every)),
        table,
    )


def _losses(run: SitesRun) -> Chart:
    """What of the GPUs' time trains and counts, what waits for the network, what makes up for a higher loss."""
    counts = [100 * m.share.value for m in run.methods]
    makes_up = [100 * m.time_share.value * (1 - m.effective_compute_share.value) for m in run.methods]
    waits = [100 * (1 - m.time_share.value) for m in run.methods]
    series: list[Option] = [
        base.bar(name, data, colour)
        for name, data, colour in (
            ("trains and counts", counts, base.PALETTE[0]),
            ("makes up for a higher loss", makes_up, base.PALETTE[1]),
            ("waits for the network", waits, base.GREY),
        )
    ]
    return Chart(
        "sites",
        "Where the GPUs' time goes",
        base.horizontal_bars(series, [m.name for m in run.methods], "% of the time"),
        f"Best: {run.best}. Failures are not in it.",
        METHOD_COLUMNS,
        tuple(method_rows(run)),
        240,
    )


def _runs(run: SitesRun) -> Chart:
    def named(r: Largest) -> str:
        return f"{' + '.join(words.title(n) for n in r.sites)}, {r.method}"

    series = [base.bar("FLOP that count", [r.counted_flop.value for r in run.largest], base.PALETTE[0])]
    return Chart(
        "largest",
        f"The largest run by {run.job.by}",
        base.horizontal_bars(series, [named(r) for r in run.largest], "FLOP that count"),
        f"T{largest_line(run)[1:]}.",
        RUN_COLUMNS,
        tuple(largest_rows(run)),
        base.LIST_HEIGHT + 2 * base.ROW_HEIGHT * len(run.largest),
    )
