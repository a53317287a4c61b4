"""Every fact with a range that a plan reads is drawn, but for a list with reasons; a wider range spreads no less."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import plan as plans
from gigaplan.plan.load import load
from gigaplan.plan.resolve import model_errors
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.scenario import Scenario
from gigaplan.plan.sources import builtin_names
from gigaplan.results.contributions import contributions
from gigaplan.results.headlines import Headline, headlines, window
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array

LAYOUT = "layouts are searched once, at the central constants; the error that the model's calibration left is drawn"
EXCHANGE = "read by 'train --sites' alone: a plan leaves out what the exchange between sites takes"
CONVERTS = "turns the money of one year into that of another, for all facts alike"
NOT_DRAWN = {
    "trtllm.chunk_tokens": LAYOUT,
    "vllm.chunk_tokens": LAYOUT,
    "sglang.chunk_tokens": LAYOUT,
    "trtllm.held_output_share": LAYOUT,
    "vllm.held_output_share": LAYOUT,
    "sglang.held_output_share": LAYOUT,
    "serving_model.scaleout_share": LAYOUT,
    "training_model.handover_hidden_share": LAYOUT,
    "training_model.full_clock_j_per_flop": LAYOUT,
    "training_model.training_reserve_share": LAYOUT,
    "largest_run.model_width": LAYOUT,
    "largest_run.sequence_tokens": LAYOUT,
    "largest_run.batch_exponent": LAYOUT,
    "training.mfu_share": LAYOUT,
    "local_updates.inner_steps": EXCHANGE,
    "local_updates.overlap_steps": EXCHANGE,
    "local_updates.layers_per_fragment": EXCHANGE,
    "local_updates.outer_bytes_per_parameter": EXCHANGE,
    "local_updates.streamed_bytes_per_parameter": EXCHANGE,
    "us_cpi_u.price_level.2025": CONVERTS,
    "us_cpi_u.price_level.2026": CONVERTS,
    "published.h100.gpu_rental_price.2026-03-31": "published: rents go through it",
}
"""Facts that have a range and no draw, and why."""
QUANTITIES_NOT_DRAWN = {
    "peak_fp8_flops_per_s": "moves with the system's peak at 16 bits, whose draw is the ratio of all",
    "peak_fp4_flops_per_s": "moves with the system's peak at 16 bits, whose draw is the ratio of all",
    "gpu_tgp_w": "sets the clock at which layouts are searched, once",
}
"""Quantities of systems without a draw of their own, and why."""
MOVING = ("facility.pue", "build.life_years", "ladder.ready_lag_months", "build.network_share")
MEMBERS = 24


@cache
def scenario(name: str) -> Scenario:
    return plans.resolve(load(name, ["uncertainty.members=4"]))


def undrawn(of: Scenario) -> set[str]:
    drawn = {path for one in of.draws for path in one.paths}
    reads: dict[str, list[str]] = {}
    for entry in of.ledger.entries:
        if entry.fact and entry.fact.low is not None and entry.fact.high is not None:
            reads.setdefault(entry.fact.id, []).append(entry.path)
    return {fact for fact, paths in reads.items() if not drawn & set(paths)}


@pytest.mark.parametrize("name", builtin_names())
def test_every_fact_with_a_range_is_drawn_or_has_a_reason(name: str) -> None:
    of_systems = {f for f in undrawn(scenario(name)) if f.partition(".")[2] in QUANTITIES_NOT_DRAWN}
    assert undrawn(scenario(name)) - of_systems <= set(NOT_DRAWN)


def test_no_reason_is_out_of_date() -> None:
    found = set().union(*(undrawn(scenario(name)) for name in builtin_names()))
    assert found >= {n for n in NOT_DRAWN if not n.endswith(("chunk_tokens", "held_output_share"))}


def test_a_facility_power_carries_what_its_ratio_lets() -> None:
    """IT power of a stated grid connection is uncertain; one that is stated as IT power isn't."""
    path = "fleet.sites.Campus hall.phases.*.power"
    facility = plans.resolve(load("lab-1mw", ["uncertainty.members=50", f"{path}=1 MW facility"]))
    (phase, *_) = facility.fleet.sites[0].phases
    peaks = np.asarray(facility.facilities[0].facility_to_it_peak)
    np.testing.assert_allclose(phase.power.value * np.asarray(phase.power_ratio), 1 / peaks)
    stated = plans.resolve(load("lab-1mw", ["uncertainty.members=50", f"{path}=1 MW it"]))
    assert stated.fleet.sites[0].phases[0].power_ratio == 1.0
    result = gp.run("lab-1mw", {"uncertainty.members": 50, path: "1 MW facility"}, keep="summary")
    whole = result["power_state_mw"].sum(axis=1)[:, 0, -1]
    np.testing.assert_allclose(whole, 2 / peaks)


def test_memory_that_stays_free_moves_the_memory_that_is_filled() -> None:
    ratios = scenario("lab-1mw").device_ratios["h200_hgx"]
    (drawn,) = [d for d in scenario("lab-1mw").draws if d.name == "serving_model.memory_reserve_share"]
    np.testing.assert_allclose(ratios["hbm_bytes",], (1 - drawn.values) / (1 - drawn.values[0]))


def test_several_sites_count_more_or_less() -> None:
    result = gp.run("announced-2025-09", {"uncertainty.members": 20}, keep="summary")
    largest = result["largest_run_flop"][:, :, -1]
    share = largest[:, 1] / largest[:, 0]
    assert len(np.unique(share.round(6))) > 10
    names = {d.name for d in result.draws}
    assert {"local_updates.loss_exponent", "local_updates_2.loss_rise_share"} <= names


@cache
def ranged() -> tuple[str, ...]:
    """The facts that lab-1mw draws, each with a stream of its own."""
    return tuple(sorted(d.name for d in scenario("lab-1mw").draws if not d.group and not d.follows and "." in d.name))


def spread_of(name: str, width: float) -> tuple[gp.Result, dict[str, Headline]]:
    """A run in which one fact alone is uncertain, its range made so much narrower."""
    drawn = Filler.drawn

    def alone(self: Filler, fact: Fact, *args: Any, **kwargs: Any) -> Array:
        if fact.id != name:
            return np.full(self.members, fact.number)
        assert fact.low is not None and fact.high is not None
        low, high = (fact.number + width * (end - fact.number) for end in (fact.low, fact.high))
        return drawn(self, replace(fact, low=low, high=high), *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_errors, "_drawn", lambda *_: 1.0)
        patch.setattr(Filler, "drawn", alone)
        result = gp.run("lab-1mw", {"uncertainty.members": MEMBERS}, keep="summary")
    shared = window(result, result)
    assert shared is not None
    return result, headlines(result, shared)


def moved(name: str, width: float) -> int:
    """Return how many headlines a fact alone moves one way; each is spread no more by a part of its range."""
    result, whole = spread_of(name, 1.0)
    _, part = spread_of(name, width)
    count = 0
    for key, headline in whole.items():
        if headline.members is None or headline.span is None or not headline.span.known:
            continue
        found = contributions(result, headline.variable, headline.members, date=headline.unit == "date")
        if found is None or not found.inputs or found.inputs[0].share < 0.95:
            continue
        narrow = part[key].span
        assert narrow is not None
        wide = headline.span.high - headline.span.low
        assert narrow.high - narrow.low <= wide * (1 + 1e-9) + 1e-9 or np.isnan(wide)
        assert found.inputs[0].input == name
        count += 1
    return count


@given(st.data(), st.floats(0.2, 0.9))
@settings(max_examples=15)
def test_a_wider_range_spreads_its_headlines_at_least_as_much(data: st.DataObject, width: float) -> None:
    moved(data.draw(st.sampled_from(ranged())), width)


@pytest.mark.parametrize("name", MOVING)
def test_headlines_move_with_an_input_that_matters(name: str) -> None:
    assert moved(name, 0.5) >= 1
