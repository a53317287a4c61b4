"""The terminal's view of a site's load by the second."""

from __future__ import annotations

from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.layers.swings import SwingsRun

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 72
"""Columns of the drawn load."""


def terminal(run: SwingsRun) -> RenderableType:
    """Return a site's load without and with smoothing, its frequencies, what smoothing takes and the limits.

    Parameters
    ----------
    run : SwingsRun
        The answer of the verb.
    """
    parts = _table("", "s", "IT MW")
    for name, (seconds, mw) in run.parts.items():
        parts.add_row(name, f"{seconds:.3g}", f"{mw:.4g}")
    both = _table("while steps run", "as it is", "at the grid")
    pairs = ((run.bare.mean_mw, run.smoothed.mean_mw), (run.bare.range_mw, run.smoothed.range_mw))
    for name, (bare, smooth) in zip(("mean MW", "highest less lowest MW"), pairs, strict=True):
        both.add_row(name, f"{bare:.4g}", f"{smooth:.4g}")
    ramps = (run.bare.ramp_mw_per_s, run.smoothed.ramp_mw_per_s)
    both.add_row("ramp MW/s, start and fault too", *(f"{r:.3g}" for r in ramps))
    for hertz, bare, smooth in run.frequencies:
        both.add_row(f"amplitude at {hertz:.3g} Hz, MW", f"{bare:.3g}", f"{smooth:.3g}")
    end = [Text(f"Smoothing takes {run.energy_share:+.2%} of energy and {run.lost_work_share:.2%} of the work.")]
    end += [Text(f"{limit.name}: {limit.brief_line()}") for limit in run.limits]
    end += [Text(note, style="dim") for note in run.notes]
    top = max(*run.bare_mw, *run.smoothed_mw, 1e-12)
    drawn = [
        Text(f"{name:<12}{sparkline(mw, top)}")
        for name, mw in (("as it is", run.bare_mw), ("at the grid", run.smoothed_mw))
    ]
    title = Text(f"{run.brief_title()}, a step of {run.step_s:.3g} s ({run.layout})", style="bold")
    return Group(title, parts, Text(""), both, Text(""), *drawn, *end)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="right" if k else "left", overflow="fold")
    return table


def sparkline(values: tuple[float, ...], top: float, columns: int = WIDTH) -> str:
    """Return a line of blocks, each as high as the mean of its part of the time.

    Parameters
    ----------
    values : tuple of float
        Values over time.
    top : float
        Value of the highest block.
    columns : int
        Most blocks.
    """
    count = min(columns, len(values))
    edges = [round(k * len(values) / count) for k in range(count + 1)]
    means = (sum(values[a:b]) / (b - a) for a, b in pairwise(edges))
    return "".join(BARS[min(int(m / top * len(BARS)), len(BARS) - 1)] for m in means)
