"""Bases of power and FLOPS: the sourced conversions by which a claim is read on each of them."""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan.claims.source import CannotTellError, Source
from gigaplan.power.chain import chain
from gigaplan.vocabulary.bases import Based, Conversion, PowerBasis, Profile
from gigaplan.vocabulary.errors import BasisError

RATED = (PowerBasis.RACK_TDP, PowerBasis.GPU_TGP)
"""Bases that only a system's own ratings lead to."""


def basis_of(quantity: str) -> PowerBasis:
    """Return the basis on which a result quantity states its power: the meter's where its name says so, else IT."""
    return PowerBasis.FACILITY if quantity.startswith("facility_") else PowerBasis.IT


def power_factor(source: Source, quantity: str, bases: Mapping[str, str], system: str) -> float:
    """Return what turns a result quantity's power into that of the reading's basis (1 where it names none)."""
    if "power" not in bases:
        return 1.0
    required, own = PowerBasis(bases["power"]), basis_of(quantity)
    if required == own:
        return 1.0
    if required in RATED and not system:
        raise CannotTellError(
            f"power on the basis {required} is that of a system, and the claim names none ('system: ...')"
        )
    try:
        return Based(1.0, "MW", own).to(required, *_chain(source, system if required in RATED else "", bases)).value
    except BasisError as error:
        raise CannotTellError(str(error)) from None


def gpus_per_mw(source: Source, system: str, bases: Mapping[str, str]) -> float:
    """Return the GPUs of a system that a megawatt on the reading's basis carries (IT power where it names none)."""
    required = PowerBasis(bases.get("power", PowerBasis.IT))
    per_rack = source.fact(system, "gpus_per_rack").number
    rack_kw = _rated(source, system, "rack_power_kw", PowerBasis.RACK_TDP, bases)
    try:
        kw = Based(rack_kw, "kW", PowerBasis.RACK_TDP).to(required, *_chain(source, system, bases)).value
    except BasisError as error:
        raise CannotTellError(str(error)) from None
    return 1e3 / kw * per_rack


def flops_per_gpu(source: Source, system: str, bases: Mapping[str, str]) -> float:
    """Return the peak of one GPU of a system on the reading's FLOPS basis [FLOP/s]."""
    basis = bases.get("flops", "bf16_dense")
    precision, _, kind = basis.partition("_")
    quantity = f"peak_{precision}{'_sparse' if kind == 'sparse' else ''}_flops_per_s"
    return source.fact(system, quantity, flops_basis=basis).number


def _chain(source: Source, system: str, bases: Mapping[str, str]) -> tuple[Conversion, ...]:
    """Return the conversions from one basis of power to the next, those of a system's ratings where one is named."""
    ratings: dict[str, float] = {}
    if system:
        per_rack = source.fact(system, "gpus_per_rack").number
        ratings["rack_kw"] = _rated(source, system, "rack_power_kw", PowerBasis.RACK_TDP, bases)
        if source.facts.has(system, "gpu_tgp_w"):
            ratings["gpu_kw"] = _rated(source, system, "gpu_tgp_w", PowerBasis.GPU_TGP, bases) / 1e3 * per_rack
    return chain(
        facility_to_it_peak=source.fact("facility", "facility_to_it_peak").number,
        it_per_rack_power=source.fact("facility", "it_per_rack_power").number,
        **ratings,
    )


def _rated(source: Source, system: str, quantity: str, basis: PowerBasis, bases: Mapping[str, str]) -> float:
    """Return a rating of a system in the reading's profile (the efficient one by default), if it has profiles."""
    profile = bases.get("profile", Profile.MAX_Q)
    has = any(f.profile for f in source.facts.all(system, quantity) if f.chosen and f.power_basis == basis)
    on = {"power_basis": str(basis)} | ({"profile": str(profile)} if has else {})
    return source.fact(system, quantity, **on).number
