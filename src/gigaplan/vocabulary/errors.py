"""Errors for the person who made the mistake: place, value, what is allowed, nearest name, what to do.

Tree::

    GigaplanError
    ├── PlanError      the plan or the usage is wrong (exit 2); holds every Problem found
    │   └── UnknownQuantityError   a result has no quantity of this name; also a KeyError
    │       └── LackingQuantityError   it was saved by a version that did not know the quantity
    ├── BasisError     unlike bases met in arithmetic
    ├── InputError     inputs that a room can't work with, each with its path (exit 2)
    ├── LawError       a conservation law does not hold: a bug in gigaplan, not in the plan
    └── MachineError   the machine stopped us: time, memory, disk, permissions (exit 3)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


class GigaplanError(Exception):
    """Root of every error that gigaplan raises on purpose."""


class BasisError(GigaplanError, ValueError):
    """Quantities on unlike bases met without a sourced conversion."""


MOST_LISTED = 12
"""Names that a message lists at most; of more it says how many there are, and gives the nearest."""
MOST_LETTERS = 300
"""Letters that such a list has at most."""
MOST_REPEATED = 120
"""Characters of a written value that a message repeats at most."""
MOST_NEAR = 5
"""Nearest names that a message gives at most."""
A_LETTER_AWAY = 0.85
"""How alike names of three letters and more are at least where one letter tells them apart."""
SPELT_ALMOST_ALIKE = 0.8
"""How alike a further name must be to the written one to be given next to the nearest, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One input that a room can't work with."""

    message: str
    """The value, what is allowed and what to do."""
    paths: tuple[str, ...] = ()
    """Paths of the inputs that are at odds, as the ledger names them; the first is the likeliest to be wrong. An entry
    that its room knows by number alone stands in brackets: ``power.facilities[2].loss_share``."""
    value: str = ""

    def __str__(self) -> str:
        where = self.paths[0] if self.paths else ""
        return f"{where}: {self.message}" if "[" in where else self.message


class InputError(GigaplanError, ValueError):
    """Inputs are of the right kind and yet impossible.

    Parameters
    ----------
    message : str or sequence of Fault
        The value, what is allowed and what to do; or several faults that were found together.
    path : str or sequence of str
        Paths of the inputs that are at odds, as the ledger names them (see :class:`Fault`).
    value : str
        The value as its author would recognise it.
    """

    def __init__(self, message: str | Sequence[Fault], *, path: str | Sequence[str] = (), value: str = "") -> None:
        paths = (path,) if isinstance(path, str) else tuple(path)
        self.faults = (Fault(message, paths, value),) if isinstance(message, str) else tuple(message)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class LawError(GigaplanError, AssertionError):
    """A conservation law that a run must satisfy does not hold."""


class MachineError(GigaplanError):
    """The machine stopped the run: disk, permissions, memory or time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a document: file, line and column (both from 1; 0 when unknown) and dotted path."""

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = self.file or "plan"
        if self.line:
            where += f":{self.line}:{self.column}"
        return where


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or odd in a document, worded so that its author can correct it."""

    message: str
    place: Place = field(default_factory=Place)
    value: str = ""
    allowed: str = ""
    nearest: str = ""
    remedy: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.severity}: {self.message}"]
        if self.place.path:
            lines[0] = f"{self.place}: {self.severity}: {self.place.path}: {self.message}"
        for label, text in (
            ("found", self.value),
            ("allowed", self.allowed),
            ("nearest", self.nearest),
            ("do", self.remedy),
        ):
            if text:
                lines.append(f"    {label + ':':<9}{text}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """Return the problem as plain data, for ``--json``."""
        return {
            "severity": self.severity,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "path": self.place.path,
            "message": self.message,
            "value": self.value,
            "allowed": self.allowed,
            "nearest": self.nearest,
            "remedy": self.remedy,
        }


class PlanError(GigaplanError):
    """The plan or the usage is wrong; carries all problems at once, in the order of the document."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.place.file, p.place.line, p.place.column)))
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made, in another process too: with the same problems and text."""
        return _error_again, (type(self), self.args, self.__dict__)


def _error_again(cls: type[PlanError], args: tuple[Any, ...], fields: Mapping[str, Any]) -> PlanError:
    """Return an error as it was, without the arguments that its class takes."""
    error = cls.__new__(cls, *args)
    error.__dict__.update(fields)
    return error


class ArgumentsError(PlanError, TypeError):
    """A verb is called with wrong arguments; carries all problems at once.

    It is a TypeError too: that is what Python raises for a wrong call, and what code expects that tries one, as whether
    a version takes an argument. Who catches PlanError needs no other clause.
    """


class UnknownQuantityError(PlanError, KeyError):
    """A result has no quantity of this name; the message gives the nearest one that it has.

    Parameters
    ----------
    reason : str
        What is wrong, as a clause.
    name : str
        The name that was given.
    known : iterable of str
        The quantities that there are.
    nearest : str
        The nearest of them, empty if none is near.
    """

    def __init__(self, reason: str, name: str, known: Iterable[str], nearest: str = "") -> None:
        names = tuple(known)
        remedy = "see docs/glossary.md, which lists every quantity"
        allowed = f"{len(names)} quantities" if nearest else allowed_names(names)
        problem = Problem(
            reason, Place("quantity"), value=name, allowed=allowed, nearest=nearest_text(name, names), remedy=remedy
        )
        PlanError.__init__(self, [problem])

    def __str__(self) -> str:
        return "\n".join(str(p) for p in self.problems)  # KeyError would show the text quoted, on one line


class LackingQuantityError(UnknownQuantityError):
    """A saved result lacks a quantity: the version of gigaplan that wrote it did not know it, or this one does not.

    Parameters
    ----------
    name : str
        The quantity.
    known : iterable of str
        The quantities that the result holds.
    use : str
        What another quantity needs it for, as a clause that ends with this one's name; empty where the quantity itself
        was requested.
    """

    def __init__(self, name: str, known: Iterable[str], use: str = "") -> None:
        what = f"{use}, which this result does not hold" if use else "this result does not hold the quantity"
        PlanError.__init__(
            self,
            [
                Problem(
                    f"{what}; it was saved by another version of gigaplan",
                    Place("quantity"),
                    value=name,
                    allowed=f"{len(tuple(known))} quantities",
                    remedy="run the plan again, or ask for one that it holds",
                )
            ],
        )
        self.name = name


class UnsupportedError(ValueError):
    """A question that the models can't answer; the message says why."""


def nearest_name(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """Return the known name that is nearest to ``name``, or an empty string when none is near.

    Parameters
    ----------
    name
        What was written.
    names
        The names that there are.
    likeness
        How alike two names must be at least, 0 to 1, where neither continues the other.
    """
    return next(iter(nearest_names(name, names, 1, likeness)), "")


def nearest_names(name: str, names: Iterable[str], most: int = 5, likeness: float = 0.6) -> tuple[str, ...]:
    """Return the known names nearest to ``name``: those a letter away, then those that begin with it whole, the
    shortest first, then those that are spelt alike.

    >>> nearest_names("gb300", ["gb10", "gb300_nvl72"])
    ('gb300_nvl72', 'gb10')
    >>> nearest_names("gpu", ["gpu_power_w", "gpus"])
    ('gpus', 'gpu_power_w')
    """
    known = {str(n).lower(): str(n) for n in names}
    written = str(name).lower().strip()
    begun = sorted((n for n in known if written and re.match(rf"{re.escape(written)}[_\W]", n)), key=len)
    alike = difflib.get_close_matches(written, known, n=most, cutoff=likeness) if most > 0 else []
    letter = difflib.get_close_matches(written, known, n=most, cutoff=A_LETTER_AWAY) if most > 0 else []
    return tuple(known[n] for n in dict.fromkeys([*letter, *begun, *alike]))[:most]


def nearest_text(name: str, names: Iterable[str]) -> str:
    """Return the nearest known names for a message.

    Names that continue the written one are all given, up to ``MOST_NEAR``; else the nearest one, and where there are
    more than ``MOST_LISTED`` names also the others that are spelt almost alike.

    >>> nearest_text("h100", ["h200_hgx", "h100_pcie", "h100_hgx"])
    'h100_hgx, h100_pcie'
    """
    known = tuple(dict.fromkeys(str(n) for n in names))
    near = nearest_names(name, known, MOST_NEAR)
    written = str(name).lower().strip()
    begun = [n for n in near if re.match(rf"{re.escape(written)}[_\W]", n.lower())] if written else []
    if near and near[0] not in begun:
        begun = []
    others = nearest_names(name, known, MOST_NEAR, SPELT_ALMOST_ALIKE) if len(known) > MOST_LISTED else ()
    return ", ".join(begun or others or near[:1])


def allowed_names(names: Iterable[str], listed_by: str = "") -> str:
    """Return what a message says of the names that are allowed: a few are listed, of many it says how to see them.

    Parameters
    ----------
    names
        The names that are allowed.
    listed_by
        The verb that lists them, as ``gigaplan catalog list models``, for more than ``MOST_LISTED``.

    >>> allowed_names(["us", "uae"]), allowed_names(map(str, range(13)), "gigaplan catalog list models")
    ('us, uae', "13 names, which 'gigaplan catalog list models' lists")
    """
    known = tuple(dict.fromkeys(str(n) for n in names))
    if len(known) <= MOST_LISTED and sum(map(len, known)) <= MOST_LETTERS:
        return ", ".join(known)
    return f"{len(known)} names" + (f", which '{listed_by}' lists" if listed_by else "")


def unknown_choice(
    message: str,
    place: Place,
    name: str,
    known: Iterable[str],
    remedy: str,
    *,
    meant: Sequence[str] = (),
    listed_by: str = "",
) -> Problem:
    """Return the problem of a name that is none of the known ones: what is allowed, and the nearest.

    Parameters
    ----------
    message
        What is wrong.
    place
        Where the name is written.
    name
        The name as it is written.
    known
        The names that are allowed.
    remedy
        What to do.
    meant
        The names that are meant, where that is known otherwise than by their spelling; they are given first.
    listed_by
        The verb that lists all names, as ``gigaplan catalog list models``, for more than ``MOST_LISTED`` of them.
    """
    names = tuple(dict.fromkeys(str(n) for n in known))
    first = [m for m in meant if m in names]
    near = [] if len(first) > 1 else nearest_text(name, names).split(", ")
    nearest = ", ".join(dict.fromkeys(n for n in [*first, *near] if n))
    allowed = allowed_names(names, listed_by)
    return Problem(message, place, value=shortened(name), allowed=allowed, nearest=nearest, remedy=remedy)


def shortened(text: str) -> str:
    """Return a written value as a message repeats it: whole, or its beginning where it is very long."""
    return text if len(text) <= MOST_REPEATED else f"{text[:MOST_REPEATED]}... ({len(text):,} characters)"
