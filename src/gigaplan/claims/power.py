"""Bases of power and FLOPS: the sourced conversions by which a claim is read on each of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gigaplan.claims.source import CannotTellError, Source
from gigaplan.power.chain import chain
from gigaplan.vocabulary.bases import Based, PowerBasis, Profile
from gigaplan.vocabulary.errors import BasisError
from gigaplan.vocabulary.members import Array

RATED = (PowerBasis.RACK_TDP, PowerBasis.GPU_TGP)
"""Bases that only a system's own ratings lead to."""


def basis_of(quantity: str) -> PowerBasis:
    """Return the basis on which a result quantity states its power: the meter's where its name says so, else IT."""
    return PowerBasis.FACILITY if quantity.startswith("facility_") else PowerBasis.IT


def power_factor(source: Source, quantity: str, bases: Mapping[str, str], system: str) -> Array:
    """Return what turns a result quantity's power into that of the reading's basis (1 where it names none), by future.

    Shape (future,), or (1,) where all futures have the same.
    """
    required, own = PowerBasis(bases.get("power", basis_of(quantity))), basis_of(quantity)
    if required == own:
        return np.ones(1)
    if required in RATED and not system:
        raise CannotTellError(
            f"power on the basis {required} is that of a system, and the claim names none ('system: ...')"
        )
    return _factor(own, required, _ratings(source, system if required in RATED else "", bases))


def gpus_per_mw(source: Source, system: str, bases: Mapping[str, str]) -> Array:
    """Return the GPUs of a system that a megawatt on the reading's basis carries (IT power where it names none).

    Shape (future,), or (1,) where all futures have the same.
    """
    required = PowerBasis(bases.get("power", PowerBasis.IT))
    rack_kw = _rated(source, system, "rack_power_kw", PowerBasis.RACK_TDP, bases)
    per_rack = source.numbers(source.fact(system, "gpus_per_rack"))
    factor = _factor(PowerBasis.RACK_TDP, required, _ratings(source, system, bases))
    return np.asarray(1e3 / (rack_kw * factor) * per_rack)


def flops_per_gpu(source: Source, system: str, bases: Mapping[str, str]) -> Array:
    """Return the peak of one GPU of a system on the reading's FLOPS basis [FLOP/s], shape (future,) or (1,)."""
    basis = bases.get("flops", "bf16_dense")
    precision, _, kind = basis.partition("_")
    quantity = f"peak_{precision}{'_sparse' if kind == 'sparse' else ''}_flops_per_s"
    return source.numbers(source.fact(system, quantity, flops_basis=basis))


def _factor(own: PowerBasis, required: PowerBasis, ratings: Mapping[str, Array]) -> Array:
    """Return what turns power on one basis into another: conversions differ by future only as far as they are drawn."""
    count = max(len(values) for values in ratings.values())
    futures = [{name: float(values[k % len(values)]) for name, values in ratings.items()} for k in range(count)]
    try:
        return np.array([Based(1.0, "MW", own).to(required, *chain(**future)).value for future in futures])
    except BasisError as error:
        raise CannotTellError(str(error)) from None


def _ratings(source: Source, system: str, bases: Mapping[str, str]) -> dict[str, Array]:
    """Return what leads from one basis of power to the next, by future; a system's ratings where one is named."""
    ratings: dict[str, Array] = {}
    if system:
        per_rack = source.numbers(source.fact(system, "gpus_per_rack"))
        ratings["rack_kw"] = _rated(source, system, "rack_power_kw", PowerBasis.RACK_TDP, bases)
        if source.facts.has(system, "gpu_tgp_w"):
            limit_w = _rated(source, system, "gpu_tgp_w", PowerBasis.GPU_TGP, bases)
            ratings["gpu_kw"] = limit_w / 1e3 * per_rack
    for quantity in ("facility_to_it_peak", "it_per_rack_power"):
        ratings[quantity] = source.numbers(source.fact("facility", quantity))
    return ratings


def _rated(source: Source, system: str, quantity: str, basis: PowerBasis, bases: Mapping[str, str]) -> Array:
    """Return a rating of a system in the reading's profile (the efficient one by default), if it has profiles."""
    profile = bases.get("profile", Profile.MAX_Q)
    has = any(f.profile for f in source.facts.all(system, quantity) if f.chosen and f.power_basis == basis)
    on = {"power_basis": str(basis)} | ({"profile": str(profile)} if has else {})
    return source.numbers(source.fact(system, quantity, **on))
