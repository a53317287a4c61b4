"""No physical, market or cost constant in the rooms: a number is a fact, part of a cited equation, or plain arithmetic.

Allowed in formulas: small whole numbers, one half, and powers of ten (unit conversions). Anything else must be a
named constant at the top of its module with words beside it that say what it is: a conversion, a convention or a
source.
"""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import pytest

import gigaplan

ROOMS = (
    "compute",
    "training",
    "inference",
    "power",
    "fleet",
    "demand",
    "allocation",
    "finance",
    "simulate",
    "accuracy",
    "layers",
    "measurements",
    "validation",
)
SOURCE = SOURCE_OF_PACKAGE = Path(gigaplan.__file__).parent


def plain(value: float) -> bool:
    """Whole numbers up to four, a half, and powers of ten need no words; nor do the clock and the calendar."""
    size = abs(value)
    return size in (0, 0.5, 1, 2, 3, 4, 12, 24, 60, 3600) or (
        size > 0 and math.isclose(math.log10(size), round(math.log10(size)), abs_tol=1e-12)
    )


def unexplained(path: Path) -> list[str]:
    """Return the numbers of a module that stand without a name and words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = path.read_text(encoding="utf-8").splitlines()
    explained: set[int] = set()
    for before, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(before, ast.Assign | ast.AnnAssign):
            names = [
                t.id for t in getattr(before, "targets", [getattr(before, "target", None)]) if isinstance(t, ast.Name)
            ]
            words = (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            )
            clear = any(
                n.isupper() and any(u in n for u in ("PER", "HOURS", "DAYS", "MONTHS", "SECONDS", "YEARS", "BYTES"))
                for n in names
            )
            if all(n.lstrip("_").isupper() for n in names) and (
                words or clear or any("#" in line for line in lines[before.lineno - 1 : before.end_lineno])
            ):
                explained |= {id(n) for n in ast.walk(before)}
    found = []
    for node in ast.walk(tree):
        number = (
            isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
        )
        if number and id(node) not in explained and not plain(node.value):
            found.append(f"{path.relative_to(SOURCE)}:{node.lineno}: {node.value}")
    return found


def annotations(path: Path) -> set[str]:
    """Return the places of numbers that bound a field (annotated-types) or fill a default of a range: they are no
    constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        f"{path.relative_to(SOURCE)}:{n.lineno}"
        for c in ast.walk(tree)
        if isinstance(c, ast.AnnAssign)
        for n in ast.walk(c)
        if hasattr(n, "lineno")
    }


def test_every_number_has_a_home() -> None:
    stray = []
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            bounds = annotations(path)
            stray += [s for s in unexplained(path) if s.rsplit(":", 1)[0] not in bounds]
    assert not stray, "numbers without a home (make them facts, or name and explain them):\n" + "\n".join(stray)


def test_the_rule_sees_a_stray_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    clean = (SOURCE_OF_PACKAGE / "power" / "draw.py").read_text(encoding="utf-8")
    path = tmp_path / "draw.py"
    path.write_text(clean, encoding="utf-8")
    assert unexplained(path) == []
    path.write_text(f"{clean}\n\ndef f(x):\n    return x * 1.37\n", encoding="utf-8")
    line = len(clean.splitlines()) + 4
    assert unexplained(path) == [f"draw.py:{line}: 1.37"]
    path.write_text(f'{clean}\n\nFACTOR = 1.37\n"""What is lost on the way."""\n', encoding="utf-8")
    assert unexplained(path) == []
    path.write_text(f"{clean}\n\nFACTOR = 1.37\n\n", encoding="utf-8")
    assert unexplained(path) == [f"draw.py:{line - 1}: 1.37"]
