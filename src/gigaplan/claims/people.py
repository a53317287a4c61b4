"""Claims about who is served: A6 to A8, A11 and A14."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gigaplan.claims.reader import ANNOUNCED, Reader
from gigaplan.results.headlines import SERVED
from gigaplan.results.verdicts import Claim, Figure, Verdict, judge
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.members import Array

USERS_TOLERANCE = 0.05
"""How far a fitted curve may lie below a stated number of users and still be said to agree."""
LOOP = 5.0
"""From this many calls of the model per session on, it is an agent's loop and not a conversation."""
LONG_CONTEXT = 10_000.0
"""From this many tokens read per request on, a context is called long."""
CHOICE = ("science", "education")
"""The two that the announcement does not want to choose between: a cure, and schooling for everybody."""


def training_and_inference(r: Reader) -> Claim:
    """A6: both training and inference are met."""
    served = r.result.central("served_share")
    held = r.result.central("training_share")
    waiting = np.flatnonzero((served < SERVED).any(axis=0))
    from_day = r.result.axis.edges[int(waiting[-1]) + 1] if len(waiting) else r.result.axis.edges[0]
    always, ends = not len(waiting), bool(len(waiting) and waiting[-1] < served.shape[1] - 1)
    hours = {n: float(r.result.central(n).sum()) for n in ("gpu_hours", "training_gpu_hours", "idle_gpu_hours")}
    whole = sum(hours.values()) or 1.0
    serving = (
        Figure(
            name="lowest share of a workload served in a month",
            value=float(served.min()),
            unit="share",
            basis="over the whole horizon",
            holds=always,
        ),
        Figure(
            name="nobody waits from",
            value=str(from_day) if always or ends else "never",
            unit="date",
            basis=f"from {from_day}" if always or ends else "by the end of the horizon",
            holds=always or ends,
        ),
        Figure(
            name="GPU-hours for inference", value=hours["gpu_hours"] / whole, unit="share", basis="available GPU-hours"
        ),
    )
    training = (
        Figure(
            name="GPU-hours for training and research",
            value=hours["training_gpu_hours"] / whole,
            unit="share",
            basis="available GPU-hours",
            holds=bool(held.min() > 0),
        ),
        Figure(name="GPU-hours idle", value=hours["idle_gpu_hours"] / whole, unit="share", basis="available GPU-hours"),
    )
    because = (
        "Every workload is served in every month."
        if always
        else (
            f"Someone waits in {len(waiting)} months, the last before {from_day}; from then on every workload is served."
            if ends
            else "Someone still waits at the end of the horizon."
        )
    )
    if held.min() <= 0:
        because += " In some months nothing is held for training."
    return judge("A6", because, serving, training)


def weekly_users(r: Reader) -> Claim:
    """A7: more than 700 million weekly users, served."""
    claimed = r.number("A7", ANNOUNCED, "weekly_users_claimed")
    label = "2025-09"
    if label not in r.result.labels["month"]:
        return Claim(
            id="A7",
            says=CLAIMS["A7"],
            verdict=Verdict.UNKNOWN,
            because=f"{label} lies outside the horizon.",
        )
    month = r.result.index("month", label)
    users = float(r.result.central("weekly_users")[month])
    agrees = Figure(
        name=f"weekly users in {label}",
        value=users / 1e6,
        unit="million users",
        basis="weekly active",
        holds=users >= claimed * (1 - USERS_TOLERANCE),
    )
    words = (
        f"The curve fitted on earlier months has {users / 1e6:.0f} million in {label} ({USERS_TOLERANCE:.0%} allowed)"
    )
    if "chat" not in r.result.labels["workload"]:
        return judge("A7", f"{words}; the plan has no chat.", (agrees,))
    share = float(r.result.central("served_share")[r.result.index("workload", "chat"), month])
    met = Figure(
        name=f"chat served in {label}", value=share, unit="share", basis="of requests asked", holds=share >= SERVED
    )
    because = f"{words}; {share:.1%} of their messages are served."
    return judge("A7", because, (agrees,), (met,))


def richer_requests(r: Reader) -> Claim:
    """A8: agents, reasoning, multimodal data and longer contexts, served."""
    tokens, names = r.result.central("tokens_per_request"), r.result.labels["workload"]  # (W, token, Y)
    kind = {k: r.result.index("token", k) for k in r.result.labels["token"]}
    served = r.result.central("served_share")[:, r.last_year()].mean(axis=1)
    first, last = tokens[..., 0], tokens[..., -1]
    read = [kind[k] for k in ("fresh_input", "cached_input", "media")]
    everything = r.result.central("requests_asked_per_day") + r.result.central("requests_on_devices_per_day")
    calls = _ratio(everything.sum(axis=1), r.result.central("sessions_per_day").sum(axis=1))

    def part(
        what: str, has: NDArray[np.bool_], size: Array, unit: str, before: Array | None = None
    ) -> tuple[Figure, ...]:
        mine = np.flatnonzero(has)
        if not len(mine):
            return (Figure(name=f"{what}: no workload has it", value=0.0, unit=unit, holds=False),)
        most = mine[int(np.argmax(size[mine]))]
        least = mine[int(np.argmin(served[mine]))]
        grown = "" if before is None else f"; {before[most]:,.0f} in the first year"
        return (
            Figure(
                name=f"{what}: most, in {names[most]}", value=float(size[most]), unit=unit, basis=f"last year{grown}"
            ),
            Figure(
                name=f"{what}: least served, {names[least]}",
                value=float(served[least]),
                unit="share",
                basis="of requests asked in the last year",
                holds=bool(served[least] >= SERVED),
            ),
        )

    context, context_before = last[:, read].sum(axis=1), first[:, read].sum(axis=1)
    reasoning, before = last[:, kind["reasoning"]], first[:, kind["reasoning"]]
    parts = (
        part("calls of the model per session", calls >= LOOP, calls, "calls"),
        part("reasoning tokens", reasoning >= last[:, kind["output"]], reasoning, "tokens/request", before),
        part("media tokens", last[:, kind["media"]] > 0, last[:, kind["media"]], "tokens/request"),
        part("context read", context >= LONG_CONTEXT, context, "tokens/request", context_before),
    )
    because = (
        f"Requests read up to {context.max():,.0f} tokens and think up to {reasoning.max():,.0f} in the last year; a session "
        f"takes up to {calls.max():,.0f} calls."
    )
    return judge("A8", because, *parts)


def nobody_chooses(r: Reader) -> Claim:
    """A11: nobody has to choose between researching a cure and free education; from which date, and at what price till then."""
    waits, names = r.waiting(), r.result.labels["workload"]
    months = np.flatnonzero(waits.any(axis=0))
    axis = r.result.axis
    ends = not len(months) or bool(months[-1] < axis.months - 1)
    since = str(axis.edges[int(months[-1]) + 1] if len(months) else axis.start) if ends else "never"
    days = (
        Figure(name="nobody waits from", value=since, unit="date", basis=f"from {since}", holds=ends),
        Figure(
            name="months in which somebody waits",
            value=len(months),
            unit="months",
            basis="over the whole horizon",
            holds=not len(months),
        ),
    )
    who = tuple(
        Figure(name=f"{name} waits", value=int(waits[w].sum()), unit="months", basis="of the horizon")
        for w, name in enumerate(names)
        if waits[w].any()
    )
    prices = _scarcity(r)
    both = waits[[names.index(n) for n in CHOICE]].all(axis=0) if set(CHOICE) <= set(names) else None
    words = (
        ""
        if both is None or not both.any()
        else f" In {int(both.sum())} months {' and '.join(CHOICE)} wait at the same time."
    )
    because = (
        "Nobody ever waits." if not len(months) else f"Somebody waits in {len(months)} months; nobody from {since}."
    ) + words
    return judge("A11", because, days, (*who, *prices))


def _scarcity(r: Reader) -> tuple[Figure, ...]:
    """Return what one more GPU-hour and one more megawatt would be worth at the scarcest moment."""
    hour, year = (float(r.result.central(f"shadow_price_usd_per_{n}").max()) for n in ("gpu_h", "mw_year"))
    assumed = "planner's values, reference generation"
    return (
        Figure(name="one more GPU-hour at the scarcest hour is worth", value=hour, unit="USD/GPU-h", basis=assumed),
        Figure(
            name="one more megawatt in the scarcest month is worth",
            value=year / 1e6,
            unit="million USD/MW/year",
            basis=f"it, {assumed}",
        ),
    )


def every_use(r: Reader) -> Claim:
    """A14: from the laboratory into the real world: every application, every use, every device."""
    names = r.result.labels["workload"]
    served = r.result.central("served_share")[:, r.last_year()].mean(axis=1)
    uses = (
        Figure(
            name="classes of work with their own service levels",
            value=len(names),
            unit="workloads",
            basis="in the plan",
        ),
        Figure(
            name="of these served in the last year",
            value=int((served >= SERVED).sum()),
            unit="workloads",
            basis="of requests asked",
            holds=bool((served >= SERVED).all()),
        ),
    )
    on_devices, on_fleet = r.result.central("requests_on_devices_per_day"), r.result.central("requests_asked_per_day")
    share = [
        float(on_devices[:, months].sum() / max((on_devices + on_fleet)[:, months].sum(), 1e-30))
        for months in (r.first_year(), r.last_year())
    ]
    devices = (
        Figure(
            name="requests that devices serve themselves, first year",
            value=share[0],
            unit="share",
            basis="of all requests",
        ),
        Figure(
            name="the same, last year", value=share[1], unit="share", basis="of all requests", holds=share[1] > share[0]
        ),
    )
    because = (
        f"{len(names)} classes of work are planned, {int((served >= SERVED).sum())} of them fully served in the last year; devices "
        f"take {share[1]:.0%} of all requests off the fleet by then (an assumption)."
    )
    return judge("A14", because, uses, devices)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
