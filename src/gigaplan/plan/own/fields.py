"""The fields of a model's configuration, read one by one: what is missing or can't be a number is reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gigaplan.plan.own.families import IGNORED_ENDINGS, ignored

MOST = 10**12
"""The largest whole number that a field may hold."""
NOTHING: tuple[Any, ...] = (None, False, 0, "", 1.0, [], {})
"""Values of a field by which a part is absent or unscaled."""


class Fields:
    """A configuration's fields.

    Parameters
    ----------
    values
        The configuration of the text model.
    defaults
        Values of fields that the family's published configurations leave out.
    """

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self._values, self._defaults = values, defaults
        self._read: set[str] = set()
        self.missing: list[str] = []
        self.faults: list[str] = []
        self.warnings: list[str] = []

    def raw(self, *names: str) -> Any:
        """Return the first of some fields that is stated, the family's default of one, else None."""
        self._read.update(names)
        stated = [self._values[n] for n in names if self._values.get(n) is not None]
        return stated[0] if stated else next((self._defaults[n] for n in names if n in self._defaults), None)

    def count(self, *names: str, default: int | None = None) -> int:
        """Return a field's whole number; what all layers share where it is a list of one number for each.

        Parameters
        ----------
        names
            Names by which families call it.
        default
            Value of a field that is left out; None where a configuration must have it.
        """
        value = self.raw(*names)
        if value is None:
            if default is None:
                self.missing.append(names[0])
            return default or 0
        if isinstance(value, list) and value:
            if any(v != value[0] for v in value):
                self.faults.append(f"'{names[0]}' differs from layer to layer, which can't be described")
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST or value % 1:
            self.faults.append(f"'{names[0]}' is {str(value)[:40]!r}, not a whole number")
            return default or 0
        return int(value)

    def listed(self, *names: str) -> list[Any]:
        """Return a field's list, empty where it is left out; anything else than a list is a fault."""
        value = self.raw(*names)
        if value is not None and not isinstance(value, list):
            self.faults.append(f"'{names[0]}' is {str(value)[:40]!r}, not a list")
        return value if isinstance(value, list) else []

    def flag(self, *names: str, default: bool = False) -> bool:
        """Return whether a field is true; the default where it is left out."""
        value = self.raw(*names)
        return default if value is None else bool(value)

    def refuse(self, name: str, why: str, *, usual: tuple[Any, ...] = NOTHING) -> None:
        """Note the fault of a field that has another value than those by which nothing changes."""
        value = self.raw(name)
        if value not in usual:
            self.faults.append(f"'{name}' {why}, which can't be described")

    def approximate(self, name: str, how: str) -> None:
        """Warn of a field whose part is counted in another way, where it is stated."""
        if self.raw(name) not in NOTHING:
            self.warnings.append(f"'{name}': {how}")

    def unread(self) -> list[str]:
        """Return the stated fields that nothing has read, and that may change compute or memory."""
        return sorted(
            name
            for name, value in self._values.items()
            if name not in self._read
            and name not in ignored()
            and not name.endswith(IGNORED_ENDINGS)
            and value not in NOTHING
        )
