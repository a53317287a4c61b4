"""Wrong values replaced by valid ones, so that rules across sections report in the same go as the wrong values."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from gigaplan.plan.document import parse
from gigaplan.plan.provenance import plain_values
from gigaplan.plan.sources import builtin_names, builtin_text

VARIANTS = 2
"""How many unlike replacements there are of a date or a power: what a rule says of both depends on neither."""
_DATES = ("1971-01", "2199-01")
_POWERS = ("20 MW it", "40 MW facility")


def patch_invalid(plain: Any, loc: tuple[str | int, ...], variant: int = 0) -> None:
    """Replace a wrong value of a plain document by a built-in plan's, or remove it where that has none.

    Parameters
    ----------
    plain
        The document's plain values; the value is replaced in place.
    loc
        Where the value stands or is missing.
    variant
        Which of the replacements to take, 0 to :data:`VARIANTS` - 1.
    """
    template: Any = _defaults()
    for part in loc[:-1]:
        inside = isinstance(plain, dict) and part in plain
        if not inside and not (isinstance(plain, list) and isinstance(part, int) and part < len(plain)):
            return
        plain = plain[part]
        template = _template(template, part)
    last = loc[-1]
    if isinstance(plain, dict):
        known = template.get(last) if isinstance(template, dict) else None
        if isinstance(known, str | int | float) or (known is not None and last not in plain):
            plain[last] = _variant(copy.deepcopy(known), variant)
        else:
            plain.pop(last, None)
    elif isinstance(plain, list) and isinstance(last, int) and last < len(plain) and isinstance(template, list):
        plain[last] = copy.deepcopy(template[0]) if template else plain[last]


def _variant(value: Any, variant: int) -> Any:
    """Return a replacement that is unlike those of the other variants, where it is a date or a power."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}(-\w+)*", value):
        return _DATES[variant]
    if isinstance(value, str) and re.fullmatch(r"[\d.]+ [kMG]W \w+", value):
        return _POWERS[variant]
    return value


@cache
def _defaults() -> dict[str, Any]:
    """Return valid values by name: the built-in plan with the most sections, completed from the others."""
    plans = [plain_values(parse(builtin_text(name), name)) for name in builtin_names()]
    defaults: dict[str, Any] = {}
    for plain in sorted(plans, key=lambda p: -sum(len(below) for below in p.values() if isinstance(below, dict))):
        _complete(defaults, plain)
    return defaults


def _complete(defaults: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(defaults.setdefault(name, {}), dict):
            _complete(defaults[name], value)
        else:
            defaults.setdefault(name, value)


def _template(defaults: Any, part: str | int) -> Any:
    """Return what the defaults have under a name, or under another entry's where names are the author's own."""
    if not isinstance(defaults, dict):
        return None
    entries = [v for v in defaults.values() if isinstance(v, dict)]
    return defaults.get(part, entries[0] if entries and len(entries) == len(defaults) else None)
