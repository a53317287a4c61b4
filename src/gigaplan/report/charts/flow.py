"""From the megawatt to the token: where the last year's power went."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts.base import WIDE_CHART, Chart, one_future, sankey, yearly
from gigaplan.report.events import last_year
from gigaplan.report.format import Scale, in_watts, short
from gigaplan.report.words import place, system, title
from gigaplan.results.coordinates import years
from gigaplan.results.involved import rack_kw
from gigaplan.results.result import Result
from gigaplan.vocabulary.members import Array

MOST_SITES = 7
MIN_SHARE = 2e-3
"""Flows below this share of the whole are left out of the drawing."""
Links = dict[tuple[str, str], float]


@one_future
def watts(result: Result) -> Chart | None:
    """Power from the meters of sites through systems to what it computes, mean of the last year."""
    year = last_year(result)
    hours = float(result.axis.hours[year].sum())
    whole = float(yearly(result, "facility_energy_mwh")[-1]) / hours
    if not whole > 0:
        return None
    into, made = _sites_to_systems(result, year, hours)
    used = _systems_to_uses(result, made)
    large = {k: v for k, v in (into | used).items() if v >= MIN_SHARE * whole}
    unit = in_watts(whole)
    words = _words(result, large, unit)
    when = years(result)[-1]
    tokens = float(yearly(result, "tokens_served_per_day", at={"token": "generated"})[-1])
    return Chart(
        "watts",
        f"From the megawatt to the token, {when}",
        sankey([(a, b, v) for (a, b), v in large.items()], words),
        f"{unit.of(whole)} at the meters (mean of {when}) make {short(tokens)} generated tokens a day: "
        f"{short(tokens / (whole * 24))} a megawatt-hour. Systems by their racks at each site; uses "
        "by the power that their GPU-hours draw; an idle GPU draws less.",
        ("flow", "MW, mean of the year"),
        tuple((f"{_plain(a)} → {_plain(b)}", short(v)) for (a, b), v in (into | used).items()),
        560,
        WIDE_CHART,
    )


def _sites_to_systems(result: Result, year: list[int], hours: float) -> tuple[Links, Array]:
    """Return the links from sites to losses, cooling and systems [MW], and each system's IT power."""
    energy = {n: yearly(result, f"{n}_energy_mwh", "site")[:, -1] / hours for n in ("it", "loss", "overhead")}
    racks = result.central("racks_accepted")
    kw = _kw_per_rack(result)
    rated = (racks[:, :, [*year, year[-1] + 1]].mean(axis=2) * kw[:, None]).T  # (site, generation)
    share = np.divide(
        rated, rated.sum(axis=1, keepdims=True), out=np.zeros_like(rated), where=rated.sum(axis=1, keepdims=True) > 0
    )
    drawn = share * energy["it"][:, None]
    order = np.argsort(-drawn.sum(axis=1), kind="stable")
    links: Links = {}
    for rank, i in enumerate(order):
        name = "1 " + (place(result.labels["site"][i]) if rank < MOST_SITES else "other sites")
        parts = [(f"2 {g}", float(drawn[i, k])) for k, g in enumerate(result.labels["generation"])]
        parts += [
            ("2 conversion losses", float(energy["loss"][i])),
            ("2 cooling and the rest", float(energy["overhead"][i])),
        ]
        for part, mw in parts:
            if mw > 0:
                links[name, part] = links.get((name, part), 0.0) + mw
    return links, drawn.sum(axis=0)


def _systems_to_uses(result: Result, it_mw: Array) -> Links:
    """Return the links from systems to workloads, training, sold hours and idling [MW], by GPU-hours and their draw."""
    idle_draw, busy_draw = (_stated(result, f"power.draw.{n}_share", 1.0) for n in ("idle", "busy"))
    held = np.vstack(
        [
            yearly(result, "gpu_hours", "workload", "generation")[..., -1],
            yearly(result, "training_gpu_hours", "generation")[None, :, -1],
            yearly(result, "sold_gpu_hours", "generation")[None, :, -1],
            yearly(result, "idle_gpu_hours", "generation")[None, :, -1] * idle_draw / busy_draw,
        ]
    )  # (use, generation)
    share = np.divide(held, held.sum(axis=0), out=np.zeros_like(held), where=held.sum(axis=0) > 0)
    uses = [*result.labels["workload"], "training", "sold", "idle"]
    return {
        (f"2 {g}", f"3 {use}"): float(it_mw[k] * share[u, k])
        for k, g in enumerate(result.labels["generation"])
        for u, use in enumerate(uses)
        if it_mw[k] * share[u, k] > 0
    }


def _words(result: Result, links: Links, unit: Scale) -> dict[str, tuple[int, str]]:
    """Return each node's words: its column, name, power, and for workloads the tokens that it makes."""
    size: dict[str, float] = {}
    for (a, b), mw in links.items():
        if a.startswith("1"):
            size[a] = size.get(a, 0.0) + mw
        size[b] = size.get(b, 0.0) + (mw if a[0] != b[0] else 0.0)
    tokens = yearly(result, "tokens_served_per_day", "workload", at={"token": "generated"})[:, -1]
    made = {f"3 {n}": f" → {short(float(tokens[w]))} tokens a day" for w, n in enumerate(result.labels["workload"])}
    return {n: (int(n[0]) - 1, f"{_plain(n)}\n{unit.of(v)}{made.get(n, '')}") for n, v in size.items()}


def _plain(node: str) -> str:
    column, name = node.split(" ", 1)
    return system(name) if column == "2" and " " not in name else title(name) if column != "1" else name


def _kw_per_rack(result: Result) -> Array:
    return np.array([rack_kw(result, g) for g in result.labels["generation"]])


def _stated(result: Result, path: str, default: float) -> float:
    """Return the number that was read for an input, else the default."""
    return next((float(e.value) for e in result.ledger.under(path) if e.path == path), default)
