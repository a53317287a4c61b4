"""Claims: the announcement's lines as statements that a machine can check, each with the figures that decide it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from gigaplan.power.chain import chain
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import parse_period

if TYPE_CHECKING:
    from gigaplan.catalog import Catalog
    from gigaplan.simulate.result import Result

ANNOUNCED, DGX, RUBIN = "loi_2025_09", "dgx_1", "vr_nvl72"
SERVED = 0.999
"""From this share of what is asked on, nobody is said to wait."""
MILLIONS = 2e6
"""The fewest that are 'millions' of GPUs."""
MULTI_GIGAWATT_MW = 2000.0
"""The least that is a 'multi-gigawatt' site."""
USERS_TOLERANCE = 0.05
"""How far a fitted curve may lie below a stated number of users and still be said to agree."""
MONTHS = 12


class Verdict(StrEnum):
    """What the model says of a claim."""

    HOLDS = "holds"
    ON_BASIS = "holds only on basis"
    FAILS = "does not hold"
    UNKNOWN = "can't be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number behind a verdict."""

    name: str
    value: float | str
    unit: str
    basis: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One line of the announcement held against the model."""

    id: str
    says: str
    verdict: Verdict
    because: str
    figures: tuple[Figure, ...] = ()


def check_claims(result: Result, facts: Catalog, ids: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims that the plan makes with their verdicts, recording the announcement's figures as they are read."""
    reader = _Reader(result, facts)
    return tuple(rules()[i](reader) for i in ids)


def rules() -> dict[str, Callable[[_Reader], Claim]]:
    """Return the claims that can be checked, by id, in the order of the announcement."""
    known = (
        gigawatts,
        gpus,
        rubin,
        first_tokens,
        investment,
        training_and_inference,
        weekly_users,
        falling_cost,
        billion_fold,
    )
    return dict(zip(CLAIMS, known, strict=True))


@dataclass
class _Reader:
    """A result beside the catalog; whatever a claim reads goes into the ledger."""

    result: Result
    facts: Catalog

    def number(self, claim: str, entity: str, quantity: str, **bases: str) -> float:
        fact = self.facts.find(entity, quantity, **bases)
        return self.result.ledger.read(f"claims.{claim}.{entity}.{quantity}", fact).number

    def sites(self) -> list[int]:
        """Return the places of the announced programme: all but the opening fleet."""
        return [i for i, s in enumerate(self.result.labels["site"]) if not s.startswith("opening ")]

    def reached_mw(self, state: str) -> Array:
        """Return the announced sites' IT power in a state or beyond: (site, edge)."""
        states = self.result.labels["state"]
        return np.asarray(self.result.central("power_state_mw")[states.index(state) :, self.sites()].sum(axis=0))

    def date_of(self, path: Array, level: float) -> str:
        """Return the first edge (ISO date) at which a path reaches a level, or 'never'."""
        reached = np.flatnonzero(path >= level * (1 - 1e-9))
        return str(self.result.axis.edges[int(reached[0])]) if len(reached) else "never"

    def year(self, name: str, months: slice) -> float:
        """Return the sum of an amount over some months and everything else."""
        return float(self.result.central(name)[..., months].sum())


def gigawatts(r: _Reader) -> Claim:
    """A1: at least 10 GW, in multi-gigawatt data centres."""
    asked = r.number("A1", ANNOUNCED, "capacity_mw")
    ratio = r.number("A1", "facility", "facility_to_it_peak")
    accepted = r.reached_mw("accepted")
    total = float(accepted.sum(axis=0).max())
    largest = accepted.max(axis=1)
    name = r.result.labels["site"][int(np.argmax(largest))]
    big = int((largest >= MULTI_GIGAWATT_MW).sum())
    figures = (
        Figure(
            name="power accepted at the announced sites, highest",
            value=total / 1e3,
            unit="GW",
            basis="it",
            holds=total >= asked * SERVED,
        ),
        Figure(
            name="the same at the meter",
            value=total * ratio / 1e3,
            unit="GW",
            basis="facility",
            holds=total * ratio >= asked,
        ),
        Figure(
            name="date on which it is reached",
            value=r.date_of(accepted.sum(axis=0), asked * SERVED),
            unit="date",
            basis="it",
        ),
        Figure(name=f"largest site, {name}", value=float(largest.max()) / 1e3, unit="GW", basis="it", holds=big > 0),
        Figure(name="sites of 2 GW and more", value=big, unit="sites", basis="it"),
    )
    return _judge(
        "A1",
        figures,
        f"The plan's sites reach {total / 1e3:.1f} GW of IT power, {big} of them multi-gigawatt.",
    )


def gpus(r: _Reader) -> Claim:
    """A2: millions of GPUs; 4 to 5 million for 10 GW depends on whose watts are meant."""
    claimed = r.facts.find(ANNOUNCED, "gpus_claimed")
    r.result.ledger.read("claims.A2.gpus_claimed", claimed)
    low, high = claimed.low or claimed.number, claimed.high or claimed.number
    power = r.number("A2", ANNOUNCED, "capacity_mw")
    producing = float(r.result.central("gpus_producing").sum(axis=0).max())
    figures = [
        Figure(
            name="GPUs producing in the plan, highest (opening fleet included)",
            value=producing,
            unit="GPUs",
            basis="package",
            holds=producing >= MILLIONS,
        )
    ]
    good = []
    for profile in Profile:
        for basis in (PowerBasis.GPU_TGP, PowerBasis.RACK_TDP, PowerBasis.IT, PowerBasis.FACILITY):
            count = power * 1e3 / _kw_per_gpu(r, "A2", profile, basis)
            holds = low <= count <= high
            figures.append(
                Figure(
                    name="GPUs in 10 GW of Vera Rubin",
                    value=count,
                    unit="GPUs",
                    basis=f"{basis} {profile}",
                    holds=holds,
                )
            )
            if holds:
                good.append(f"{basis} {profile}")
    because = (
        f"{producing / 1e6:.1f} million GPUs produce at the height of the plan; '4 to 5 million for 10 GW' fits "
        + (f"only if the gigawatts are {' or '.join(good)}." if good else "on no basis.")
    )
    verdict = Verdict.FAILS if producing < MILLIONS else Verdict.ON_BASIS if good else Verdict.FAILS
    return Claim(
        id="A2",
        says=CLAIMS["A2"],
        verdict=verdict,
        because=because,
        figures=tuple(figures),
    )


def rubin(r: _Reader) -> Claim:
    """A3: the Vera Rubin platform is part of it."""
    names = r.result.labels["generation"]
    if RUBIN not in names:
        return Claim(
            id="A3",
            says=CLAIMS["A3"],
            verdict=Verdict.FAILS,
            because="No generation of the plan is Vera Rubin.",
        )
    path = r.result.central("gpus_producing")[names.index(RUBIN)]
    figure = Figure(
        name="Vera Rubin GPUs producing, highest",
        value=float(path.max()),
        unit="GPUs",
        basis="package",
        holds=bool(path.max() > 0),
    )
    first = r.result.axis.labels[int(np.argmax(path > 0))] if path.max() > 0 else "never"
    return _judge("A3", (figure,), f"Vera Rubin produces from {first}.")


def first_tokens(r: _Reader) -> Claim:
    """A4: the first gigawatts make their first tokens in the second half of 2026."""
    period = r.facts.find(ANNOUNCED, "first_tokens_period")
    r.result.ledger.read("claims.A4.first_tokens_period", period)
    start, end = parse_period(str(period.value))
    days = r.result.central("first_token_day")[r.sites()]
    if np.isnan(days).all():
        return Claim(
            id="A4",
            says=CLAIMS["A4"],
            verdict=Verdict.FAILS,
            because="No announced site produces within the horizon.",
        )
    first = r.result.axis.day_at(float(np.nanmin(days)))
    gigawatt = r.date_of(r.reached_mw("producing").sum(axis=0), 1000.0)
    in_time = start <= first <= end
    full = gigawatt != "never" and gigawatt <= str(end)
    figures = (
        Figure(
            name="first token of an announced site", value=str(first), unit="date", basis="first racks", holds=in_time
        ),
        Figure(name="first whole gigawatt producing", value=gigawatt, unit="date", basis="it", holds=full),
    )
    because = f"The first racks produce on {first}; a whole gigawatt of IT power produces by {gigawatt}."
    return _judge("A4", figures, because)


def investment(r: _Reader) -> Claim:
    """A5: up to $100 billion, progressively, as each gigawatt is deployed."""
    total = r.number("A5", ANNOUNCED, "investment_total_usd")
    released = float(r.result.central("tranche_paid_usd").sum())
    days = r.result.central("tranche_day")
    dates = [r.result.day(float(d)) for d in days]
    given = [d for d in dates if d]
    spent = float(r.result.central("vendor_flow_usd").sum())
    figures = (
        Figure(
            name="investment released",
            value=released / 1e9,
            unit="billion USD",
            basis="contract",
            holds=released >= total * SERVED,
        ),
        Figure(name="tranches released", value=len(given), unit="tranches", basis="contract"),
        Figure(name="first tranche", value=str(given[0]) if given else "never", unit="date", basis="contract"),
        Figure(name="last tranche", value=str(given[-1]) if given else "never", unit="date", basis="contract"),
        Figure(
            name="flows back to the vendor as purchases over the horizon",
            value=spent / 1e9,
            unit="billion USD",
            basis="contract",
        ),
        Figure(
            name="purchases per invested dollar",
            value=spent / released if released else 0.0,
            unit="USD/USD",
            basis="contract",
        ),
    )
    return _judge(
        "A5",
        figures,
        f"{len(given)} of {len(dates)} milestones are met within the horizon and release {released / 1e9:.0f} billion USD.",
    )


def training_and_inference(r: _Reader) -> Claim:
    """A6: both training and inference are met."""
    served = r.result.central("served_share")
    held = r.result.central("training_share")
    waiting = np.flatnonzero((served < SERVED).any(axis=0))
    from_day = r.result.axis.edges[int(waiting[-1]) + 1] if len(waiting) else r.result.axis.edges[0]
    always, ends = not len(waiting), bool(len(waiting) and waiting[-1] < served.shape[1] - 1)
    hours = {n: float(r.result.central(n).sum()) for n in ("gpu_hours", "training_gpu_hours", "idle_gpu_hours")}
    whole = sum(hours.values()) or 1.0
    figures = (
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
            basis=f"from {from_day}",
            holds=always or ends,
        ),
        Figure(
            name="GPU-hours for inference", value=hours["gpu_hours"] / whole, unit="share", basis="available GPU-hours"
        ),
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
    return _judge("A6", figures, because)


def weekly_users(r: _Reader) -> Claim:
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
    chat = r.result.labels["workload"].index("chat") if "chat" in r.result.labels["workload"] else 0
    share = float(r.result.central("served_share")[chat, month])
    figures = (
        Figure(
            name=f"weekly users in {label}",
            value=users / 1e6,
            unit="million users",
            basis="weekly active",
            holds=users >= claimed * (1 - USERS_TOLERANCE),
        ),
        Figure(
            name=f"{r.result.labels['workload'][chat]} served in {label}",
            value=share,
            unit="share",
            basis="of requests asked",
            holds=share >= SERVED,
        ),
    )
    return _judge(
        "A7",
        figures,
        f"The curve fitted on earlier months has {users / 1e6:.0f} million in {label} ({USERS_TOLERANCE:.0%} allowed); {share:.1%} of their messages are served.",
    )


def falling_cost(r: _Reader) -> Claim:
    """A9: the cost per unit of intelligence keeps falling: here, cost per million generated tokens."""
    axis = r.result.axis
    first, last = slice(0, MONTHS), slice(axis.months - MONTHS, axis.months)
    if axis.months < 2 * MONTHS:
        return Claim(
            id="A9",
            says=CLAIMS["A9"],
            verdict=Verdict.UNKNOWN,
            because="The horizon is shorter than two years.",
        )
    names = r.result.labels["workload"]
    price = r.result.central("cost_per_mtok_usd")
    figures = []
    for w, name in enumerate(names):
        before, after = _mean(price[w, first]), _mean(price[w, last])
        if before is not None and after is not None:
            figures.append(
                Figure(
                    name=f"{name}, last year over first",
                    value=after / before,
                    unit="USD/USD",
                    basis="generated tokens, idle GPUs included",
                    holds=after < before,
                )
            )
    busy = [_used_cost(r, s) for s in (first, last)]
    figures.append(
        Figure(
            name="all serving, first year", value=busy[0], unit="USD/Mtok", basis="generated tokens, GPUs in use only"
        )
    )
    figures.append(
        Figure(
            name="all serving, last year",
            value=busy[1],
            unit="USD/Mtok",
            basis="generated tokens, GPUs in use only",
            holds=busy[1] < busy[0],
        )
    )
    because = (
        f"Over all serving a million generated tokens cost {busy[0]:.2f} USD in the first year and {busy[1]:.2f} in the last, counting the "
        "GPUs in use; cost, not price, and the models are held fixed, so a better answer per token is not counted."
    )
    return _judge("A9", tuple(figures), because)


def billion_fold(r: _Reader) -> Claim:
    """A12: a billion times the first DGX-1, as a bridge whose steps stay on one power basis each."""
    claimed = r.number("A12", ANNOUNCED, "compute_ratio_claimed")
    power = r.number("A12", ANNOUNCED, "capacity_mw")
    base = r.number("A12", DGX, "system_peak_fp16_flops_per_s")
    base_kw = r.number("A12", DGX, "rack_power_kw")
    racks = r.number("A12", RUBIN, "gpus_per_rack")
    kinds = {
        "bf16_dense": "peak_bf16_flops_per_s",
        "fp8_dense": "peak_fp8_flops_per_s",
        "fp4_dense": "peak_fp4_flops_per_s",
        "fp4_sparse": "peak_fp4_sparse_flops_per_s",
    }
    peak = {k: r.number("A12", RUBIN, q, flops_basis=k) for k, q in kinds.items()}
    figures, good = [], []
    for profile in Profile:
        for basis in (PowerBasis.RACK_TDP, PowerBasis.IT, PowerBasis.FACILITY):
            count = power * 1e3 / _kw_per_gpu(r, "A12", profile, basis)
            for kind, flops in peak.items():
                ratio = count * flops / base
                figures.append(
                    Figure(
                        name="10 GW of Vera Rubin over DGX-1",
                        value=ratio,
                        unit="x",
                        basis=f"{kind} {basis} {profile}",
                        holds=ratio >= claimed,
                    )
                )
                if ratio >= claimed:
                    good.append(f"{kind} {basis} {profile}")
    rack_kw = _rated(r, "A12", "rack_power_kw", Profile.MAX_Q, PowerBasis.RACK_TDP)
    steps = {
        "more rated rack power": power * 1e3 / base_kw,
        "more BF16 per rack watt than DGX-1's FP16": (peak["bf16_dense"] * racks / rack_kw) / (base / base_kw),
        "FP8 over BF16": peak["fp8_dense"] / peak["bf16_dense"],
        "FP4 over FP8": peak["fp4_dense"] / peak["fp8_dense"],
        "sparse over dense": peak["fp4_sparse"] / peak["fp4_dense"],
    }
    figures += [
        Figure(name=f"step: {name}", value=value, unit="x", basis="rack_tdp max_q") for name, value in steps.items()
    ]
    best = max(f.value for f in figures[: -len(steps)] if isinstance(f.value, float))
    because = _bridge_words(steps, best)
    verdict = Verdict.HOLDS if len(good) == len(figures) - len(steps) else Verdict.ON_BASIS if good else Verdict.FAILS
    return Claim(
        id="A12",
        says=CLAIMS["A12"],
        verdict=verdict,
        because=because,
        figures=tuple(figures),
    )


def _bridge_words(steps: dict[str, float], best: float) -> str:
    like = np.prod(list(steps.values())[:2])
    return (
        f"Like for like (BF16 against FP16, the same rated power) 10 GW is {like:.2g} times a DGX-1; narrower numbers and "
        f"sparsity bring it to {best:.2g} at most."
    )


def _kw_per_gpu(r: _Reader, claim: str, profile: Profile, basis: PowerBasis) -> float:
    """Return one Vera Rubin GPU's share of power on a basis [kW], by the sourced chain from its rack."""
    per_rack = r.number(claim, RUBIN, "gpus_per_rack")
    rack_kw = _rated(r, claim, "rack_power_kw", profile, PowerBasis.RACK_TDP)
    gpu_kw = _rated(r, claim, "gpu_tgp_w", profile, PowerBasis.GPU_TGP) / 1e3 * per_rack
    known = chain(
        facility_to_it_peak=r.number(claim, "facility", "facility_to_it_peak"),
        it_per_rack_power=r.number(claim, "facility", "it_per_rack_power"),
        rack_kw=rack_kw,
        gpu_kw=gpu_kw,
    )
    return Based(rack_kw, "kW", PowerBasis.RACK_TDP).to(basis, *known).value / per_rack


def _rated(r: _Reader, claim: str, quantity: str, profile: Profile, basis: PowerBasis) -> float:
    return r.number(claim, RUBIN, quantity, profile=profile, power_basis=basis)


def _used_cost(r: _Reader, months: slice) -> float:
    """Return cost per million generated tokens of the GPU-hours in use, fleet-wide cost per GPU-hour [USD/Mtok]."""
    used = r.year("gpu_hours", months)
    whole = used + r.year("training_gpu_hours", months) + r.year("idle_gpu_hours", months)
    tokens = (
        r.result.central("tokens_served_per_day")[:, 2:, months].sum(axis=(0, 1)) * r.result.axis.hours[months] / 24
    )
    return float(r.year("cost_usd", months) * used / whole / tokens.sum() * 1e6) if tokens.sum() else float("inf")


def _mean(values: Array) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def _judge(id_: str, figures: tuple[Figure, ...], because: str) -> Claim:
    """Return a claim that holds if all its deciding figures do, on a basis if some do, and else does not."""
    decided = [f.holds for f in figures if f.holds is not None]
    verdict = (
        Verdict.UNKNOWN
        if not decided
        else Verdict.HOLDS
        if all(decided)
        else Verdict.ON_BASIS
        if any(decided)
        else Verdict.FAILS
    )
    return Claim(id=id_, says=CLAIMS[id_], verdict=verdict, because=because, figures=figures)
