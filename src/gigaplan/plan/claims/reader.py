"""Reading claims: from a document's tree to plain data, or to every problem of it at once."""

from __future__ import annotations

import re
from string import Formatter

from gigaplan.catalog import Catalog
from gigaplan.plan.claims.bounds import BASIS_KINDS, read_bounds, read_over_time
from gigaplan.plan.claims.language import (
    ABSENT,
    ALONG,
    COMPARISONS,
    DATE_BOUNDS,
    TIME,
    WORDS,
    Along,
    ClaimSet,
    ClaimText,
    Condition,
    Read,
    Reading,
    Statement,
    Value,
)
from gigaplan.plan.claims.problems import Path, Problems
from gigaplan.plan.claims.quantities import check_window
from gigaplan.plan.claims.values import Scope, read_condition, read_value
from gigaplan.plan.document import Node
from gigaplan.vocabulary.units import Unit, unlike
from gigaplan.vocabulary.variables import DIMS, variables

OVER_TIME = ("reached", "kept_from", "months", "growth", "years")
PATHS = ("reached", "kept_from", "months")
"""Reductions that look at every moment."""
BOUNDS = (*COMPARISONS, "between", *DATE_BOUNDS, "happens")
READING = (
    "name",
    "key",
    "unit",
    "basis",
    "bases",
    "system",
    *OVER_TIME,
    *ALONG,
    "among",
    *BOUNDS,
    "tolerance",
    "absent",
    "skip",
)
STATEMENT = ("readings", "rests_on", "known_by", "otherwise")
LARGEST_TOLERANCE = 0.5
"""A bound that may be missed by more than half binds nothing."""
_MAGNITUDE = re.compile(r"^(thousand|million|billion|trillion)\s+")
CLAIM = ("says", "statements", "figures", "because")
SET = ("id", "title", "source", "claims")
SOURCE = ("title", "url", "date")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def read_set(root: Node, path: Path, found: Problems, facts: Catalog, name: str) -> ClaimSet:
    """Return the claims of a whole document."""
    node, _ = root.at(path)
    entries = found.keys(node, path, SET)
    source = found.keys(entries["source"], (*path, "source"), SOURCE) if "source" in entries else {}
    if "source" not in entries:
        found.missing("source", path, "say who makes the claims: 'source: {title: ..., url: ..., date: ...}'")
    texts = {k: found.text(source.get(k), (*path, "source", k)) for k in SOURCE}
    if source and not texts["title"]:
        found.missing("title", (*path, "source"))
    if texts["date"]:
        found.period(texts["date"], (*path, "source", "date"))
    claims: tuple[ClaimText, ...] = ()
    if "claims" not in entries:
        found.missing("claims", path)
    else:
        below = (*path, "claims")
        claims = tuple(
            read_claim(k, n, (*below, k), found, facts) for k, n in found.mapping(entries["claims"], below).items()
        )
    title = found.text(entries.get("title"), (*path, "title"), texts["title"])
    stated = found.text(entries.get("id"), (*path, "id"), name)
    return ClaimSet(
        name=stated, title=title, source=texts["title"], url=texts["url"], date=texts["date"], claims=claims
    )


def read_claim(id_: str, node: Node, path: Path, found: Problems, facts: Catalog) -> ClaimText:
    """Return one claim."""
    if not NAME.fullmatch(id_):
        allowed = "letters, digits, '-', '_' and '.'"
        found.add("not an id for a claim", path, key=True, value=id_, allowed=allowed, remedy="choose a short name")
    entries = found.keys(node, path, CLAIM)
    says = found.text(entries.get("says"), (*path, "says"))
    if isinstance(node.value, dict) and not says:
        found.missing("says", path, "quote what is claimed: 'says: ...'")
    statements: tuple[Statement, ...] = ()
    if "statements" in entries:
        where = (*path, "statements")
        read = found.listed(entries["statements"], where, lambda n, p: _statement(n, p, found, facts))
        statements = tuple(s for s in read if s is not None)
    elif isinstance(node.value, dict):
        found.missing("statements", path, "say what must hold: 'statements: [{quantity: ..., at_least: ...}]'")
    figures: tuple[Reading, ...] = ()
    if "figures" in entries:
        where = (*path, "figures")
        read = found.listed(entries["figures"], where, lambda n, p: _reading(n, p, found, facts))
        figures = tuple(r for r in read if r is not None)
    keys = {r.key for s in statements for r in s.readings} | {r.key for r in figures}
    because = _because(entries, path, keys, found)
    return ClaimText(id=id_, says=says, statements=statements, figures=figures, because=because)


def _because(entries: dict[str, Node], path: Path, keys: set[str], found: Problems) -> dict[str, str]:
    """Return the claim's own sentences by verdict, their placeholders checked."""
    if "because" not in entries:
        return {}
    node, where = entries["because"], (*path, "because")
    if not isinstance(node.value, dict):
        words = {"otherwise": (found.text(node, where), where)}
    else:
        given = found.keys(node, where, WORDS)
        words = {k: (found.text(n, (*where, k)), (*where, k)) for k, n in given.items()}
    known = {key + end for key in keys if key for end in ("", "_on", "_label")}
    for text, place in words.values():
        try:
            names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            found.add(f"not a sentence with placeholders: {error}", place, value=text, remedy="write {key}")
            continue
        for name in names:
            found.known("no figure of this claim has this key", name, sorted(known), place)
    return {k: text for k, (text, _) in words.items()}


def _statement(node: Node, path: Path, found: Problems, facts: Catalog) -> Statement | None:
    """Return a statement: one reading in place, or several under ``readings``."""
    entries = found.entries(node, path)
    if not entries:
        return None
    rests, known = (found.texts(entries[k], (*path, k)) if k in entries else () for k in ("rests_on", "known_by"))
    otherwise = found.text(entries.get("otherwise"), (*path, "otherwise"))
    if otherwise:
        found.known("not a verdict for what does not hold", otherwise, ["can't be determined"], (*path, "otherwise"))
    if "readings" in entries:
        found.keys(node, path, STATEMENT)
        where = (*path, "readings")
        read = found.listed(entries["readings"], where, lambda n, p: _reading(n, p, found, facts))
        readings = tuple(r for r in read if r is not None)
    else:
        one = _reading(node, path, found, facts, ("rests_on", "known_by", "otherwise"))
        readings = (one,) if one else ()
    if readings and not any(r.bounds for r in readings):
        allowed = ", ".join(BOUNDS)
        found.add(
            "nothing decides this statement", path, allowed=allowed, remedy="give a bound, or move it to 'figures'"
        )
    return Statement(readings=readings, rests_on=rests, known_by=known, otherwise=otherwise) if readings else None


def _reading(node: Node, path: Path, found: Problems, facts: Catalog, context: tuple[str, ...] = ()) -> Reading | None:
    entries = found.entries(node, path)
    if not entries:
        return None
    along = _along(entries, path, found, facts)
    over = [k for k in OVER_TIME if k in entries]
    if len(over) > 1:
        found.add("one reduction over time", path, value=" and ".join(over), remedy="keep one of them")
    as_path = any(k in PATHS for k in over) or (along is not None and along.dim in TIME)
    bases = _bases(entries, path, found)
    apart = (along.dim,) if along and along.dim not in TIME else ()
    scope = Scope((*apart, "token") if "token" in dict(bases) else apart, as_path)
    value = read_value(node, path, found, facts, scope, (*READING, *context))
    among = _among(entries, path, found, facts)
    over_time = read_over_time(over[0], entries[over[0]], (*path, over[0]), found, facts) if over else None
    dates = any(k in ("reached", "kept_from") for k in over)
    bounds = read_bounds(entries, path, found, facts, dates=dates, value=value)
    if value is None:
        return None
    tolerance = _tolerance(entries, path, found)
    absent = found.text(entries.get("absent"), (*path, "absent"), ABSENT[0])
    found.known("no such way to take what the plan lacks", absent, ABSENT, (*path, "absent"))
    skip = found.text(entries.get("skip"), (*path, "skip"))
    if skip:
        found.known("not a value to skip", skip, ["zero"], (*path, "skip"))
    texts = {k: found.text(entries.get(k), (*path, k)) for k in ("name", "key", "unit", "basis", "system", "during")}
    if texts["system"]:
        found.known("no such system", texts["system"], facts.entities("rack_power_kw"), (*path, "system"))
    if "by" in entries and not texts["during"] and not any(b.kind == "by" for b in bounds):
        texts["during"] = f"to {found.text(entries['by'], (*path, 'by'))}"
    if not (isinstance(value.head, Read) and value.head.during == texts["during"]):  # checked with the quantity
        check_window(texts["during"], (*path, "during"), found)
    if over_time is None and (along is None or along.kind != "count"):
        check_unit(texts["unit"], value, (*path, "unit"), found)
    if not texts["name"]:
        texts["name"] = found.text(entries.get("quantity"), path, "figure")
    return Reading(
        value=value,
        **texts,
        bases=bases,
        over_time=over_time,
        along=along,
        among=among,
        bounds=bounds,
        tolerance=tolerance,
        absent=absent,
        skip_zero=bool(skip),
    )


def check_unit(unit: str, value: Value, path: Path, found: Problems) -> None:
    """Note a unit of another kind than the quantity that is read."""
    head = value.head
    if not unit or value.operations or not isinstance(head, Read) or head.quantity not in variables():
        return
    row = variables()[head.quantity]
    own = row.unit
    if head.reduce == "sum" and row.kind == "rate":
        own = own.rpartition("/")[0] or own
    plain = _MAGNITUDE.sub("", unit)
    if unlike(plain, own):
        found.add(
            f"'{plain}' is a unit of another kind than '{own}', that of {head.quantity}",
            path,
            value=unit,
            remedy=f"write {own}, or a unit that can be turned into it",
        )


def _tolerance(entries: dict[str, Node], path: Path, found: Problems) -> float:
    if "tolerance" not in entries:
        return 0.0
    try:
        tolerance = float(Unit("share").parse(entries["tolerance"].value))  # type: ignore[arg-type] # ValueError
        if not 0 <= tolerance <= LARGEST_TOLERANCE:
            raise ValueError(f"a tolerance lies between 0 % and {LARGEST_TOLERANCE:.0%}")
        return tolerance
    except (ValueError, TypeError) as error:
        found.add(
            str(error), (*path, "tolerance"), value=entries["tolerance"].value, remedy="write a share such as 5 %"
        )
        return 0.0


def _along(entries: dict[str, Node], path: Path, found: Problems, facts: Catalog) -> Along | None:
    """Return the dim whose labels stay apart, if one is named."""
    kinds = [k for k in ALONG if k in entries]
    if not kinds:
        return None
    if len(kinds) > 1:
        found.add("one dim stays apart", path, value=" and ".join(kinds), remedy="keep one of them")
    kind = kinds[0]
    node, where = entries[kind], (*path, kind)
    condition: Condition | None = None
    if isinstance(node.value, dict):
        if len(node.value) != 1 or kind != "count":
            found.add(
                "one dim, with a condition", where, allowed="count: {site: {at_least: 2 GW}}", remedy="name one dim"
            )
            return None
        dim, below = next(iter(node.value.items()))
        condition = read_condition(below, (*where, dim), found, facts, Scope())
    else:
        dim = found.text(node, where)
    return Along(kind, dim, condition) if found.known("no such dim", dim, DIMS[1:], where) else None


def _among(entries: dict[str, Node], path: Path, found: Problems, facts: Catalog) -> tuple[tuple[str, Condition], ...]:
    """Return the conditions that select labels, by dim."""
    if "among" not in entries:
        return ()
    where, made = (*path, "among"), []
    for dim, node in found.mapping(entries["among"], where).items():
        if not found.known("no such dim", dim, DIMS[1:], (*where, dim), key=True):
            continue
        condition = read_condition(node, (*where, dim), found, facts, Scope((dim,)))
        if condition and condition.value is None:
            found.add(
                "what is compared is missing", (*where, dim), remedy="name a quantity in addition to the comparison"
            )
        elif condition:
            made.append((dim, condition))
    return tuple(made)


def _bases(entries: dict[str, Node], path: Path, found: Problems) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the bases on which a reading is evaluated; a plain list holds bases of power."""
    if "bases" not in entries:
        return ()
    node, where = entries["bases"], (*path, "bases")
    if isinstance(node.value, dict):
        given = {k: (n, (*where, k)) for k, n in found.keys(node, where, BASIS_KINDS).items()}
    else:
        given = {"power": (node, where)}
    bases = {kind: found.texts(n, p) for kind, (n, p) in given.items()}
    for kind, names in bases.items():
        for name in names:
            found.known(f"no such basis of {kind}", name, BASIS_KINDS[kind], given[kind][1])
    return tuple(bases.items())
