"""Inputs of the demand room."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain
from gigaplan.vocabulary.units import Day, Unit

Pricing = Literal["cost_plus", "follow_market", "path", "frozen"]
TOKENS = ("fresh_input", "cached_input", "media", "reasoning", "output")
"""Kinds of token of a request. Media are pictures, sound and film, as the tokens that encode them; they are
prefilled like uncached text."""
GENERATED = ("reasoning", "output")
READ = ("fresh_input", "cached_input", "media")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Weekly users over time: a curve through a reference point, with a ceiling."""

    ceiling_users: Annotated[Uncertain, Gt(0), Unit("user")]
    """Weekly users at saturation."""
    reference_users: Annotated[Uncertain, Gt(0), Unit("user")]
    """Weekly users at the reference date."""
    reference_date: Annotated[dt.date, Day()]
    """Date at which the reference users were counted."""
    rate_per_year: Annotated[Uncertain, Gt(0), Unit("1/year")]
    """Rate constant of the curve."""
    curve: Literal["gompertz", "logistic"] = "gompertz"
    """Which of the rival curves of :mod:`gigaplan.demand.adoption` is used; the catalog says which one fits, and
    why."""
    points: tuple[tuple[dt.date, float], ...] = ()
    """Published weekly users by date up to the reference point, which is the last of them: users go through these."""
    stray: Uncertain = 0.0
    """How far users stray from the curve in the first year after the last point: of their logit (users over what is
    left to the ceiling), growing with the square root of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One class of work: its demand, its tokens, its service objective and its value.

    Two drivers: ``users`` (weekly users x reach x requests per user and day) or ``own`` (requests per day
    of its own). Growth: the intensity grows at ``growth_per_year`` (continuous, logarithmic) at the reference
    date, and that rate itself decays at ``growth_decay_per_year``, so that nothing explodes by extrapolation.
    Contexts and reasoning lengthen in the same way, at rates of their own.

    A request is one call of the model. A session has ``turns_per_session`` turns of its user, and a turn takes
    ``calls_per_turn`` calls: one in a chat, many in an agent's loop. Input tokens are stated per call, or follow from
    the session where ``new_tokens_per_call`` states what each call adds (see :mod:`gigaplan.demand.sessions`).
    """

    name: str
    """Name of the workload."""
    driver: Literal["users", "own"]
    """What its requests follow: weekly users, or a number of requests of its own."""
    reference_date: Annotated[dt.date, Day()]
    """Date at which requests and tokens are stated."""
    reach_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of weekly users who use the workload at all (driver: users)."""
    requests_per_user_day: Annotated[Uncertain, Ge(0), Unit("1")] = 0.0
    """Requests per reached weekly user and day at the reference date (driver: users)."""
    requests_per_day: Annotated[Uncertain, Ge(0), Unit("1")] = 0.0
    """Requests per day at the reference date (driver: own)."""
    growth_per_year: Annotated[Uncertain, Ge(-2), Le(5), Unit("1/year")]
    """Logarithmic growth of requests at the reference date, continuous (0.69 doubles them in a year), on top of that of
    users."""
    growth_decay_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Rate at which that growth itself decays."""
    fresh_input_tokens: Annotated[Uncertain, Ge(0), Unit("token")]
    """Uncached input tokens of a request, which prefill must compute."""
    cached_input_tokens: Annotated[Uncertain, Ge(0), Unit("token")]
    """Input tokens of a request whose keys and values are reused: they take memory and no prefill."""
    media_tokens: Annotated[Uncertain, Ge(0), Unit("token")] = 0.0
    """Tokens that pictures, sound and film add to the uncached input of a request."""
    reasoning_tokens: Annotated[Uncertain, Ge(0), Unit("token")]
    """Reasoning tokens that a request generates."""
    output_tokens: Annotated[Uncertain, Ge(0), Unit("token")]
    """Tokens of the answer that a request generates."""
    turns_per_session: Annotated[Uncertain, Ge(1), Unit("1")] = 1.0
    """Turns that a user takes in one session."""
    calls_per_turn: Annotated[Uncertain, Ge(1), Unit("1")] = 1.0
    """Calls of the model in one turn: one in a chat, many in an agent's loop."""
    new_tokens_per_call: Annotated[Uncertain, Ge(0), Unit("token")] = 0.0
    """Tokens that the user or a tool adds with each call; at 0 the input tokens are those stated."""
    system_tokens: Annotated[Uncertain, Ge(0), Unit("token")] = 0.0
    """Tokens of the system prompt with which every session begins."""
    history_limit_tokens: Annotated[Uncertain, Gt(0), Unit("token")] = 1e6
    """Longest history that is carried on; beyond it the session is cut or summarised."""
    cache_hit_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 1.0
    """Share of the history whose keys and values are still cached."""
    context_growth_per_year: Annotated[Uncertain, Ge(-2), Le(5), Unit("1/year")] = 0.0
    """Logarithmic growth of the input of a request at the reference date (continuous: 0.69 doubles it)."""
    reasoning_growth_per_year: Annotated[Uncertain, Ge(-2), Le(5), Unit("1/year")] = 0.0
    """Logarithmic growth of the reasoning tokens of a request at the reference date (continuous: 0.69 doubles it)."""
    token_growth_decay_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")] = 1.0
    """Rate at which the growth of input and reasoning tokens itself decays."""
    pricing: Pricing = "cost_plus"
    """How the price of a request moves after the reference date: with its cost in the market (cost_plus), with the
    clearing price of a GPU-hour (follow_market), as the plan's price index says (path), or not at all (frozen)."""
    price_elasticity: Annotated[Uncertain, Ge(-5), Le(0), Unit("1")] = 0.0
    """Relative change of requests over that of their price, at the price of the reference date."""
    price_saturation: Annotated[Uncertain, Gt(1), Unit("1")] = 3.0
    """Requests if they cost nothing over those at the price of the reference date."""
    deferrable: bool = False
    """Whether the work may run at any hour of its day."""
    guaranteed_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of demand that is served before anything else."""
    value_usd_per_request: Annotated[Uncertain, Ge(0), Unit("USD")]
    """Value of serving one request to the planner, which sets the merit order. It is an assumption, and always
    labelled so."""
    revenue_usd_per_request: Annotated[Uncertain, Ge(0), Unit("USD")] = 0.0
    """Revenue per request, averaged over all plans, free ones included. Left out where prices of tokens are stated."""
    usd_per_mtok_input: Annotated[Uncertain, Ge(0), Unit("USD/Mtok")] = 0.0
    """Price of a million uncached input tokens, media among them, instead of a price of the request."""
    usd_per_mtok_cached_input: Annotated[Uncertain, Ge(0), Unit("USD/Mtok")] = 0.0
    """Price of a million cached input tokens. Left out: the price of input times the catalog's share of it."""
    usd_per_mtok_output: Annotated[Uncertain, Ge(0), Unit("USD/Mtok")] = 0.0
    """Price of a million generated tokens, reasoning and output."""
    batch_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of the tokens that is sold at the batch discount."""
    batch_discount_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 0.0
    """What the batch discount takes off the price of tokens."""
    priority_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")] = 0.0
    """Share of the tokens that is sold at the premium for priority."""
    priority_premium_share: Annotated[Uncertain, Ge(0), Le(10), Unit("share")] = 0.0
    """What priority adds to the price of tokens."""
    model: str
    """Catalog name of the model architecture that stands in for the lab's own."""
    later_models: tuple[tuple[dt.date, str], ...] = ()
    """Models that replace it, by date; a calendar year is served by the model of its middle."""
    ttft_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time to first token that the service objective allows."""
    tpot_s: Annotated[float, Gt(0), Unit("s")]
    """Longest time per output token that the service objective allows."""
    within_share: Annotated[float, Ge(0), Le(0.999), Unit("share")] = 0.0
    """Share of requests that these limits hold for: at 90 % one request in ten may be slower. At 0 they hold for the
    mean request."""
    prompt_cv: Annotated[float, Ge(0), Le(5), Unit("1")] = 1.0
    """Standard deviation of prompts' uncached tokens over their mean, with which waits spread."""
    slowness_elasticity: Annotated[Uncertain, Ge(0), Le(20), Unit("1")] = 1.0
    """Price of slowness of the mean request: an answer that takes 1 % longer than the limits allow is worth so many
    per cent less. Requests differ in it."""
    hard_limits: bool = False
    """Whether the limits are hard: what they don't hold for isn't served at all, and slowness has no price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Hour-of-day shape of interactive demand, in UTC: local activity mixed over the regions' longitudes."""

    night_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Local activity at its nightly low over its daily high."""
    peak_local_hour: Annotated[Uncertain, Ge(0), Le(24), Unit("h")]
    """Local hour of the daily high."""
    weekend_share: Annotated[Uncertain, Gt(0), Le(2), Unit("share")]
    """Volume of a weekend day over that of a weekday."""
    summer_share: Annotated[Uncertain, Gt(0), Le(2), Unit("share")]
    """Volume of interactive work in summer, when schools and offices close, over the mean of the other seasons."""
    region_offset_h: tuple[float, ...]
    """UTC offsets of the regions in which users live [h]."""
    region_share: tuple[float, ...]
    """Share of use of each region; the shares sum to 1."""


@dataclass(frozen=True, slots=True)
class PublishedTokens:
    """Tokens per day that were published of some workloads together, read and made ones."""

    workloads: tuple[str, ...]
    """Names of the workloads."""
    points: tuple[tuple[dt.date, float], ...]
    """Tokens per day [token] by date, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandInputs:
    """All inputs of the demand room."""

    adoption: Adoption
    """Weekly users over time."""
    shape: Shape
    """Hours, weekends and seasons of interactive demand."""
    workloads: tuple[Workload, ...]
    """Classes of work, W of them."""
    edge_share: Array | float = 0.0
    """(W, n) or (M, W, n) share of requests that devices serve themselves (edge offload), 0 to 1; the fleet does not
    see them."""
    published_tokens: PublishedTokens | None = None
    """Tokens per day that some workloads go through."""
    price_index: Array | float = 1.0
    """(n,) or (M, n) price of a request over that of the reference date."""
