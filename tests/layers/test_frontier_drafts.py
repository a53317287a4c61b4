"""Drafts as an input of frontiers and plans."""

from __future__ import annotations

import pytest

import gigaplan as gp
from gigaplan.vocabulary.errors import PlanError


def fastest(**options: float) -> float:
    answer = gp.frontier("deepseek_r1", "b200_hgx", modes=["co-located"], tpot_s=0.5, **options)
    return float(answer.curves[0].frontier[0].tpot_ms.value)


def test_accepted_drafts_make_the_fastest_point_faster() -> None:
    plain, published = fastest(), fastest(drafts=3)
    assert published < plain
    assert fastest(drafts=3, accepted_tokens=4.0) < published < fastest(drafts=3, accepted_tokens=1.2)


def test_what_is_accepted_is_said_unless_it_is_stated() -> None:
    said = gp.frontier("deepseek_r1", "b200_hgx", modes=["co-located"], drafts=2)
    assert any("a step with 2 drafts yields" in n and "its maker's models" in n for n in said.notes)
    stated = gp.frontier("deepseek_r1", "b200_hgx", modes=["co-located"], drafts=2, accepted_tokens=2.0)
    assert not any("drafts yields" in n for n in stated.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"drafts": 9}, "no such number of 'drafts'"),
        ({"drafts": -1}, "no such number of 'drafts'"),
        ({"accepted_tokens": 2.0}, "'accepted_tokens' without 'drafts'"),
        ({"drafts": 1, "accepted_tokens": 2.5}, "1 to 2, the verified token included"),
        ({"drafts": 1, "accepted_tokens": float("nan")}, "can't be"),
    ],
)
def test_drafts_that_cannot_be_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        gp.frontier("deepseek_r1", "b200_hgx", **options)


def test_drafts_that_nobody_measured_are_extrapolated_with_a_wider_interval() -> None:
    measured, other = (
        gp.frontier("deepseek_r1", "b200_hgx", modes=["co-located"], drafts=2, engine=e, precision="fp8").curves[0]
        for e in ("trtllm", "vllm")
    )
    assert measured.validity == "inside"
    assert "no measured row of deepseek with drafts on vllm" in other.validity
    wide, narrow = (c.frontier[0].tpot_ms for c in (other, measured))
    assert wide.high / wide.low > narrow.high / narrow.low


def test_a_plan_with_drafts_serves_at_another_rate() -> None:
    plain, drafted = (gp.run("lab-1mw", {"demand.software.drafts": k}) for k in (0, 2))
    ratio = drafted["requests_per_gpu_s"] / plain["requests_per_gpu_s"]
    assert (abs(ratio - 1) > 0.01).any()
    with pytest.raises(PlanError, match=r"demand\.software\.drafts"):
        gp.run("lab-1mw", {"demand.software.drafts": 9})
