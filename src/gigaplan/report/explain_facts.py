"""What a figure reads, line by line: the value with its range, how it is known, who says so and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gigaplan.report.words import BASES
from gigaplan.vocabulary.facts import Entry, Fact
from gigaplan.vocabulary.figures import precisely
from gigaplan.vocabulary.units import UNIT_UNSAID

HARD = "\u00a0"
"""A space at which no line is broken: it keeps a number and its unit together."""
LATER = ", later than the plan's information date"
"""Behind a fact that is hindsight."""
SCOPES = {"package": "per GPU package", "rack": "per rack", "site": "per site", "die": "per die"}
PRICES = {"tco": "total cost of ownership", "contract": "contract price", "list": "list price", "spot": "spot price"}
PROFILES = {"max_p": "at most performance", "max_q": "at most efficiency"}


def readings(entries: Sequence[Entry], *, ids: bool) -> list[str]:
    """Return a line for each fact and line of the plan, a fact that many inputs share only once.

    Parameters
    ----------
    entries : sequence of Entry
        What the inputs of a quantity read.
    ids : bool
        Whether a fact's id stands behind it.

    Returns
    -------
    list of str
        As ``fleet.ladder.availability = 97% (93% to 99%), estimated: A Story of Two GPUs, 2025``.
    """
    paths: dict[str, list[str]] = {}
    for entry in entries:
        paths.setdefault(entry.fact.id if entry.fact else entry.path, []).append(entry.path)
    lines = []
    for entry in entries:
        same = paths.pop(entry.fact.id if entry.fact else entry.path, [])
        if same:
            read = _fact(entry.fact, ids=ids) + LATER * entry.later if entry.fact else _of_plan(entry)
            lines.append(f"{_common(same)} = {read}")
    return lines


def _common(paths: Sequence[str]) -> str:
    """Return the path of an input; of several that share a fact, with * for what differs and how many they are."""
    parts = [p.split(".") for p in paths]
    if len(paths) == 1:
        return paths[0]
    if len({len(p) for p in parts}) > 1:
        return f"{parts[0][-1]} ({len(paths)} inputs)"
    return ".".join(p[0] if len({*p}) == 1 else "*" for p in zip(*parts, strict=True)) + f" ({len(paths)} inputs)"


def _fact(fact: Fact, *, ids: bool) -> str:
    source = ", ".join(filter(None, (fact.source_title, fact.date)))
    return f"{_value(fact)}, {fact.evidence}: {source}" + (f" [{fact.id}]" if ids else "")


def _of_plan(entry: Entry) -> str:
    """Return what the plan states, with what it says of it; its evidence once."""
    note = entry.source.removeprefix(f"{entry.evidence}:").removeprefix(f"{entry.evidence} ").strip()
    value = entry.value
    try:
        share = entry.unit == "share"
        value = precisely(float(value) * (100 if share else 1)) + "%" * share + _after(entry.unit, float(value))
    except ValueError:
        value = value + _after(entry.unit, 0.0)
        value = {"True": "yes", "False": "no"}.get(value, value).replace("(it)", f"({BASES['it']})")
    return f"{value.replace(' ', HARD)}, the plan's own, {entry.evidence}" + (f": {note}" if note else "")


def _value(fact: Fact) -> str:
    """Return a fact's value in its unit, with its range and its basis."""
    if isinstance(fact.value, str):
        return str(fact.value).replace(" ", HARD)
    numbers = [fact.value] if fact.low is None or fact.high is None else [fact.value, fact.low, fact.high]
    share = fact.unit == "share"
    texts = [precisely(n * 100) + "%" if share else precisely(n) for n in numbers]
    unit = _after(fact.unit, fact.value)
    span = f" ({texts[1]} to {texts[2]})" if len(texts) > 1 else ""
    basis = ", ".join(_bases(fact))
    return f"{texts[0]}{unit}".replace(" ", HARD) + span + (f", {basis}" if basis else "")


def _after(unit: str, value: float) -> str:
    """Return a unit as it stands after a number."""
    return "" if unit in UNIT_UNSAID else f" {_plural(unit, value)}"


def _plural(unit: str, value: float) -> str:
    """Return a unit that is a word as it stands after a number: years, tokens."""
    return (
        f"{unit}s" if unit.isalpha() and unit.islower() and len(unit) > 2 and value != 1 else unit
    )  # no word but h, s


def _bases(fact: Fact) -> Iterator[str]:
    """Yield the bases of a fact in words."""
    if fact.power_basis:
        yield f"power basis: {BASES.get(fact.power_basis, fact.power_basis)}"
    if fact.flops_basis:
        precision, _, kind = fact.flops_basis.partition("_")
        yield f"{precision.upper()} {kind}"
    if fact.token_basis:
        yield f"{fact.token_basis} tokens"
    if fact.price_basis:
        yield PRICES.get(fact.price_basis, fact.price_basis)
    if fact.scope:
        yield SCOPES.get(fact.scope, fact.scope)
    if fact.profile:
        yield PROFILES.get(fact.profile, fact.profile)
