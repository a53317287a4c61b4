"""What one sees of a result in Python: ten lines of text, or a table in a notebook."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from gigaplan.results.aggregate import aggregate
from gigaplan.results.labelled import Labelled
from gigaplan.results.spread import range_text, spread, with_range
from gigaplan.vocabulary.errors import LackingQuantityError
from gigaplan.vocabulary.figures import DASH, in_a_row, short
from gigaplan.vocabulary.show import as_table, as_text

SHOWN = 3
"""Names of a list that are shown; the rest is counted."""


def text(result: Labelled) -> str:
    """Return ten lines: what was run, over what, what came out, and how to go on."""
    how = 'result.table("revenue_usd", by=("year",)), gp.explain(result, "revenue_usd"), gp.save(result)'
    title = f"Result of {result.stamp.plan}: {result.stamp.title}"
    return as_text(title, [*_lines(result), ("go on", how)])


def html(result: Labelled) -> str:
    """Return the same as an HTML table."""
    return as_table(f"{result.stamp.plan}: {result.stamp.title}", _lines(result))


def _lines(result: Labelled) -> list[tuple[str, str]]:
    stamp, labels = result.stamp, result.labels
    new = [labels["site"][i] for i in result.new_sites()]
    existing = [labels["site"][i] for i in result.existing_sites()]
    sites = f"{_few(new)}; existing: {_few(existing)}" if existing else _few(new)
    keep = "" if result.keep == "all" or stamp.members == 1 else ", hourly quantities of the central one only"
    if isinstance(result.keep, tuple) and result.keep:
        keep += f" but for {', '.join(result.keep)}"
    quantities = f"{len(result.arrays)} quantities, {sum(a.size for a in result.arrays.values()):,} numbers"
    if result.warnings:
        quantities += f"; {len(result.warnings)} warnings in result.warnings"
    return [
        (
            "stamp",
            f"plan {stamp.plan_hash[:8]}, gigaplan {stamp.version}, catalog {stamp.catalog_vintage}, seed {stamp.seed}",
        ),
        (
            "horizon",
            f"{labels['month'][0]} to {labels['month'][-1]}, {result.axis.resolution}; {stamp.members:,} "
            f"{'member' if stamp.members == 1 else 'members'}{keep}",
        ),
        ("fleet", f"{sites}; {_few(labels['generation'])}"),
        ("GPUs producing", _yearly(result, "gpus_in_production", {}, "GPUs")),
        ("generated tokens", _yearly(result, "tokens_served_per_day", {"token": "generated"}, "a day")),
        ("serving costs", _serving_costs(result)),
        ("holds", quantities),
        ("claims", _verdicts(result)),
    ]


def _yearly(result: Labelled, name: str, at: Mapping[str, str], unit: str) -> str:
    """Return a quantity in the first and the last year that has it, with its ranges; a dash where an older result lacks
    its inputs."""

    def figure(value: float) -> str:
        return short(round(value) if unit == "GPUs" and math.isfinite(value) else value)

    try:
        found, known = aggregate(result, name, by=("year",), at=at), spread(result, name, ("year",), at)
    except LackingQuantityError:
        return DASH
    there = [k for k, value in enumerate(found.values) if not math.isnan(value)]
    shown = [
        f"{with_range(figure(float(found.values[k])), range_text(known.at((k,)), figure, cell=True) if known else '')} "
        f"{unit} in {found.labels['year'][k]}"
        for k in dict.fromkeys([*there[:1], *there[-1:]])
    ]
    return ", ".join(shown) or DASH


def _serving_costs(result: Labelled) -> str:
    """Return what serving costs, cost of capital included, and without it in the last year."""
    full, plain = (
        _yearly(result, name, {}, "USD per M tokens")
        for name in ("full_cost_per_mtok_all_usd", "cost_per_mtok_all_usd")
    )
    return plain if full == DASH else f"{full}, cost of capital included; without it {plain.split(', ')[-1]}"


def _few(names: Sequence[str]) -> str:
    shown = in_a_row(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown or "none"


def _verdicts(result: Labelled) -> str:
    counts = Counter(str(c.verdict) for c in result.claims)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) or "none checked"
