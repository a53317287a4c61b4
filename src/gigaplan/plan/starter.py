"""A starter plan: a commented file that runs at once, sized to the power that it is given."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from importlib.resources import files
from typing import Annotated

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.compute.device import Device
from gigaplan.finance.inputs import GenerationCost
from gigaplan.fleet.inputs import Generation
from gigaplan.plan.claims import shipped_ids
from gigaplan.plan.load import load_sources
from gigaplan.plan.resolver import LISTED_BY, known_names, resolved, unresolved
from gigaplan.plan.sources import Sources
from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.errors import Place, PlanError, Problem, allowed_names
from gigaplan.vocabulary.files import slug
from gigaplan.vocabulary.options import Option
from gigaplan.vocabulary.units import parse_date
from gigaplan.vocabulary.visible import visible

BASES = (PowerBasis.IT, PowerBasis.FACILITY, PowerBasis.RACK_TDP)
YEARS = 5
FIRST_YEAR, LAST_YEAR = 2000, 2150
FOUND_ELSEWHERE = (
    "book_life_years",
    "service_life_years",
    "first_supply_date",
    "first_supply_date_delay_days",
    "name",
    "it_kw_per_rack",
    "life_years",
    "first_ship_date_delay_days",
)
"""Fields of a system that follow from other facts or are shared by all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a starter plan is made for, as a person writes it."""

    name: str = "my-plan"
    """Name of the plan."""
    power: Annotated[str, Option(group="Starter plan")] = "100 MW it"
    """Power of the starter's one site, as 100MW or "1.2 GW facility" (IT power unless a basis is given)."""
    generation: Annotated[str, Option(group="Starter plan", entities=("rack_power_kw",))] = "gb300_nvl72"
    """Its systems, by catalog name."""
    model: Annotated[str, Option(group="Starter plan", entities=("layers",))] = "gpt_oss_120b"
    """The model that is served, by catalog name."""
    region: Annotated[str, Option(group="Starter plan", entities=("power_price_usd_per_mwh",))] = "us"
    """Region in which power is bought, by catalog name."""
    start: Annotated[str, Option(group="Starter plan")] = "2027-01"
    """Its first year."""


@dataclass(frozen=True, slots=True)
class Requested:
    """How much is requested of a starter plan at its start, and what is paid for it; written with two digits."""

    chats_per_day: float = 1000.0
    """Requests a day of people who talk with the model."""
    chat_usd: float = 0.005
    """What is paid for one of them."""
    jobs_per_day: float = 100.0
    """Requests a day of the queue that may wait."""
    job_usd: float = 0.02
    """What is paid for one of them."""


def starter(start: Start, requested: Requested = Requested()) -> str:
    """Return the text of a starter plan.

    Parameters
    ----------
    start : Start
        What it is made for.
    requested : Requested
        What is requested of it at its start.

    Raises
    ------
    PlanError
        If a name isn't in the catalog, the power has no unit, or the start isn't a date, all at once; or the plan that
        follows would not load.
    """
    facts = catalog.load()
    problems: list[Problem] = []
    systems = tuple(complete_systems(facts))
    generation = _known("generation", "system", start.generation, problems, systems)
    model = _known("model", "model", start.model, problems)
    region = _known("region", "region", start.region, problems)
    power = _power(start.power, problems)
    year = _year(start.start, problems)
    if problems or power is None:
        raise PlanError(problems)
    values = {
        "name": json.dumps(slug(re.sub(r"[^a-z0-9]+", "-", start.name.lower()), "my-plan")),
        "title": " ".join(visible(start.name).split()) or "my-plan",
        "quoted_title": json.dumps(visible(start.name), ensure_ascii=False),
        "power": f"{power.value:g} {power.unit} {power.basis}",
        "generation": generation,
        "model": model,
        "region": region,
        "start": f"{year}-01",
        "end": f"{year + YEARS}-01",
        "year": str(year),
        "announced": f"{year}-01-01",
        "energised": f"{year}-03-01",
        "utc_offset": f"{facts.find(region, 'utc_offset_h').value:g} h",
        "chats": f"{max(_rounded(requested.chats_per_day), 1):.0f}",
        "chat_usd": _decimal(requested.chat_usd),
        "chat_value_usd": _decimal(2 * requested.chat_usd),
        "jobs": f"{max(_rounded(requested.jobs_per_day), 1):.0f}",
        "job_usd": _decimal(requested.job_usd),
        "generations": ", ".join(systems),
        "models": allowed_names(known_names("model"), LISTED_BY["model"]),
        "regions": allowed_names(known_names("region"), LISTED_BY["region"]),
        "workloads": ", ".join(facts.entities("output_tokens")),
        "claims": ", ".join(name for name in shipped_ids() if "/" not in name),
    }
    template = (files("gigaplan.plan") / "starter.yaml").read_text(encoding="utf-8")
    text = re.sub(r"@(\w+)@", lambda m: values[m[1]], template)
    load_sources(Sources("the starter plan", text))  # nobody is given a plan that doesn't load
    return text


def _rounded(number: float) -> float:
    return float(f"{number:.2g}")


def _decimal(number: float) -> str:
    """Return a price with two digits, as people write it: without an exponent."""
    return format(Decimal(f"{number:.2g}"), "f")


def complete_systems(facts: Catalog) -> list[str]:
    """Return the systems of which the catalog knows all that a plan needs: power, supply, price and speed."""
    needed = {
        f.name
        for cls in (Generation, GenerationCost, Device)
        for f in fields(cls)
        if f.default is MISSING and f.name not in FOUND_ELSEWHERE
    }
    return [name for name in facts.entities("rack_power_kw") if all(facts.has(name, quantity) for quantity in needed)]


def _known(option: str, kind: str, given: str, problems: list[Problem], among: tuple[str, ...] | None = None) -> str:
    """Return the catalog's name that an option's means; where it means none, that is a problem."""
    found = resolved(kind, given, among)
    if not found:
        problems.append(unresolved(kind, given, Place(f"--{option}"), among, f"no such {option}"))
    return found


def _power(text: str, problems: list[Problem]) -> Based | None:
    """Return a power in MW; one without a basis is read as IT power."""
    based = text if text.rpartition(" ")[2] in list(PowerBasis) else f"{text} {PowerBasis.IT}"
    try:
        power = OnBasis("MW", PowerBasis).parse(based)
        if power.value <= 0:
            raise ValueError("a plan needs some power")
        if power.basis not in BASES:
            raise ValueError(f"a plan's power is stated on one of: {', '.join(BASES)}")
        return power
    except ValueError as error:
        problems.append(
            Problem(str(error), Place("--power"), value=text, remedy="write for example --power '100 MW it'")
        )
        return None


def _year(text: str, problems: list[Problem]) -> int:
    try:
        year = parse_date(text).year
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(f"a plan starts between {FIRST_YEAR} and {LAST_YEAR}")
        return year
    except ValueError as error:
        problems.append(Problem(str(error), Place("--start"), value=text, remedy="write for example --start 2027"))
        return 0
