"""The terminal's view of bands: figures of plans by year next to what was published, and why they differ."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.validation.bands import COST, MARGIN, USE, BandRow, BandValidation

COLUMNS = ("plan", "figure", "published", "predicted", "years", "inside")
YEARS = ("plan", "figure", "year", "published", "predicted", "why outside")
SHORT = {USE: "GPUs in use", MARGIN: "margin", COST: "$/GPU-h"}
"""Figures as a narrow table has them."""


def band_validation(answer: BandValidation, every: bool = False) -> RenderableType:
    """Return how many years of each figure lie in its band, and why the others don't; each year on request.

    Parameters
    ----------
    answer
        The figures.
    every
        Whether every year is listed.
    """
    inside, outside = sum(r.inside for r in answer.rows), [r for r in answer.rows if not r.inside]
    head = Text(
        f"{inside} of {len(answer.rows)} yearly figures lie in the published band; "
        f"{len(answer.unexplained)} of the others have no cause in their run",
        style="bold",
    )
    notes = Text("\n".join(answer.notes), style="dim")
    if every:
        return Group(head, Fitting(YEARS, [_year(r) for r in answer.rows], (0, 1, 5)), notes)
    why = [Text(f"{r.plan}, {SHORT[r.figure]}, {r.year}: {_reason(r)}") for r in outside]
    return Group(head, Fitting(COLUMNS, list(_spans(answer)), (0, 1)), *why, notes)


def _spans(answer: BandValidation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, figure in dict.fromkeys((r.plan, r.figure) for r in answer.rows):
        of = answer.of(name, figure)
        values = [r.value for r in of]
        span, years = f"{min(values):.2f}–{max(values):.2f}", f"{of[0].year}–{of[-1].year}"
        rows.append((name, SHORT[figure], _band(of[0]), span, years, f"{sum(r.inside for r in of)} of {len(of)}"))
    return rows


def _year(row: BandRow) -> tuple[str, ...]:
    return (
        row.plan,
        SHORT[row.figure],
        str(row.year),
        _band(row),
        f"{row.value:.2f}",
        "" if row.inside else _reason(row),
    )


def _reason(row: BandRow) -> str:
    return row.reason or "no cause"


def _band(row: BandRow) -> str:
    return f"{row.low:.2f}–{row.high:.2f}"
