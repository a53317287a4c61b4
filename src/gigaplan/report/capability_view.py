"""The terminal's view of capability: published and predicted models, back-tests, published rates, list prices."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.validation.capability import CapabilityValidation

SHOWN = {"input_price_usd_per_mtok": "input", "output_price_usd_per_mtok": "output"}


def capability_validation(answer: CapabilityValidation) -> RenderableType:
    """Return the relation, its errors by split and size of run, every test row, and what to compare it with."""
    c = answer.capability
    head = Text(
        f"ECI = {c.eci_at_reference:.1f} + {c.eci_per_decade_flop:.1f} per tenfold compute (from "
        f"{c.reference_flop:.2g} FLOP) "
        f"+ {c.eci_per_year:.1f} a year (from {c.reference_date}), give or take {c.residual_eci:.1f}",
        style="bold",
    )
    parts = (_summary(answer), _test_rows(answer), _backtests(answer), _comparisons(answer), _prices(answer))
    return Group(head, *parts, Text("\n".join(answer.notes), style="dim"))


def _summary(answer: CapabilityValidation) -> Fitting:
    columns = (
        "models",
        "n",
        "predicted less published",
        "mean |error|",
        "rms",
        "in 80 % range",
    )
    rows = [
        (
            s.name,
            str(s.rows),
            f"{s.bias:+.1f}",
            f"{s.mean_abs_error:.1f}",
            f"{s.rms_error:.1f}",
            f"{s.inside_share:.0%}",
        )
        for s in answer.summary
    ]
    return Fitting(columns, rows, (0,))


def _test_rows(answer: CapabilityValidation) -> Fitting:
    columns = (
        "came after",
        "date",
        "FLOP",
        "published",
        "predicted",
        "80 % range",
        "error",
    )
    rows = [
        (
            r.model,
            r.date.isoformat(),
            f"{r.training_flop:.2g}",
            f"{r.eci:.1f}",
            f"{r.predicted:.1f}",
            f"{r.low:.0f}–{r.high:.0f}",
            f"{r.error:+.1f}",
        )
        for r in answer.rows
        if r.split == "test"
    ]
    return Fitting(columns, rows, (0,))


def _backtests(answer: CapabilityValidation) -> Fitting:
    columns = (
        "fitted on what was known",
        "year after: n",
        "bias",
        "rms",
        "in 80 % range",
        "compute falls a year by",
    )
    rows: list[tuple[str, ...]] = []
    for b in answer.backtests:
        value, low, high = b.compute_fall_per_year
        rows.append(
            (
                b.origin.isoformat(),
                str(b.after.rows),
                f"{b.after.bias:+.1f}",
                f"{b.after.rms_error:.1f}",
                f"{b.after.inside_share:.0%}",
                f"{value:.1f} ({low:.1f}–{high:.0f})",
            )
        )
    return Fitting(columns, rows, (0,))


def _comparisons(answer: CapabilityValidation) -> Fitting:
    columns = (
        "what others published",
        "predicted",
        "published",
        "by",
    )
    rows = [
        (
            c.name,
            f"{c.predicted:.3g} ({c.low:.3g}–{c.high:.3g})",
            f"{c.published:.3g} ({c.published_low:.3g}–{c.published_high:.3g})",
            c.source,
        )
        for c in answer.comparisons
    ]
    return Fitting(columns, rows, (0, 3))


def _prices(answer: CapabilityValidation) -> Fitting:
    columns = (
        "list price, USD per M tokens",
        "by date",
        "a year",
    )
    rows: list[tuple[str, ...]] = []
    for p in answer.prices:
        points = ", ".join(f"{date} {price:g}" for _, date, price in p.points)
        trend = "–" if p.trend is None else f"{p.trend.growth_per_year:+.0%}"
        rows.append((f"{p.tier}, {SHOWN[p.quantity]}", points, trend))
    return Fitting(columns, rows, (0, 1))
