"""``gigaplan check PLAN --claims``: a named set or a file instead of the plan's own claims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gigaplan as gp
from gigaplan.cli import main


def test_a_shipped_set_instead_of_the_plans_claims(capsys: pytest.CaptureFixture[str]) -> None:
    answer = gp.check("actual-2026-11", claims=["amd-openai-2025-10"])
    assert {c.id for c in answer.result.claims} == {"capacity", "first-gigawatt"}
    assert not answer.holds
    with pytest.raises(SystemExit) as left:
        main(["check", "actual-2026-11", "--claims", "amd-openai-2025-10", "--json"])
    assert left.value.code == 1
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(gp.to_json(answer)))


def test_an_unknown_set_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", "lab-1mw", "--claims", "amd-openai-2025-11"])
    assert left.value.code == 2
    assert "amd-openai-2025-10" in capsys.readouterr().err


def test_a_file_of_claims_may_name_the_plans_own_systems(tmp_path: Path) -> None:
    claims = tmp_path / "claims.yaml"
    statement = "{quantity: racks_accepted, reduce: max, at: {generation: mine}, at_least: {fact: mine.gpus_per_rack}}"
    claims.write_text(
        "source: {title: a supplier, url: https://example.org, date: 2026-11}\n"
        "claims:\n  racks:\n    says: as many racks as GPUs in one\n"
        f"    statements: [{statement}]\n"
    )
    changes = ["systems.mine={like: b300_hgx, gpus_per_rack: 9}", "horizon.end=2027-07"]
    with pytest.raises(gp.PlanError, match=r"mine"):
        gp.check("lab-1mw", ["horizon.end=2027-07"], claims=[claims])
    answer = gp.check("lab-1mw", changes, claims=[claims])
    assert [c.id for c in answer.result.claims] == ["racks"]
