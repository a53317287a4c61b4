"""Claims about power, systems and dates: A1 to A4 and A12."""

from __future__ import annotations

import numpy as np

from gigaplan.claims.reader import ANNOUNCED, DGX, RUBIN, Reader
from gigaplan.power.chain import chain
from gigaplan.results.headlines import SERVED
from gigaplan.results.verdicts import Claim, Figure, Verdict, judge
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.units import parse_period

MILLIONS = 2e6
"""The fewest that are 'millions' of GPUs."""
MULTI_GIGAWATT_MW = 2000.0
"""The least that is a 'multi-gigawatt' site."""


def gigawatts(r: Reader) -> Claim:
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
    return judge("A1", because, power, sites, _by_state(r, ratio))


def _by_state(r: Reader, ratio: float) -> tuple[Figure, ...]:
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


def gpus(r: Reader) -> Claim:
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
    return judge("A2", because, (millions,), figures, published)


def _published_gpus(r: Reader, power_mw: float) -> tuple[Figure, ...]:
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


def rubin(r: Reader) -> Claim:
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
    return judge("A3", because, (figure,))


def first_tokens(r: Reader) -> Claim:
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
    vera = _first_vera(r)
    full = gigawatt != "never" and gigawatt <= str(end)
    figures = (
        Figure(
            name="first token of an announced site",
            value=str(first),
            unit="date",
            basis="first racks",
            holds=first <= end,
        ),
        Figure(
            name="first token on Vera Rubin",
            value=vera,
            unit="date",
            basis="first racks, the platform that was named",
            holds=str(start) <= vera <= str(end),
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
    rubin_words = "no Vera Rubin does" if vera == "never" else f"Vera Rubin from {vera}"
    because = f"The first racks produce on {first}, {rubin_words}; {whole}."
    return judge("A4", because, figures, by_site)


def _first_vera(r: Reader) -> str:
    """Return the first day of the month in which Vera Rubin first produces, or 'never'."""
    names = r.result.labels["generation"]
    if RUBIN not in names:
        return "never"
    some = np.flatnonzero(r.result.central("gpus_producing")[names.index(RUBIN)] > 0)
    return str(r.result.axis.edges[int(some[0])]) if len(some) else "never"


def billion_fold(r: Reader) -> Claim:
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
    return judge("A12", because, figures, bridge)


def _bridge_words(steps: dict[str, float], best: float) -> str:
    like = np.prod(list(steps.values())[:2])
    return (
        f"Like for like (BF16 against FP16, the same rated power) 10 GW is {like:.2g} times a DGX-1; narrower numbers and "
        f"sparsity bring it to {best:.2g} at most."
    )


def _kw_per_gpu(r: Reader, claim: str, profile: Profile, basis: PowerBasis) -> float:
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


def _rated(r: Reader, claim: str, quantity: str, profile: Profile, basis: PowerBasis) -> float:
    return r.number(claim, RUBIN, quantity, profile=profile, power_basis=basis)


def only_the_first(r: Reader) -> Claim:
    """A15: these are only the first 10 GW: what stands beyond them in the plan."""
    first = r.number("A15", ANNOUNCED, "capacity_mw")
    if not r.sites():
        because = "The plan has no site beside its opening fleet."
        return Claim(id="A15", says=CLAIMS["A15"], verdict=Verdict.FAILS, because=because)
    planned, accepted = (float(r.reached_mw(s).sum(axis=0).max()) for s in (r.result.labels["state"][0], "accepted"))
    day = r.date_of(r.reached_mw("accepted").sum(axis=0), first * SERVED)
    beyond = Figure(
        name="planned beyond the first 10 GW",
        value=(planned - first) / 1e3,
        unit="GW",
        basis="it",
        holds=True if planned > first / SERVED else None,
    )
    figures = (
        beyond,
        Figure(name="the first 10 GW stand on", value=day, unit="date", basis="it, accepted"),
        Figure(name="accepted within the horizon", value=accepted / 1e3, unit="GW", basis="it"),
    )
    if beyond.holds:
        because = f"The plan goes on to {planned / 1e3:,.0f} GW; the first 10 stand on {day}."
        return judge("A15", because, figures)
    because = (
        "The plan ends with what was announced; what comes after is a plan of its own (world-250gw carries the same model on)."
        if planned >= first * SERVED
        else f"The plan holds {planned / 1e3:,.3g} GW, less than the first 10."
    )
    return Claim(id="A15", says=CLAIMS["A15"], verdict=Verdict.UNKNOWN, because=because, figures=figures)
