"""The uncertain inputs of a plan: what is drawn for each member, from which range, on which evidence."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields

from gigaplan import plan as plans
from gigaplan.plan import Plan, Scenario
from gigaplan.plan.paths import unit_at
from gigaplan.simulate.collect import labels
from gigaplan.simulate.memory import needed_bytes
from gigaplan.study.design import CHUNK
from gigaplan.study.folder import INPUT_TABLE, INPUTS, Folder
from gigaplan.vocabulary.files import write_text
from gigaplan.vocabulary.sampling import Part
from gigaplan.vocabulary.show import Brief


@dataclass(frozen=True, slots=True, repr=False)
class Input(Brief):
    """One uncertain input."""

    name: str
    """The fact's id, or the plan's path."""
    central: float | str
    """The likeliest option of a choice."""
    low: float | None
    high: float | None
    """None for a choice."""
    unit: str
    distribution: str
    streams: str
    """Streams of draws that it follows, those of a group or of a shared error among them."""
    evidence: str
    source: str


def uncertain_inputs(scenario: Scenario) -> tuple[Input, ...]:
    """Return what is drawn for the members of a scenario, by name.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan of two members at least.
    """
    facts = {e.fact.id: e.fact for e in scenario.ledger.entries if e.fact}
    known = {e.path: e for e in scenario.ledger.entries}
    streams: dict[str, list[str]] = {}
    for stream, names in scenario.streams.items():
        for name in names:
            streams.setdefault(name, []).append(stream)
    found = []
    for name, spread in sorted(scenario.drawn.items()):
        fact, entry = facts.get(name), known.get(name)
        unit = fact.unit if fact else unit_at(tuple(name.split(".")))
        evidence = fact.evidence if fact else entry.evidence if entry else "estimated"
        source = fact.source_title if fact else entry.source or "plan" if entry else "the model's own error"
        numbers = (spread.central, spread.low, spread.high)
        of = " ".join(streams[name])
        found.append(Input(name, *numbers, unit, str(spread.drawn_as), of, str(evidence), source))
    classes = {draw.name: str(draw.evidence) for draw in scenario.draws}
    for name, choice in sorted(scenario.chosen.items()):
        options = ", ".join(f"{o} {w:.0%}" for o, w in zip(choice.options, choice.weights, strict=True))
        of = " ".join(streams[name])
        found.append(Input(name, choice.central, None, None, "", f"one of {options}", of, classes[name], "plan"))
    return tuple(found)


def begin(folder: Folder, plan: Plan) -> float:
    """Write the table of a study's inputs; return about how much memory a worker takes [bytes]."""
    scenario = plans.resolve(plan, Part(2, folder.design.seed))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([f.name for f in fields(Input)])
    table.writerows(astuple(one) for one in uncertain_inputs(scenario))
    write_text(folder.path / INPUTS, out.getvalue(), INPUT_TABLE)
    return needed_bytes(labels(scenario), min(CHUNK, folder.design.members) + 1)
