"""Print the shape of the code: rooms, sizes, circles, documented parameters. ``python benchmarks/structure.py
[SOURCE]``."""

from __future__ import annotations

import ast
import statistics
import sys
from collections import defaultdict
from pathlib import Path

PACKAGE = "gigaplan"


Function = ast.FunctionDef | ast.AsyncFunctionDef


def function_lines(node: Function) -> int:
    """Return a function's lines without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def only_for_types(tree: ast.Module) -> set[int]:
    """Return the nodes that only a type checker sees: what stands under ``if TYPE_CHECKING``, its ``else`` left out."""
    found: set[int] = set()
    for branch in (n for n in ast.walk(tree) if isinstance(n, ast.If)):
        test, negated = branch.test, False
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, negated = test.operand, not negated
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
        if name == "TYPE_CHECKING":
            found |= {id(n) for part in (branch.orelse if negated else branch.body) for n in ast.walk(part)}
    return found


def origin(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    """Return the full name of the module that a ``from`` line of the module ``name`` stands for."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def imports(tree: ast.Module, name: str, known: set[str], *, is_package: bool = False) -> set[str]:
    """Return the modules of the package that a module imports, those for type checkers alone left out."""
    skipped = only_for_types(tree)
    found: set[str] = set()
    for node in (n for n in ast.walk(tree) if id(n) not in skipped):
        if isinstance(node, ast.ImportFrom):
            module = origin(node, name, is_package)
            for alias in node.names:
                full = f"{module}.{alias.name}"
                found.add(full if full in known else module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return (found & known) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another (strongly connected, Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(v: str) -> None:
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(graph.get(v, ())):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            group = stack[stack.index(v) :]
            del stack[stack.index(v) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for v in sorted(graph):
        if v not in index:
            visit(v)
    return groups


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source.parent).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def import_graph(source: Path) -> dict[str, set[str]]:
    """Return which module imports which."""
    paths = {module_name(p, source): p for p in sorted(source.rglob("*.py"))}
    return {
        n: imports(ast.parse(p.read_text(encoding="utf-8")), n, set(paths), is_package=p.name == "__init__.py")
        for n, p in paths.items()
    }


def documented(source: Path) -> tuple[int, int, int]:
    """Return public functions with parameters, those with a docstring, and those with a Parameters section."""
    functions = with_doc = with_parameters = 0
    for path in source.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        owners = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
        for node in (n for o in owners for n in o.body if isinstance(n, Function)):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if node.name.startswith("_") or not [a for a in arguments if a.arg not in ("self", "cls")]:
                continue
            text = ast.get_docstring(node) or ""
            functions += 1
            with_doc += bool(text)
            with_parameters += "Parameters\n" in text
    return functions, with_doc, with_parameters


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "src" / PACKAGE
    files = sorted(source.rglob("*.py"))
    lines = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    rooms: dict[str, int] = defaultdict(int)
    for p, n in lines.items():
        rooms[room_of(module_name(p, source)) or "(top)"] += n
    whole = sum(lines.values())
    functions = [
        function_lines(n) for p in files for n in ast.walk(ast.parse(p.read_text("utf-8"))) if isinstance(n, Function)
    ]
    graph = import_graph(source)
    between = {(room_of(a), room_of(b)) for a, some in graph.items() for b in some if room_of(a) != room_of(b)}
    largest_room, largest_file = max(rooms, key=lambda r: rooms[r]), max(lines, key=lambda p: lines[p])
    known, with_doc, with_parameters = documented(source)
    for what, value in (
        ("rooms", len(rooms)),
        ("modules, lines", f"{len(files)}, {whole:,}"),
        ("largest room", f"{largest_room}: {rooms[largest_room]:,} lines, {rooms[largest_room] / whole:.1%}"),
        ("largest file", f"{largest_file.relative_to(source)}: {lines[largest_file]} lines"),
        (
            "functions: median, p90, largest",
            f"{statistics.median(functions):.0f}, {statistics.quantiles(functions, n=10)[-1]:.0f}, {max(functions)}",
        ),
        ("functions over 60 lines", sum(n > 60 for n in functions)),
        ("circles of modules", [[m.removeprefix(f"{PACKAGE}.") for m in g] for g in circles(graph)]),
        ("pairs of rooms that import each other", sorted((a, b) for a, b in between if a < b and (b, a) in between)),
        ("public functions with parameters", known),
        ("  with a docstring", f"{with_doc / known:.0%}"),
        ("  with a Parameters section", f"{with_parameters / known:.0%}"),
    ):
        print(f"{what:<40}{value}")


if __name__ == "__main__":
    main()
