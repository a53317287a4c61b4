"""What a posted question may hold: plans and tables as text, never the name of a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from gigaplan.app.requests import MOST_TEXT, Members, PlanState, Strict

JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
Text = Annotated[str, StringConstraints(max_length=MOST_TEXT)]
Name = Annotated[str, StringConstraints(max_length=200)]
MOST_PARTS = 20
"""Overlays, tables or sets of claims of one question."""
LONGEST_WORD = 4_000


class GivenPlan(Strict):
    """A plan: one that comes with gigaplan, by name, or its own text, which names no file."""

    name: Name = ""
    text: Text = ""

    @model_validator(mode="after")
    def _one(self) -> GivenPlan:
        if bool(self.name) == bool(self.text):
            raise ValueError("give a built-in plan's name, or the plan's text")
        return self


class GivenResult(Strict):
    """The result that a job of one's own has kept."""

    job: JobId


class PlanOrResult(Strict):
    """A plan by name or as text, or the result that a job of one's own has kept."""

    name: Name = ""
    text: Text = ""
    job: JobId | None = None

    @model_validator(mode="after")
    def _one(self) -> PlanOrResult:
        if bool(self.name) + bool(self.text) + bool(self.job) != 1:
            raise ValueError("give a built-in plan's name, the plan's text, or the id of a job with a result")
        return self


class GivenTable(Strict):
    """A file of measurements as text: its name says what tool wrote it, where its content doesn't."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$")] = "table.csv"
    text: Text


class GivenTrace(Strict):
    """Requests: a trace that comes with gigaplan or made traffic, by name, or a file as text with its name."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$")]
    text: Text = ""


class GivenClaims(Strict):
    """A set of claims: one that comes with gigaplan, by name, or its own text."""

    name: Name = ""
    text: Text = ""


class DownloadQuestion(Strict):
    """A plan's result as the bytes of a file."""

    plan: PlanState
    members: Members = 1
    form: Annotated[str, StringConstraints(pattern="^(parquet|csv|html|json)$")] = "parquet"


Texts = Annotated[list[Text], Field(max_length=MOST_PARTS)]
Tables = Annotated[list[GivenTable], Field(max_length=MOST_PARTS)]
ClaimSets = Annotated[list[GivenClaims], Field(max_length=MOST_PARTS)]
NamedTexts = Annotated[dict[Name, Text], Field(max_length=MOST_PARTS)]
Word = Annotated[str, StringConstraints(max_length=LONGEST_WORD)]
