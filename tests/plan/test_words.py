"""Errors of the schema in a planner's words: all kinds that it can raise, and the six most frequent to the letter."""

from __future__ import annotations

import datetime as dt
import json
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import gigaplan as gp
from gigaplan import catalog, plan
from gigaplan.cli import main
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.plan.words import problem_of

ODD: tuple[Any, ...] = (
    *(None, True, 3, -1, 0, 10**30, 1.5, 2.5e40, float("nan"), float("inf"), dt.date(2026, 1, 1), b"x", {1: 2}),
    *("", "x", "-5 MW it", "12 parsecs", "12", "1 W it", "-3 %", "400 %", "1e9 GW it", "1e300 s", "1e999 s", "4.1mUSD"),
    *("2026-13", "2026-02-30", "vr_nvl72", "9" * 5000, "1,2 MW", "$5z", "5 %x", "12 GPUs it", "2026"),
    *([], ["x"], [1], [-1], [None], [[]], [float("inf")], {}, {"x": 1}, {"x": "x"}, {"a": None}, {"a": []}, (1, "x")),
)
FOREIGN = re.compile(
    r"Input should|valid\b|pydantic|instance of|\b(int|str|float|dict|tuple|bool|NoneType|Dictionary|integer)\b|"
    r"datetime|constrained|Keys should|Unable to parse|validation|\bctx\b|Error\b"
)
"""Words of Python and of pydantic."""


def sections() -> dict[type[BaseModel], tuple[str, ...]]:
    """Return each section of the plan's schema, with a path at which it stands."""
    found: dict[type[BaseModel], tuple[str, ...]] = {}
    waiting: list[tuple[Any, tuple[str, ...]]] = [(PlanDocument, ())]
    while waiting:
        hint, path = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            if hint not in found:
                found[hint] = path
                waiting += [(f.annotation, (*path, name)) for name, f in hint.model_fields.items()]
            continue
        below = {dict: "entry", list: "0", tuple: "0"}.get(typing.get_origin(hint))
        waiting += [(part, (*path, below) if below else path) for part in typing.get_args(hint)]
    return found


SECTIONS = sections()


def wrong_values(section: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Yield the kind and the wording of every error that an odd value of a section's fields makes."""
    path, empty = SECTIONS[section], Node({}, 1, 1, "plan.yaml")
    for name in section.model_fields:
        for odd in ODD:
            try:
                section.model_validate({name: odd})
            except ValidationError as wrong:
                for error in wrong.errors(include_url=False):
                    yield error["type"], problem_of({**error, "loc": (*path, *error["loc"])}, empty)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__)
def test_every_error_of_the_schema_is_in_a_planners_words(section: type[BaseModel]) -> None:
    for kind, problem in wrong_values(section):
        said = "\n".join((problem.message, problem.allowed, problem.remedy))
        assert not FOREIGN.search(said), (kind, said)
        assert problem.message and problem.remedy, (kind, said)
        assert problem.allowed or kind in ("missing", "extra_forbidden"), (kind, said)


def test_the_odd_values_reach_every_kind_of_error() -> None:
    missed = {"float_type", "tuple_type", "too_short", "int_type", "bool_type", "literal_error", "value_error"}
    missed |= {"greater_than", "greater_than_equal", "less_than_equal", "invalid_key", "int_parsing_size"}
    for section in SECTIONS:
        for kind, _ in wrong_values(section):
            missed.discard(kind)
            if not missed:
                return
    assert missed == set()


Write = Callable[..., Path]
FACTS = catalog.load()
SYSTEMS = FACTS.entities("rack_power_kw")
LISTED = f"{len(SYSTEMS)} names, which 'gigaplan catalog list systems' lists"
MODELS = len(FACTS.entities("layers"))
KNOWN = "start, end, resolution"
FREQUENT: dict[str, tuple[tuple[str, str], dict[str, Any], str]] = {
    "unknown key": (
        ("horizon: {start: 2024-01, end: 2034-01}", "horizon: {start: 2024-01, ende: 2034-01, end: 2034-01}"),
        {
            "path": "horizon.ende",
            "message": "unknown name",
            "value": "ende",
            "allowed": KNOWN,
            "nearest": "end",
            "remedy": "rename or remove it",
        },
        "horizon.ende: unknown name\n    found:   ende\n    allowed: start, end, resolution\n    nearest: end\n"
        "    do:      rename or remove it",
    ),
    "missing line": (
        ("horizon: {start: 2024-01, end: 2034-01}", "horizon: {start: 2024-01}"),
        {"path": "horizon.end", "message": "'end' is missing", "remedy": "add a line 'end: ...' here"},
        "horizon.end: 'end' is missing\n    do:      add a line 'end: ...' here",
    ),
    "wrong unit": (
        ("education: {driver: users,", "education: {ttft_s: 2 MW, driver: users,"),
        {
            "path": "demand.workloads.education.ttft_s",
            "message": "'MW' is not a unit of the same kind as 's'",
            "value": "2 MW",
            "allowed": "an amount in s",
            "remedy": "write for example '80 ms'",
        },
        "demand.workloads.education.ttft_s: 'MW' is not a unit of the same kind as 's'\n    found:   2 MW\n"
        "    allowed: an amount in s\n    do:      write for example '80 ms'",
    ),
    "missing unit": (
        ("education: {driver: users,", "education: {ttft_s: 2, driver: users,"),
        {
            "path": "demand.workloads.education.ttft_s",
            "message": "the unit is missing",
            "value": "2",
            "allowed": "an amount in s",
            "remedy": "write for example '80 ms'",
        },
        "demand.workloads.education.ttft_s: the unit is missing\n    found:   2\n    allowed: an amount in s\n"
        "    do:      write for example '80 ms'",
    ),
    "bad date": (
        ("horizon: {start: 2024-01, end: 2034-01}", "horizon: {start: 2024-13, end: 2034-01}"),
        {
            "path": "horizon.start",
            "message": "the calendar has no such day or month",
            "value": "2024-13",
            "allowed": "a day, month, quarter, half or year, as 2026-09-22, 2026-09, 2026-Q4, 2026-H2 or 2026",
            "remedy": "change the value",
        },
        "horizon.start: the calendar has no such day or month\n    found:   2024-13\n"
        "    allowed: a day, month, quarter, half or year, as 2026-09-22, 2026-09, 2026-Q4, 2026-H2 or 2026\n"
        "    do:      change the value",
    ),
    "unknown generation": (
        ("gb300_nvl72, vr_nvl72]", "gb300_nvl72, vr_nvl27]"),
        {
            "path": "fleet.generations.5",
            "message": "no such generation that a plan can build",
            "value": "vr_nvl27",
            "allowed": LISTED,
            "nearest": "vr_nvl72",
            "remedy": "check the spelling",
        },
        "fleet.generations.5: no such generation that a plan can build\n    found:   vr_nvl27\n"
        f"    allowed: {LISTED}\n    nearest: vr_nvl72\n    do:      check the spelling",
    ),
    "unknown model": (
        ("education: {driver: users, model: deepseek_v3}", "education: {driver: users, model: deepsek_v3}"),
        {
            "path": "demand.workloads.education.model",
            "message": "no such model",
            "value": "deepsek_v3",
            "allowed": f"{MODELS} names, which 'gigaplan catalog list models' lists",
            "nearest": "deepseek_v3, deepseek_v3_2, deepseek_v3_1, deepseek_v2",
            "remedy": "check the spelling",
        },
        "demand.workloads.education.model: no such model\n    found:   deepsek_v3\n"
        f"    allowed: {MODELS} names, which 'gigaplan catalog list models' lists\n"
        "    nearest: deepseek_v3, deepseek_v3_2, deepseek_v3_1, deepseek_v2\n    do:      check the spelling",
    ),
}


@pytest.mark.parametrize("name", FREQUENT)
def test_a_frequent_error_to_the_letter(name: str, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    (old, new), fields, text = FREQUENT[name]
    path = write(old, new)
    with pytest.raises(gp.PlanError) as raised:
        gp.run(path)
    (problem,) = raised.value.problems
    place = {"file": str(path), "line": problem.place.line, "column": problem.place.column}
    whole = {"severity": "error", **place, "value": "", "allowed": "", "nearest": "", **fields}
    assert problem.as_dict() == whole
    said = f"{path}:{place['line']}:{place['column']}: error: {text}"
    assert str(problem) == said
    with pytest.raises(SystemExit) as left:
        main(["run", str(path), "--json"])
    assert left.value.code == 2
    assert json.loads(capsys.readouterr().out)["problems"] == [whole]
    with pytest.raises(SystemExit):
        main(["run", str(path)])
    assert said in capsys.readouterr().err


def test_a_date_is_shown_as_it_is_written(write: Write) -> None:
    run = "first: {model: deepseek_v3, tokens: 1T, site: Abilene, generation: gb200_nvl72, gpus: 1000, "
    run += "start: 2027-01, deadline: 2026-12}"
    path = write("finance:\n", f"training:\n  runs:\n    {run}\nfinance:\n")
    with pytest.raises(gp.PlanError) as raised:
        gp.run(path)
    (problem,) = [p for p in raised.value.problems if "deadline" in p.message]
    assert problem.value == "2026-12, read as 2026-12-16, before 2027-01, read as 2027-01-16"


def test_the_horizon_begins_on_the_first_of_a_month(write: Write) -> None:
    path = write("end: 2034-01", "end: 2034")
    (warning,) = [w for w in plan.load(path).warnings if w.place.path == "horizon.end"]
    assert warning.value == "2034, read as 2034-07-01"
    assert warning.remedy == "write the month, as 2034-07; the run goes on"
    assert not [w for w in plan.load("lab-1mw").warnings if w.place.path.startswith("horizon")]
