"""``gigaplan catalog check``: a missing source, unit or basis, values outside their range, groups without a choice."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from gigaplan.catalog.catalog import COLUMNS, Quantity, data_folder, fact_from, group, read_quantities, tables
from gigaplan.vocabulary.bases import FLOPS_BASES, PowerBasis, PriceBasis, Profile, Scope, TokenBasis
from gigaplan.vocabulary.errors import Place, Problem, nearest_name
from gigaplan.vocabulary.facts import Evidence, Fact

ALLOWED = {
    "power_basis": tuple(PowerBasis),
    "flops_basis": FLOPS_BASES,
    "token_basis": tuple(TokenBasis),
    "price_basis": tuple(PriceBasis),
    "scope": tuple(Scope),
    "profile": tuple(Profile),
    "evidence": tuple(Evidence),
    "confidence": ("high", "medium", "low"),
    "chosen": ("yes", "no"),
}
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def check(folder: Path | None = None) -> list[Problem]:
    """Return every problem of a catalog's tables, each with file and line."""
    folder = folder or data_folder()
    quantities = read_quantities(folder)
    problems: list[Problem] = []
    seen: dict[str, Place] = {}
    facts: list[Fact] = []
    places: dict[str, Place] = {}
    for path in tables(folder, quantities=False):
        for line, row in enumerate(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))), start=2):
            place = Place(path.name, line, 1, row.get("id") or "")
            if set(row) != set(COLUMNS) or None in row.values():
                problems.append(Problem("the row has not the catalog's columns", place, allowed=", ".join(COLUMNS)))
                continue
            if row["id"] in seen:
                problems.append(Problem(f"id given twice; first on {seen[row['id']]}", place, value=row["id"]))
            seen.setdefault(row["id"], place)
            found = list(_row(row, quantities, place))
            problems += found
            if not found:
                facts.append(fact_from(row))
                places[row["id"]] = place
    return problems + list(_groups(facts, quantities, places))


def _row(row: dict[str, str], quantities: dict[str, Quantity], place: Place) -> Iterator[Problem]:
    for name in ("id", "entity", "quantity", "unit", "source_title", "evidence", "date"):
        if not row[name]:
            yield Problem(f"no {name.replace('_title', '')}", place, remedy=f"fill the column '{name}'")
    for name, allowed in ALLOWED.items():
        if row[name] and row[name] not in allowed:
            yield Problem(
                f"unknown {name}",
                place,
                value=row[name],
                allowed=", ".join(allowed),
                nearest=nearest_name(row[name], allowed),
            )
    if row["date"] and not DATE.fullmatch(row["date"]):
        yield Problem("not a date", place, value=row["date"], allowed="yyyy, yyyy-mm or yyyy-mm-dd")
    quantity = quantities.get(row["quantity"])
    if quantity is None:
        yield Problem(
            "unknown quantity",
            place,
            value=row["quantity"],
            nearest=nearest_name(row["quantity"], quantities),
            remedy="add it to a quantities table",
        )
        return
    if row["unit"] != quantity.unit:
        yield Problem("not the quantity's unit", place, value=row["unit"], allowed=quantity.unit)
    if quantity.basis_kind and not row[f"{quantity.basis_kind}_basis"]:
        yield Problem(f"no {quantity.basis_kind} basis", place, remedy=f"fill '{quantity.basis_kind}_basis'")
    if "USD" in quantity.unit and not row["price_year"]:
        yield Problem("money without a price year", place, remedy="fill 'price_year'")
    if quantity.unit not in ("date", "text"):
        yield from _numbers(row, quantity, place)


def _numbers(row: dict[str, str], quantity: Quantity, place: Place) -> Iterator[Problem]:
    numbers = {}
    for name in ("value", "low", "high"):
        try:
            if row[name] or name == "value":
                numbers[name] = float(row[name])
        except ValueError:
            yield Problem(f"{name} is not a number", place, value=row[name])
            return
    value = numbers["value"]
    if not numbers.get("low", value) <= value <= numbers.get("high", value):
        yield Problem("the range does not hold its value", place, value=f"{row['low']} .. {value:g} .. {row['high']}")
    if (quantity.low is not None and value < quantity.low) or (quantity.high is not None and value > quantity.high):
        yield Problem(
            "outside the quantity's plausible range",
            place,
            value=f"{value:g}",
            allowed=f"{quantity.low} .. {quantity.high} {quantity.unit}",
            remedy="check the unit",
        )


def _groups(facts: list[Fact], quantities: dict[str, Quantity], places: dict[str, Place]) -> Iterator[Problem]:
    for facts_alike in group(facts, quantities).values():
        chosen = [f for f in facts_alike if f.chosen]
        if len(chosen) > 1:
            yield Problem(
                "several facts say the same thing and are chosen",
                places[chosen[1].id],
                value=", ".join(f.id for f in chosen),
                remedy="choose one and say why in its note",
            )
