"""Frontiers of models on systems: order, intervals, power, cost, wrong names, and back from JSON."""

from __future__ import annotations

import itertools
import json

import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.finance.gpu_hour import HOURS_PER_YEAR, owned_gpu_hour
from gigaplan.layers.serving import Frontiers, Point, ServingQuestion, frontiers, supply
from gigaplan.plan.ratings import GpuPower
from gigaplan.plan.resolve import costs_of, it_kw_per_gpu
from gigaplan.vocabulary.bases import Profile
from gigaplan.vocabulary.interval import Figure

FACTS = catalog.load()


@pytest.fixture(scope="module")
def answer() -> Frontiers:
    return gp.frontier(
        ["deepseek_r1", "gpt_oss_120b"], ["gb200_nvl72", "vr_nvl72"], input_tokens=2048, cached_tokens=256
    )


def figures(p: Point) -> list[Figure]:
    found = (
        p.tokens_per_s_per_user,
        p.output_tokens_per_s_per_gpu,
        p.ttft_ms,
        p.tpot_ms,
        p.output_tokens_per_s_per_it_mw,
        p.usd_per_mtok_owned,
        p.usd_per_mtok_rented,
    )
    return [f for f in found if f is not None]


def test_every_pair_once_in_order(answer: Frontiers) -> None:
    pairs = [(c.model, c.system) for c in answer.curves]
    assert pairs == list(itertools.product(["deepseek_r1", "gpt_oss_120b"], ["gb200_nvl72", "vr_nvl72"]))
    again = gp.frontier("gpt_oss_120b", "h200_hgx", more=[("gpt_oss_120b", "h200_hgx"), ("llama_3_1_8b", "h100_hgx")])
    assert [c.model for c in again.curves] == ["gpt_oss_120b", "llama_3_1_8b"]


def test_the_frontier_trades_speed_for_number(answer: Frontiers) -> None:
    for c in answer.curves:
        assert {p.mode for p in c.points} == {"co-located", "disaggregated"}
        xy = [(p.tokens_per_s_per_user.value, p.output_tokens_per_s_per_gpu.value) for p in c.frontier]
        assert all(a[0] >= b[0] and a[1] < b[1] for a, b in itertools.pairwise(xy))
        for p in c.points:
            beaten = [
                q for q in xy if q[0] >= p.tokens_per_s_per_user.value and q[1] >= p.output_tokens_per_s_per_gpu.value
            ]
            assert beaten, "every point is on the frontier or beaten by one that is"


def test_limits_and_arithmetic_of_each_point(answer: Frontiers) -> None:
    for c in answer.curves:
        s = c.supply
        assert s.it_kw_per_gpu
        assert s.drawn_kw_per_gpu
        assert s.drawn_kw_per_gpu < s.it_kw_per_gpu
        for p in c.points:
            assert p.ttft_ms.value <= 2000
            assert p.tpot_ms.value <= 50
            assert p.gpus == sum(w.count * w.gpus for w in p.workers)
            assert p.tokens_per_s_per_user.value == pytest.approx(1e3 / p.tpot_ms.value)
            speed = p.output_tokens_per_s_per_gpu.value
            assert speed * p.gpus == pytest.approx(p.batch * p.tokens_per_s_per_user.value, rel=1e-6)
            assert p.output_tokens_per_s_per_it_mw
            assert p.output_tokens_per_s_per_it_mw.value == pytest.approx(speed / s.it_kw_per_gpu * 1e3)
            for paid, hour in (
                (p.usd_per_mtok_owned, s.owned_usd_per_gpu_h),
                (p.usd_per_mtok_rented, s.rented_usd_per_gpu_h),
            ):
                assert paid
                assert hour
                assert paid.value == pytest.approx(hour / (speed * 3600 / 1e6))


def test_intervals_lie_around_their_points(answer: Frontiers) -> None:
    widths: dict[tuple[str, str], float] = {}
    for c in answer.curves:
        for p in c.points:
            assert all(0 < f.low <= f.value <= f.high for f in figures(p))
            wide = p.output_tokens_per_s_per_gpu
            assert widths.setdefault((c.system, p.mode), wide.high / wide.low) == pytest.approx(wide.high / wide.low)
    assert widths["vr_nvl72", "co-located"] >= widths["gb200_nvl72", "co-located"], "new hardware is never surer"
    assert answer.curves[0].validity == "inside"
    assert answer.curves[1].validity.startswith("extrapolated: no measured row of rubin")


def test_what_lies_beyond_the_measured_widens_points_too() -> None:
    """Inputs of 200 times the output, and a model smaller than any measured."""
    questions = [ServingQuestion(input_tokens=i, output_tokens=50, ttft_s=60) for i in (10_000, 1_000)]
    far, near = (frontiers([("llama_3_1_8b", "h200_hgx")], q).curves[0] for q in questions)
    assert near.validity == "inside"
    assert "200 times the output" in far.validity

    beyond, usual = ((c.points[0].tpot_ms, c.frontier[-1].tpot_ms) for c in (far, near))
    assert beyond[0].high / beyond[0].value > usual[0].high / usual[0].value, "beyond the measured"
    assert usual[1].value / usual[1].low > 1.05 * usual[0].value / usual[0].low, "prompts of others are read"
    small = frontiers([("qwen3_0_6b", "h200_hgx")]).curves[0]
    assert "launches may set the pace" in small.validity
    assert all(p.tpot_ms.high / p.tpot_ms.value > 1.25 for p in small.points)


def test_back_from_json(answer: Frontiers) -> None:
    text = json.dumps(gp.to_json(answer), allow_nan=False)
    assert Frontiers.from_dict(json.loads(text)) == answer


def test_the_owned_hour_by_hand() -> None:
    """3.5 M USD a rack of 72 over 5 years of 8,766 h: 1.109 USD; its network 22 % of that; the rest by power."""
    hour = owned_gpu_hour(
        rack_price_usd=3.5e6,
        gpus_per_rack=72,
        it_kw_per_gpu=2.0,
        drawn_share=0.5,
        pue=1.2,
        power_price_usd_per_mwh=100.0,
        costs=costs_of(FACTS),
        life_years=5.0,
    )
    assert hour.rack_usd == pytest.approx(3.5e6 / 72 / 5 / HOURS_PER_YEAR)
    assert hour.network_usd == pytest.approx(0.22 * hour.rack_usd)
    assert hour.energy_usd == pytest.approx(0.002 * 0.5 * 1.2 * 100)
    assert hour.facility_usd == pytest.approx(0.002 * 11.77e6 / 14 / HOURS_PER_YEAR)
    parts = (hour.rack_usd, hour.network_usd, hour.facility_usd, hour.operations_usd, hour.energy_usd)
    assert hour.total_usd == pytest.approx(sum(parts))


def test_power_is_that_of_plans() -> None:
    assert it_kw_per_gpu(FACTS, "vr_nvl72") == pytest.approx(190 * 1.14 / 72)
    assert it_kw_per_gpu(FACTS, "vr_nvl72", GpuPower(profile=Profile.MAX_P)) == pytest.approx(220 * 1.14 / 72)


def test_what_the_catalog_lacks_is_said_not_guessed() -> None:
    curve = gp.frontier("gpt_oss_120b", "tpu_v6e").curves[0]
    assert curve.supply == supply(FACTS, "tpu_v6e")
    assert set(curve.supply.missing) == {"rack_power_kw", "rack_price_usd", "rental_usd_per_gpu_h"}
    assert curve.points
    assert all(p.usd_per_mtok_owned is None and p.output_tokens_per_s_per_it_mw is None for p in curve.points)


def test_one_way_alone_and_a_model_that_does_not_fit() -> None:
    curve = gp.frontier("gpt_oss_120b", "gb200_nvl72", modes=["disaggregated"]).curves[0]
    assert {p.mode for p in curve.points} == {"disaggregated"}
    small = gp.frontier("deepseek_r1", "l4").curves[0]
    assert small.points == ()
    assert set(small.reasons) == {"co-located", "disaggregated"}
    assert "GB" in small.reasons["co-located"] or "too slow" in small.reasons["co-located"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(gp.PlanError) as raised:
        gp.frontier(
            ["gpt_os_120b", "deepseek_r1"],
            ["gb200_nvl27", "h200"],
            precision="fp3",
            engine="vlm",
            cached_tokens=5000,
            ttft_s=-1,
            output_tokens=float("nan"),
        )
    problems = raised.value.problems
    by_value = {p.value: p for p in problems}
    assert by_value["gpt_os_120b"].nearest == "gpt_oss_120b, gpt_oss_20b"
    assert by_value["gb200_nvl27"].nearest.startswith("gb200_nvl72")
    assert by_value["h200"].nearest == "h200_hgx, h200_nvl"
    assert by_value["vlm"].nearest == "vllm"
    assert {"fp3", "5000", "-1", "nan"} <= set(by_value)
    assert all(p.remedy for p in problems)
    with pytest.raises(gp.PlanError):
        gp.frontier([], [])
    with pytest.raises(gp.PlanError, match="no way of serving"):
        gp.frontier("deepseek_r1", "gb200_nvl72", modes=[])


def test_the_power_of_a_gpu_sets_its_clock() -> None:
    """Fewer watts serve no more per GPU, and more per megawatt; at max_p speeds are those of the rated power."""
    full, efficient, capped = (
        gp.frontier("deepseek_v3", "vr_nvl72", **options).curves[0]
        for options in ({"profile": "max_p"}, {}, {"power_per_gpu_w": "1500 W"})
    )
    speeds = [c.frontier[-1].output_tokens_per_s_per_gpu.value for c in (full, efficient, capped)]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > speeds[2]
    per_mw = [c.frontier[-1].output_tokens_per_s_per_it_mw for c in (full, efficient, capped)]
    assert all(a and b and a.value < b.value for a, b in itertools.pairwise(per_mw))
    assert [c.supply.gpu_limit_w for c in (full, efficient, capped)] == [2300, 1800, 1500]
    assert full.supply.clock_share == 1 > efficient.supply.clock_share > capped.supply.clock_share
    same = gp.frontier("gpt_oss_120b", "h100_hgx", power_per_gpu_w=700.0).curves
    assert same == gp.frontier("gpt_oss_120b", "h100_hgx").curves


@pytest.mark.parametrize(
    ("system", "options", "allowed"),
    [
        ("vr_nvl72", {"power_per_gpu_w": 1000.0}, "1,110 to 1,800 W for vr_nvl72 at max_q"),
        ("vr_nvl72", {"power_per_gpu_w": 2000.0}, "1,110 to 1,800 W"),
        ("h100_hgx", {"power_per_gpu_w": -5.0}, "338 to 700 W"),
        ("h100_hgx", {"profile": "max_x"}, "max_q, max_p"),
    ],
)
def test_impossible_powers(system: str, options: dict[str, float | str], allowed: str) -> None:
    with pytest.raises(gp.PlanError) as caught:
        gp.frontier("llama_3_1_8b", system, **options)  # type: ignore[arg-type]
    assert any(allowed in p.allowed for p in caught.value.problems)


def test_a_profile_without_effect_is_noted() -> None:
    """Of a system that is rated at one power the other profile changes nothing, and the answer says so."""
    usual, other = (gp.frontier("gpt_oss_120b", "h100_hgx", profile=p) for p in ("max_q", "max_p"))
    assert usual.curves == other.curves
    assert not [n for n in usual.notes if "profile" in n]
    assert other.notes[-1:] == ("profile max_p has no effect on h100_hgx, which is rated at one power",)
    run = gp.train("llama_3_1_8b", "h100_hgx", gpus=64, tokens="1T", profile="max_p")
    assert run.notes == other.notes[-1:]
