"""Shape of the code: no import of another module's private names, and pieces that fit a page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gigaplan

SOURCE = Path(gigaplan.__file__).parent
ROOMS = ("accuracy", "layers", "validation", "inference/requests")
MOST_LINES, MOST_LINES_OF_FUNCTION = 500, 60


def modules() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            yield str(path.relative_to(SOURCE)), path.read_text(encoding="utf-8")


def long_pieces(name: str, text: str) -> list[str]:
    found = [f"{name}: {len(text.splitlines())} lines"] if len(text.splitlines()) > MOST_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            found += [f"{name}: {node.name} has {lines} lines"] if lines > MOST_LINES_OF_FUNCTION else []
    return found


def private_imports(name: str, text: str) -> list[str]:
    return [
        f"{name}:{node.lineno}: {alias.name} of {node.module}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and (node.module or "").startswith("gigaplan")
    ]


def test_files_and_functions_fit_a_page() -> None:
    assert [p for name, text in modules() for p in long_pieces(name, text)] == []


def test_no_module_takes_the_private_names_of_another() -> None:
    assert [p for name, text in modules() for p in private_imports(name, text)] == []


def test_the_rules_see_what_they_forbid() -> None:
    text = "from gigaplan.catalog.check import _rows\n\n\ndef f() -> None:\n" + "    pass\n" * MOST_LINES
    assert private_imports("m.py", text) == ["m.py:1: _rows of gigaplan.catalog.check"]
    assert len(long_pieces("m.py", text)) == 2
