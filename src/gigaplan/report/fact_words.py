"""Facts and inputs in words: what a fact says and of whom, instead of the id by which it is looked up."""

from __future__ import annotations

import re

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.report import words

LONGEST = 56
"""Characters of the catalog's own meaning that stand in a line; of a longer one the name is made readable."""
UNITS = re.compile(r"_(usd(_per_\w+)?|months|years|days|hours|mw|kw|w|share|s|h|bytes(_per_s)?|per_s|flops_per_s|deg)$")
"""Endings of names that are units, which stand with the value."""
ACRONYMS = {"it": "IT", "pue": "PUE", "gpu": "GPU", "gpus": "GPUs", "hbm": "HBM", "mfu": "MFU", "wan": "WAN"}


def entity_title(name: str) -> str:
    """Return an entity's name as people write it: DeepSeek-R1, GB200 NVL72, Abilene.

    Parameters
    ----------
    name : str
        Of the catalog.
    """
    facts = catalog.load()
    if facts.all(name, "gpus_per_rack"):
        return words.system(name)
    if facts.all(name, "layers"):
        return words.model(name)
    if name.startswith("region_"):
        return words.region(name)
    bare = name.removeprefix("site_")
    return readable(bare) if bare == name else " ".join(w.capitalize() for w in bare.split("_"))


def readable(name: str) -> str:
    """Return a name's words, acronyms as people write them."""
    return " ".join(ACRONYMS.get(word, word) for word in name.split("_"))


def fact_words(path: str) -> str:
    """Return what an input is in words: ``energised to ready for service, ladder``.

    Parameters
    ----------
    path : str
        A fact's id, or the path of a line of the plan; ``explain`` names the id itself.
    """
    if "." not in path:
        return readable(path)
    facts = catalog.load()
    entity, _, rest = path.partition(".")
    quantity = rest.partition(".")[0]
    if facts.all(entity, quantity):
        return f"{_label(facts, quantity)}, {entity_title(entity)}"
    *above, last = path.split(".")
    return f"{readable(UNITS.sub('', last))}, {readable(above[-1])}"


def _label(facts: Catalog, quantity: str) -> str:
    """Return what the catalog says that a quantity is, where that is short; else its name without the unit."""
    known = facts.quantities.get(quantity)
    meaning = re.split(r"[:;(]", known.meaning)[0].strip() if known else ""
    short = meaning.partition(",")[0]
    meaning = short if len(short.split()) > 1 else meaning
    if not meaning or len(meaning) > LONGEST:
        return readable(UNITS.sub("", quantity))
    first = meaning.split()[0].strip(",")
    return meaning if first.isupper() or not first.isalpha() else f"{meaning[0].lower()}{meaning[1:]}"
