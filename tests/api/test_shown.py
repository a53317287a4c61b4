"""Every answer shows its central figures in ten lines, as the terminal prints them, and as a table in a notebook."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.api.test_door import ANSWERS, ASKED, MEASURED, STEPS

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.vocabulary.show import Brief

CENTRAL = {
    "run": ("generated tokens",),
    "check": (),
    "compare": ("revenue", "generated tokens a day, last 12 months"),
    "explain": ("value",),
    "catalog_overview": ("facts",),
    "catalog_list": ("0",),
    "catalog_search": ("vr_nvl72.rack_power_kw.max_q.rack_tdp",),
    "catalog_show": ("0", "1"),
    "train": ("step", "run", "power", "energy"),
    "serve": ("in a batch", "fast model's replicas"),
    "train_sites": ("best", "distance", "one site"),
    "power_swings": ("step", "smoothing takes"),
    "frontier": ("gpt_oss_120b on h200_hgx",),
    "validate_inference": ("0", "1"),
    "validate_training": ("all tables", "GPU a100_hgx"),
    "validate_power": ("all, each system left out",),
    "validate_demand": ("weekly_users, came after",),
    "validate_history": ("inside the data: all", "a year ahead: all"),
    "validate_capability": ("ECI",),
    "validate_costs": ("median error",),
    "validate_plans": ("lab-1mw, GPU-hours in use",),
    "calibrate_serving": ("as shipped", "refit, on the same rows", "refit, on layouts left out"),
    "calibrate_training": ("as shipped", "refit, on the same rows"),
}
"""Rows whose numbers stand in the terminal too."""
OVERRIDE = {"compare": "compare lab-1mw neocloud-100mw", "run": "run lab-1mw --full"}
"""A question with an answer that has figures, where the common one has none."""
PATHS = ("new", "export", "schema")
"""Verbs that answer with the path of a file or with a document."""


class Table(HTMLParser):
    """Checks that tags are closed in order, and keeps the title and the number of rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.title, self.rows = "", 0
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] == "caption":
            self.title += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shown")
    for name, text in (("measured.csv", MEASURED), ("asked.csv", ASKED), ("steps.csv", STEPS)):
        (made / name).write_text(text)
    gp.save(gp.run("lab-1mw"), made / "kept")
    return made


def parts(answer: object, seen: set[int]) -> Iterator[Brief]:
    """Return an answer and whatever hangs off it that shows itself."""
    if id(answer) in seen:
        return
    seen.add(id(answer))
    if isinstance(answer, Brief):
        yield answer
    if dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from parts(getattr(answer, field.name), seen)
    elif isinstance(answer, list | tuple):
        for one in answer[:3]:
            yield from parts(one, seen)
    elif isinstance(answer, dict):
        for one in list(answer.values())[:3]:
            yield from parts(one, seen)


def inner(answer: object, seen: dict[int, object]) -> Iterator[object]:
    """Return all dataclasses that hang off an answer, also those that don't show themselves."""
    if id(answer) in seen:
        return
    seen[id(answer)] = answer
    if dataclasses.is_dataclass(answer):
        yield answer
        below = [getattr(answer, field.name) for field in dataclasses.fields(answer)]
    else:
        below = (
            list(answer.values() if isinstance(answer, dict) else answer)[:3]
            if isinstance(answer, list | tuple | dict)
            else []
        )
    for one in below:
        yield from inner(one, seen)


def check(answer: object) -> None:
    text, html = repr(answer), answer._repr_html_()  # type: ignore[attr-defined]
    lines = text.splitlines()
    assert 1 <= len(lines) <= 10, text
    assert max(map(len, lines)) <= 120, text
    assert not re.search(r"0x[0-9a-f]{4,}", text), text
    table = Table(html)
    if html.startswith('<div class="gigaplan">'):  # what tests/report/test_notebook.py looks at
        assert "<script" not in html
        return
    assert html.startswith("<table>")
    assert table.title
    assert table.title == table.title.strip()
    assert not re.search(r"[<>{}()]{2}|\bItems\b|gigaplan\.", table.title), table.title
    assert table.rows <= 9


@pytest.mark.parametrize("name", [n for n in ANSWERS if n not in PATHS])
def test_answers_show_their_figures(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    words, function = ANSWERS[name]
    answer = gp.compare("lab-1mw", "neocloud-100mw") if name == "compare" else function(folder)
    check(answer)
    for part in parts(answer, set()):
        check(part)
    for part in inner(answer, {}):
        text = repr(part)
        assert len(text) < 1500 and len(text.splitlines()) <= 10, f"{type(part)} shows itself at length: {text[:400]}"
    with pytest.raises(SystemExit):
        main(OVERRIDE.get(name, words).split())
    printed = set(re.findall(r"\d[\d,.]*\d|\d", capsys.readouterr().out))
    rows = {line[2:].split("  ")[0]: line for line in repr(answer).splitlines()[1:]}
    for row in CENTRAL.get(name, ()):
        numbers = set(re.findall(r"(?<![\w.])\d[\d,.]*\d|(?<![\w.])\d", rows[row][2 + len(row) :].rpartition("; ")[2]))
        assert numbers, f"{name}: the row '{row}' has no number"
        assert numbers <= printed, (row, numbers - printed)


def test_what_belongs_to_a_result_is_short(folder: Path) -> None:
    result = gp.load(folder / "kept")
    for part in (result, result.claims, result.claims[0], result.ledger, result.ledger.entries, result.arrays):
        check(part)
    for part in (result.labels, result.labels["month"], result.sources, result.stamp, gp.check("lab-1mw")):
        check(part)
    assert f"{len(result.ledger.entries):,}" in repr(result.ledger)
    assert all(f"{c.id} {c.verdict}" in repr(result.claims) for c in result.claims)


def test_titles_are_escaped() -> None:
    from gigaplan.vocabulary.show import as_table

    made = as_table("a <b> & c", [("x <y>", "1 < 2")])
    assert Table(made).title == "a <b> & c"
    assert "<b>" not in made
