"""The notebooks under docs/tutorials run as written, with few futures, and their answers hold the words that they name.

A cell begins with ``# %%``. Its last expression is shown as a notebook shows it; each line ``# → words`` below it names
words that this holds, alternatives apart with ``|``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
SHOWS = "# → "


class Cell(NamedTuple):
    code: str
    line: int
    shows: tuple[str, ...]


def cells(text: str) -> Iterator[Cell]:
    """Yield the cells of code."""
    lines = text.splitlines()
    starts = [k for k, line in enumerate(lines) if line.startswith("# %%")]
    assert starts and starts[0] == 0
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if "[markdown]" in lines[start]:
            continue
        body = lines[start + 1 : end]
        yield Cell("\n".join(body), start + 1, tuple(x.removeprefix(SHOWS) for x in body if x.startswith(SHOWS)))


def shown(cell: Cell, name: str, names: dict[str, Any]) -> str:
    """Run a cell and return what it shows, empty where its last line is no expression."""
    tree = ast.parse("\n" * cell.line + cell.code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    if last is None:
        return ""
    value = eval(compile(ast.Expression(last.value), name, "eval"), names)
    assert value is not None
    return unescape(value._repr_html_())


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.py")), ids=lambda page: page.stem)
def test_a_tutorial_runs_and_shows_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "tutorial"}
    checked = 0
    for cell in cells(page.read_text(encoding="utf-8")):
        text = shown(cell, str(page), names)
        for words in cell.shows:
            assert any(one in text for one in words.split("|")), f"{page.name}:{cell.line}: no '{words}' in the answer"
            checked += 1
    assert checked >= 4


def test_the_list_names_every_tutorial() -> None:
    text = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    for page in TUTORIALS.glob("*.py"):
        assert f"({page.name})" in text
