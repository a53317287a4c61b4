"""From the megawatt to the token: where the last year's power went."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts.base import (
    LIST_HEIGHT,
    ROW_HEIGHT,
    Chart,
    bar,
    horizontal_bars,
    one_future,
    unseen,
    yearly,
)
from gigaplan.report.charts.palette import SKY
from gigaplan.report.events import last_year
from gigaplan.report.format import in_watts, short
from gigaplan.report.words import place, system, title
from gigaplan.results.coordinates import years
from gigaplan.results.involved import rack_kw
from gigaplan.results.result import Result
from gigaplan.vocabulary.members import Array

MOST_SITES = 7
Links = dict[tuple[str, str], float]


@one_future
def watts(result: Result) -> Chart | None:
    """Return the chain from the meters to the uses of GPUs, mean of the last year; the table has sites and systems."""
    year = last_year(result)
    hours = float(result.axis.hours[year].sum())
    whole = float(yearly(result, "facility_energy_mwh")[-1]) / hours
    if not whole > 0:
        return None
    into, made = _sites_to_systems(result, year, hours)
    used = _systems_to_uses(result, made)
    steps = _steps(into, used)
    unit, when = in_watts(whole), years(result)[-1]
    tokens = float(yearly(result, "tokens_served_per_day", at={"token": "generated"})[-1])
    lifted = [0.0, 0.0, *(sum(mw for _, mw in steps[2:k]) for k in range(2, len(steps)))]
    series = [
        unseen([v / unit.size for v in lifted], "t"),
        bar("power", [mw / unit.size for _, mw in steps], SKY, "t"),
    ]
    return Chart(
        "watts",
        f"From the megawatt to the token, {when}",
        horizontal_bars(series, [name for name, _ in steps], f"{unit.name}, mean of {when}"),
        f"{unit.of(whole)} at the meters make {short(tokens)} generated tokens a day: "
        f"{short(tokens / (whole * 24))} a megawatt-hour. Uses by the power that their GPU-hours draw; an idle GPU "
        "draws less.",
        ("flow", "MW, mean of the year"),
        tuple((f"{_plain(a)} → {_plain(b)}", short(v)) for (a, b), v in (into | used).items()),
        LIST_HEIGHT + ROW_HEIGHT * len(steps),
    )


def _steps(into: Links, used: Links) -> list[tuple[str, float]]:
    """Return what is metered, what of it reaches IT, and how the uses share that [MW]."""
    lost = sum(mw for (_, b), mw in into.items() if " " in b.removeprefix("2 "))
    uses: dict[str, float] = {}
    for (_, b), mw in used.items():
        name = b.removeprefix("3 ")
        kind = name if name in ("training", "idle", "sold") else "serving"
        uses[kind] = uses.get(kind, 0.0) + mw
    whole = sum(into.values())
    names = {"serving": "serves", "training": "trains", "sold": "is sold or rented out", "idle": "idles"}
    parts = [(names[n], uses[n]) for n in names if uses.get(n, 0.0) > 0]
    return [("at the meters", whole), ("reaches IT", whole - lost), *parts]


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


def _plain(node: str) -> str:
    column, name = node.split(" ", 1)
    return system(name) if column == "2" and " " not in name else title(name) if column != "1" else name


def _kw_per_rack(result: Result) -> Array:
    return np.array([rack_kw(result, g) for g in result.labels["generation"]])


def _stated(result: Result, path: str, default: float) -> float:
    """Return the number that was read for an input, else the default."""
    return next((float(e.value) for e in result.ledger.under(path) if e.path == path), default)
