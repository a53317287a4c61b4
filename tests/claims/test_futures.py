"""In how many futures a claim holds: each is judged as if it were the only one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog, claims
from gigaplan.claims.evaluator import evaluate
from gigaplan.report.select import summary
from gigaplan.report.terminal import claims_table
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Claim, Futures, Verdict
from gigaplan.vocabulary.draws import Draw
from gigaplan.vocabulary.facts import Evidence

FACTS = catalog.load()
MEMBERS, N = 12, 36
Checked = Callable[..., Claim]


def many(world: Result, seed: int, members: int = MEMBERS) -> Result:
    """Return a result whose members differ in everything, dates that never come and undefined prices among them."""
    random = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    for name, array in world.arrays.items():
        row = world.variable(name)
        if row.dims[:1] != ("member",):
            arrays[name] = array
            continue
        shape = (members, *(1 for _ in array.shape[1:]))
        varied = np.repeat(np.asarray(array, dtype=float), members, axis=0) * random.lognormal(0, 0.4, shape)
        varied[1:] *= random.lognormal(0, 0.2, varied[1:].shape)
        if row.name.endswith("_day"):
            varied[random.random(varied.shape) < 0.2] = np.nan
        arrays[name] = varied
    fact = FACTS.find("facility", "facility_to_it_peak")
    drawn = Draw(name=fact.id, paths=("power",), evidence=Evidence.ESTIMATED, values=random.uniform(1.05, 1.6, members))
    return replace(world, arrays=arrays, draws=(drawn,), stamp=replace(world.stamp, members=members))


def only(result: Result, member: int) -> Result:
    """Return a result whose only member is one of another's."""
    arrays = {
        n: a[member : member + 1] if result.variable(n).dims[:1] == ("member",) else a for n, a in result.arrays.items()
    }
    draws = tuple(replace(one, values=one.values[member : member + 1]) for one in result.draws)
    return replace(result, arrays=arrays, draws=draws, stamp=replace(result.stamp, members=1))


def counted(verdicts: list[Verdict]) -> Futures:
    found = Counter(verdicts)
    holds = found[Verdict.HOLDS] + found[Verdict.ASSUMED]
    unknown = found[Verdict.UNKNOWN]
    return Futures(members=len(verdicts), holds=holds, on_basis=found[Verdict.ON_BASIS], unknown=unknown)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=8)
def test_each_future_is_judged_as_if_it_were_the_only_one(world_once: Result, seed: int) -> None:
    sets = [claims.read(name) for name in ("announcement-2025-09", "stargate-2025-01", "amd-openai-2025-10")]
    result = many(world_once, seed)
    together = evaluate(result, FACTS, sets)
    apart = [evaluate(only(result, k), FACTS, sets) for k in range(MEMBERS)]
    for place, claim in enumerate(together):
        assert claim.futures == counted([one[place].verdict for one in apart]), claim.id
        assert claim.verdict == apart[0][place].verdict
        assert claim.because == apart[0][place].because
        assert claim.figures == apart[0][place].figures


READINGS = (
    "quantity: weekly_users, reduce: last, years: up, at_least: all",
    "quantity: weekly_users, reached: {at_least: 760e6}, by: 2031",
    "quantity: weekly_users, kept_from: {at_least: 700e6}, by: 2026",
    "quantity: weekly_users, months: {above: 700e6}, at_least: all",
    "quantity: weekly_users, reduce: last, growth: {from: first year, to: last year}, above: 1",
    "quantity: first_token_day, at: {site: new}, each: site, by: 2026-08",
    "quantity: first_token_day, at: {site: new}, over: {site: min}, within: 2026-H2",
    "quantity: gpus_producing, reduce: last, most: generation, at_least: 4e6",
    "quantity: gpus_producing, reduce: last, count: {generation: {at_least: 2e6}}, at_least: all",
    "quantity: gpus_producing, reduce: last, among: {generation: {quantity: gpus_producing, reduce: last, "
    "below: 1e6}}, at_least: 5e5, absent: skip",
    "quantity: gpus_producing, reduce: last, among: {generation: {quantity: gpus_producing, reduce: last, "
    "below: 1e6}}, at_least: 5e5, absent: zero",
    "quantity: gpus_producing, reduce: last, among: {generation: {quantity: gpus_producing, reduce: last, "
    "below: 1e6}}, at_least: 5e5",
    "gpus_in: 1 GW, of: vr_nvl72, bases: [it, facility], at_least: 280e3",
    "quantity: power_state_mw, at: {site: new, state: producing}, reduce: last, unit: GW, system: vr_nvl72, "
    "bases: [it, facility, rack_tdp], at_least: 11",
    "quantity: revenue_usd, reduce: sum, divided_by: {quantity: weekly_users, reduce: last}, above: 80",
)


@pytest.mark.parametrize("reading", READINGS)
def test_each_word_of_the_language_is_judged_by_future(
    checked: Checked, world: Callable[..., Result], reading: str
) -> None:
    result = many(world(), 7, 40)
    together = checked(f"[{{{reading}}}]", result)
    verdicts = [checked(f"[{{{reading}}}]", only(result, k)).verdict for k in range(40)]
    assert together.futures == counted(verdicts)
    assert together.verdict == verdicts[0]


def test_a_bound_by_hand(checked: Checked, world: Callable[..., Result]) -> None:
    users = np.arange(1.0, 21.0)[:, None] * np.ones(N)
    result = replace(many(world(), 0, 20), arrays={**world().arrays, "weekly_users": users})
    held = checked("[{quantity: weekly_users, reduce: max, at_least: 15}]", result)
    assert held.verdict == Verdict.FAILS  # the central future has 1
    assert held.futures == Futures(members=20, holds=6, on_basis=0, unknown=0)
    assert held.futures.text == "holds in 6 of 20 futures"


def test_a_drawn_conversion_is_each_futures_own(checked: Checked, world: Callable[..., Result]) -> None:
    result = many(world(), 3, 20)
    factors = result.draws[0].values
    power = np.zeros((1, 3, 3, N + 1))
    power[0, 2, 0] = 1000.0  # the same IT power in all futures
    result = replace(result, arrays={**result.arrays, "power_state_mw": np.repeat(power, 20, axis=0)})
    reading = "quantity: power_state_mw, at: {site: new, state: producing}, reduce: last, bases: [facility]"
    held = checked(f"[{{{reading}, at_least: 1300}}]", result)
    assert held.futures is not None
    assert held.futures.kept == int((factors >= 1.3).sum())


def test_what_is_kept_for_the_central_future_alone_has_no_such_number(
    checked: Checked, world: Callable[..., Result]
) -> None:
    result = many(world(), 0)
    cut = replace(result, arrays={**result.arrays, "weekly_users": result.arrays["weekly_users"][:1]})
    assert checked("[{quantity: weekly_users, reduce: max, at_least: 1}]", cut).futures is None
    assert checked("[{quantity: gpus_producing, reduce: max, at_least: 1}]", cut).futures is not None
    few = replace(result, arrays=world().arrays, draws=(), stamp=replace(result.stamp, members=1))
    assert checked("[{quantity: weekly_users, reduce: max, at_least: 1}]", few).futures is None


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((71, 0, 0), "holds in 71 of 100 futures"),
        ((50, 21, 0), "holds in 71 of 100 futures, in 21 of them on some basis only"),
        ((0, 71, 4), "holds in 71 of 100 futures on some basis only; can't be determined in 4"),
        ((0, 0, 100), "can't be determined in any of 100 futures"),
    ],
)
def test_words(counts: tuple[int, int, int], text: str) -> None:
    holds, on_basis, unknown = counts
    assert Futures(members=100, holds=holds, on_basis=on_basis, unknown=unknown).text == text


def test_every_door_says_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    from rich.console import Console

    from gigaplan.cli import main

    changes = {"horizon.end": "2027-12", "uncertainty.members": 12}
    result = gp.run("announced-2025-09", changes)
    own = {c.id: c.futures for c in result.claims}
    assert all(own.values())
    checked = gp.check("announced-2025-09", changes).result.claims
    assert checked == result.claims
    assert {c["id"]: c["futures"]["kept"] for c in summary(result)["claims"]} == {
        i: f.kept for i, f in own.items() if f
    }
    console = Console(width=200, record=True, file=StringIO())
    console.print(claims_table(result))
    text = console.export_text()
    assert all(f.sentence in text for f in own.values() if f)
    saved = gp.load(gp.save(result, tmp_path / "kept"))
    assert saved.claims == result.claims
    with pytest.raises(SystemExit):
        main(
            ["check", "announced-2025-09", "--set", "horizon.end=2027-12", "--set", "uncertainty.members=12", "--json"]
        )
    shown = json.loads(capsys.readouterr().out)["claims"]
    assert {c["id"]: c["futures"]["holds"] for c in shown} == {i: f.holds for i, f in own.items() if f}
