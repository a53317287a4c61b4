"""Other names of the catalog's models: those of the same architecture, from ``data/model_aliases.csv``, each with the
reason."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.resources import files

from gigaplan import catalog
from gigaplan.catalog.names import plain_name


def other_name(name: str) -> str:
    """Return the catalog's model that is known under a name, with or without its organisation; "" where none is.

    Every word counts: a name with further words, such as a date or a precision, is none.
    """
    return model_names().get(model_key(plain_name(name.rsplit("/", maxsplit=1)[-1])), "")


@catalog.per_catalog
def model_names() -> Mapping[str, str]:
    """Return the catalog's models by their names without separators, and by the names of others of the same
    architecture."""
    known = {model_key(k): k for k in catalog.load().entities("layers")}
    text = (files("gigaplan.plan") / "data" / "model_aliases.csv").read_text(encoding="utf-8")
    others = {model_key(r["name"]): r["model"] for r in csv.DictReader(text.splitlines())}
    return {**others, **known}


def model_key(text: str) -> str:
    """Return a name without its separators."""
    return text.replace("_", "")
