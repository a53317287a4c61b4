"""The claims files that ship, and the verdicts of the built-in plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gigaplan as gp
from gigaplan import catalog, claims
from gigaplan import plan as plans
from gigaplan.results.verdicts import Verdict

OTHERS = [name for name in claims.shipped() if name != "announcement-2025-09"]


@pytest.mark.parametrize("name", claims.shipped())
def test_a_shipped_file_validates_and_says_who(name: str) -> None:
    found = claims.read(name)
    assert found.name == name
    assert found.source
    assert found.date.startswith(name[-7:])
    assert all(c.says and c.statements for c in found.claims)


def test_verdicts_of_the_built_in_plans(golden: Callable[[str, Any], None]) -> None:
    verdicts = {name: {c.id: str(c.verdict) for c in gp.run(name).claims} for name in plans.builtin_names()}
    golden("claims.json", verdicts)


def test_other_announcements_on_the_plan_of_what_happened(golden: Callable[[str, Any], None]) -> None:
    result = gp.run("actual-2026-11")
    found = claims.evaluate(result, catalog.load(), [claims.read(name) for name in OTHERS])
    golden("claims-others.json", {c.id: [str(c.verdict), c.because] for c in found})
    assert {c.verdict for c in found} >= {Verdict.ASSUMED, Verdict.FAILS}
    assert any(c.id == "amd-openai-2025-10/capacity" for c in found)  # several sets have a claim of this id
