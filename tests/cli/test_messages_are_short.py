"""A name that means nothing comes with the nearest few and how to list them all, never with whole lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog
from gigaplan.cli import main
from gigaplan.plan.load import load
from gigaplan.vocabulary.errors import MOST_LISTED, Place, PlanError, allowed_names, unknown_choice

LONGEST = 600
"""Characters of a message about one name."""
NONSENSE = "zzqx_77_nowhere"
VERBS = {
    "frontier": ("frontier", NONSENSE, NONSENSE),
    "frontier engine": ("frontier", "qwen3_32b", "h100_hgx", "--engine", NONSENSE),
    "frontier precision": ("frontier", "qwen3_32b", "h100_hgx", "--precision", NONSENSE),
    "train": ("train", NONSENSE, NONSENSE, "--gpus", "64"),
    "train precision": ("train", "qwen3_32b", "h100_hgx", "--gpus", "64", "--precision", NONSENSE),
    "train layout": ("train", "qwen3_32b", "h100_hgx", "--gpus", "64", "--layout", NONSENSE),
    "train sites": ("train", "qwen3_32b", "gb200_nvl72", "--sites", f"{NONSENSE}, {NONSENSE}2"),
    "train failures": ("train", "qwen3_32b", "h100_hgx", "--gpus", "64", "--failures", "--override", f"{NONSENSE}=1"),
    "new": ("new", "mine.yaml", "--generation", NONSENSE, "--model", NONSENSE, "--region", NONSENSE),
    "run": ("run", NONSENSE),
    "run --set": ("run", "lab-1mw", "--set", f"fleet.generations=[{NONSENSE}]"),
    "run --set path": ("run", "lab-1mw", "--set", f"fleet.{NONSENSE}=1"),
    "check": ("check", NONSENSE),
    "check claims": ("check", "lab-1mw", "--claims", NONSENSE),
    "compare": ("compare", NONSENSE, NONSENSE),
    "explain": ("explain", NONSENSE, NONSENSE),
    "export": ("export", NONSENSE, NONSENSE),
    "rerun": ("rerun", NONSENSE),
    "schema": ("schema", NONSENSE),
    "validate": ("validate", NONSENSE),
    "predict": ("predict", NONSENSE, NONSENSE),
    "predict inference": ("predict", "inference", NONSENSE, "--out", "out.csv"),
    "calibrate": ("calibrate", NONSENSE, NONSENSE),
    "catalog": ("catalog", NONSENSE),
    "catalog list": ("catalog", "list", NONSENSE),
    "catalog show": ("catalog", "show", NONSENSE),
    "catalog show a quantity": ("catalog", "show", f"h100_hgx.{NONSENSE}"),
    "no verb": (NONSENSE,),
}


@pytest.mark.parametrize("words", VERBS.values(), ids=VERBS.keys())
def test_no_message_of_any_verb_is_long(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 2
    said = capsys.readouterr().err
    messages = said.split("error: ")[1:]
    assert messages
    assert all(len(message) <= LONGEST for message in messages), said
    models = catalog.load().entities("layers")
    assert sum(name in said.replace(",", " ").split() for name in models) <= MOST_LISTED


@pytest.mark.parametrize(
    "path",
    [
        "fleet.generations=[{0}]",
        "fleet.reference_generation={0}",
        "fleet.systems={{{0}: {{life_years: 5 years}}}}",
        "fleet.sites.Campus hall.region={0}",
        "demand.regions=[{0}]",
        "demand.workloads.chat.model={0}",
        "demand.workloads.chat.like={0}",
        "demand.workloads.chat.later_models={{2027-06: {0}}}",
        "training.runs.domain model.model={0}",
        "training.runs.domain model.site={0}",
        "demand.software.engine={0}",
        "claims=[{0}]",
    ],
)
def test_no_message_of_a_plan_is_long(path: str) -> None:
    with pytest.raises(PlanError) as raised:
        load("lab-1mw", [path.format(NONSENSE)])
    assert all(len(str(problem)) <= LONGEST for problem in raised.value.problems)
    assert any(NONSENSE in str(problem) for problem in raised.value.problems)


@given(names=st.lists(st.text("abcdefgh_", min_size=1, max_size=40), max_size=200), name=st.text(max_size=2000))
def test_a_message_is_short_whatever_is_known_and_written(names: list[str], name: str) -> None:
    problem = unknown_choice("no such name", Place("plan"), name, names, "check it", listed_by="gigaplan catalog list")
    assert len(f"{problem.allowed}{problem.nearest}{problem.value}") <= LONGEST + 200
    assert allowed_names(names).count(",") < MOST_LISTED


def test_a_question_in_python_has_the_same_short_message() -> None:
    with pytest.raises(gp.PlanError) as raised:
        gp.frontier([NONSENSE], ["h100_hgx"])
    (problem,) = raised.value.problems
    assert (
        problem.allowed == f"{len(catalog.load().entities('layers'))} names, which 'gigaplan catalog list models' lists"
    )
