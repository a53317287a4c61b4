"""What a room can't work with is told at the value's own place, in the plan, an overlay or a change, for every site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import gigaplan as gp
from gigaplan import plan
from gigaplan.plan import placed
from gigaplan.plan.load import load_sources
from gigaplan.plan.sources import Sources
from gigaplan.plan.starter import Start, starter
from gigaplan.vocabulary.errors import Fault, InputError, PlanError

HEADER = "overlay: {who: A. Planner, why: a tight hall, from: 2026-11-20}\n"
TIGHT = "power.facility={pue: 1.02, loss_share: 6 %}"
TWO_SITES = (
    "fleet.sites.Annex={region: us, phases: {all: {power: 1 MW it, energised: 2028-01}}}",
    "fleet.sites.Annex.facility={pue: 1.02, loss_share: 6 %}",
    "fleet.sites.Campus hall.facility={pue: 1.03, loss_share: 5 %}",
)


def refused(*changes: str, overlays: tuple[Path, ...] = (), base: str = "lab-1mw") -> tuple[gp.Problem, ...]:
    with pytest.raises(PlanError) as wrong:
        gp.run(base, changes, overlays)
    return wrong.value.problems


def test_a_change_is_named_with_the_sites_that_it_spoils() -> None:
    (problem,) = refused(TIGHT)
    assert problem.place.file == f"--set {TIGHT}"
    assert (problem.place.line, problem.place.column) == (1, TIGHT.index("6 %") + 1)
    assert problem.place.path == "power.facility.loss_share"
    assert problem.message.startswith("Campus hall, old cluster: losses of 6.0%")
    assert "6.0%" in problem.value


def test_an_overlay_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "over.yaml"
    path.write_text(HEADER + "power:\n  facility:\n    pue: 1.001\n")
    (problem,) = refused(overlays=(path,))
    assert (problem.place.file, problem.place.line, problem.place.column) == (str(path), 4, 10)
    assert problem.message.startswith("Campus hall, old cluster: losses")


def test_the_place_is_that_of_the_likeliest_value_that_the_plan_states(tmp_path: Path) -> None:
    path = tmp_path / "over.yaml"
    path.write_text(HEADER + "fleet:\n  sites:\n    Campus hall:\n      facility:\n        pue: 1.02\n")
    (problem,) = refused("power.facility.loss_share=6 %", "power.facility.pue=1.3", overlays=(path,))
    assert problem.message.startswith("Campus hall: losses")
    assert problem.place.file == "--set power.facility.loss_share=6 %"


def test_two_wrong_sites_are_two_problems() -> None:
    problems = refused(*TWO_SITES)
    assert {p.place.path for p in problems} == {
        "fleet.sites.Annex.facility.loss_share",
        "fleet.sites.Campus hall.facility.loss_share",
    }
    assert {p.message.split(":")[0] for p in problems} == {"Annex", "Campus hall"}
    assert all(p.place.file.startswith("--set ") and p.place.line == 1 for p in problems)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("fleet.systems.b300_hgx.life_years=0.1 years", "fleet.systems.b300_hgx.life_years"),
        ("finance.costs.it_life_years=0.01 years", "finance.costs.it_life_years"),
        ("finance.costs.lives_compared_years=[0.01, 5]", "finance.costs.lives_compared_years"),
    ],
)
def test_other_rooms_name_their_values_too(change: str, path: str) -> None:
    (problem,) = refused(change)
    assert problem.place.path == path
    assert problem.place.file == f"--set {change}"
    assert problem.place.line == 1


def test_a_value_of_the_catalog_is_placed_at_the_section_above() -> None:
    loaded = plan.load("lab-1mw")
    error = InputError("too short", path="finance.costs.it_life_years")
    (problem,) = placed(error, loaded).problems
    assert problem.place.file == loaded.root.file
    assert problem.place.line == loaded.root.place(("finance",)).line
    (problem,) = placed(InputError("no path"), loaded).problems
    assert (problem.place.line, problem.place.column) == (1, 1)


def test_faults_keep_their_message_and_path() -> None:
    one = InputError("out of bounds", path="power.draw.idle_share", value="1.2")
    assert one.faults == (Fault("out of bounds", ("power.draw.idle_share",), "1.2"),)
    assert str(one) == "out of bounds"
    several = InputError([Fault("a", ("power.facilities[1].pue",)), Fault("b")])
    assert str(several) == "power.facilities[1].pue: a; b"


def test_the_shared_facility_keeps_its_provenance() -> None:
    loaded = plan.load("lab-1mw", ["power.facility.pue={value: 1.3, evidence: filed, source: the permit}"])
    entries = {e.path: e for e in plan.resolve(loaded).ledger.entries}
    assert entries["power.facilities.Campus hall.pue"].source == "the permit"
    assert entries["power.facilities.opening.pue"].evidence == "filed"


def test_a_workload_like_another_uses_its_facts() -> None:
    work = "demand.workloads.my api={like: enterprise_api, driver: own, model: qwen3_32b, requests_per_day: 5000}"
    scenario = plan.resolve(plan.load("lab-1mw", [work]))
    mine = next(w for w in scenario.demand.workloads if w.name == "my api")
    entries = {e.path: e for e in scenario.ledger.entries}
    fact = entries["demand.workloads.my api.output_tokens"].fact
    assert fact is not None
    assert fact.entity == "enterprise_api"
    assert mine.output_tokens == fact.number
    assert entries["demand.workloads.my api.like"].value == "enterprise_api"
    with pytest.raises(PlanError, match=r"nearest: *enterprise_api"):
        plan.load("lab-1mw", [work.replace("enterprise_api", "enterprise_ap")])
    with pytest.raises(PlanError, match="needs 'requests_per_day'"):
        plan.load("lab-1mw", [work.replace(", requests_per_day: 5000", "").replace("enterprise_api", "chat")])


@pytest.mark.parametrize("name", ["Campus [A]", "float", "constrained-str", "[", "a[x]b", "list[int]"])
def test_a_name_like_that_of_a_type_keeps_the_places_of_its_problems(name: str) -> None:
    text = starter(Start()).replace("First site", json.dumps(name))
    wrong = text.replace("power: 100 MW it #", "power: 5 parsec it #").replace("rented: 0 %", "rentd: 0 %")
    with pytest.raises(PlanError) as caught:
        load_sources(Sources("p.yaml", wrong))
    lines = wrong.splitlines()
    places = {p.place.path: p.place for p in caught.value.problems if p.severity == "error"}
    for path, text_there in (
        (f"fleet.sites.{name}.phases.all of it.power", "5 parsec it"),
        (f"fleet.sites.{name}.rentd", "rentd"),
    ):
        place = places[path]
        assert lines[place.line - 1][place.column - 1 :].startswith(text_there)


@pytest.mark.parametrize("name", ["a[x]", "float", "[", "]"])
def test_an_unknown_section_of_any_name_is_one_problem(name: str) -> None:
    with pytest.raises(PlanError, match="unknown name"):
        load_sources(Sources("p.yaml", starter(Start()) + f"\n{json.dumps(name)}: {{b: 1}}\n"))


def test_a_change_to_one_use_of_an_alias_leaves_the_other() -> None:
    document = yaml.safe_load(starter(Start()))
    text = yaml.dump(document | {"fleet": {**document["fleet"], "sites": None}}, sort_keys=False)
    site = json.dumps(document["fleet"]["sites"]["First site"], default=str)
    text = text.replace("sites: null", f"sites: {{A: &x {site}, B: *x}}")
    plan = load_sources(Sources("p.yaml", text, (), ("fleet.sites.A.rented=100 %",)))
    assert [s.rented for s in plan.document.fleet.sites.values()] == [1.0, 0.0]
