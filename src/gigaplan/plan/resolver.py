"""One resolver of names for every verb: models, systems, regions, sites and plans.

A name of the catalog is itself, whatever its case and separators; a model may stand under its organisation or another
published name of the same architecture, a site without the catalog's ``site_``. Verbs compute such a name and refuse
any other with the name that is meant: they do not guess. A plan, which is kept, states the catalog's names. Tables of
measurements, which write one GPU and one model in many ways, are read by what is meant.
"""

from __future__ import annotations

from collections.abc import Iterable

from gigaplan import catalog
from gigaplan.catalog.names import plain_name, system_of
from gigaplan.plan.aliases import other_name
from gigaplan.plan.sources import builtin_names
from gigaplan.vocabulary.errors import Place, Problem, UnsupportedError, unknown_choice

SITE = "site_"
"""How the catalog begins the name of a site."""
MARKS = {
    "model": "layers",
    "system": "hbm_bandwidth_bytes_per_s",
    "region": "power_price_usd_per_mwh",
}
"""The quantity that every entity of a kind has."""
LISTED_BY = {kind: f"gigaplan catalog list {kind}s" for kind in (*MARKS, "site")} | {"plan": ""}
"""The verb that lists all names of a kind."""


def known_names(kind: str) -> tuple[str, ...]:
    """Return the names of a ``model``, ``system``, ``region`` or ``site`` of the catalog, or of a built-in ``plan``."""
    if kind == "plan":
        return builtin_names()
    if kind == "site":
        return tuple(catalog.load().entities(prefix=SITE))
    return tuple(catalog.load().entities(MARKS[kind]))


@catalog.per_catalog
def resolved(kind: str, name: str) -> str:
    """Return the catalog's name that a name of a kind is, "" where it is none.

    Parameters
    ----------
    kind
        ``model``, ``system``, ``region``, ``site`` or ``plan``.
    name
        As somebody has written it.

    Examples
    --------
    >>> resolved("system", "H100-HGX"), resolved("site", "Abilene"), resolved("system", "h100_hgxx")
    ('h100_hgx', 'site_abilene', '')
    >>> resolved("model", "deepseek-ai/DeepSeek-V2-Lite")
    'deepseek_v2_lite'
    """
    known = known_names(kind)
    if name in known:
        return name
    plain = plain_name(name)
    same = (k for k in known if plain and plain_name(k) in (plain, f"{SITE}{plain}" if kind == "site" else plain))
    return next(same, other_name(name) if kind == "model" else "")


def meant(kind: str, name: str) -> str:
    """Return the name of a kind that somebody means, as tables write names, "" where none is; see :func:`resolved`."""
    try:
        return resolved(kind, name) or (system_of(name) if kind == "system" else "")
    except UnsupportedError:
        return ""


def resolved_any(name: str, kinds: Iterable[str] = ("model", "system", "site", "region")) -> str:
    """Return the catalog's name that a name of any kind is, "" where it is none; kinds are tried in turn."""
    return next((found for kind in kinds if (found := resolved(kind, name))), "")


def unresolved(kind: str, name: str, place: Place, meant_name: str = "") -> Problem:
    """Return the problem of a name that is none of a kind, with the name that is meant and the nearest."""
    verb, what = LISTED_BY[kind], f"no such {kind} in the catalog"
    found, known = meant_name or meant(kind, name), known_names(kind)
    return unknown_choice(what, place, name, known, f"{verb} shows them all", meant=found)
