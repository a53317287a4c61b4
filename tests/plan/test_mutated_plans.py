"""Mutated plans: whatever a person does to a value, the answer is a result or a list of problems, never a traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gigaplan as gp

PLAN = yaml.safe_load((files("gigaplan.plan") / "builtin" / "announced-2025-09.yaml").read_text())
ODD = (
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    "",
    "x",
    "-5 MW it",
    "1e9 GW it",
    "0 MW it",
    "1 W it",
    "2026-13",
    "0001-01",
    "9999-12",
    "2026-07-01",
    [],
    {},
    {"value": None},
    "100 %",
    "-3 %",
    "1e-9 s",
    "1e9 s",
    "$-5B",
    "1 token",
    "1e30 tokens",
    "max_p",
    "newest",
    "vr_nvl72",
    "dgx_1",
    "us",
    "own",
    "users",
    [1, 2],
    "1 month",
    "1e6 months",
    "0.001 years",
)
SETTINGS = {
    "fleet.ladder.ready_lag_months": "1e6 months",
    "fleet.ladder.availability": "1 %",
    "fleet.ladder.transformer_mw_per_month": "1 W/month",
    "power.facility.pue": 1.02,
    "power.facility.loss_share": "25 %",
    "power.draw.busy_share": "5 %",
    "demand.adoption.ceiling_users": "1 M users",
    "demand.adoption.reference_users": "5 B",
    "demand.adoption.curve": "cubic",
    "demand.regions": ["region_mars"],
    "demand.workloads.chat.output_tokens": 0,
    "demand.workloads.chat.fresh_input_tokens": 0,
    "demand.workloads.chat.growth_per_year": "500 %/year",
    "demand.workloads.chat.growth_decay_per_year": "0 /year",
    "demand.workloads.chat.guaranteed_share": "100 %",
    "finance.costs.it_life_years": "0.01 years",
    "finance.tranches.total_usd": "$1",
    "finance.tranches.amount_per_milestone_usd": "$7",
    "finance.costs.lives_compared_years": [0.01, 5],
    "training.share": {"2024-01": "100 %"},
    "uncertainty.members": 3,
    "horizon.end": "2024-02",
    "fleet.opening": {},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from places(below, (*path, key))


def put(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    """Set a value, making sections on the way; a path that an earlier change has cut is left."""
    inside: Any = document
    for part in path[:-1]:
        if isinstance(inside, dict):
            inside = inside.setdefault(part, {})
        elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
            inside = inside[part]
        else:
            return
    if isinstance(inside, dict) or (isinstance(inside, list) and isinstance(path[-1], int) and path[-1] < len(inside)):
        inside[path[-1]] = value


def outcome(file: Path) -> gp.Result | gp.PlanError:
    """Return the answer or what is wrong; anything else is a traceback, and fails."""
    try:
        return gp.run(file)
    except gp.PlanError as wrong:
        return wrong


def check(answer: gp.Result | gp.PlanError) -> None:
    if isinstance(answer, gp.PlanError):
        assert answer.problems
        assert all(p.message for p in answer.problems)
    else:
        assert answer.axis.months > 0


changes = st.one_of(
    st.tuples(st.sampled_from(sorted(places(PLAN), key=str)), st.sampled_from(ODD)),
    st.sampled_from([(tuple(k.split(".")), v) for k, v in SETTINGS.items()]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=1, max_size=3))
def test_an_answer_or_problems_never_a_traceback(tmp_path: Any, made: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = copy.deepcopy(PLAN)
    for path, value in made:
        put(document, path, value)
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    check(outcome(file))


@pytest.mark.parametrize("path", SETTINGS)
def test_settings_at_the_edge(path: str, tmp_path: Any) -> None:
    document = copy.deepcopy(PLAN)
    put(document, tuple(path.split(".")), SETTINGS[path])
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    check(outcome(file))
