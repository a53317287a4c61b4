"""What one sees of a result in Python: ten lines of text, or a table in a notebook."""

from __future__ import annotations

import html as escaping
from collections import Counter
from collections.abc import Sequence

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.figures import in_a_row

SHOWN = 3
"""Names of a list that are shown; the rest is counted."""


def text(result: Labelled) -> str:
    """Return ten lines: what was run, over what, with what verdicts, and how to go on."""
    lines = _lines(result)
    width = max(len(name) for name, _ in lines)
    how = 'result.table("revenue_usd", by=("year",)), gp.explain(result, "revenue_usd"), gp.save(result)'
    title = f"Result of {result.stamp.plan}: {result.stamp.title}"
    return "\n".join([title, *(f"  {n:<{width}}  {stated}" for n, stated in lines), f"  {'go on':<{width}}  {how}"])


def html(result: Labelled) -> str:
    """Return the same as an HTML table."""
    title = escaping.escape(f"{result.stamp.plan}: {result.stamp.title}")
    rows = (f"<tr><th>{escaping.escape(n)}</th><td>{escaping.escape(stated)}</td></tr>" for n, stated in _lines(result))
    return f"<table><caption>{title}</caption>{''.join(rows)}</table>"


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
        ("horizon", f"{labels['month'][0]} to {labels['month'][-1]}, {result.axis.resolution}"),
        ("members", f"{stamp.members:,}{keep}"),
        ("sites", sites),
        ("generations", _few(labels["generation"])),
        ("workloads", _few(labels["workload"])),
        ("holds", quantities),
        ("claims", _verdicts(result)),
    ]


def _few(names: Sequence[str]) -> str:
    shown = in_a_row(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown or "none"


def _verdicts(result: Labelled) -> str:
    counts = Counter(str(c.verdict) for c in result.claims)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()) or "none checked"
