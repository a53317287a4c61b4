"""The glossary: every result quantity by room, from the variable table. ``make docs`` writes it into docs/glossary.md."""

from __future__ import annotations

from gigaplan.vocabulary.bases import FLOPS_BASES, PowerBasis, PriceBasis, Profile, Scope, TokenBasis
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.variables import Variable, variables

HEAD = """# Glossary

Every quantity of a result, as the variable table has it; `gigaplan explain RESULT QUANTITY` opens what is below each.
This page is written by `make docs`.

Kinds say how a quantity adds up over time: an *amount* sums; a *rate*, *level* or *share* is averaged; a *price* is
averaged over what it prices. Stocks stand on edges (one more than months), flows fill months.
"""
BASES = {
    "power basis": PowerBasis,
    "FLOP/s basis": FLOPS_BASES,
    "token basis": TokenBasis,
    "price basis": PriceBasis,
    "scope": Scope,
    "profile": Profile,
    "evidence, from strong to weak": Evidence,
}


def glossary() -> str:
    """Return the glossary as Markdown."""
    rooms: dict[str, list[Variable]] = {}
    for variable in variables().values():
        rooms.setdefault(variable.room, []).append(variable)
    sections = [_section(room, table) for room, table in rooms.items()]
    bases = "\n".join(f"- **{name}**: {', '.join(f'`{b}`' for b in known)}" for name, known in BASES.items())
    return "\n".join([HEAD, *sections, f"## Bases\n\n{bases}\n"])


def _section(room: str, table: list[Variable]) -> str:
    rows = [
        f"| `{v.name}` | {v.unit} | {v.kind} | {' × '.join(v.dims)} | {v.meaning}. *{v.formula}* |".replace("..", ".")
        for v in table
    ]
    return "\n".join(
        [
            f"## {room.capitalize()}\n",
            "| name | unit | kind | dims | meaning and *how* |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(glossary(), end="")
