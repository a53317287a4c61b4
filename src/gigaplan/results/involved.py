"""Which inputs play a part in a figure: those of the generations, sites, workloads and models at its coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gigaplan.fleet.inputs import existing_label
from gigaplan.results.coordinates import groups, names_along
from gigaplan.results.labelled import Labelled
from gigaplan.results.terms import own_coordinates
from gigaplan.vocabulary.facts import Entry

OF_DIMS = {
    ("fleet", "generations"): "generation",
    ("finance", "generations"): "generation",
    ("inference", "devices"): "generation",
    ("fleet", "sites"): "site",
    ("power", "facilities"): "site",
    ("demand", "workloads"): "workload",
    ("training", "runs"): "run",
}
"""Along which dim the third part of such a path is a label."""
EXISTING = ("fleet", "opening")
MODELS = ("inference", "models")


def split(
    result: Labelled, entries: Sequence[Entry], at: Mapping[str, str]
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the entries that play a part at some coordinates, and those that don't.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    entries : sequence of Entry
        What the inputs of a quantity read.
    at : mapping of str to str
        The coordinates of the figure. A generation plays a part where one of its racks stands in the period.
    """
    labels = {dim: _labels(result, dim, at) for dim in ("site", "workload", "run")}
    labels["generation"] = _standing(result, at)
    models = {e.value for w in labels["workload"] for e in result.ledger.under(f"demand.workloads.{w}.model")}
    taken: list[Entry] = []
    others: list[Entry] = []
    for entry in entries:
        (taken if _plays(result, entry.path.split("."), labels, models) else others).append(entry)
    return tuple(taken), tuple(others)


def _plays(result: Labelled, parts: Sequence[str], labels: Mapping[str, set[str]], models: set[str]) -> bool:
    if len(parts) < 3:
        return True
    head, label = (parts[0], parts[1]), parts[2]
    if head == EXISTING:
        return existing_label(label) in labels["site"]
    if head == MODELS:
        return not models or label in models
    dim = OF_DIMS.get(head, "")
    return not dim or label not in result.labels.get(dim, ()) or label in labels[dim]


def _labels(result: Labelled, dim: str, at: Mapping[str, str]) -> set[str]:
    """Return the labels along a dim at some coordinates: one, those of a group, or all."""
    label = at.get(dim, "")
    if not label:
        return set(names_along(result, dim))
    return set(groups(result, dim).get(label, (label,)))


def _standing(result: Labelled, at: Mapping[str, str]) -> set[str]:
    """Return the generations at some coordinates whose racks stand at one of its sites at some time of its period."""
    names = _labels(result, "generation", at)
    if "racks_accepted" not in result or "generation" in at:
        return names
    racks = result.central("racks_accepted")
    own = own_coordinates(result, result.variable("racks_accepted"), {d: v for d, v in at.items() if d != "generation"})
    sites = [i for i, s in enumerate(result.labels["site"]) if s in _labels(result, "site", at)]
    edges = _edges(result, own)
    some = racks[:, sites][..., edges].sum(axis=(1, 2)) > 0
    return {name for name, stands in zip(result.labels["generation"], some, strict=True) if stands and name in names}


def _edges(result: Labelled, at: Mapping[str, str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the places of the edges that bound the months of a period."""
    if at.get("edge") in result.labels["edge"]:
        return np.array([result.labels["edge"].index(at["edge"])])
    period = at.get("month", at.get("year", ""))
    months = [i for i, m in enumerate(result.labels["month"]) if m.startswith(period)]
    if not months:
        return np.arange(len(result.labels["edge"]))
    return np.arange(months[0], months[-1] + 2)
