"""Claims: the announcement's lines as statements that a machine can check, each with the figures that decide it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gigaplan.power.chain import chain
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS
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
GENERATED = ("reasoning", "output")
"""The kinds of tokens that a model makes, rather than reads."""


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


class _Reader:
    """A result beside the catalog; whatever a claim reads goes into the ledger, once."""

    def __init__(self, result: Result, facts: Catalog) -> None:
        self.result, self.facts = result, facts
        self._recorded = {e.path for e in result.ledger.under("claims")}

    def fact(self, claim: str, entity: str, quantity: str, **bases: str) -> Fact:
        fact = self.facts.find(entity, quantity, **bases)
        path = f"claims.{claim}.{fact.id}"
        if path not in self._recorded:
            self._recorded.add(path)
            self.result.ledger.read(path, fact)
        return fact

    def number(self, claim: str, entity: str, quantity: str, **bases: str) -> float:
        return self.fact(claim, entity, quantity, **bases).number

    def stated(self, path: str) -> str:
        """Return what the plan or its facts gave the input at a path, empty if it isn't recorded."""
        return next((e.value for e in self.result.ledger.under(path)), "")

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

    def generated(self, months: slice) -> float:
        """Return the tokens generated for all workloads in some months."""
        made = [self.result.index("token", kind) for kind in GENERATED]
        per_day = self.result.central("tokens_served_per_day")[:, made].sum(axis=(0, 1))
        return float((per_day * self.result.axis.hours / HOURS)[months].sum())


def gigawatts(r: _Reader) -> Claim:
    """A1: at least 10 GW, in multi-gigawatt data centres."""
    asked = r.number("A1", ANNOUNCED, "capacity_mw")
    ratio = r.number("A1", "facility", "facility_to_it_peak")
    if not r.sites():
        return Claim(
            id="A1", says=CLAIMS["A1"], verdict=Verdict.FAILS, because="The plan has no site beside its opening fleet."
        )
    accepted = r.reached_mw("accepted")
    total = float(accepted.sum(axis=0).max())
    largest = accepted.max(axis=1)
    name = r.result.labels["site"][r.sites()[int(np.argmax(largest))]]
    big = int((largest >= MULTI_GIGAWATT_MW).sum())
    power = (
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
            holds=total * ratio >= asked * SERVED,
        ),
        Figure(
            name="date on which it is reached",
            value=r.date_of(accepted.sum(axis=0), asked * SERVED),
            unit="date",
            basis="it",
        ),
    )
    sites = (
        Figure(name=f"largest site, {name}", value=float(largest.max()) / 1e3, unit="GW", basis="it", holds=big > 0),
        Figure(name="sites of 2 GW and more", value=big, unit="sites", basis="it"),
    )
    words = f", {big} of them multi-gigawatt." if big else "; none is multi-gigawatt, so that part does not hold."
    because = f"The plan's sites reach {total / 1e3:.1f} GW of IT power{words}"
    return _judge("A1", because, power, sites, _by_state(r, ratio))


def _by_state(r: _Reader, ratio: float) -> tuple[Figure, ...]:
    """Return the announced sites' power in each state that holds any when the horizon ends."""
    at_end = r.result.central("power_state_mw")[:, r.sites(), -1].sum(axis=1)
    return tuple(
        Figure(
            name=f"{state.replace('_', ' ')} when the horizon ends", value=float(mw) * k / 1e3, unit="GW", basis=basis
        )
        for state, mw in zip(r.result.labels["state"], at_end, strict=True)
        if mw > 0
        for basis, k in ((PowerBasis.IT, 1.0), (PowerBasis.FACILITY, ratio))
    )


def gpus(r: _Reader) -> Claim:
    """A2: millions of GPUs; 4 to 5 million for 10 GW depends on whose watts are meant."""
    claimed = r.fact("A2", ANNOUNCED, "gpus_claimed")
    low, high = claimed.low or claimed.number, claimed.high or claimed.number
    power = r.number("A2", ANNOUNCED, "capacity_mw")
    producing = float(r.result.central("gpus_producing").sum(axis=0).max())
    millions = Figure(
        name="GPUs producing in the plan, highest (opening fleet included)",
        value=producing,
        unit="GPUs",
        basis="package",
        holds=producing >= MILLIONS,
    )
    figures: list[Figure] = []
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
    published = _published_gpus(r, power)
    return _judge("A2", because, (millions,), figures, published)


def _published_gpus(r: _Reader, power_mw: float) -> tuple[Figure, ...]:
    """Return what others have said of a gigawatt, scaled to the announced power on each one's own basis."""
    said = [r.fact("A2", entity, "gpus_per_gw") for entity in r.facts.entities("gpus_per_gw")]
    return tuple(
        Figure(
            name=f"GPUs in 10 GW according to {fact.source_title}",
            value=fact.number * power_mw / 1e3,
            unit="GPUs",
            basis=fact.power_basis,
        )
        for fact in said
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
    because = (
        f"Vera Rubin produces from {r.result.axis.labels[int(np.argmax(path > 0))]}."
        if path.max() > 0
        else "No Vera Rubin GPU produces within the horizon."
    )
    return _judge("A3", because, (figure,))


def first_tokens(r: _Reader) -> Claim:
    """A4: the first gigawatts make their first tokens in the second half of 2026."""
    period = r.fact("A4", ANNOUNCED, "first_tokens_period")
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
    by_site = tuple(
        Figure(
            name=f"first token at {r.result.labels['site'][i]}",
            value=str(r.result.day(float(day)) or "never"),
            unit="date",
            basis="first racks",
        )
        for i, day in zip(r.sites(), days, strict=True)
    )
    whole = f"a whole gigawatt of IT power produces {'never' if gigawatt == 'never' else f'by {gigawatt}'}"
    because = f"The first racks produce on {first}; {whole}."
    return _judge("A4", because, figures, by_site)


def investment(r: _Reader) -> Claim:
    """A5: up to $100 billion, progressively, as each gigawatt is deployed."""
    total, each = (r.number("A5", ANNOUNCED, q) for q in ("investment_total_usd", "tranche_usd"))
    paid = r.result.central("tranche_paid_usd")
    dates = [r.result.day(float(d)) for d in r.result.central("tranche_day")]
    given = [(d, float(usd)) for d, usd in zip(dates, paid, strict=True) if d]
    released = float(paid.sum())
    sums = [
        Figure(
            name="investment released",
            value=released / 1e9,
            unit="billion USD",
            basis="contract",
            holds=released >= total * SERVED,
        ),
        Figure(name="tranches released", value=len(given), unit="tranches", basis="contract"),
        Figure(name="first tranche", value=str(given[0][0]) if given else "never", unit="date", basis="contract"),
        Figure(name="last tranche", value=str(given[-1][0]) if given else "never", unit="date", basis="contract"),
    ]
    if given:
        least = min(usd for _, usd in given)
        sums.append(
            Figure(
                name="least that a met milestone pays",
                value=least / 1e9,
                unit="billion USD",
                basis="contract, for each milestone",
                holds=least >= each * SERVED,
            )
        )
    because = f"{len(given)} of {len(dates)} milestones are met within the horizon and release {released / 1e9:.0f} billion USD."
    return _judge("A5", because, sums, _triggers_and_flows(r, released))


def _triggers_and_flows(r: _Reader, released_usd: float) -> list[Figure]:
    """Return what triggers a tranche, what flows back to the vendor, and the ratio if anything was released."""
    spent = float(r.result.central("vendor_flow_usd").sum())
    figures = [
        Figure(
            name="flows back to the vendor as purchases over the horizon",
            value=spent / 1e9,
            unit="billion USD",
            basis="contract",
        )
    ]
    if released_usd > 0:
        ratio = spent / released_usd
        figures.append(Figure(name="purchases per invested dollar", value=ratio, unit="USD/USD", basis="contract"))
    state, milestone = (r.stated(f"finance.tranches.{name}") for name in ("trigger_state", "milestone"))
    if state and milestone:
        each = f"every {milestone} {state.replace('_', ' ')}"
        figures.append(Figure(name="a tranche is triggered by", value=each, unit="", basis="as the plan states"))
    return figures


def training_and_inference(r: _Reader) -> Claim:
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
    return _judge("A6", because, serving, training)


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
        return _judge("A7", f"{words}; the plan has no chat.", (agrees,))
    share = float(r.result.central("served_share")[r.result.index("workload", "chat"), month])
    met = Figure(
        name=f"chat served in {label}", value=share, unit="share", basis="of requests asked", holds=share >= SERVED
    )
    because = f"{words}; {share:.1%} of their messages are served."
    return _judge("A7", because, (agrees,), (met,))


def falling_cost(r: _Reader) -> Claim:
    """A9: the cost per unit of intelligence keeps falling: here, cost per million generated tokens."""
    axis = r.result.axis
    first, last = slice(0, MONTHS), slice(axis.months - MONTHS, axis.months)
    if axis.months < 2 * MONTHS:
        because = "The horizon is shorter than two years."
        return Claim(id="A9", says=CLAIMS["A9"], verdict=Verdict.UNKNOWN, because=because)
    busy = [_used_cost(r, s) for s in (first, last)]
    if busy[0] is None or busy[1] is None:
        because = "In the first year or the last no token is served, so that there is no cost to compare."
        return Claim(id="A9", says=CLAIMS["A9"], verdict=Verdict.UNKNOWN, because=because)
    ends = (
        Figure(
            name="all serving, first year", value=busy[0], unit="USD/Mtok", basis="generated tokens, GPUs in use only"
        ),
        Figure(
            name="all serving, last year",
            value=busy[1],
            unit="USD/Mtok",
            basis="generated tokens, GPUs in use only",
            holds=busy[1] < busy[0],
        ),
    )
    steps = _steps_up(r)
    risen = [int(f.value) for f in steps]
    steadily = (
        "It falls every year" if not any(risen) else "Years in which it rises: {} ({} with idle GPUs)".format(*risen)
    )
    because = (
        f"Over all serving a million generated tokens cost {busy[0]:.2f} USD in the first year and {busy[1]:.2f} in the last, counting the "
        f"GPUs in use. {steadily}. Cost, not price, and the models are held fixed, so a better answer per token is not counted."
    )
    return _judge("A9", because, (*_by_workload(r, first, last), *ends, *steps))


def _by_workload(r: _Reader, first: slice, last: slice) -> tuple[Figure, ...]:
    """Return each workload's cost per token in the last year over the first, where it is served in both."""
    price = r.result.central("cost_per_mtok_usd")
    ends = [(name, _mean(price[w, first]), _mean(price[w, last])) for w, name in enumerate(r.result.labels["workload"])]
    return tuple(
        Figure(
            name=f"{name}, last year over first",
            value=after / before,
            unit="USD/USD",
            basis="generated tokens, idle GPUs included",
            holds=after < before,
        )
        for name, before, after in ends
        if before is not None and after is not None
    )


def _steps_up(r: _Reader) -> tuple[Figure, ...]:
    """Return in how many years (of twelve months, from the first) all serving cost more per token than the year before."""
    years = [slice(k, k + MONTHS) for k in range(0, r.result.axis.months - MONTHS + 1, MONTHS)]
    figures = []
    for cost, basis in ((_used_cost, "GPUs in use only"), (_whole_cost, "idle GPUs included")):
        path = [c for c in (cost(r, year) for year in years) if c is not None]
        risen = sum(after > before for before, after in pairwise(path))
        figures.append(
            Figure(
                name=f"years dearer than the year before, of {len(path) - 1}",
                value=risen,
                unit="years",
                basis=f"generated tokens, {basis}, every year",
                holds=not risen,
            )
        )
    return tuple(figures)


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
    figures, ratios = [], []
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
                ratios.append(ratio)
    rack_kw = _rated(r, "A12", "rack_power_kw", Profile.MAX_Q, PowerBasis.RACK_TDP)
    steps = {
        "more rated rack power": power * 1e3 / base_kw,
        "more BF16 per rack watt than DGX-1's FP16": (peak["bf16_dense"] * racks / rack_kw) / (base / base_kw),
        "FP8 over BF16": peak["fp8_dense"] / peak["bf16_dense"],
        "FP4 over FP8": peak["fp4_dense"] / peak["fp8_dense"],
        "sparse over dense": peak["fp4_sparse"] / peak["fp4_dense"],
    }
    bridge = [
        Figure(name=f"step: {name}", value=value, unit="x", basis="rack_tdp max_q") for name, value in steps.items()
    ]
    because = _bridge_words(steps, max(ratios))
    return _judge("A12", because, figures, bridge)


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


def _used_cost(r: _Reader, months: slice) -> float | None:
    """Return cost per million generated tokens of the GPU-hours in use, at the fleet's cost per GPU-hour [USD/Mtok]."""
    used, tokens = r.year("gpu_hours", months), r.generated(months)
    whole = used + r.year("training_gpu_hours", months) + r.year("idle_gpu_hours", months)
    return r.year("cost_usd", months) * used / whole / tokens * 1e6 if tokens > 0 and whole > 0 else None


def _whole_cost(r: _Reader, months: slice) -> float | None:
    """Return cost per million generated tokens with the idle GPU-hours that serving bears [USD/Mtok]."""
    tokens = r.generated(months)
    return r.year("workload_cost_usd", months) / tokens * 1e6 if tokens > 0 else None


def _mean(values: Array) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def _judge(id_: str, because: str, *parts: Sequence[Figure]) -> Claim:
    """Return a claim that is as weak as its weakest part.

    A part is one statement on every basis that it could mean: it holds if all its deciding figures do, on a basis if
    some do, and else not at all. A claim without a deciding figure can't be told.
    """
    verdicts = []
    for part in parts:
        decided = [f.holds for f in part if f.holds is not None]
        if decided:
            verdicts.append(Verdict.HOLDS if all(decided) else Verdict.ON_BASIS if any(decided) else Verdict.FAILS)
    weakest = (Verdict.FAILS, Verdict.ON_BASIS, Verdict.HOLDS)
    verdict = min(verdicts, key=weakest.index, default=Verdict.UNKNOWN)
    return Claim(id=id_, says=CLAIMS[id_], verdict=verdict, because=because, figures=tuple(f for p in parts for f in p))
