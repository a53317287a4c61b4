"""Names for readers: entities as titles, inputs in words, and a list of the catalog in a line per entity, never cut."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

import gigaplan as gp
from gigaplan import catalog
from gigaplan.report.catalog_view import entities, listing
from gigaplan.report.fact_words import entity_title, fact_words
from gigaplan.report.headline import cards

KINDS = ("", *(kind.name for kind in gp.catalog_overview().kinds))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("deepseek_r1", "DeepSeek-R1"),
        ("gb200_nvl72", "GB200 NVL72"),
        ("site_abilene", "Abilene"),
        ("region_rest_of_asia", "rest of Asia"),
        ("large_lab", "large lab"),
    ],
)
def test_entities_have_titles(name: str, title: str) -> None:
    assert entity_title(name) == title


def test_inputs_are_words() -> None:
    assert fact_words("build.life_years") == "time that a rack stays in service, build"
    assert fact_words("gb200_nvl72.rack_power_kw.rack_tdp") == "power of one rack, GB200 NVL72"
    assert fact_words("power.facility.pue") == "PUE, facility"
    for fact in catalog.load().facts[::7]:
        words = fact_words(fact.id)
        assert "_" not in words and fact.id != words, fact.id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_line_per_entity_and_none_is_cut(kind: str, width: int) -> None:
    listed = gp.catalog_list(kind)
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(listing(listed))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == len(listed) + 1
    assert max(map(len, lines)) <= width
    for line, entity in zip(lines[1:], entities(listed), strict=True):
        assert "…" not in line
        assert line.split()[0] == entity.name
        assert line.split()[-2:] == [str(entity.facts), str(entity.sources)]
        assert width < 200 or all(figure in line for figure in entity.figures[:1])


def test_cards_name_what_moves_them_in_words() -> None:
    moved = [card for card in cards(gp.run("lab-1mw", {"uncertainty.members": 100})) if card.decided]
    assert moved
    for card in moved:
        assert card.decided
        for one in card.decided.inputs[:1]:
            assert fact_words(one.input) in card.moved and one.input not in card.moved
            assert fact_words(one.input) in card.decided_text and one.input not in card.decided_text
