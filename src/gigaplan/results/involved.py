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
from gigaplan.vocabulary.variables import Variable

OF_DIMS = {
    ("fleet", "generations"): "generation",
    ("finance", "generations"): "generation",
    ("finance", "contracts"): "site",
    ("finance", "equity"): "instrument",
    ("inference", "devices"): "generation",
    ("fleet", "sites"): "site",
    ("power", "facilities"): "site",
    ("demand", "workloads"): "workload",
    ("demand", "shape"): "region",
    ("training", "runs"): "run",
    ("training", "precisions"): "generation",
}
"""Along which dim the third part of such a path is a label."""
OF_RUNS = ("power", "nodes"), ("power", "node_draw")
"""Paths that only training runs read: those of their generations."""
EXISTING = ("fleet", "opening")
MODELS = ("inference", "models")
WIDEST = 2.0
"""A range counts as no wider than twice its value: from here on it says little more than that no one knows."""
Shares = Mapping[str, Mapping[str, float]]
"""By dim and label, how much of the figure's fleet or work a label makes up; a label that plays no part is left out."""


def split(
    result: Labelled, row: Variable, entries: Sequence[Entry], shares: Shares
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the entries that play a part in a figure, those with most of one first, and those that play none.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    row : Variable
        The quantity: where one of its dims has no label at all, nothing plays a part.
    entries : sequence of Entry
        What the inputs of the quantity read.
    shares : mapping of str to mapping of str to float
        What plays a part in it, from :func:`shares_at`.

    Returns
    -------
    tuple of tuple of Entry
        The first by how much of the figure they concern, times how wide their range is; a line of the plan counts as
        one whose range is as large as itself.
    """
    if any(d in result.labels and not result.labels[d] for d in row.dims):
        return (), tuple(entries)
    found = [(_share(result, entry.path.split("."), shares), entry) for entry in entries]
    some = [(share, entry) for share, entry in found if share is not None]
    some.sort(key=lambda f: (-f[0] * _width(f[1]), -f[0]))  # in the ledger's order among equals
    return tuple(e for _, e in some), tuple(e for share, e in found if share is None)


def _width(entry: Entry) -> float:
    """Return how uncertain an entry is: the width of its range as a share of its value, at most `WIDEST`."""
    fact = entry.fact
    if fact is None:
        return 1.0
    if fact.low is None or fact.high is None:
        return 0.0
    return min(abs(fact.high - fact.low) / abs(fact.number), WIDEST) if fact.number else WIDEST


def _share(result: Labelled, parts: Sequence[str], shares: Shares) -> float | None:
    """Return how much of a part an entry plays, 1 where it is no label's own; None where it plays none."""
    if len(parts) < 3:
        return 1.0
    head, label = (parts[0], parts[1]), parts[2]
    if head == MODELS:
        return shares["model"].get(label) if shares["model"] else 1.0
    if head in OF_RUNS:
        of_runs = shares["generation of runs"]
        return of_runs.get(label) if label in result.labels["generation"] else max(of_runs.values(), default=None)
    dim = OF_DIMS.get(head, "")
    if label == existing_label("").strip():  # one facility houses the existing fleet
        standing = [share for site, share in shares["site"].items() if site.startswith(existing_label(""))]
        return sum(standing) if standing else None
    if head == EXISTING or (dim == "site" and label not in result.labels["site"]):
        label, dim = existing_label(label), "site"
    if not dim or label not in result.labels.get(dim, ()):
        return 1.0
    return shares[dim].get(label)


def shares_at(result: Labelled, row: Variable, at: Mapping[str, str]) -> Shares:
    """Return what plays a part in a figure, and how much of one.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    row : Variable
        The quantity.
    at : mapping of str to str
        The coordinates of the figure. A generation plays a part where one of its racks stands or arrives in the period.

    Returns
    -------
    mapping of str to mapping of str to float
        By dim and label, shares of 0..1 of rated power, GPU-hours or users; a label that plays no part is left out.
    """
    found = {dim: dict.fromkeys(_labels(result, dim, at), 1.0) for dim in ("run", "instrument")}
    kw, hours = _rated_kw(result, at), _gpu_hours(result, at)
    here = [i for i, s in enumerate(result.labels["site"]) if s in _labels(result, "site", at)]
    users = [_number(result, f"demand.shape.{r}.share_of_use") for r in result.labels["region"]]
    amounts = {"generation": kw[:, here].sum(axis=1), "site": kw.sum(axis=0), "workload": hours, "region": users}
    for dim, amount in amounts.items():
        names = _labels(result, dim, at)
        found[dim] = {n: v for n, v in _of_whole(np.array(amount), result.labels[dim]).items() if n in names}
    of_runs = dict.fromkeys(_stated(result, found["run"], "training.runs.{}.generation"), 1.0)
    found["generation of runs"] = of_runs
    if "run" in row.dims:
        found["generation"] = of_runs
    elif "racks_accepted" in result and "generation" not in at:
        found["generation"] = {g: share for g, share in found["generation"].items() if share}
    if row.room == "training":
        found["model"] = dict.fromkeys(_stated(result, found["run"], "training.runs.{}.model"), 1.0)
    else:
        found["model"] = _stated(
            result, found["workload"], "demand.workloads.{}.model", "demand.workloads.{}.later_models"
        )
    return found


def _stated(result: Labelled, shares: Mapping[str, float], *paths: str) -> dict[str, float]:
    """Return the names that stand at paths of some labels, each with the labels' shares together."""
    found: dict[str, float] = {}
    for label, share in shares.items():
        for name in {e.value for path in paths for e in result.ledger.under(path.format(label))}:
            found[name] = found.get(name, 0.0) + share
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
    return np.asarray(racks * np.array([rack_kw(result, g) for g in result.labels["generation"]])[:, None])


def rack_kw(result: Labelled, generation: str) -> float:
    """Return the rated power of a rack of a generation [kW]: at the plan's cap where it states one; 1 if unknown.

    Parameters
    ----------
    result : Labelled
        The result, for its ledger.
    generation : str
        Name of the generation.
    """
    path = f"fleet.generations.{generation}"
    capped = next(iter(result.ledger.under(f"{path}.capped_rack_kw")), None)
    return float(capped.value) if capped else _number(result, f"{path}.rack_power_kw")


def _number(result: Labelled, path: str) -> float:
    """Return the number of the fact at a path; 1 where the plan's record has none."""
    found = next((e.fact for e in result.ledger.under(path) if e.fact), None)
    return found.number if found else 1.0


def _gpu_hours(result: Labelled, at: Mapping[str, str]) -> NDArray[np.float64]:
    """Return the GPU-hours of each workload in a period."""
    if "gpu_hours" not in result:
        return np.zeros(len(result.labels["workload"]))
    _, months = _edges(result, own_coordinates(result, result.variable("gpu_hours"), at))
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
