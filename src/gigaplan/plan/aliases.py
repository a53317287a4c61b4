"""Other names of the catalog's models: those of the same architecture, from ``data/model_aliases.csv``, each with the
reason. A short name that leaves several models open lists them all, the one first that tables mean by it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.resources import files

from gigaplan import catalog
from gigaplan.catalog.names import without_separators


@catalog.per_catalog
def model_names() -> Mapping[str, tuple[str, ...]]:
    """Return the catalog's models by their names without separators, and by the names of others of the same
    architecture."""
    known = {without_separators(k): (k,) for k in catalog.load().entities("layers")}
    text = (files("gigaplan.plan") / "data" / "model_aliases.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    others = {without_separators(r["name"]): (r["model"], *r["or"].split()) for r in rows}
    return {**others, **known}
