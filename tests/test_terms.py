"""Names, messages and documents use the field's words: ``docs/terms.md`` says which, and this holds it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "gigaplan"

NAME_PARTS = frozenset(
    [
        "told",
        "said",
        "asked",
        "wanted",
        "ours",
        "our",
        "his",
        "her",
        "lived",
        "honest",
        "rationed",
        "gone",
        "due",
        "turned",
        "turn",
        "nobody",
        "somebody",
        "someone",
        "busiest",
        "least",
        "circle",
        "circles",
        "stranger",
        "mend",
        "mended",
        "reckon",
        "reckoned",
        "allot",
        "allotted",
        "allotment",
        "ask",
        "worthiest",
        "hindered",
        "hindrance",
        "rung",
        "rungs",
        "silicon",
    ]
)
"""Words that no name has among its parts."""

ALLOWED_NAMES = {
    "tokens_asked_per_day": "a result quantity of released files",
    "requests_asked_per_day": "a result quantity of released files",
    "calls_per_turn": "a turn of a conversation",
    "turn": "a turn of a conversation",
    "great_circle_km": "a great circle of the Earth",
    "_least_squares": "least squares",
    "least_squares": "least squares",
    "CannotTellError": "a verdict that can't be given",
}

OLD_FILES = "OLD_VERDICTS = {"
"""A line that begins so reads the words of results that earlier versions wrote."""

PHRASES = {
    r"\b(?:told|tells|tell) (?:once|apart|us|of)\b": "say what happens: counted, stated, reported",
    r"\b(?:someone|somebody) waits\b": "unserved demand",
    r"\bno(?:body| one) waits\b|\bnobody is said to wait\b": "all demand is served",
    r"\bwho waits\b": "unserved demand, or whose demand is unserved",
    r"can't be told": "can't be determined",
    r"\bhonest\b": "out-of-sample, or fair",
    r"\bours\b|\bour (?:own|number|model|words|reading|figure)\b": "predicted, gigaplan's",
    r"\blives of (?:the|a) run\b|\bare lived\b|\blived through\b": "trials",
    r"\breckon\w*\b": "calculate",
    r"\bmend(?:s|ed|ing)?\b": "fix, patch",
    r"\bheld against\b|\bholds? (?:it|them|rows|what|measurements) against\b": "compared with, validated against",
    r"\blay (?:an overlay|overlays)\b|\boverlays? laid\b": "apply an overlay",
    r"\bfund(?:ed)? elsewhere\b": "funding gap",
    r"\bworthiest\b|\bworth most\b": "highest value",
    r"\ballot(?:s|ted|ment)?\b": "allocate",
    r"\ba fault of gigaplan\b": "an internal error",
    r"\bwaits? to the end\b": "some demand is unserved to the end of the horizon",
    r"\b(?:him|his|hers)\b": "the vendor's, the user's",
    r"\bsilicon (?:extra|verb)\b|gigaplan\[silicon\]": "kernels",
    r"\bbusiest\b": "peak, most loaded",
    r"\bbeside\b": "next to, alongside, in addition to",
    r"\bwhat (?:each|a row|it|the row) asks\b": "the question of a row, a request",
}
"""Phrases of a private dialect, and what to write."""


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each name that a module binds, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr


def parts(name: str) -> list[str]:
    """Return the words of a name in snake case or in capitals."""
    return [p.lower() for p in re.split(r"_|(?<=[a-z])(?=[A-Z])", name) if p]


def faulty_names(text: str) -> list[str]:
    """Return the names in a module's text that have a forbidden part, with their lines."""
    return [
        f"{line}: {name}"
        for line, name in names(ast.parse(text))
        if name not in ALLOWED_NAMES and NAME_PARTS.intersection(parts(name))
    ]


def faulty_phrases(text: str) -> list[str]:
    """Return the forbidden phrases of a text, with their lines and what to write."""
    text = re.sub(r"\]\([^)]*\)", "]", text)  # addresses of links
    found = []
    for pattern, better in PHRASES.items():
        matches = re.finditer(pattern, text, re.IGNORECASE)
        found += [f"{text.count(chr(10), 0, m.start()) + 1}: '{m[0]}' (write: {better})" for m in matches]
    return found


def strings(text: str) -> str:
    """Return a module's literals and comments, each on its own line; everything else is blanked."""
    text = "\n".join("" if line.startswith(OLD_FILES) else line for line in text.split("\n"))
    kept = [""] * (text.count("\n") + 2)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            kept[node.lineno] += " " + " ".join(node.value.split())
    for k, line in enumerate(text.splitlines(), 1):
        if comment := re.search(r"(?:^|\s)# (.*)", line):
            kept[k] += " " + comment[1]
    return "\n".join(kept[1:])


MODULES = sorted(SOURCE.rglob("*.py"))
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        *(p for p in (ROOT / "docs").glob("*.md") if p.name != "terms.md"),
        *SOURCE.glob("claims/data/*.yaml"),
        *SOURCE.glob("plan/**/*.yaml"),
        *SOURCE.glob("report/templates/*.j2"),
        SOURCE / "vocabulary" / "variables.csv",
    ]
)


def test_names_use_the_terms_of_the_field() -> None:
    found = [f"{p.relative_to(ROOT)}:{fault}" for p in MODULES for fault in faulty_names(p.read_text())]
    assert not found, "docs/terms.md has the field's words:\n" + "\n".join(found)


def test_messages_docstrings_and_comments_use_the_terms_of_the_field() -> None:
    found = [f"{p.relative_to(ROOT)}:{fault}" for p in MODULES for fault in faulty_phrases(strings(p.read_text()))]
    assert not found, "docs/terms.md has the field's words:\n" + "\n".join(found)


def test_documents_plans_and_claims_use_the_terms_of_the_field() -> None:
    found = [f"{p.relative_to(ROOT)}:{fault}" for p in DOCUMENTS for fault in faulty_phrases(p.read_text())]
    assert not found, "docs/terms.md has the field's words:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line", ["told = 1", "def ask_row(): pass", "class Asked: pass", "def f(wanted): pass", "x.due = 1"]
)
def test_a_home_made_name_is_found(line: str) -> None:
    assert faulty_names(line)


@pytest.mark.parametrize("line", ["asking_price_usd = 1", "calls_per_turn = 2", "schedule = 3", "residue = 4"])
def test_a_standard_name_passes(line: str) -> None:
    assert not faulty_names(line)


def test_a_phrase_is_found_in_strings_and_comments_alone() -> None:
    text = 'x = "Nobody waits."  # Ours is better.\nhonest = 1\n'
    assert [f.split(":")[0] for f in faulty_phrases(strings(text))] == ["1", "1"]


def test_every_forbidden_word_stands_in_the_table_of_terms_or_is_a_form_of_one_that_does() -> None:
    table = (ROOT / "docs" / "terms.md").read_text().lower()
    lacking = sorted(w for w in NAME_PARTS if not any(w[:k] in table for k in range(min(4, len(w)), len(w) + 1)))
    assert not lacking
