"""What the page sends: bounded in size, and refused where a name or a field is none that there is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gigaplan.report.charts import ColourBy

MOST_BYTES = 1_000_000
"""Bytes of a request: a plan's text and its changes."""
MOST_TEXT, MOST_CHANGE, MOST_CHANGES = 400_000, 2_000, 200
MOST_MEMBERS = 100
Change = Annotated[str, StringConstraints(max_length=MOST_CHANGE)]
Members = Annotated[int, Field(ge=1, le=MOST_MEMBERS)]


class Strict(BaseModel):
    """A request without fields that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanState(Strict):
    """A plan as it stands on the page.

    Attributes
    ----------
    name : str
        A built-in plan; not read where ``text`` is given.
    text : str
        The plan's own YAML, which names no file.
    changes : tuple of str
        ``path=value`` each, applied in turn.
    """

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    text: Annotated[str, StringConstraints(max_length=MOST_TEXT)] = ""
    changes: Annotated[tuple[Change, ...], Field(max_length=MOST_CHANGES)] = ()


class Question(Strict):
    """What a plan answers.

    Attributes
    ----------
    plan : PlanState
        The plan.
    other : PlanState, optional
        Plan B, drawn behind it.
    members : int
        1 for the central future at once, up to 100 for ranges.
    colour_by : str
        What the parts of the ladder are: ``state``, ``place`` or ``generation``.
    claims : bool
        Whether the plan's claims are judged, which takes as long as a third of a central future.
    charts : bool
        Whether the charts are drawn too; a page asks for figures first, and then for both, of which the figures are
        kept.
    """

    plan: PlanState
    other: PlanState | None = None
    members: Members = 1
    colour_by: ColourBy = "state"
    claims: bool = False
    charts: bool = True


class InputsQuestion(Strict):
    """Which lines of a plan matter; with one member those that usually do."""

    plan: PlanState
    members: Members = 1


Word = Annotated[str, StringConstraints(max_length=60)]


class StartQuestion(Strict):
    """What a plan of one's own begins with, as `gigaplan new` takes it."""

    power: Word = "150 MW it"
    region: Word = "us"
    generation: Word = "gb300_nvl72"
    model: Word = "gpt_oss_120b"
    start: Word = "2027"


class TextQuestion(Strict):
    """The plan's text with its changes written into it."""

    plan: PlanState


class ComparisonQuestion(Strict):
    """Which inputs make the difference between two plans."""

    plan: PlanState
    other: PlanState
