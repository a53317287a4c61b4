"""Residuals of calibrated models as facts of the catalog: which rows, when, what spread."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan.accuracy.residuals import COVERED, ROWS
from gigaplan.catalog.catalog import COLUMNS, data_folder
from gigaplan.vocabulary.files import whole_file
from gigaplan.vocabulary.files.kinds import DATA
from gigaplan.vocabulary.members import Array

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the measured rows of residuals come from."""

    title: str
    url: str
    date: str
    """Of the fit, as ``2026-11-24``."""


def spread_fact(entity: str, quantity: str, logs: Array, source: Source, note: str, digits: int = 4) -> Cells:
    """Return the fact of a spread: median and middle 80 % of measured over predicted.

    Parameters
    ----------
    entity, quantity
        Of the fact.
    logs
        Logarithms of measured over predicted, one for each row.
    source, note
        Where the rows come from, and how they were predicted.
    digits
        Significant digits that are kept.
    """
    low, median, high = np.exp(np.quantile(logs, (COVERED[0], 0.5, COVERED[1])))
    return ratio_fact(entity, quantity, (float(low), float(median), float(high)), source, note, digits)


def ratio_fact(
    entity: str, quantity: str, quantiles: tuple[float, float, float], source: Source, note: str, digits: int = 4
) -> Cells:
    """Return the fact of a spread whose low, median and high are known.

    Parameters
    ----------
    entity
        Of the fact.
    quantity
        Of the fact.
    quantiles
        Low, median and high of measured over predicted [1].
    source
        Where the rows come from.
    note
        How they were predicted.
    digits
        Significant digits that are kept.
    """
    low, median, high = (f"{v:.{digits}g}" for v in quantiles)
    return fact_cells(entity, quantity, source, note) | {"value": median, "low": low, "high": high}


def count_fact(entity: str, rows: int, source: Source, note: str) -> Cells:
    """Return the fact that counts the measured rows of an entity.

    Parameters
    ----------
    entity
        Of the fact.
    rows
        How many there are.
    source
        Where they come from.
    note
        What they are.
    """
    return fact_cells(entity, ROWS, source, note) | {"value": str(rows)}


def fact_cells(entity: str, quantity: str, source: Source, note: str) -> Cells:
    """Return an estimated fact in the catalog's columns, its value left empty and its unit 1.

    Parameters
    ----------
    entity
        Of the fact.
    quantity
        Of the fact.
    source
        Where it comes from.
    note
        How it was found.
    """
    return {
        **dict.fromkeys(COLUMNS, ""),
        "id": f"{entity}.{quantity}",
        "entity": entity,
        "quantity": quantity,
        "unit": "1",
        "source_title": source.title,
        "url": source.url,
        "date": source.date,
        "evidence": "estimated",
        "confidence": "medium",
        "chosen": "yes",
        "note": note,
    }


def write_catalog_table(file: str, facts: Sequence[Mapping[str, str]]) -> None:
    """Write a table of the catalog whole or not at all.

    Parameters
    ----------
    file
        Name of the table, such as ``residuals_serving.csv``.
    facts
        Its rows, in the catalog's columns.
    """
    with whole_file(data_folder() / file, DATA) as work, work.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(facts)
