"""Shape of the code: imports without circles, no private names across modules, rooms and pieces of a readable size."""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import gigaplan

SOURCE = Path(gigaplan.__file__).parent
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_ROOM_SHARE = 500, 60, 0.20
MODULES = sorted(SOURCE.rglob("*.py"))


def _benchmark() -> ModuleType:
    """Return ``benchmarks/structure.py``, which measures what this page limits."""
    path = Path(__file__).parents[1] / "benchmarks" / "structure.py"
    spec = importlib.util.spec_from_file_location("structure_figures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures = _benchmark()


def long_pieces(name: str, text: str) -> list[str]:
    """Return a file or functions that are too long; docstrings don't count, and a comment on the line above that
    begins with ``# Long:`` says why one may be."""
    lines = text.splitlines()
    found = [f"{name}: {len(lines)} lines"] if len(lines) > MAX_FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            excused = first > 1 and lines[first - 2].strip().startswith("# Long:")
            length = figures.function_lines(node)
            if length > MAX_FUNCTION_LINES and not excused:
                found.append(f"{name}: {node.name} has {length} lines")
    return found


def private_imports(name: str, text: str) -> list[str]:
    """Return the names that a module takes from another though they begin with an underscore."""
    return [
        f"{name}:{node.lineno}: {alias.name} of {node.module}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
        if (node.module or "").startswith("gigaplan") and node.module != "gigaplan._version"
    ]


def test_files_and_functions_fit_a_page() -> None:
    assert [p for m in MODULES for p in long_pieces(str(m.relative_to(SOURCE)), m.read_text("utf-8"))] == []


def test_no_module_takes_the_private_names_of_another() -> None:
    assert [p for m in MODULES for p in private_imports(str(m.relative_to(SOURCE)), m.read_text("utf-8"))] == []


def test_no_circles_of_modules() -> None:
    assert figures.circles(figures.import_graph(SOURCE)) == []


def test_no_room_is_more_than_a_fifth_of_the_package() -> None:
    lines: Counter[str] = Counter()
    for module in MODULES:
        lines[figures.room_of(figures.module_name(module, SOURCE))] += len(module.read_text("utf-8").splitlines())
    large = {room: n / lines.total() for room, n in lines.items() if n > MAX_ROOM_SHARE * lines.total()}
    assert large == {}


def test_the_rules_see_what_they_forbid() -> None:
    text = "from gigaplan.catalog.check import _rows\n\n\ndef f() -> None:\n" + "    pass\n" * MAX_FILE_LINES
    assert private_imports("m.py", text) == ["m.py:1: _rows of gigaplan.catalog.check"]
    assert len(long_pieces("m.py", text)) == 2
    assert figures.circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("line", ["    x = 1\n" * 61])
def test_a_long_function_needs_its_reason(line: str) -> None:
    assert long_pieces("m.py", f"def f() -> None:\n{line}") == ["m.py: f has 62 lines"]
    assert long_pieces("m.py", f"# Long: one table\ndef f() -> None:\n{line}") == []
