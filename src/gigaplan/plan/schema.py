"""The plan's schema: pydantic models over the rooms' own input dataclasses.

Every field of a room's dataclass may be written in a plan or left to the catalog, so the schema makes each
optional; :mod:`gigaplan.plan.resolve` fills the rest from the catalog's facts of the same name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field

from gigaplan import catalog
from gigaplan.allocation.inputs import Market
from gigaplan.catalog import history
from gigaplan.catalog.climates import SOURCES as CLIMATES
from gigaplan.catalog.hourly import PLACES
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import Adoption, Shape, Workload
from gigaplan.finance.customers import ANY, Customer
from gigaplan.finance.inputs import (
    Contract,
    CostOfCapital,
    Costs,
    Debt,
    Equity,
    GenerationCost,
    Guaranty,
    Rents,
    Tax,
    Tranches,
)
from gigaplan.fleet.inputs import LADDER, Generation, Ladder, OpeningBlock, Phase
from gigaplan.inference.inputs import Engine, Software
from gigaplan.plan.own.kinds import REGION, SYSTEM, section_of
from gigaplan.plan.partial import STRICT, DatedKeys, Form, GpuCount, Names, partial
from gigaplan.power.cooling_inputs import Rejection
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.power.supply.dated import EnergyContract, OnSite, StandBy, Storage, Substation, Tranche
from gigaplan.training.inputs import GroupRecovery, Reliability, TrainingEfficiency
from gigaplan.training.programme import PlannedRun
from gigaplan.vocabulary.bases import Based, OnBasis, PowerBasis
from gigaplan.vocabulary.units import Day, Unit


class Strict(BaseModel):
    """A section of the plan: unknown names are refused."""

    model_config = ConfigDict(**STRICT, use_attribute_docstrings=True)


def _facts_of(quantity: str) -> Callable[[], Sequence[str]]:
    """Return a function that returns the catalog's entities with a quantity."""
    return lambda: catalog.load().entities(quantity)


def _systems_or_newest() -> list[str]:
    return [*catalog.load().entities("rack_power_kw"), "newest"]


def _systems_or_any() -> list[str]:
    return [*catalog.load().entities("rack_power_kw"), ANY]


SYSTEMS_OR_ANY = Names(_systems_or_any, others=True)
SYSTEMS = Names(_facts_of("rack_power_kw"), others=True)
SYSTEMS_OR_NEWEST = Names(_systems_or_newest, others=True)
MODELS = Names(_facts_of("layers"), others=True)
WORKLOADS = Names(_facts_of("output_tokens"), others=True)
POWER_REGIONS = Names(_facts_of("power_price_usd_per_mwh"), others=True)
USER_REGIONS = Names(_facts_of("share_of_use"), others=True)
SERVICES = Names(_facts_of("overhead"))
STATES = Names(lambda: LADDER)
HISTORIES = Names(lambda: history.published().labs, others=True)


class Horizon(Strict):
    """The months that the plan covers, and how a month's hours are seen."""

    start: Annotated[dt.date, Day()]
    """First day of the plan: the first of the month that is named."""
    end: Annotated[dt.date, Day()]
    """End of the plan: the first of the month that is named; at most 40 years after the start."""
    resolution: Literal["representative", "hourly"] = "representative"
    """Days that are simulated: one weekday and one weekend day that represent each month (representative), or every day
    of the calendar (hourly)."""


MEMBERS = 100
"""Members of a plan that doesn't state how many."""


class CorrelationSection(Strict):
    """A rank correlation between two uncertain inputs."""

    between: Annotated[list[str], MinLen(2), MaxLen(2)]
    """The two: lines of the plan that have a range or a choice, facts that have a range, or groups."""
    rank: Annotated[float, Gt(-1), Lt(1)]
    """Spearman's rank correlation of their draws."""


class Uncertainty(Strict):
    """How many members to sample from the ranges of facts; the first is always the central one."""

    members: Annotated[int, Ge(1), Le(10_000)] = Field(default_factory=lambda: MEMBERS)
    """Samples of the uncertain facts, 100 if left out; the first is the central one."""
    seed: Annotated[int, Ge(0)] = 0
    """Seed of the random samples: the same seed gives the same samples."""
    correlations: list[CorrelationSection] = []
    """Inputs that are high together, or one high where the other is low; all others are independent."""


class Study(Strict):
    """How 'gigaplan study' runs this plan, where its options don't say otherwise."""

    members: Annotated[int, Ge(1), Le(10_000_000)] | None = None
    """Futures that are computed, the central one among them."""
    seed: Annotated[int, Ge(0)] | None = None
    """Seed of the futures; left out: the one of 'uncertainty'."""
    method: Literal["tornado", "sobol", "morris"] | None = None
    """How 'gigaplan study sensitivity' finds what decides the answer."""
    inputs: Annotated[int, Ge(1)] | None = None
    """Uncertain inputs that a sensitivity study looks at one by one."""
    over: dict[str, list[Any] | str] = {}
    """Values of a sweep by path of the plan: a list, or text as '1, 2, 3' or '1..9 step 2'."""
    zip: bool | None = None
    """Whether a sweep takes the first values of all paths together, then the second ones, instead of a grid."""


Share = Annotated[float, Ge(0), Le(1), Unit("share")]
ByDate = Annotated[dict[str, Share], DatedKeys()]
"""A share by date, linear in between."""
RunSection: Any = partial(
    PlannedRun,
    required=("model", "tokens", "site", "generation", "gpus", "start"),
    without=("name", "milestones"),
    names={"model": MODELS, "generation": SYSTEMS},
    milestones=Form(ByDate, "Shares of the tokens that are to be trained, by date."),
)

ReliabilitySection: Any = partial(Reliability)
RecoverySection: Any = partial(GroupRecovery)
EfficiencySection: Any = partial(TrainingEfficiency)


class Training(Strict):
    """What the laboratory keeps for itself: the share of the fleet for training and research, the runs that are
    planned, and the constants of their steps."""

    share: ByDate | None = None
    """Share of the fleet held for training and research, by date, linear in between."""
    runs: dict[str, RunSection] = {}
    """Training runs that are planned, by name."""
    reliability: ReliabilitySection | None = None
    """How often training is interrupted, and what an interruption costs."""
    recovery: RecoverySection | None = None
    """How the largest runs recover from failures, and how failures get rarer as systems mature."""
    software: Literal["modern", "classic"] = "modern"
    """Kind of training software whose constants are used: of 2023 and later (modern) or of 2022 (classic)."""
    efficiency: EfficiencySection | None = None
    """Constants of training steps, as 'gigaplan calibrate training' writes them."""
    run_days: Annotated[float, Gt(0), Le(3650), Unit("days")] | None = None
    """Longest time that a training run may take."""
    mfu_share: Annotated[float, Gt(0), Le(1), Unit("share")] | None = None
    """Model FLOPs utilisation of the largest runs, of the dense BF16 peak whatever their number format; without it, it
    follows from the fastest layout in the narrowest format that large runs are trained in by then."""


SystemSection: Any = partial(
    Generation, without=("name", "gpus_per_rack", "it_kw_per_rack", "first_ship_date_delay_days")
)
PriceSection: Any = partial(
    GenerationCost,
    without=(
        "name",
        "book_life_years",
        "service_life_years",
        "first_supply_date",
        "first_supply_date_delay_days",
    ),
)
GPUS_FORM = Form(
    Annotated[Any, GpuCount()],
    "GPUs instead of power, as '18,000 GB300': their racks' IT power becomes the power, in whole racks.",
)
NEEDED_OF_MODELS = ("layers", "hidden", "heads", "kv_heads", "vocab")
PhaseSection: Any = partial(
    Phase,
    required=("power", "energised"),
    without=("name", "power_ratio", "energised_delay_days"),
    names={"generation": SYSTEMS_OR_NEWEST},
    instead={"gpus": ("power",)},
    gpus=GPUS_FORM,
    operational=Form(
        Annotated[dt.date, Day()],
        "Date on which it is known to begin to produce: what lies between 'energised' and it takes the place of the "
        "standard lags, in every future. Left out: these lags.",
    ),
)
ModelSection: Any = partial(
    Architecture,
    required=NEEDED_OF_MODELS,
    instead={"config": NEEDED_OF_MODELS},
    config=Form(
        str, "A Hugging Face config.json, relative to the plan's file, whose architecture fills in what is not stated."
    ),
)
OwnSystemSection: Any = section_of(SYSTEM)
OwnRegionSection: Any = section_of(REGION)
ContractSection: Any = partial(Contract)
OpeningSection: Any = partial(
    OpeningBlock,
    required=("power", "generation", "date"),
    without=("name", "power_ratio"),
    names={"generation": SYSTEMS},
    instead={"gpus": ("power", "generation")},
    gpus=GPUS_FORM,
    contract=Form(ContractSection, "Terms on which the place belongs to somebody else."),
)
LadderSection: Any = partial(Ladder)
FacilitySection: Any = partial(
    Facility,
    weather=Form(
        Literal[tuple(CLIMATES)],
        "Weather of the place, by name: PUE, losses and water follow it hour by hour, and the peak ratio its hottest "
        "hour. Left out: the yearly figures.",
    ),
    cooling=Form(
        Literal[tuple(r.value for r in Rejection)],
        "How heat leaves the site, where its weather is stated: dry coolers (left out), open towers or outside air.",
    ),
)
DrawSection: Any = partial(DrawCurve)
WorkloadSection: Any = partial(
    Workload,
    required=("model", "driver"),
    without=("name", "later_models"),
    names={"model": MODELS},
    like=Form(Annotated[str, WORKLOADS], "Workload of the catalog whose facts fill in what this one does not state."),
    later_models=Form(
        Annotated[dict[str, Annotated[str, MODELS]], DatedKeys()], "Models that take the first one's place, by date."
    ),
    edge_share=Form(ByDate, "Share of requests that users' own devices serve, by date."),
)
SoftwareSection: Any = partial(
    Software,
    like=Form(
        Annotated[str, SERVICES], "Service of the catalog whose facts fill in what is not stated, as 'large_lab'."
    ),
)
MarketSection: Any = partial(
    Market,
    without=("sale_mix",),
    sale_mix=Form(
        dict[str, Share],
        "Shares of GPU-hours by workload of the mix in whose tokens capacity for sale is stated. Left out: as the "
        "month's requests would take them.",
    ),
)
EngineSection: Any = partial(Engine)
AdoptionSection: Any = partial(Adoption, without=("points", "stray"))
ShapeSection: Any = partial(Shape, without=("region_offset_h", "region_share"))
CostsSection: Any = partial(Costs)
RentsSection: Any = partial(Rents, without=("published",))
CapitalSection: Any = partial(CostOfCapital)
DebtSection: Any = partial(Debt)
TaxSection: Any = partial(Tax)
TranchesSection: Any = partial(
    Tranches, required=("investor", "milestone", "trigger_state"), names={"trigger_state": STATES}
)
EquitySection: Any = partial(Equity, required=("investor", "amount_usd", "date"), without=("name",))
GuarantySection: Any = partial(Guaranty, required=("guarantor", "amount_usd", "start", "years"), without=("name",))
CustomerSection: Any = partial(
    Customer,
    required=("gpus", "usd_per_gpu_h", "start", "years"),
    without=("name",),
    names={"system": SYSTEMS_OR_ANY},
)


PlaceOfWeather: Any = Literal[PLACES]
UNDATED = ("name", "energised_delay_days")
TrancheSection: Any = partial(Tranche, required=("power_mw", "energised"), without=UNDATED)
SubstationSection: Any = partial(Substation, required=("power_mw", "energised"), without=UNDATED)
OnSiteSection: Any = partial(OnSite, required=("kind", "power_mw", "energised"), without=UNDATED)
StorageSection: Any = partial(Storage, required=("power_mw", "energised"), without=UNDATED)
StandBySection: Any = partial(StandBy, required=("power_mw", "energised"), without=UNDATED)
EnergyContractSection: Any = partial(
    EnergyContract, required=("kind", "power_mw", "usd_per_mwh", "energised"), without=UNDATED
)


class SupplySection(Strict):
    """What supplies a site, at its meter, by date: racks are built for the power that there is."""

    grid: dict[str, TrancheSection] = {}
    """Parts of the grid connection, by name."""
    substations: dict[str, SubstationSection] = {}
    """Substations or transformers that all power passes through, by name; left out: they limit nothing."""
    units: dict[str, OnSiteSection] = {}
    """Generation next to the site, by name."""
    batteries: dict[str, StorageSection] = {}
    """Batteries next to the site, by name."""
    backup: dict[str, StandBySection] = {}
    """Diesel sets that run while the operator withholds the grid, by name."""
    contracts: dict[str, EnergyContractSection] = {}
    """Energy from plants elsewhere, which comes over the grid, by name."""
    place: PlaceOfWeather | None = None
    """Place whose sun and wind are taken; left out: Abilene's in ERCOT, elsewhere none."""


class SiteSection(Strict):
    """A campus with its phases."""

    region: Annotated[str, POWER_REGIONS]
    """Where power is bought; it sets the price of power."""
    phases: Annotated[dict[str, PhaseSection], MinLen(1)]
    """Blocks of megawatts, by name."""
    announced: Annotated[dt.date, Day()] | None = None
    """Date on which the site became known."""
    utc_offset_h: Annotated[float, Ge(-12), Le(14), Unit("h")] | None = None
    """Hours that local time is ahead of UTC."""
    latitude_deg: Annotated[float, Ge(-90), Le(90), Unit("deg")] | None = None
    """Where the site stands on the planner's map, north of the equator; with its longitude."""
    longitude_deg: Annotated[float, Ge(-180), Le(180), Unit("deg")] | None = None
    """Where the site stands on the planner's map, east of Greenwich; with its latitude."""
    rented: Annotated[float, Ge(0), Le(1), Unit("share")] | None = None
    """Share of the site's systems that is rented from others."""
    to_be_named: bool | None = None
    """Whether the site stands for power that the plan needs and no known site holds."""
    contract: ContractSection | None = None
    """Terms on which the place belongs to somebody else."""
    facility: FacilitySection | None = None
    """Cooling, losses and power price of this site, where they differ from the others'."""
    supply: SupplySection | None = None
    """Grid, substations, units and contracts with their dates; left out: power comes with each phase, from the grid."""


class Fleet(Strict):
    """Systems, what exists already, and what is to be built."""

    generations: Annotated[list[Annotated[str, SYSTEMS]], MinLen(1)]
    """Systems that the plan may fill its halls with."""
    reference_generation: Annotated[str, SYSTEMS]
    """The generation in whose GPU-hours and megawatts prices are stated."""
    systems: Annotated[dict[str, SystemSection], SYSTEMS] = {}
    """Changes to what suppliers can deliver, by generation."""
    newest_among: list[Annotated[str, SYSTEMS]] | None = None
    """Generations that 'newest' chooses from; left out: all of the plan."""
    profile: Literal["max_q", "max_p"] = "max_q"
    """Power profile of the racks: max_q (efficiency) or max_p (performance)."""
    opening: dict[str, OpeningSection] = {}
    """Capacity that exists already, by name."""
    sites: Annotated[dict[str, SiteSection], MinLen(1)]
    """Campuses with their phases, by name."""
    ladder: LadderSection | None = None
    """Standard lags of delivery, and limits of the build-out that all sites share."""


class Power(Strict):
    """What all sites share unless a site says otherwise."""

    facility: FacilitySection | None = None
    """Cooling, losses and power price of every site that does not state its own."""
    draw: DrawSection | None = None
    """How much of its rated power a rack draws when idle and when busy."""


class Demand(Strict):
    """Users, the shape of their day, and the classes of work that they ask for."""

    adoption: AdoptionSection | None = None
    """Weekly users over time: a curve through a reference point up to a ceiling."""
    shape: ShapeSection | None = None
    """How demand varies over the hours of a day."""
    software: SoftwareSection | None = None
    """The serving engine, and how fast serving software improves."""
    engine: EngineSection | None = None
    """Measured times of the serving engine, as 'gigaplan calibrate serving' writes them."""
    regions: list[Annotated[str, USER_REGIONS]] | None = None
    """Where users are; left out: all regions of the catalog."""
    price_index: Annotated[dict[str, Annotated[float, Gt(0), Unit("1")]], DatedKeys()] | None = None
    """Price of a request over that of the reference date, by date; followed where no other 'pricing' is stated."""
    workloads: Annotated[dict[str, WorkloadSection], MinLen(1), WORKLOADS]
    """Classes of work, by name. A name of the catalog brings that workload's facts; any other name may state whose
    facts it uses with 'like'."""


class Finance(Strict):
    """Costs and who pays."""

    systems: Annotated[dict[str, PriceSection], SYSTEMS] = {}
    """Changes to what systems cost, by generation."""
    costs: CostsSection | None = None
    """Capital other than the racks, operating cost and lives."""
    rents: RentsSection | None = None
    """How rents of GPU-hours move over time."""
    cost_of_capital: CapitalSection | None = None
    """What each party's money must earn, in nominal terms."""
    debt: DebtSection | None = None
    """Loans on what the plan buys; left out: none."""
    tax: TaxSection | None = None
    """Tax on profit; left out: none."""
    vendor_margin_share: Share | None = None
    """Share of its receipts that the vendor keeps after what it makes and buys. Left out: the catalog's fact."""
    tranches: TranchesSection | None = None
    """Investment that is paid as milestones of power are reached."""
    equity: dict[str, EquitySection] | None = None
    """Money paid on a date, by name."""
    guaranties: dict[str, GuarantySection] | None = None
    """Promises to pay, by name."""


class Announced(Strict):
    """The power that the plan promises in all, on a stated basis."""

    power: Annotated[Based, OnBasis("MW", PowerBasis)]
    """Power that the plan promises in all."""


class PlanDocument(Strict):
    """A whole plan."""

    gigaplan: Literal[1]
    """Version of the format of plans."""
    name: str
    """Short name; results are kept under it."""
    title: str
    """One line for people."""
    notes: list[str] = []
    """What a reader of the results must know."""
    asks: Literal["announcement", "build_or_rent", "capacity", "load"] | None = None
    """What the plan's reader needs to know first: it chooses the four figures that a summary begins with. Left out:
    'announcement' where the plan makes claims, else 'capacity'."""
    claims: list[str] | dict[str, Any] = []
    """Claims that 'gigaplan check' compares with the model: names of shipped ones, or the plan's own by id."""
    horizon: Horizon
    """The months that the plan covers."""
    uncertainty: Uncertainty = Field(default_factory=Uncertainty)
    """How many members to sample from the ranges of facts."""
    study: Study | None = None
    """How 'gigaplan study' runs this plan."""
    price_year: Annotated[int, Ge(2016), Le(2026)] | None = None
    """Year in whose prices money is: facts of other years are converted by consumer prices. Left out: each fact is in
    the money of its own year."""
    known_until: Annotated[dt.date, Day()] | None = None
    """Day up to which the plan knows what was published; what came later is a model's. Left out: all that the catalog
    has."""
    hindsight: bool = False
    """Whether facts later than 'known_until' may fill in what nothing earlier says; they are counted and marked."""
    history: Annotated[str, HISTORIES] | None = None
    """Lab whose published users, tokens and revenue the plan goes through up to 'known_until'. Left out: none's."""
    announced: Announced
    """The power that the plan promises in all, on a stated basis."""
    models: dict[str, ModelSection] = {}
    """Architectures of the plan's own, by name, in addition to the catalog's."""
    systems: dict[str, OwnSystemSection] = {}
    """Systems of the plan's own, by name, in addition to the catalog's."""
    regions: dict[str, OwnRegionSection] = {}
    """Regions of the plan's own in which sites stand, by name: price of power, time and climate."""
    fleet: Fleet
    """Systems, what exists already, and what is to be built."""
    power: Power = Power()
    """What all sites share unless a site says otherwise."""
    demand: Demand
    """Users, the shape of their day, and the classes of work that they ask for."""
    market: MarketSection | None = None
    """How prices follow cost, and what becomes of capacity that nobody asks for."""
    customers: dict[str, CustomerSection] = {}
    """Customers who reserve GPUs, by name: what they hold is neither served from nor trained on."""
    training: Training = Training()
    """What the laboratory keeps for itself."""
    finance: Finance
    """Costs and who pays."""
