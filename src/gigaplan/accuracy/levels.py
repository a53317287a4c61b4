"""Levels that were measured: by how much times of one cell lie off what physics and pooled constants give.

A cell is one system, model family, engine, precision, use of drafts and release of the engine, of workers that do both
prefill and decode. Its rows say what no other cell does (a release's kernels for this model, say), so a question whose
cell was measured is answered at its level, with the interval that rows of such cells had when they were left out of it.
Levels are shrunk towards none by how few and how unlike the rows are (James and Stein 1961; Morris 1983). Without a
stated release the level is that of all measured ones together, with a wider interval; a release that nobody measured
takes the little that its siblings say of the time per token, with the interval of unmeasured cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gigaplan import catalog
from gigaplan.vocabulary.interval import CERTAIN, Interval

LEVELS = "serving_level"
DRAFTED = "drafts"
"""Names the cells whose steps verify drafts."""
ANY, OTHER = "any", "other"
"""Stand for the release where none is stated, and for one that no row is of."""
DIE = {"mi300x": "cdna3", "mi325x": "cdna3", "mi350x": "cdna4", "mi355x": "cdna4"}
"""Generations that share their compute die and differ by memory, clock and power (AMD's white papers on CDNA 3 and 4):
the one takes the other's level where it has none, with the interval of hardware that nobody measured."""
RELEASE_PART = 5
"""Which part of an entity's name is the release."""
Known = Literal["", "release", "any", "other", "die"]
"""What a level was measured on: nothing, this very release, other releases or any, another board of the same die."""


@dataclass(frozen=True, slots=True)
class Level:
    """Measured over predicted times of a cell, and the interval about them."""

    tpot: float = 1.0
    """Of the time per output token [1]."""
    ttft: float = 1.0
    """Of the time to first token [1]."""
    tpot_error: Interval = CERTAIN
    ttft_error: Interval = CERTAIN
    """80 % intervals about the levelled times; of use where ``measured``."""
    known: Known = ""

    @property
    def measured(self) -> bool:
        """Whether rows of the cell were measured, of this release or, where none is stated, of any."""
        return self.known in ("release", "any")

    def latency_error(self, decode_share: float) -> Interval:
        """Return the interval of a whole request: those of both times, weighed by how long each takes.

        Parameters
        ----------
        decode_share
            Share of a request's time after its first token [share].
        """
        each, first = self.tpot_error.widened(decode_share), self.ttft_error.widened(1 - decode_share)
        return Interval(each.low * first.low, each.high * first.high)


NONE = Level()
"""Of a question like no measured cell."""


def level_of(
    *, system: str, generation: str, family: str, engine: str, precision: str, speculative: bool, release: str
) -> Level:
    """Return the level of a question's cell.

    Parameters
    ----------
    system, generation
        The catalog's system, and its hardware generation.
    family
        Family of the model (:func:`gigaplan.plan.names.family`).
    engine, precision
        Serving engine, and precision of the weights.
    speculative
        Whether a step verifies drafted tokens.
    release
        Release of the engine as written; "" where it isn't stated.
    """
    known, kind = _levels(), DRAFTED if speculative else "plain"
    cell = (system, family, engine, precision, kind)
    if exact := known.get(entity(*cell, release or ANY)):
        return exact
    beyond = entity(DIE[generation], engine) if generation in DIE else entity(*cell, OTHER)
    return known.get(beyond, NONE)


def unmeasured_drafts(*, family: str, engine: str, speculative: bool) -> tuple[str, ...]:
    """Return why drafts lie beyond the measured rows: none is of this family of models with this engine.

    Parameters
    ----------
    family, engine
        Family of the model, and serving engine.
    speculative
        Whether a step verifies drafted tokens; where it doesn't there is no reason.

    Returns
    -------
    tuple of str
        The reason in words, or none.
    """
    measured = any(f".{family}.{engine}." in name and f".{DRAFTED}." in name for name in _levels())
    if not speculative or measured:
        return ()
    return (f"no measured row of {family} with drafts on {engine}",)


def entity(*parts: str) -> str:
    """Return the catalog's entity of a level.

    Parameters
    ----------
    *parts
        System, family, engine, precision, use of drafts and release; or a die and an engine.

    Examples
    --------
    >>> entity("h100_hgx", "qwen3_32b", "vllm", "bf16", "plain", "0.12.0")
    'serving_level.h100_hgx.qwen3_32b.vllm.bf16.plain.0_12_0'
    """
    return ".".join(
        [
            LEVELS,
            *(
                p.strip().lower().removeprefix("v").replace(".", "_") if k == RELEASE_PART else p
                for k, p in enumerate(parts)
            ),
        ]
    )


@catalog.per_catalog
def _levels() -> Mapping[str, Level]:
    """Return the levels of the catalog by entity."""
    facts = catalog.load()
    found: dict[str, Level] = {}
    for name in facts.entities("tpot_level", prefix=f"{LEVELS}."):
        last, parts = name.rsplit(".", 1)[1], name.count(".")
        known: Known = "die" if parts == 2 else "any" if last == ANY else "other" if last == OTHER else "release"
        tpot = facts.find(name, "tpot_level")
        level = Level(tpot=tpot.number, tpot_error=_about(tpot.low, tpot.number, tpot.high), known=known)
        if facts.has(name, "ttft_level"):
            ttft = facts.find(name, "ttft_level")
            level = replace(level, ttft=ttft.number, ttft_error=_about(ttft.low, ttft.number, ttft.high))
        found[name] = level
    return found


def _about(low: float | None, value: float, high: float | None) -> Interval:
    """Return the interval about a level of measured over predicted."""
    return Interval((low or value) / value, (high or value) / value).holding_one()
