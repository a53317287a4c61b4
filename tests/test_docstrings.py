"""Docstrings of the physics and money rooms: parameters, returns and fields are documented, and examples are true.

Rooms are added to ``ROOMS`` as they comply. In them every public function and method with parameters has a numpydoc
``Parameters`` section that names exactly its parameters, in their order and with their types, and a ``Returns`` section
when it returns something. Every public field of a dataclass has a docstring below it, or is named in a ``Parameters``
or ``Attributes`` section of its class.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

import gigaplan

ROOMS = ("compute", "inference", "power", "demand", "fleet", "allocation", "finance", "training")
SOURCE = Path(gigaplan.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


def sections(docstring: str) -> dict[str, list[str]]:
    """Return the lines under each numpydoc heading; a heading is a line that is underlined."""
    lines = inspect.cleandoc(docstring).splitlines()
    heads = [k for k in range(len(lines) - 1) if re.fullmatch(r"-{3,}", lines[k + 1]) and lines[k].strip()]
    return {lines[k].strip(): lines[k + 2 : end] for k, end in pairwise([*heads, len(lines)])}


def names(lines: list[str]) -> list[str]:
    """Return the names that a section documents: 'a, b : type' at its margin stands for two."""
    heads = [line.split(" : ")[0] for line in lines if " : " in line and not line.startswith(" ")]
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def undescribed(lines: list[str]) -> list[str]:
    """Return the entries of a section under which nothing is said."""
    heads = [k for k, line in enumerate(lines) if line and not line.startswith(" ")]
    return [lines[k] for k in heads if k + 1 >= len(lines) or not lines[k + 1].startswith("    ")]


def decorators(node: Function | ast.ClassDef) -> set[str]:
    found = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return {d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "") for d in found}


def parameters(node: Function, *, method: bool) -> list[str]:
    a = node.args
    positional = [*a.posonlyargs, *a.args]
    if method and "staticmethod" not in decorators(node):
        positional = positional[1:]
    stars = [s.arg for s in (a.vararg,) if s], [s.arg for s in (a.kwarg,) if s]
    return [*(p.arg for p in positional), *stars[0], *(p.arg for p in a.kwonlyargs), *stars[1]]


def returns_something(node: Function) -> bool:
    return node.returns is not None and not (isinstance(node.returns, ast.Constant) and node.returns.value is None)


SYNONYMS = {
    "array": ("array",),
    "ndarray": ("array",),
    "arraylike": ("array",),
    "any": ("",),
    "f": ("callable",),
    "callable": ("callable",),
    "date": ("date",),
    "uncertain": ("uncertain", "float or numpy.ndarray"),
    "none": ("none", "optional"),
}
"""Words of a documented type that stand for an annotation, both in lower case, where it isn't the annotation's own
name."""
CHOICES = re.compile(r"\{'.*'\}")


def alternatives(annotation: ast.expr) -> list[str]:
    """Return the names of an annotation's alternatives without modules and arguments: ``np.ndarray[X] | None`` gives
    two."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return [*alternatives(annotation.left), *alternatives(annotation.right)]
    if isinstance(annotation, ast.Subscript):
        return alternatives(annotation.value)
    if isinstance(annotation, ast.Constant):
        return [str(annotation.value).rpartition(".")[2]]
    return [annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")]


def wrong_types(node: Function, lines: list[str]) -> list[str]:
    """Return the parameters whose documented type isn't what their annotation says."""
    types = {
        name.strip().lstrip("*"): kind
        for line in lines
        if " : " in line and not line.startswith(" ")
        for name, kind in [(n, line.split(" : ", 1)[1]) for n in line.split(" : ", 1)[0].split(",")]
    }
    wrong = []
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        kind = types.get(argument.arg)
        if kind is None or argument.annotation is None or CHOICES.search(kind):
            continue
        stated = {name.lower() for name in alternatives(argument.annotation)}
        if stated & {"array", "ndarray"}:
            stated -= {"float", "int", "bool"}  # a number is an array of no dimensions
        for name in sorted(stated):
            words = SYNONYMS.get(name, (name,))
            if not any(word in kind.lower() for word in words):
                wrong.append(f"'{argument.arg}' is documented as '{kind}', not as '{ast.unparse(argument.annotation)}'")
    return wrong


def faults_of_function(node: Function, *, method: bool) -> list[str]:
    doc = ast.get_docstring(node)
    if not doc:
        return ["has no docstring"]
    takes = parameters(node, method=method)
    is_property = bool(decorators(node) & {"property", "cached_property"})
    short = len(node.body) == 2  # the docstring and one line
    if is_property or (not takes and short):
        return []
    found, faults = sections(doc), []
    documented = names(found.get("Parameters", []))
    if takes != documented:
        faults.append(f"takes {takes}, its Parameters section names {documented}")
    faults += wrong_types(node, found.get("Parameters", []))
    if returns_something(node) and "Returns" not in found and "Yields" not in found:
        faults.append("returns something, but has no Returns section")
    for head in ("Parameters", "Returns"):
        faults += [f"{head} says nothing of '{entry}'" for entry in undescribed(found.get(head, []))]
    return faults


def faults_of_fields(node: ast.ClassDef) -> list[str]:
    """Return the public fields of a dataclass that are documented neither below them nor in the class's docstring."""
    found = sections(ast.get_docstring(node) or "")
    in_class = {*names(found.get("Parameters", [])), *names(found.get("Attributes", []))}
    faults = []
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        documented = (
            isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        )
        name = field.target.id
        if not documented and name not in in_class and not name.startswith("_"):
            faults.append(f"field '{name}' has no docstring below it")
    return faults


def faults_of_class(node: ast.ClassDef, name: str) -> list[str]:
    """Return what is missing in a public class, in its methods and in the classes inside it."""
    found = [] if ast.get_docstring(node) else [f"{node.lineno}: {name} has no docstring"]
    if "dataclass" in decorators(node):
        found += [f"{node.lineno}: {name}: {f}" for f in faults_of_fields(node)]
    for part in node.body:
        if isinstance(part, ast.ClassDef) and not part.name.startswith("_"):
            found += faults_of_class(part, f"{name}.{part.name}")
        if isinstance(part, Function) and part.name == "__init__":
            documented = names(sections(ast.get_docstring(node) or "").get("Parameters", []))
            takes = parameters(part, method=True)
            if takes != documented:
                found.append(f"{part.lineno}: {name} takes {takes}, its Parameters section names {documented}")
        if isinstance(part, Function) and not part.name.startswith("_"):
            found += [f"{part.lineno}: {name}.{part.name} {f}" for f in faults_of_function(part, method=True)]
    return found


def faults(tree: ast.Module) -> list[str]:
    """Return what is missing in a module, each with its line and name."""
    found = [] if ast.get_docstring(tree) else ["1: the module has no docstring"]
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            found += [f"{node.lineno}: {node.name} {f}" for f in faults_of_function(node, method=False)]
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += faults_of_class(node, node.name)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_public_functions_and_fields_are_documented(room: str) -> None:
    assert modules(room), f"no modules in {SOURCE / room}"
    found = [
        f"{path.relative_to(SOURCE.parent)}:{fault}"
        for path in modules(room)
        for fault in faults(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "docstrings that don't say what a caller needs:\n" + "\n".join(found)


@pytest.mark.parametrize("room", ROOMS)
def test_examples_are_true(room: str) -> None:
    tried = 0
    for path in modules(room):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        result = doctest.testmod(importlib.import_module(name))
        assert not result.failed, f"{name}: {result.failed} examples give something else (run python -m doctest on it)"
        tried += result.attempted
    assert tried, f"no example in room {room}"


COMPLETE = '''"""Module."""
from dataclasses import dataclass

@dataclass
class Node:
    """Node."""
    gpus: int
    """GPUs of the node."""
    @property
    def double(self) -> int:
        """Twice the GPUs."""
        return 2 * self.gpus

def power(gpus: int, *, limit_w: float) -> float:
    """Return power.

    Parameters
    ----------
    gpus : int
        GPUs.
    limit_w : float
        Limit [W].

    Returns
    -------
    float
        Power [W].
    """
    return gpus * limit_w
'''


def test_the_rule_accepts_what_is_complete() -> None:
    assert faults(ast.parse(COMPLETE)) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    limit_w : float\n        Limit [W].\n", "", "Parameters section names ['gpus']"),
        ("limit_w : float\n", "limit : float\n", "names ['gpus', 'limit']"),
        ("gpus : int\n", "gpus : float\n", "'gpus' is documented as 'float', not as 'int'"),
        ("    gpus: int\n", "    class Part:\n        pass\n    gpus: int\n", "Node.Part has no docstring"),
        ("    @property\n", "    def __init__(self, gpus: int) -> None: ...\n    @property\n", "Node takes ['gpus']"),
        ("    Returns\n    -------\n    float\n        Power [W].\n", "", "no Returns section"),
        ("        Power [W].\n", "", "Returns says nothing of 'float'"),
        ("        GPUs.\n", "", "Parameters says nothing of 'gpus : int'"),
        ('    """GPUs of the node."""\n', "", "field 'gpus' has no docstring"),
        ('        """Twice the GPUs."""\n', "", "Node.double has no docstring"),
        ('    """Node."""\n', "", "Node has no docstring"),
        ('"""Module."""', "", "module has no docstring"),
    ],
)
def test_the_rule_sees_what_is_missing(old: str, new: str, says: str) -> None:
    assert old in COMPLETE
    found = faults(ast.parse(COMPLETE.replace(old, new)))
    assert len(found) == 1, found
    assert says in found[0]
