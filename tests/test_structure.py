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
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            excused = first > 1 and lines[first - 2].strip().startswith("# Long:")
            length = figures.function_lines(node)
            if length > MAX_FUNCTION_LINES and not excused:
                found.append(f"{name}: {node.name} has {length} lines")
    return found


def private_names(name: str, text: str, module: str = "gigaplan.m", *, is_package: bool = False) -> list[str]:
    """Return the names that a module takes from another though they begin with an underscore: imported by any form of
    import, or reached as an attribute of what is imported. The package's own ``_version`` and ``_start`` are excused.
    """
    tree, found, imported = ast.parse(text), [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            taken = {a.asname or a.name: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = figures.origin(node, module, is_package)
            taken = {a.asname or a.name: f"{source}.{a.name}" for a in node.names}
        else:
            continue
        for short, full in taken.items():
            if full.partition(".")[0] == "gigaplan":
                imported.add(short)
                parts = [p for p in full.split(".") if p not in ("_version", "_start")]
                found += [f"{name}:{node.lineno}: {full}"] if any(is_private(p) for p in parts) else []
    return found + [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node.value) in imported
    ]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_files_and_functions_fit_a_page() -> None:
    assert [p for m in MODULES for p in long_pieces(str(m.relative_to(SOURCE)), m.read_text("utf-8"))] == []


def test_no_module_takes_the_private_names_of_another() -> None:
    assert [
        fault
        for path in MODULES
        for fault in private_names(
            str(path.relative_to(SOURCE)),
            path.read_text("utf-8"),
            figures.module_name(path, SOURCE),
            is_package=path.name == "__init__.py",
        )
    ] == []


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
    assert private_names("m.py", text) == ["m.py:1: gigaplan.catalog.check._rows"]
    assert len(long_pieces("m.py", text)) == 2
    assert figures.circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("line", "module", "is_package"),
    [
        ("from gigaplan.a import _b", "gigaplan.room.m", False),
        ("from ..a import _b", "gigaplan.room.m", False),
        ("from .a import _b", "gigaplan", True),
        ("from . import _b", "gigaplan.room.m", False),
        ("import gigaplan.a._b", "gigaplan.room.m", False),
        ("import gigaplan.a._b as c", "gigaplan.room.m", False),
        ("from gigaplan.a._b import c", "gigaplan.room.m", False),
        ("from gigaplan import a\nx = a._b", "gigaplan.room.m", False),
        ("import gigaplan.a\nx = gigaplan.a._b()", "gigaplan.room.m", False),
    ],
)
def test_private_names_are_seen_in_every_form_of_import(line: str, module: str, is_package: bool) -> None:
    assert private_names("m.py", line, module, is_package=is_package) != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from gigaplan.a import b", {"gigaplan.a"}),
        ("from gigaplan.a import c", {"gigaplan.a.c"}),
        ("import gigaplan.a.c", {"gigaplan.a.c"}),
        ("from . import n", {"gigaplan.room.n"}),
        ("from .n import f", {"gigaplan.room.n"}),
        ("from ..a import c, b", {"gigaplan.a", "gigaplan.a.c"}),
        ("async def f():\n    from gigaplan.a import b", {"gigaplan.a"}),
        ("if TYPE_CHECKING:\n    from gigaplan.a import b\nelse:\n    from . import n", {"gigaplan.room.n"}),
        ("if not TYPE_CHECKING:\n    from gigaplan.a import b\nelse:\n    from . import n", {"gigaplan.a"}),
        ("if typing.TYPE_CHECKING:\n    from gigaplan.a import b", set()),
    ],
)
def test_imports_are_seen_in_every_form(text: str, expected: set[str]) -> None:
    known = {"gigaplan.a", "gigaplan.a.c", "gigaplan.room.m", "gigaplan.room.n"}
    assert figures.imports(ast.parse(text), "gigaplan.room.m", known) == expected


@pytest.mark.parametrize("line", ["    x = 1\n" * 61])
def test_a_long_function_needs_its_reason(line: str) -> None:
    assert long_pieces("m.py", f"async def f() -> None:\n{line}") == ["m.py: f has 62 lines"]
    assert long_pieces("m.py", f"def f() -> None:\n{line}") == ["m.py: f has 62 lines"]
    assert long_pieces("m.py", f"# Long: one table\ndef f() -> None:\n{line}") == []
