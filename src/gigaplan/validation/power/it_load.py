"""IT load next to published powers of GPUs, servers and sites, rated and drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.climates import climate
from gigaplan.plan.ratings import node_draw_of, node_of
from gigaplan.plan.resolve import it_kw_per_gpu
from gigaplan.plan.resolve.cooling import cooling_of
from gigaplan.power.facility import facility_hours
from gigaplan.power.node import gpu_w, node_w
from gigaplan.power.phases import it_load, phase_activity
from gigaplan.validation.power.compared import Compared, Comparison
from gigaplan.validation.power.rows import table

IT_LOAD = "power_it_load.csv"
KW = 1e3
"""Watts of a kilowatt."""


def it_loads() -> Comparison:
    """Return published ratios and powers of servers and sites, and what phases draw."""
    note = "rated power unless it says drawn; low and high are gigaplan's figure for idle GPUs and for prefill alone"
    return Comparison("IT load", tuple(_row(r) for r in table(IT_LOAD)), note)


def _row(row: Mapping[str, str]) -> Compared:
    found = FIGURES[row["quantity"]](row["system"])
    low, high = (
        _drawn_kw(row["system"], *shares) if row["unit"] == "kW" and "drawn" in row["name"] else found
        for shares in ((0.0, 0.0), (1.0, 0.0))
    )
    return Compared(row["name"], float(row["published"]), found, row["unit"], low, high, row["source"], row["note"])


def _server_over_gpus(system: str) -> float:
    node = node_of(catalog.load(), system)
    return float(node.rated_w) / (float(node.gpus) * float(node.gpu_limit_w))


def _it_kw(system: str) -> float:
    """Return the rated IT power of one GPU with its share of server, network and storage [kW]."""
    facts = catalog.load()
    node = node_of(facts, system)
    load = it_load(1.0, phase_activity(0, 0), node, KW * it_kw_per_gpu(facts, system) * node.gpus, node_draw_of(facts))
    return float(load.rated_mw) * KW


def _facility_kw(system: str) -> float:
    at = climate("abilene")
    hours = facility_hours(cooling_of(catalog.load()), at.dry_bulb_c, at.wet_bulb_c, 1.0)
    return _it_kw(system) * float(hours.pue.max())


def _gpu_share(system: str) -> float:
    return float(node_of(catalog.load(), system).gpu_limit_w) / KW / _facility_kw(system)


def _drawn_kw(system: str, prefill: float, decode: float) -> float:
    """Return what a node draws in phases [kW]."""
    node, curve = node_of(catalog.load(), system), node_draw_of(catalog.load())
    return float(node_w(phase_activity(prefill, decode), node, curve)) / KW


def _busy_kw(system: str) -> float:
    return _drawn_kw(system, 1.0, 0.0)


def _decode_share(system: str) -> float:
    limit = float(node_of(catalog.load(), system).gpu_limit_w)
    return float(gpu_w(phase_activity(0.0, np.array(1.0)), limit, node_draw_of(catalog.load()))) / limit


FIGURES: Mapping[str, Callable[[str], float]] = {
    "server_over_gpus": _server_over_gpus,
    "it_kw_per_gpu": _it_kw,
    "facility_kw_per_gpu": _facility_kw,
    "gpu_share_of_facility": _gpu_share,
    "node_most_kw": _busy_kw,
    "decode_share_of_limit": _decode_share,
}
"""Figure of each quantity of the table, by the system's name."""
