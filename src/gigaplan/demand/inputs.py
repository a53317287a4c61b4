"""What the demand room needs to know."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Day, Unit

TOKENS = ("fresh_input", "cached_input", "media", "reasoning", "output")
"""Kinds of token of a request. Media are pictures, sound and film, as the tokens that the model reads or writes for
them: read afresh here, as one reads text."""
GENERATED = ("reasoning", "output")
READ = ("fresh_input", "cached_input", "media")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Weekly users over time: a curve through a reference point, with a ceiling."""

    ceiling_users: Annotated[Uncertain, Gt(0), Unit("user")]
    reference_users: Annotated[Uncertain, Gt(0), Unit("user")]
    reference_date: Annotated[dt.date, Day()]
    rate_per_year: Annotated[Uncertain, Gt(0), Unit("1/year")]
    curve: Literal["gompertz", "logistic"] = "gompertz"
    """Which of the rival curves of :mod:`gigaplan.demand.adoption`; the catalog says which one fits, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One class of work: how much is asked, in which tokens, at what service, for what it is worth.

    Two drivers: ``users`` (weekly users x reach x requests per user and day) or ``own`` (requests per day
    of its own). Growth: the intensity grows at ``growth_per_year`` (continuous, logarithmic) at the reference
    date, and that rate itself decays at ``growth_decay_per_year``, so that nothing explodes by extrapolation.
    Contexts and reasoning lengthen in the same way, at rates of their own.

    A request is one call of the model. A session has ``turns_per_session`` turns of its user, and a turn takes
    ``calls_per_turn`` calls: one in a chat, many in an agent's loop. Input tokens are stated per call, or follow from
    the session where ``new_tokens_per_call`` says what each call adds (see :mod:`gigaplan.demand.sessions`).
    """

    name: str
    driver: Literal["users", "own"]
    """What demand follows. users: weekly users x reach x requests a day; own: requests a day of its own."""
    reference_date: Annotated[dt.date, Day()]
    reach_share: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of weekly users who use it at all (driver: users)."""
    requests_per_user_day: Annotated[Uncertain, Ge(0), Unit("1")] = 0.0
    """Requests per reached weekly user and day at the reference date (driver: users)."""
    requests_per_day: Annotated[Uncertain, Ge(0), Unit("1")] = 0.0
    """Requests per day at the reference date (driver: own)."""
    growth_per_year: Annotated[Uncertain, Ge(-2), Le(5), Unit("1/year")]
    growth_decay_per_year: Annotated[float, Ge(0), Unit("1/year")]
    fresh_input_tokens: Annotated[float, Ge(0), Unit("token")]
    """Tokens of a request that must be read afresh (prefill)."""
    cached_input_tokens: Annotated[float, Ge(0), Unit("token")]
    """Tokens of a request whose keys and values are reused: memory, no prefill."""
    media_tokens: Annotated[float, Ge(0), Unit("token")] = 0.0
    """Tokens that pictures, sound and film add to what is read afresh."""
    reasoning_tokens: Annotated[float, Ge(0), Unit("token")]
    output_tokens: Annotated[float, Ge(0), Unit("token")]
    turns_per_session: Annotated[float, Ge(1), Unit("1")] = 1.0
    calls_per_turn: Annotated[float, Ge(1), Unit("1")] = 1.0
    new_tokens_per_call: Annotated[float, Ge(0), Unit("token")] = 0.0
    """Tokens that a call adds: what the user or a tool says. 0: input tokens are as stated."""
    system_tokens: Annotated[float, Ge(0), Unit("token")] = 0.0
    """Tokens that every session begins with."""
    history_limit_tokens: Annotated[float, Gt(0), Unit("token")] = 1e6
    """Longest history that is carried on: beyond it the session is cut or summarised."""
    cache_hit_share: Annotated[float, Ge(0), Le(1), Unit("share")] = 1.0
    """Share of the history whose keys and values are still cached."""
    context_growth_per_year: Annotated[float, Ge(-2), Le(5), Unit("1/year")] = 0.0
    """Growth of what a request reads, at the reference date (logarithmic)."""
    reasoning_growth_per_year: Annotated[float, Ge(-2), Le(5), Unit("1/year")] = 0.0
    """Growth of what a request thinks, at the reference date (logarithmic)."""
    token_growth_decay_per_year: Annotated[float, Ge(0), Unit("1/year")] = 1.0
    price_elasticity: Annotated[float, Ge(-5), Le(0), Unit("1")] = 0.0
    """Relative change of requests over that of their price index (isoelastic)."""
    deferrable: bool = False
    """Deferrable work may run at any hour of its day."""
    guaranteed_share: Annotated[float, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of what is asked that is served before anything else."""
    value_usd_per_request: Annotated[float, Ge(0), Unit("USD")]
    """Worth of serving one request to the planner: the order of merit. An assumption, always labelled so."""
    revenue_usd_per_request: Annotated[Uncertain, Ge(0), Unit("USD")] = 0.0
    """What is actually paid for one request, all plans averaged."""
    model: str
    """Catalog name of the model architecture that stands in for the lab's own."""
    later_models: tuple[tuple[dt.date, str], ...] = ()
    """Models that take its place, by date; a calendar year is served by the model of its middle."""
    ttft_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time to first token."""
    tpot_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time per output token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Hour-of-day shape of interactive demand, in UTC: local activity mixed over the regions' longitudes."""

    night_share: Annotated[float, Ge(0), Le(1), Unit("share")]
    """Local activity at its nightly low over its daily high."""
    peak_local_hour: Annotated[float, Ge(0), Le(24), Unit("h")]
    weekend_share: Annotated[float, Gt(0), Le(2), Unit("share")]
    """A weekend day's volume over a weekday's."""
    summer_share: Annotated[float, Gt(0), Le(2), Unit("share")]
    """Summer's volume over the mean of the other seasons (schools, offices closed); of interactive work only."""
    region_offset_h: tuple[float, ...]
    """UTC offsets of the regions that users live in."""
    region_share: tuple[float, ...]
    """Their shares of use; sums to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandInputs:
    """All that the demand room needs."""

    adoption: Adoption
    shape: Shape
    workloads: tuple[Workload, ...]
    edge_share: Array | float = 0.0
    """(W, n) share of requests that devices serve themselves, taken off the fleet, 0..1."""
    price_index: Array | float = 1.0
    """(n,) price of a request over that of the reference date."""
