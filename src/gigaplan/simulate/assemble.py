"""Assembling the one labelled result: every array checked against the variable table in one place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gigaplan.vocabulary.errors import LawError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import variables

MAY_BE_NAN = (
    "added_gw_benefit_cost_ratio",
    "added_gw_clearing_benefit_cost_ratio",
    "next_gw_benefit_cost_ratio",
    "next_gw_clearing_benefit_cost_ratio",
    "first_token_day",
    "tranche_day",
    "cost_per_mtok_usd",
    "cost_per_mtok_all_usd",
    "full_cost_per_mtok_usd",
    "revenue_over_full_cost",
    "debt_service_cover",
    "full_cost_per_mtok_all_usd",
    "full_gpu_hour_cost_usd",
    "party_npv_usd",
    "party_npv_of_end_usd",
    "party_irr",
    "party_peak_funding_usd",
    "party_payback_day",
    "run_start_day",
    "run_done_day",
    "run_deadline_day",
    "run_tokens_by_deadline",
    "run_late_days",
    "run_gpus_needed",
    "run_latest_start_day",
    "capability_eci",
    "cost_per_task_usd",
    "cost_at_constant_capability_usd",
    "cost_fall_log",
    "gpu_hour_cost_usd",
    "gpu_hour_rent_usd",
    "cost_per_request_usd",
    "market_cost_per_request_usd",
    "clearing_price_usd_per_gpu_h",
    "price_per_mtok_usd",
    "supply_limit_mw",
    "tranche_producing_day",
    "tranche_it_mw",
    "tranche_gpus",
    "tranche_tokens_per_day",
    "tranche_capital_usd",
    "tranche_payback_day",
)
"""Where nothing happened there is no day and no price: NaN there never means zero."""


def assemble(arrays: Mapping[str, Array], labels: Mapping[str, tuple[str, ...]], members: int) -> dict[str, Array]:
    """Return the arrays in the table's order, broadcast to all members, read-only.

    Raises
    ------
    LawError
        If a variable is missing or unknown, a shape disagrees with its labels, or a number is not finite.
    """
    table = variables()
    if unlike := set(arrays) ^ set(table):
        raise LawError(f"result and variable table disagree on: {', '.join(sorted(unlike))}")
    sizes = {dim: len(names) for dim, names in labels.items()} | {"member": members}
    checked: dict[str, Array] = {}
    for name, variable in table.items():
        shape = tuple(sizes[d] for d in variable.dims)
        array = np.asarray(arrays[name], dtype=float)
        if variable.dims[:1] == ("member",) and array.shape == (1, *shape[1:]):
            array = np.broadcast_to(array, shape)
        if array.shape != shape:
            raise LawError(f"{name} has shape {array.shape}, its labels say {shape} ({' '.join(variable.dims)})")
        if name not in MAY_BE_NAN and not np.isfinite(array).all():
            raise LawError(f"{name} holds numbers that are not finite")
        checked[name] = array.view()
        checked[name].flags.writeable = False
    return checked
