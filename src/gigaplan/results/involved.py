"""Which inputs play a part in a figure, and how much of one: those of what stands and runs at its coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gigaplan.fleet.inputs import existing_label
from gigaplan.results.coordinates import groups, names_along
from gigaplan.results.labelled import Labelled
from gigaplan.results.terms import own_coordinates
from gigaplan.vocabulary.facts import Entry

OF_DIMS = {
    ("fleet", "generations"): "generation",
    ("finance", "generations"): "generation",
    ("finance", "contracts"): "site",
    ("finance", "equity"): "instrument",
    ("inference", "devices"): "generation",
    ("power", "nodes"): "generation",
    ("fleet", "sites"): "site",
    ("power", "facilities"): "site",
    ("demand", "workloads"): "workload",
    ("demand", "shape"): "region",
    ("training", "runs"): "run",
}
"""Along which dim the third part of such a path is a label."""
EXISTING = ("fleet", "opening")
MODELS = ("inference", "models")
Shares = Mapping[str, Mapping[str, float]]
"""By dim and label, how much of the figure's fleet or work a label makes up; a label that plays no part is left out."""


def split(
    result: Labelled, entries: Sequence[Entry], at: Mapping[str, str], dims: Sequence[str] = ()
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the entries that play a part at some coordinates, those with most of one first, and those that don't.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    entries : sequence of Entry
        What the inputs of a quantity read.
    at : mapping of str to str
        The coordinates of the figure. A generation plays a part where one of its racks stands or arrives in the period.
    dims : sequence of str
        The quantity's own dims: where one has no label at all, nothing plays a part.
    """
    if any(d in result.labels and not result.labels[d] for d in dims):
        return (), tuple(entries)
    shares = _shares(result, at)
    models = {
        w: {e.value for e in result.ledger.under(f"demand.workloads.{w}.model")}
        for w in names_along(result, "workload")
    }
    found = [(_share(result, entry.path.split("."), shares, models), entry) for entry in entries]
    taken = sorted(
        (f for f in found if f[0] is not None), key=lambda f: -(f[0] or 0.0)
    )  # the ledger's order among equals
    return tuple(e for _, e in taken), tuple(e for share, e in found if share is None)


def _share(result: Labelled, parts: Sequence[str], shares: Shares, models: Mapping[str, set[str]]) -> float | None:
    """Return how much of a part an entry plays, 1 where it is no label's own; None where it plays none."""
    if len(parts) < 3:
        return 1.0
    head, label = (parts[0], parts[1]), parts[2]
    dim = OF_DIMS.get(head, "")
    if head == EXISTING or (dim == "site" and label not in result.labels["site"]):
        label, dim = existing_label(label), "site"
    elif head == MODELS:
        if not any(models.values()):
            return 1.0
        used = [shares["workload"][w] for w, names in models.items() if label in names and w in shares["workload"]]
        return sum(used) if used else None
    if not dim or label not in result.labels.get(dim, ()):
        return 1.0
    return shares[dim].get(label)


def _shares(result: Labelled, at: Mapping[str, str]) -> Shares:
    found = {dim: dict.fromkeys(_labels(result, dim, at), 1.0) for dim in ("region", "run", "instrument")}
    sites, workloads = _labels(result, "site", at), _labels(result, "workload", at)
    kw = _rated_kw(result, at)  # (generation, site)
    here = kw[:, [i for i, s in enumerate(result.labels["site"]) if s in sites]].sum(axis=1)
    names = _labels(result, "generation", at)
    every = "racks_accepted" not in result or "generation" in at
    by_generation = _of_whole(here, result.labels["generation"])
    found["generation"] = {g: s for g, s in by_generation.items() if g in names and (s or every)}
    found["site"] = {s: v for s, v in _of_whole(kw.sum(axis=0), result.labels["site"]).items() if s in sites}
    hours = _gpu_hours(result, at)
    found["workload"] = {w: v for w, v in _of_whole(hours, result.labels["workload"]).items() if w in workloads}
    return found


def _of_whole(amounts: NDArray[np.float64], labels: Sequence[str]) -> dict[str, float]:
    whole = float(amounts.sum())
    return {n: float(v) / whole if whole > 0 else 0.0 for n, v in zip(labels, amounts, strict=True)}


def _labels(result: Labelled, dim: str, at: Mapping[str, str]) -> set[str]:
    """Return the labels along a dim at some coordinates: one, those of a group, or all."""
    label = at.get(dim, "")
    if not label:
        return set(names_along(result, dim))
    return set(groups(result, dim).get(label, (label,)))


def _rated_kw(result: Labelled, at: Mapping[str, str]) -> NDArray[np.float64]:
    """Return the most power of racks that stand or arrive in a period [kW], by generation and site."""
    shape = len(result.labels["generation"]), len(result.labels["site"])
    if "racks_accepted" not in result:
        return np.zeros(shape)
    own = own_coordinates(result, result.variable("racks_accepted"), at)
    edges, months = _edges(result, own)
    racks = result.central("racks_accepted")[..., edges].max(axis=-1)
    if "racks_delivered" in result and len(months):
        racks = np.maximum(racks, result.central("racks_delivered")[..., months].sum(axis=-1))
    return np.asarray(racks * np.array([_rack_kw(result, g) for g in result.labels["generation"]])[:, None])


def _rack_kw(result: Labelled, generation: str) -> float:
    """Return a rack's rated power [kW]; 1 where the plan's record has none."""
    path = f"fleet.generations.{generation}.rack_power_kw"
    found = next((e.fact for e in result.ledger.under(path) if e.fact), None)
    return found.number if found else 1.0


def _gpu_hours(result: Labelled, at: Mapping[str, str]) -> NDArray[np.float64]:
    """Return the GPU-hours of each workload in a period."""
    if "gpu_hours" not in result:
        return np.zeros(len(result.labels["workload"]))
    _, months = _edges(result, own_coordinates(result, result.variable("racks_accepted"), at))
    return np.asarray(result.central("gpu_hours")[..., months].sum(axis=(1, 2)))


def _edges(result: Labelled, at: Mapping[str, str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the edges that bound the months of a period, and of these months."""
    if at.get("edge") in result.labels["edge"]:
        edge = result.labels["edge"].index(at["edge"])
        return np.array([edge]), np.arange(max(edge - 1, 0), edge)
    period = at.get("month", at.get("year", ""))
    months = [i for i, m in enumerate(result.labels["month"]) if m.startswith(period)]
    if not months:
        return np.arange(len(result.labels["edge"])), np.arange(len(result.labels["month"]))
    return np.arange(months[0], months[-1] + 2), np.array(months)
