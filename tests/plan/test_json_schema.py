"""The JSON Schema accepts what the loader accepts, refuses slips, and explains every name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import gigaplan as gp
from gigaplan import catalog, plan
from gigaplan.cli import main
from gigaplan.plan.document import parse
from gigaplan.plan.sources import builtin_text

PLAIN = Draft202012Validator(gp.schema())
OVERLAY = Draft202012Validator(gp.schema(overlay=True))


def document(text: str) -> Any:
    return parse(text, "plan.yaml").plain()


def wrong(validator: Draft202012Validator, given: Any) -> list[str]:
    return [".".join(str(p) for p in e.absolute_path) for e in validator.iter_errors(given)]


def test_both_are_schemas() -> None:
    for made in (gp.schema(), gp.schema(overlay=True)):
        Draft202012Validator.check_schema(made)
        json.dumps(made)


@pytest.mark.parametrize("name", plan.builtin_names())
def test_built_in_plans_are_valid(name: str) -> None:
    assert wrong(PLAIN, document(builtin_text(name))) == []


def test_the_starter_is_valid(tmp_path: Path) -> None:
    assert wrong(PLAIN, document(gp.new(tmp_path / "mine.yaml").read_text())) == []


def test_names_are_taken_in_the_spellings_that_the_loader_takes() -> None:
    text = builtin_text("announced-2025-09").replace("reference_generation: gb200_nvl72", "reference_generation: GB200")
    assert wrong(PLAIN, document(text)) == []


SLIPS = {
    "unknown name": ("horizon:", "horizn:", ""),
    "missing name": ("  reference_generation: gb200_nvl72\n", "", "fleet"),
    "unknown claim": ("claims: [A1,", "claims: [A99,", "claims"),
    "no basis": ("power: 420 MW it", "power: 420 MW", "fleet.sites.Shackelford.phases.buildings 1-3.power"),
    "no unit": ("power: 420 MW it", "power: 420", "fleet.sites.Shackelford.phases.buildings 1-3.power"),
    "no date": ("date: 2023-12-31", "date: last winter", "fleet.opening.2023 Hopper.date"),
    "unknown choice": ("profile: max_q", "profile: max_x", "fleet.profile"),
    "unknown evidence": (
        "evidence: announced, source: 'OpenAI and",
        "evidence: gossip, source: 'OpenAI and",
        "announced.power",
    ),
    "unknown state": (
        "trigger_state: {value: accepted",
        "trigger_state: {value: acepted",
        "finance.tranches.trigger_state",
    ),
    "no phases": ("finance:\n", "models: 3\nfinance:\n", "models"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slips_are_marked_where_they_are(name: str) -> None:
    old, new, where = SLIPS[name]
    text = builtin_text("announced-2025-09")
    assert old in text
    places = wrong(PLAIN, document(text.replace(old, new, 1)))
    assert any(p.startswith(where) for p in places) if where else "" in places, places


def named(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every named entry of a schema with its path."""
    if isinstance(part, dict):
        for name, below in part.get("properties", {}).items():
            yield f"{path}.{name}", below
        for name, below in part.items():
            yield from named(below, f"{path}/{name}")
    elif isinstance(part, list):
        for i, below in enumerate(part):
            yield from named(below, f"{path}/{i}")


def test_every_name_is_explained() -> None:
    made: Any = gp.schema()
    sections = [made, *(d for d in made["$defs"].values() if d.get("type") == "object")]
    assert len(sections) > 15
    for section in sections:
        assert section is made or section["description"]
        for name, below in section["properties"].items():
            said = below.get("description", "")
            assert said, name
            assert said.rstrip(".").lower() != name.replace("_", " "), f"{name} is explained by its name alone"


def test_units_bases_and_names_are_told() -> None:
    made: Any = gp.schema()
    text = json.dumps(made)
    assert "Unit: MW, with its basis: gpu_tgp, rack_tdp, rack_peak, it, facility." in text
    assert "IT power that one rack takes" not in text, "what a plan can't say isn't in its schema"
    workload = made["$defs"]["WorkloadSection"]["properties"]
    assert set(catalog.load().entities("layers")) <= set(workload["model"]["anyOf"][0]["enum"])
    assert "Unit: s." in workload["ttft_s"]["description"]
    assert set(made["$defs"]["Demand"]["properties"]["workloads"]["properties"]) >= {"chat", "agents"}


def test_overlays_have_a_header_and_may_be_partial_and_remove() -> None:
    header = {"who": "me", "why": "to see", "from": "2026-11"}
    assert wrong(OVERLAY, {"overlay": header, "horizon": {"end": "2031-01"}}) == []
    assert wrong(OVERLAY, {"overlay": header, "fleet": {"sites": {"Milam": None}}, "finance": None}) == []
    assert wrong(OVERLAY, {"horizon": {"end": "2031-01"}}) == [""]
    assert wrong(OVERLAY, {"overlay": {"who": "me", "why": "x"}}) == ["overlay"]
    assert wrong(OVERLAY, {"overlay": header, "fleet": {"profil": "max_p"}}) != []
    assert wrong(OVERLAY, {"overlay": header, "fleet": {"profile": "max_x"}}) != []


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gigaplan.schema.json"
    for words in ([], ["-o", str(path)], ["--overlay", "--out", str(path), "--json"]):
        with pytest.raises(SystemExit) as left:
            main(["schema", *words])
        assert left.value.code == 0
    out = capsys.readouterr().out
    assert json.loads(out[: out.rindex("wrote")]) == json.loads(json.dumps(gp.schema()))
    assert "yaml-language-server: $schema=gigaplan.schema.json" in out
    assert json.loads(path.read_text())["required"] == ["overlay"]
