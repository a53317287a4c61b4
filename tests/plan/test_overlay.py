"""Overlays: they merge deep, replace, remove, say whose they are, and are as strict as a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan import plan
from gigaplan.cli import main
from gigaplan.plan.document import parse
from gigaplan.plan.overlay import merge, read_overlay
from gigaplan.vocabulary.errors import PlanError
from gigaplan.vocabulary.facts import Evidence

HEADER = "overlay: {who: A. Planner, why: what if power came late, from: 2026-11-20}\n"
Lay = Callable[..., Path]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    def make(body: str, header: str = HEADER, name: str = "over.yaml") -> Path:
        path = tmp_path / name
        path.write_text(header + body)
        return path

    return make


def merged(base: str, *over: str) -> object:
    root = parse(base, "base")
    for i, text in enumerate(over):
        root = merge(root, read_overlay(HEADER + text, f"over{i}").root, {})
    return root.plain()


@pytest.mark.parametrize(
    "base, over, expected",
    [
        ("a: {x: 1, y: 2}", "a: {y: 3}", {"a": {"x": 1, "y": 3}}),
        ("a: {x: 1, y: 2}", "a: {z: {w: 3}}", {"a": {"x": 1, "y": 2, "z": {"w": 3}}}),
        ("a: [1, 2, 3]", "a: [4]", {"a": [4]}),
        ("a: {x: 1, y: 2}", "a: {x: null}", {"a": {"y": 2}}),
        ("a: 1", "b: null", {"a": 1}),
        ("a: {x: 1}", "a: 7", {"a": 7}),
        ("a: 7", "a: {x: 1, y: null}", {"a": {"x": 1}}),
        ("a: {value: 1, evidence: filed, source: the filing}", "a: 2", {"a": 2}),
        ("a: {value: 1, evidence: filed, source: the filing}", "a: {value: 2}", {"a": {"value": 2}}),
        ("a: 1\nb: 2", "{}", {"a": 1, "b": 2}),
    ],
)
def test_how_an_overlay_merges(base: str, over: str, expected: object) -> None:
    assert merged(base, "" if over == "{}" else over) == expected


def test_later_overlays_win_and_the_base_is_left_alone() -> None:
    root = parse("a: &a {x: 1}\nb: *a", "base")
    over = read_overlay(HEADER + "a: {x: 2}", "over").root
    assert merge(root, over, {}).plain() == {"a": {"x": 2}, "b": {"x": 1}}
    assert root.plain() == {"a": {"x": 1}, "b": {"x": 1}}
    assert merged("a: 1", "a: 2", "a: 3") == {"a": 3}


def test_the_ledger_says_whose_value_it_is(lay: Lay) -> None:
    over = lay(
        "fleet:\n  sites:\n    Abilene:\n      phases:\n        buildings 5-8:\n"
        "          energised: 2027-02\n"
        "          power: {value: 422 MW it, evidence: filed, source: the permit}\n"
        "training: {mfu_share: {value: 35 %, evidence: estimated, note: a guess}}\n"
    )
    result = gp.run("announced-2025-09", overlays=[over])
    by_path = {e.path: e for e in result.ledger.entries}
    late = by_path["fleet.sites.Abilene.phases.buildings 5-8.energised"]
    assert "A. Planner, 2026-11-20" in late.source
    assert late.evidence == Evidence.ASSUMED
    permit = by_path["fleet.sites.Abilene.phases.buildings 5-8.power"]
    assert permit.source == "the permit"
    assert permit.evidence == Evidence.FILED
    assert by_path["training.mfu_share"].source.startswith("A. Planner, 2026-11-20")
    assert by_path["training.mfu_share"].source.endswith("a guess")
    assert by_path["fleet.sites.UAE.phases.first 200 MW.energised"].source == ""
    assert f"Overlay {over} by A. Planner, from 2026-11-20: what if power came late" in result.notes


def test_a_change_on_top_of_an_overlay_is_not_the_overlays(lay: Lay) -> None:
    over = lay("training: {mfu_share: 35 %}\n")
    result = gp.run("announced-2025-09", {"training.mfu_share": "30 %"}, [over])
    entry = next(e for e in result.ledger.entries if e.path == "training.mfu_share")
    assert (entry.value, entry.source) == ("0.3", "")


def test_the_hash_covers_overlays_and_what_they_say_of_themselves(lay: Lay) -> None:
    plain = plan.load("announced-2025-09").hash
    late = lay("horizon: {end: 2033-01}\n")
    other = lay("horizon: {end: 2033-01}\n", HEADER.replace("2026-11-20", "2026-11-21"), "other.yaml")
    hashes = [plan.load("announced-2025-09", overlays=over).hash for over in ([late], [other], [late, other])]
    assert len({plain, *hashes}) == 4
    assert plan.load("announced-2025-09", overlays=[late]).hash == hashes[0]


@pytest.mark.parametrize(
    "body, header, line, says",
    [
        ("fleet: {profil: max_p}\n", HEADER, 2, "nearest: *profile"),
        ("fleet:\n  sites:\n    UAE: {region: uea}\n", HEADER, 4, "nearest: *uae"),
        ("\nhorizon: {end: soon}\n", HEADER, 3, "not a date"),
        ("\n\ndemand: null\n", HEADER, 4, "'demand' is missing"),
        ("fleet: {sites: {UAE: {phases: {to 1 GW: {power: null}}}}}\n", HEADER, 2, "'power' is missing"),
        ("training: {mfu_share: {value: 35 %, evidence: gessed}}\n", HEADER, 2, "not a class of evidence"),
        ("horizon: {end: 2033-01}\n", "", 1, "begins with its header"),
        ("horizon: {end: 2033-01}\n", "overlay: me\n", 1, "begins with its header"),
        ("", "overlay: {who: me, from: 2026}\n", 1, "lacks 'why'"),
        ("", "overlay: {who: me, why: '', from: 2026}\n", 1, "lacks 'why'"),
        ("", "overlay: {who: me, why: x, from: 2026, form: y}\n", 1, "nearest: *from"),
        ("a: [\n", HEADER, 3, "not YAML"),
    ],
)
def test_a_wrong_overlay_says_what_and_where(
    body: str, header: str, line: int, says: str, lay: Lay, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    over = lay(body, header)
    with pytest.raises(PlanError, match=says) as wrong:
        plan.load("announced-2025-09", overlays=[over])
    places = [p.place for p in wrong.value.problems if p.severity == "error"]
    assert (str(over), line) in [(p.file, p.line) for p in places], places
    with pytest.raises(SystemExit) as left:
        main(["run", "announced-2025-09", "--with", str(over), "--out", str(tmp_path / "out")])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_overlay_is_no_plan_and_no_file_is_no_overlay(lay: Lay) -> None:
    with pytest.raises(PlanError, match="--with"):
        plan.load(lay("horizon: {end: 2033-01}\n"))
    with pytest.raises(PlanError, match="no such file"):
        plan.load("announced-2025-09", overlays=["nothing.yaml"])
    with pytest.raises(PlanError, match="an overlay is a mapping"):
        plan.load("announced-2025-09", overlays=[lay("- 1\n", "")])


def test_check_takes_overlays_too(lay: Lay, capsys: pytest.CaptureFixture[str]) -> None:
    over = lay("claims: [A1]\n")
    with pytest.raises(SystemExit) as left:
        main(["check", "announced-2025-09", "--with", str(over), "--json"])
    assert left.value.code == 0
    assert [c["id"] for c in json.loads(capsys.readouterr().out)["claims"]] == ["A1"]


def test_a_wrong_value_is_mended_from_a_plan_that_has_the_section() -> None:
    """Rules across sections report in the same go as a wrong value, whichever plans come with gigaplan."""
    with pytest.raises(PlanError) as wrong:
        plan.load(
            "announced-2025-09", ["finance.tranches.milestone=1", "horizon.end=2020-01", "fleet.sites.UAE.region=x"]
        )
    said = str(wrong.value)
    assert "basis" in said
    assert "ends before it starts" in said
    assert "region" in said


@pytest.mark.parametrize(
    "body", ["demand: x\n", "demand: {engine: 5}\n", "demand: [1]\n", "demand: {software: vllm}\n"]
)
def test_constants_that_are_no_settings_are_refused_at_their_line(body: str, lay: Lay) -> None:
    with pytest.raises(PlanError) as error:
        gp.frontier("llama_3_1_8b", "h100_hgx", engine="vllm", overlays=[str(lay(body))])
    first = error.value.problems[0]
    assert (first.place.line, first.allowed) == (2, "settings by name")
