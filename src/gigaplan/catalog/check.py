"""``gigaplan catalog check``: a missing source, unit or basis, values outside their range, groups without a choice."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from pathlib import Path

from gigaplan.catalog.catalog import (
    COLUMNS,
    QUANTITY_COLUMNS,
    Quantity,
    data_folder,
    fact_from,
    group,
    quantity_from,
    tables,
)
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
ALLOWED_OF_QUANTITIES = {"basis_kind": ("", "power", "flops", "token", "price"), "series": ("yes", "no")}
NEEDED = ("id", "entity", "quantity", "value", "unit", "source_title", "date", "evidence", "confidence", "chosen")
REJECTED = "rejected"
"""Begins the note of a fact that was turned down; a group of such facts alone needs no choice."""
OWN = re.compile(r"gigaplan\b")
"""Begins the source of a fact that gigaplan itself assumed, or calculated."""
CHOICES = re.compile(r"own (assumption|convention|reading)")
"""Says in such a source that the value was chosen; any other is calculated, from what the source names."""
COPIES = ("github.com/ai-dynamo/aiconfigurator", "github.com/SemiAnalysisAI/InferenceX-app", "github.com/sr3-k/data")
"""Addresses of tables that copy what others have published."""
DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def check(folder: Path | None = None) -> list[Problem]:
    """Return every problem of a catalog's tables, each with file and line."""
    folder = folder or data_folder()
    problems: list[Problem] = []
    quantities: dict[str, Quantity] = {}
    for path in tables(folder, quantities=True):
        for place, row in _rows(path, "quantity"):
            found = list(_quantity(row, quantities, place))
            problems += found
            if not found:
                quantities[row["quantity"]] = quantity_from(row)
    seen: dict[str, Place] = {}
    facts: list[Fact] = []
    for path in tables(folder, quantities=False):
        for place, row in _rows(path, "id"):
            found = list(_row(row, quantities, place))
            if row.get("id") in seen:
                found.append(Problem(f"id given twice; first on {seen[row['id']]}", place, value=row["id"]))
            seen.setdefault(row.get("id") or "", place)
            problems += found
            if not found:
                facts.append(fact_from(row))
    return problems + list(_groups(facts, quantities, seen))


def _rows(path: Path, name: str) -> Iterator[tuple[Place, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    for row in reader:
        yield Place(path.name, reader.line_num, 1, row.get(name) or ""), row


def _quantity(row: dict[str, str], quantities: dict[str, Quantity], place: Place) -> Iterator[Problem]:
    if set(row) != set(QUANTITY_COLUMNS) or None in row.values():
        yield Problem("the row has not the columns of quantities", place, allowed=", ".join(QUANTITY_COLUMNS))
        return
    if row["quantity"] in quantities:
        yield Problem("quantity given twice", place, value=row["quantity"], remedy="keep one of the two")
    for name in ("quantity", "unit", "meaning"):
        if not row[name]:
            yield Problem(f"no {name}", place, remedy=f"fill the column '{name}'")
    for name, allowed in ALLOWED_OF_QUANTITIES.items():
        if row[name] not in allowed:
            yield Problem(f"unknown {name}", place, value=row[name], allowed=", ".join(a or "(empty)" for a in allowed))
    try:
        quantity_from(row)
    except ValueError:
        yield Problem("the plausible range is not two numbers", place, value=f"{row['min']} .. {row['max']}")


def _row(row: dict[str, str], quantities: dict[str, Quantity], place: Place) -> Iterator[Problem]:
    if set(row) != set(COLUMNS) or None in row.values():
        yield Problem("the row has not the catalog's columns", place, allowed=", ".join(COLUMNS))
        return
    for name in NEEDED:
        if not row[name]:
            yield Problem(f"no {name.replace('_title', '')}", place, remedy=f"fill the column '{name}'")
    for name, allowed in ALLOWED.items():
        if row[name] and row[name] not in allowed:
            near = nearest_name(row[name], allowed)
            yield Problem(f"unknown {name}", place, value=row[name], allowed=", ".join(allowed), nearest=near)
    if row["date"] and not _is_date(row["date"]):
        yield Problem("not a date", place, value=row["date"], allowed="yyyy, yyyy-mm or yyyy-mm-dd")
    if row["url"] and not row["url"].startswith(("http://", "https://")):
        yield Problem("not an address", place, value=row["url"], remedy="leave it empty where none was kept")
    yield from _evidence(row, place)
    quantity = quantities.get(row["quantity"])
    if quantity is None:
        near = nearest_name(row["quantity"], quantities)
        yield Problem(
            "unknown quantity", place, value=row["quantity"], nearest=near, remedy="add it to a quantities table"
        )
    else:
        yield from _of_quantity(row, quantity, place)


def _evidence(row: dict[str, str], place: Place) -> Iterator[Problem]:
    """Yield an evidence class that the source contradicts: what gigaplan chose is assumed, what it calculated is
    estimated, what is copied is second-hand, and a value assumed after somebody else's publication needs its reason."""
    evidence, source = row["evidence"], row["source_title"]
    if OWN.match(source):
        allowed = Evidence.ASSUMED if CHOICES.search(source) else Evidence.ESTIMATED
        if evidence != allowed:
            yield Problem(
                f"the source is {source}, which is no evidence of this class",
                place,
                value=evidence,
                allowed=allowed,
                remedy="give the publication as source, or change the evidence",
            )
    elif evidence == Evidence.DATASHEET and (not row["url"] or any(copy in row["url"] for copy in COPIES)):
        why = "is a copy of" if row["url"] else "has no address of"
        yield Problem(
            f"the source {why} a data sheet",
            place,
            value=evidence,
            allowed=Evidence.SECOND_HAND,
            remedy="give the data sheet's own address, or change the evidence",
        )
    elif evidence == Evidence.ASSUMED and not row["note"]:
        yield Problem("an assumed value without a reason", place, remedy="say in the note what is assumed, and why")


def _of_quantity(row: dict[str, str], quantity: Quantity, place: Place) -> Iterator[Problem]:
    if row["unit"] != quantity.unit:
        yield Problem("not the quantity's unit", place, value=row["unit"], allowed=quantity.unit)
    if quantity.basis_kind and not row[f"{quantity.basis_kind}_basis"]:
        yield Problem(f"no {quantity.basis_kind} basis", place, remedy=f"fill '{quantity.basis_kind}_basis'")
    if "USD" in quantity.unit and not row["price_year"]:
        yield Problem("money without a price year", place, remedy="fill 'price_year'")
    if row["price_year"] and not re.fullmatch(r"\d{4}", row["price_year"]):
        yield Problem("not a price year", place, value=row["price_year"], allowed="yyyy")
    if quantity.unit == "date":
        if len(row["value"]) != len("yyyy-mm-dd") or not _is_date(row["value"]):
            yield Problem("value is not a day", place, value=row["value"], allowed="yyyy-mm-dd")
    elif quantity.unit != "text":
        yield from _numbers(row, quantity, place)


def _is_date(text: str) -> bool:
    """Return whether a text is a year, a month or a day that the calendar has."""
    match = DATE.fullmatch(text)
    try:
        return match is not None and bool(dt.date(int(match[1]), int(match[2] or 1), int(match[3] or 1)))
    except ValueError:
        return False


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
    for name, number in numbers.items():
        if (quantity.low is not None and number < quantity.low) or (
            quantity.high is not None and number > quantity.high
        ):
            yield Problem(
                f"{name} is outside the quantity's plausible range",
                place,
                value=f"{number:g}",
                allowed=f"{quantity.low} .. {quantity.high} {quantity.unit}",
                remedy="check the unit",
            )


def _groups(facts: list[Fact], quantities: dict[str, Quantity], places: dict[str, Place]) -> Iterator[Problem]:
    for alike in group(facts, quantities).values():
        chosen = [f for f in alike if f.chosen]
        if len(chosen) > 1:
            yield Problem(
                "several facts say the same thing and are chosen",
                places[chosen[1].id],
                value=", ".join(f.id for f in chosen),
                remedy="choose one and say why in its note",
            )
        if not chosen and not all(f.note.startswith(REJECTED) for f in alike):
            yield Problem(
                "no fact of its group is chosen",
                places[alike[0].id],
                value=", ".join(f.id for f in alike),
                remedy=f"choose one, or begin each note with '{REJECTED}' and say why",
            )
