"""One resolver of names for every verb: models, systems, regions, sites, workloads and plans.

A name of the catalog is itself, whatever its case and separators. A model may also stand under its organisation, with
words that say nothing of its architecture (a training, a date, its size), or under another published name of the same
architecture; a system under its GPU's name; a site without the catalog's ``site_``. Words that say that another model
is meant (``mini``, ``flash``, ``coder``, a version) are never dropped.

A name that leaves several open is refused with these: of an ``H100`` there are three. Tables of measurements are read
by the same rules, and their two conventions: a bare GPU is the module in its node, and words about the machine, the
memory or the precision around a name are not part of it (:func:`meant_in_table`).
"""

from __future__ import annotations

from collections.abc import Iterable

from gigaplan import catalog
from gigaplan.catalog.names import plain_name, systems_named, without_separators
from gigaplan.plan.names import models_named
from gigaplan.plan.sources import builtin_names
from gigaplan.vocabulary.errors import Place, Problem, UnsupportedError, nearest_name, unknown_choice

SITE = "site_"
"""How the catalog begins the name of a site."""
PREFIXES = {"site": SITE, "region of users": "region_"}
"""How the catalog begins names of a kind; people leave it out."""
MARKS = {
    "model": "layers",
    "system": "hbm_bandwidth_bytes_per_s",
    "region": "power_price_usd_per_mwh",
    "region of users": "share_of_use",
    "workload": "output_tokens",
}
"""The quantity that every entity of a kind has."""
LISTED_BY = {
    **{kind: f"gigaplan catalog list {kind}s" for kind in ("model", "system", "region", "site", "workload")},
    "region of users": "gigaplan catalog list users",
    "plan": "",
}
"""The verb that lists all names of a kind."""


def known_names(kind: str) -> tuple[str, ...]:
    """Return the names of a kind (of :data:`LISTED_BY`) in the catalog, or of the built-in plans."""
    if kind == "plan":
        return builtin_names()
    if kind == "site":
        return tuple(catalog.load().entities(prefix=SITE))
    return tuple(catalog.load().entities(MARKS[kind]))


@catalog.per_catalog
def candidates(kind: str, name: str, among: tuple[str, ...] | None = None, *, table: bool = False) -> tuple[str, ...]:
    """Return the names that a name of a kind may mean: none, one, or several that it leaves open.

    Parameters
    ----------
    kind
        One of :data:`LISTED_BY`.
    name
        As somebody has written it.
    among
        The names that are allowed here, if not all of the catalog's kind.
    table
        Whether it stands in a table of measurements; the first of several is then what tables mean by it.
    """
    known = known_names(kind) if among is None else among
    if name in known:
        return (name,)
    key = without_separators(name)
    prefix = without_separators(PREFIXES.get(kind, ""))
    if same := tuple(k for k in known if key and without_separators(k) in (key, prefix + key)):
        return same
    found: tuple[str, ...] = ()
    if kind == "model":
        found = models_named(name, table=table)
    elif kind == "system":
        found = systems_named(name, table=table)
    return tuple(f for f in found if f in known)


def resolved(kind: str, name: str, among: tuple[str, ...] | None = None) -> str:
    """Return the one name that a name of a kind means, "" where it means none or leaves several open.

    Parameters
    ----------
    kind, name, among
        See :func:`candidates`.

    Examples
    --------
    >>> resolved("system", "H100-HGX"), resolved("site", "Abilene"), resolved("system", "h100_hgxx")
    ('h100_hgx', 'site_abilene', '')
    >>> resolved("model", "deepseek-ai/DeepSeek-V2-Lite"), resolved("system", "GB300"), resolved("system", "H100")
    ('deepseek_v2_lite', 'gb300_nvl72', '')
    """
    found = candidates(kind, name, among)
    return found[0] if len(found) == 1 else ""


def meant_in_table(kind: str, name: str) -> str:
    """Return the catalog's model or system that a table of measurements means by a name.

    Raises
    ------
    UnsupportedError
        If there is none; the message names the nearest.
    """
    if found := candidates(kind, name, table=True):
        return found[0]
    if kind == "system" and not without_separators(name):
        raise UnsupportedError("no GPU is named: name one in the column 'gpu'")
    near = nearest_name(plain_name(name.rsplit("/", maxsplit=1)[-1]), known_names(kind))
    hint = f"nearest is '{near}'" if near else f"{LISTED_BY[kind]} shows those that are known"
    what = "architecture for model" if kind == "model" else "system for GPU"
    raise UnsupportedError(f"no {what} '{name}'; {hint}")


def resolved_any(name: str, kinds: Iterable[str] = ("model", "system", "site", "region")) -> str:
    """Return the catalog's name that a name of any kind is, "" where it is none; kinds are tried in turn."""
    return next((found for kind in kinds if (found := resolved(kind, name))), "")


def unresolved(
    kind: str,
    name: str,
    place: Place,
    among: tuple[str, ...] | None = None,
    message: str = "",
    remedy: str = "",
) -> Problem:
    """Return the problem of a name that means none of a kind, or leaves several open.

    Parameters
    ----------
    kind, name, among
        See :func:`candidates`.
    place
        Where the name is written.
    message
        What is wrong with a name that means none.
    remedy
        What to do with such a name.
    """
    known, listed = known_names(kind) if among is None else among, LISTED_BY[kind]
    several = candidates(kind, name, among) or candidates(kind, name, among, table=True)
    if len(several) > 1:
        message, remedy = f"this may be any of {len(several)} {kind}s", "name the one that is meant"
    elif several and kind == "model":
        remedy = f"name {several[0]} if that is meant, and a precision apart from it"
    message = message or (f"no such {kind} in the catalog" if name else f"no {kind} is named")
    return unknown_choice(message, place, name, known, remedy or "check the spelling", meant=several, listed_by=listed)
