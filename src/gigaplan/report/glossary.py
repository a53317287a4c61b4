"""The glossary: every result quantity by room. ``make docs`` writes it into docs/glossary.md."""

from __future__ import annotations

from gigaplan.vocabulary.bases import FLOPS_BASES, PowerBasis, PriceBasis, Profile, Scope, TokenBasis
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.variables import Variable, variables

HEAD = """# Glossary

Every quantity of a result, as the variable table has it; `gigaplan explain RESULT QUANTITY` opens what is below each.
This page is written by `make docs`.

Kinds say how a quantity is aggregated over time: an *amount* is summed; a *rate* or *level* is averaged by hours, and
on edges (one more than months) taken at the period's end; a *price* or *share* is averaged with the weight given. Over
other dims a quantity is summed where the table says so, averaged where its weight has the dim, and refused otherwise.

Growth rates of inputs have one unit, 1/year, and two meanings. Of supply (`supply_growth_per_year`,
`packaging_growth_per_year`) a rate is the factor of a year less one: 1 doubles each year. Of workloads and software
(`growth_per_year`, `context_growth_per_year`, `reasoning_growth_per_year`, `gain_per_year`) it is logarithmic: 0.69
doubles in a year.
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
    rows = [_line(v) for v in table]
    return "\n".join(
        [
            f"## {room.capitalize()}\n",
            "| name | unit | kind | dims | aggregated | meaning and *how* |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _line(v: Variable) -> str:
    cells = (f"`{v.name}`", v.unit, v.kind, " × ".join(v.dims), _aggregated(v), f"{v.meaning}. *{v.formula}*")
    return f"| {' | '.join(cells)} |".replace("..", ".")


def _aggregated(v: Variable) -> str:
    """Return how a quantity is aggregated: over time, by what weight, over which other dims it is summed."""
    over_time = (
        {"sum": "sum", "mean": "mean", "end": "period's end", "none": "not over time"}[v.reduction] if v.time else ""
    )
    weight = f"weighted by {' × '.join(f'`{w}`' for w in v.weight_by)}" if v.weight_by else ""
    summed = f"summed over {', '.join(v.sum_over)}" if v.sum_over else ""
    return "; ".join(filter(None, (over_time, weight, summed))) or "–"


if __name__ == "__main__":
    print(glossary(), end="")
