"""Every uncertain input of demand may hold one number per member, and members do not know of each other."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.demand.inputs import Adoption, DemandInputs, Shape, Workload
from gigaplan.demand.requests import compute_demand
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.time import Resolution, TimeAxis

MEMBERS = 3
AXES = [TimeAxis(dt.date(2026, 1, 1), dt.date(2026 + (r == Resolution.REPRESENTATIVE), 3, 1), r) for r in Resolution]
SHAPE = Shape(
    night_share=0.3,
    peak_local_hour=15.0,
    weekend_share=0.6,
    summer_share=0.9,
    region_offset_h=(-8.0, 5.5, 13.0),
    region_share=(0.4, 0.35, 0.25),
)
AGENT = Workload(
    name="agent",
    driver="users",
    reference_date=dt.date(2026, 2, 1),
    reach_share=0.1,
    requests_per_user_day=20.0,
    growth_per_year=0.5,
    growth_decay_per_year=0.4,
    fresh_input_tokens=10.0,
    cached_input_tokens=20.0,
    media_tokens=5.0,
    reasoning_tokens=150.0,
    output_tokens=300.0,
    value_usd_per_request=0.01,
    revenue_usd_per_request=0.01,
    model="m",
    ttft_s=1.0,
    tpot_s=0.05,
    turns_per_session=2.0,
    calls_per_turn=2.0,
    new_tokens_per_call=200.0,
    system_tokens=1000.0,
    history_limit_tokens=2500.0,
    cache_hit_share=0.8,
    context_growth_per_year=0.3,
    reasoning_growth_per_year=0.2,
    price_elasticity=-0.5,
    guaranteed_share=0.3,
)
BATCH = dataclasses.replace(
    AGENT, name="batch", driver="own", requests_per_day=1e6, deferrable=True, new_tokens_per_call=0.0
)
ADOPTION = Adoption(
    ceiling_users=2e9, reference_users=5e8, reference_date=dt.date(2026, 1, 1), rate_per_year=0.5, curve="logistic"
)


def uncertain_fields(cls: Any) -> list[str]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return [
        f.name
        for f in dataclasses.fields(cls)
        if typing.get_origin(hints[f.name]) is Annotated and typing.get_args(hints[f.name])[0] == Uncertain
    ]


def spread(thing: Any, rng: np.random.Generator, some: float) -> Any:
    """Return a dataclass some of whose uncertain fields hold one number per member, each up to 30 % smaller."""
    names = [n for n in uncertain_fields(type(thing)) if rng.random() < some and getattr(thing, n)]
    return dataclasses.replace(thing, **{n: getattr(thing, n) * rng.uniform(0.7, 1, MEMBERS) for n in names})


def member(thing: Any, m: int) -> Any:
    """Return a dataclass with the numbers of one member."""
    values = {n: getattr(thing, n) for n in uncertain_fields(type(thing))}
    return dataclasses.replace(thing, **{n: float(v[m]) for n, v in values.items() if np.ndim(v)})


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from(AXES), st.booleans())
def test_law_a_member_is_the_run_of_its_own_numbers(seed: int, some: float, axis: TimeAxis, series: bool) -> None:
    rng = np.random.default_rng(seed)
    edge = rng.uniform(0, 0.5, (MEMBERS, 2, axis.months) if series else (2, axis.months))
    price = rng.uniform(0.5, 1, (MEMBERS, axis.months) if series else axis.months)
    many = DemandInputs(
        adoption=spread(ADOPTION, rng, some),
        shape=spread(SHAPE, rng, some),
        workloads=(spread(AGENT, rng, some), spread(BATCH, rng, some)),
        edge_share=edge,
        price_index=price,
    )
    whole = compute_demand(many, axis)
    for m in range(MEMBERS):
        one = compute_demand(
            DemandInputs(
                adoption=member(many.adoption, m),
                shape=member(many.shape, m),
                workloads=tuple(member(w, m) for w in many.workloads),
                edge_share=edge[m] if series else edge,
                price_index=price[m] if series else price,
            ),
            axis,
        )
        for f in dataclasses.fields(one):
            got, alone = getattr(whole, f.name), getattr(one, f.name)
            np.testing.assert_array_equal(got[min(m, len(got) - 1)], alone[0], err_msg=f.name)


@pytest.mark.parametrize("cls", [Workload, Shape, Adoption])
def test_every_number_of_demand_may_be_uncertain(cls: Any) -> None:
    """The limits of the service objective are decisions, not knowledge, and so is for whom they hold."""
    hints = typing.get_type_hints(cls, include_extras=True)
    certain = {n for n, h in hints.items() if typing.get_origin(h) is Annotated and typing.get_args(h)[0] is float}
    assert certain <= {"ttft_s", "tpot_s", "within_share", "prompt_cv"}
