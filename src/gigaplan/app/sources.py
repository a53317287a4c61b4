"""From a plan on the page to its sources: built-in names and posted text alone, never a file of this machine."""

from __future__ import annotations

import hashlib
import shlex

from gigaplan.app.requests import PlanState
from gigaplan.plan.sources import Sources, builtin_names, builtin_text
from gigaplan.vocabulary.errors import Place, PlanError, unknown_choice

FILE = "plan.yaml"
"""What messages call a plan that is posted as text."""


def sources_of(state: PlanState, members: int) -> Sources:
    """Return the sources of a plan with a number of members, which wins over what the plan says.

    Raises
    ------
    PlanError
        If it has no text and its name is no built-in plan's.
    """
    changes = (*state.changes, f"uncertainty.members={members}")
    if state.text:
        return Sources(FILE, state.text, (), changes)
    if state.name not in builtin_names():
        remedy = "choose one of them, or write the plan's text"
        place = Place("plan", path="name")
        raise PlanError([unknown_choice("no such built-in plan", place, state.name, builtin_names(), remedy)])
    return Sources(f"{state.name}.yaml", builtin_text(state.name), (), changes)


def key_of(sources: Sources) -> str:
    """Return what tells sources apart: a hash of their text and changes."""
    whole = "\0".join((sources.file, sources.text, *sources.changes))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def command_of(state: PlanState) -> str:
    """Return the line of the terminal that gives the same figures; a posted text is to be saved first."""
    words = ["gigaplan", "run", FILE if state.text else state.name]
    for change in state.changes:
        words += ["--set", change]
    return shlex.join(words)
