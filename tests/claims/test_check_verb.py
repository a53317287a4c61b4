"""``gigaplan check PLAN --claims``: a named set or a file instead of the plan's own claims."""

from __future__ import annotations

import json

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
