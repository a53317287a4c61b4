"""A training run for the terminal and as a page: its step and memory taken apart, the layouts that compete, days and
cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan._version import __version__
from gigaplan.layers.training import PARTS, Candidate, TrainRun
from gigaplan.report import failures_view, words
from gigaplan.report import html as page
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.fitting import Bars, Fitting
from gigaplan.report.format import in_watts, money, scientific, short
from gigaplan.report.page import style_sheet, template
from gigaplan.vocabulary.interval import Figure

ROWS = 8
COLOURS = dict(
    zip(PARTS, ("blue", "bright_black", "cyan", "magenta", "bright_blue", "yellow", "green", "red"), strict=True)
)
MEMORY_COLOURS = {
    "weights": "blue",
    "gradients": "cyan",
    "optimiser": "green",
    "activations": "yellow",
    "logits": "magenta",
}


def terminal(run: TrainRun) -> RenderableType:
    """Return the run's figures, bars of its step and memory, and the layouts that compete."""
    lines: list[RenderableType] = [
        Text(title(run), style="bold"),
        Text(question(run), style="dim"),
        _figures(run),
        Text(),
    ]
    lines += [
        Text(f"a step of {short(run.step_s.value)} s", style="bold"),
        Bars({PARTS[k]: v for k, v in run.best.parts_s.items()}, {PARTS[k]: v for k, v in COLOURS.items()}, "s"),
    ]
    held = run.best.memory_gb_by_part | {"free": max(run.free_gb - run.best.memory_gb, 0.0)}
    lines += [
        Text(),
        Text(f"memory of the fullest GPU: {_memory(run)}", style="bold"),
        Bars(held, MEMORY_COLOURS | {"free": "bright_black"}, "GB"),
    ]
    if run.candidates:
        lines += [Text(), _table(run)]
    if run.failures:
        lines += failures_view.terminal(run.failures)
    if run.supply.missing:
        lines.append(
            Text(f"the catalog has no {', '.join(run.supply.missing)}: what needs it is left out", style="dim")
        )
    return Group(*lines)


def _memory(run: TrainRun) -> str:
    """Return the memory that is taken, of what a proposed layout may take; of all where a stated one takes more."""
    taken = run.best.memory_gb
    if taken <= run.free_gb:
        return f"{short(taken)} of {short(run.free_gb)} GB"
    reserve = f"{short(taken - run.free_gb)} GB of the reserve of {short(run.hbm_gb - run.free_gb)} GB"
    return f"{short(taken)} of {short(run.hbm_gb)} GB, {reserve} included"


def title(run: TrainRun) -> str:
    """Return what is trained on what."""
    return f"{words.model(run.job.model)} on {run.job.gpus:,} GPUs of {words.system(run.job.system)}"


def question(run: TrainRun) -> str:
    """Return the question in words."""
    sequences = run.batch_tokens / run.job.sequence_tokens
    assumed = "" if run.job.tokens else ", twenty per active parameter"
    return (
        f"{run.job.precision}, {sequences:,.0f} sequences of {run.job.sequence_tokens:,} tokens a step, "
        f"{short(run.tokens)} tokens in all{assumed}"
    )


def rows(run: TrainRun) -> list[tuple[str, str]]:
    """Return the run's figures as pairs of name and text."""
    seen = f" (fastest of {run.fitting:,} that fit, {run.seen:,} seen)" if run.seen > 1 and not run.job.layout else ""
    mfu = ", ".join(f"{v:.1%} {name}" for name, v in run.mfu_share.items())
    found = [
        ("layout", f"{run.best.layout}{seen}"),
        ("step", f"{_with_range(run.step_s)} s"),
        ("speed", f"{_with_range(run.tokens_per_s)} tokens/s, {short(run.tokens_per_s.value / run.job.gpus)} a GPU"),
        ("utilisation", f"{run.model_tflops_per_gpu:,.0f} TFLOP/s a GPU; {mfu}"),
        ("run", f"{_with_range(run.days)} days, {scientific(run.flop)} FLOP, without failures"),
    ]
    if run.it_mw is not None and run.drawn_mw is not None and run.energy_mwh is not None:
        each = f"a GPU {run.gpu_power_w['mean']:,.0f} W, {run.gpu_power_w['computing']:,.0f} W while it computes"
        unit, energy = in_watts(run.it_mw), in_watts(run.energy_mwh)
        drawn = " to ".join(short(v / unit.size) for v in (run.drawn_mw.low, run.drawn_mw.high))
        mean, most = short(run.drawn_mw.value / unit.size), short(run.it_mw / unit.size)
        rated = f"{mean} ({drawn}) {unit.name} IT drawn of {most} rated"
        found.append(("power", f"{rated}; {each}"))
        found.append(("energy", f"{short(run.energy_mwh / energy.size)} {energy.name}h IT"))
    usd = [f"{money(v)} {word}" for v, word in ((run.usd_owned, "owned"), (run.usd_rented, "rented")) if v is not None]
    found.append(("cost", f"{short(run.gpu_hours)} GPU-hours" + (f": {', '.join(usd)}" if usd else "")))
    found.append(("trust", run.validity))
    found += [("constants", note) for note in run.notes]
    return found


def _figures(run: TrainRun) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in rows(run):
        table.add_row(name, text)
    return table


def _table(run: TrainRun) -> Fitting:
    layout_rows = [
        (c.layout, short(c.step_s), short(c.tokens_per_s_per_gpu), f"{c.mfu_share:.1%}", short(c.memory_gb), note)
        for c, note in shown(run)
    ]
    return Fitting(("layout", "step, s", "tok/s/GPU", "MFU", "GB", ""), layout_rows, (0, 5))


def shown(run: TrainRun) -> list[tuple[Candidate, str]]:
    """Return the fastest layouts, then those that take less memory at some cost of speed."""
    light = [(c, "less memory") for c in run.frontier if c not in run.candidates[:ROWS]]
    return [*((c, "") for c in run.candidates[:ROWS]), *light[:ROWS]]


def _with_range(f: Figure) -> str:
    return f"{short(f.value)} ({short(f.low)} to {short(f.high)})"


def html(
    run: TrainRun,
    more: str = "",
    *,
    further: Sequence[Chart] = (),
    heading: str = "",
    lead: str = "",
    extra: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> str:
    """Return a page that needs no network.

    ``more`` is further markup; ``further`` charts, a ``heading`` and a ``lead``, ``extra`` figures and ``notes`` come
    first, of a run that is more than one step on one site.
    """
    drawn = {c.id: c for c in (*further, *charts(run))}
    return (
        template("train.html.j2").render(
            run=run,
            title=heading or title(run),
            question=lead or question(run),
            rows=[*extra, *rows(run)],
            style=Markup(style_sheet()),
            charts=drawn,
            further=further,
            notes=notes,
            shown=shown(run),
            short=short,
            more=Markup(more),
            failures=failures_view.rows(run.failures) if run.failures else [],
            options=page.script({c.id: c.option for c in drawn.values()}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            version=__version__,
        )
        + "\n"
    )


def charts(run: TrainRun) -> list[Chart]:
    """Return stacked bars of the step and of memory, the heat map of layouts, and memory against speed."""
    compared = [run.best, *(c for c in run.candidates[:ROWS] if c.layout != run.best.layout)]
    found = [
        _stacked(
            "step",
            "Where a step goes",
            compared,
            "parts_s",
            "s",
            PARTS,
            "Seconds of one step; communication that hides behind arithmetic isn't counted.",
        ),
        _stacked(
            "memory",
            "What fills a GPU",
            compared,
            "memory_gb_by_part",
            "GB",
            {},
            f"The fullest GPU takes {_memory(run)}.",
        ),
    ]
    if run.cells:
        found.append(_heat(run))
    if len(run.frontier) > 1:
        found.append(_pareto(run))
    return found + (failures_view.charts(run.failures) if run.failures else [])


def _stacked(
    id: str, heading: str, some: list[Candidate], field: str, unit: str, words: Mapping[str, str], caption: str
) -> Chart:
    names = [k for k in getattr(some[0], field) if any(getattr(c, field)[k] > 0 for c in some)]
    series = [
        base.bar(words.get(k, k), [getattr(c, field)[k] for c in some], base.PALETTE[i % len(base.PALETTE)])
        for i, k in enumerate(names)
    ]
    option = base.horizontal_bars(series, [c.layout for c in some], unit)
    option["yAxis"] |= {"axisLabel": {"fontSize": 10}}
    table = tuple((c.layout, *(short(getattr(c, field)[k]) for k in names)) for c in some)
    return Chart(
        id,
        heading,
        option,
        caption,
        ("layout", *(f"{words.get(k, k)}, {unit}" for k in names)),
        table,
        130 + 34 * len(some),
    )


def _heat(run: TrainRun) -> Chart:
    tensor, stages = (sorted({getattr(c, k) for c in run.cells}) for k in ("tensor", "pipeline"))
    data = [[stages.index(c.pipeline), tensor.index(c.tensor), round(c.tokens_per_s_per_gpu, 1)] for c in run.cells]
    values = [c.tokens_per_s_per_gpu for c in run.cells]
    option = base.option([], [], "tokens/s a GPU") | {
        "series": [{"type": "heatmap", "data": data, "label": {"show": len(data) <= 120, "fontSize": 10}}],
        "xAxis": {
            "type": "category",
            "data": [str(p) for p in stages],
            "name": "stages",
            "nameLocation": "middle",
            "nameGap": 26,
        },
        "yAxis": {"type": "category", "data": [f"tp{t}" for t in tensor]},
        "visualMap": {
            "min": min(values),
            "max": max(values),
            "orient": "horizontal",
            "right": 8,
            "top": 0,
            "itemHeight": 90,
            "text": [f"{short(max(values))} tokens/s a GPU", short(min(values))],
            "precision": 0,
            "inRange": {"color": list(base.HEAT)},
        },
        "grid": {"left": 8, "right": 24, "top": 52, "bottom": 30, "containLabel": True},
        "legend": {"show": False},
        "tooltip": {"confine": True},
    }
    table = tuple((f"tp{c.tensor} pp{c.pipeline}", short(c.tokens_per_s_per_gpu)) for c in run.cells)
    return Chart(
        "heat",
        "The best layout for each split by tensor and stage",
        option,
        "Tokens per second and GPU of the fastest layout that fits; an empty square holds none.",
        ("", "tokens/s a GPU"),
        table,
        320,
    )


def _pareto(run: TrainRun) -> Chart:
    data = [[round(c.memory_gb, 1), round(c.tokens_per_s_per_gpu, 2), c.layout] for c in run.frontier]
    mark = {
        "type": "scatter",
        "data": data,
        "symbolSize": 10,
        "itemStyle": {"color": base.PALETTE[0]},
        "dimensions": ["GB", "tokens/s a GPU", "layout"],
        "encode": {"x": 0, "y": 1, "tooltip": [0, 1, 2]},
    }
    option = base.option([], [], "tokens/s a GPU")
    option |= {
        "series": [mark],
        "legend": {"show": False},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {
            "type": "value",
            "name": "GB of the fullest GPU",
            "nameLocation": "middle",
            "nameGap": 26,
            "scale": True,
        },
        "yAxis": option["yAxis"] | {"scale": True},
        "grid": {"left": 8, "right": 24, "top": 40, "bottom": 30, "containLabel": True},
    }
    table = tuple((c.layout, short(c.memory_gb), short(c.tokens_per_s_per_gpu)) for c in run.frontier)
    return Chart(
        "pareto",
        "Memory against speed",
        option,
        "Layouts that no other beats in both. Upper left is better.",
        ("layout", "GB", "tokens/s a GPU"),
        table,
        320,
    )
