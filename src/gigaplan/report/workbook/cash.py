"""The plan's cash by month: what it receives and pays as numbers, and what follows from them as formulas.

Net present value and internal rate of return are those of all shareholders together, as :mod:`gigaplan.finance.returns`
has them: the plan buys what it owns when the horizon begins and sells what it owns at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gigaplan.finance.parties import FLOWS, PLAN, SHAREHOLDERS
from gigaplan.finance.rates import real_rate
from gigaplan.report.workbook.book import Book, Sheet, cell_name
from gigaplan.report.workbook.monthly import CENTRAL, DAYS, FIRST, MONTH, Column, Table
from gigaplan.results.aggregate import aggregate
from gigaplan.results.quantiles import figures
from gigaplan.results.result import Result
from gigaplan.results.spread import RANGE, span
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR

NOMINAL_ROW, INFLATION_ROW, RATE_ROW, NPV_ROW, IRR_ROW, PEAK_ROW, CASH_ROW = range(3, 10)
HEAD_ROW = 11
START, FIRST_MONTH = HEAD_ROW + 2, HEAD_ROW + 3
VALUE = 3
"""Column of the key figures."""
ORIGIN = 40_000
"""A day of the spreadsheets' calendar to count from: they take no day before 1900."""
NONE = "none"
"""In place of a rate that doesn't exist."""


@dataclass(frozen=True, slots=True)
class Cash:
    """The sheet of cash flows, for those that reference it."""

    table: Table
    rate: str
    """The cell of the rate at which cash is discounted, as another sheet writes it."""
    rate_per_year: float
    flows: tuple[str, ...]
    """What the plan receives and pays, shareholders' money left out."""
    net_usd: Array
    """The sum of them by month."""

    def sign(self, flow: str) -> float:
        """Return 1 for a flow that the plan receives, -1 for one that it pays.

        Parameters
        ----------
        flow : str
            One of ``flows``.
        """
        return 1.0 if FLOWS[flow][1] == PLAN else -1.0


def cash_flows(book: Book, result: Result) -> Cash:
    """Write the sheet and return where its figures stand.

    Parameters
    ----------
    book : Book
        The workbook.
    result : Result
        A simulated plan.
    """
    signed = _signed(result)
    flows = tuple(name for name in signed if name not in SHAREHOLDERS)
    investors = tuple(name for name in signed if name in SHAREHOLDERS)
    sheet = book.sheet("Cash flows", "Cash flows of the plan by month [USD]", f"Cash {CENTRAL}; payments are negative")
    keys = (*flows, "net", *investors, "plan", "running", "factor", "present", "serial")
    table = Table(sheet, keys, HEAD_ROW, FIRST_MONTH, FIRST_MONTH + result.axis.months - 1)
    nominal, inflation = (_rate(result, name) for name in ("plan_per_year", "inflation_per_year"))
    inflation = inflation if _in_one_years_prices(result) else 0.0
    rate = float(real_rate(nominal, inflation))
    net = np.sum([signed[name] for name in flows], axis=0)
    money = _Money(result, table, signed, flows, investors, net, rate)
    table.write(result, money.columns())
    money.ends()
    _key_figures(sheet, money, nominal, inflation)
    sheet.widths(34, 8, 12)
    sheet.sheet.set_column(FIRST, FIRST + len(keys) - 1, 20)
    return Cash(table, sheet.at(RATE_ROW, VALUE, fixed=True), rate, flows, net)


@dataclass(frozen=True, slots=True)
class _Money:
    """Columns of the table and the rows of what is owned when the horizon begins and ends."""

    result: Result
    table: Table
    signed: dict[str, Array]
    flows: tuple[str, ...]
    investors: tuple[str, ...]
    net: Array
    rate: float

    @property
    def end(self) -> int:
        """Return the row of what is owned at the end."""
        return self.table.last + 1

    def discount(self, days: Array | float) -> Array:
        """Return the present value of a dollar on some days."""
        return np.asarray((1 + self.rate) ** (-np.asarray(days) / DAYS_PER_YEAR))

    def owned_usd(self) -> tuple[float, float]:
        """Return what is owned less what is owed at the start and the end, racks by their time in service."""
        days = self.result.axis.edge_days[-1]
        of_end = _of_plan(self.result, "party_npv_of_end_usd")
        end = of_end / float(self.discount(days))
        if any(self.result.ledger.under("finance.costs.it_life_years")):
            present = float((self.net * self.discount(self.result.axis.mid_days)).sum()) + of_end
            return present - _of_plan(self.result, "party_npv_usd"), end  # the books have another life
        plan = self.result.index("party", PLAN)
        assets, debt = (self.result.central(f"party_{name}_usd")[plan] for name in ("assets", "debt"))
        return float(assets[0] - debt[0]), end

    def columns(self) -> list[Column]:
        """Return the columns of the table."""
        t, rate = self.table, cell_name(RATE_ROW, VALUE, fixed=True)
        whole = aggregate(self.result, "flow_usd", ["flow"], members="central")
        totals = dict(zip(whole.labels["flow"], whole.values, strict=True))
        sign = {name: -1.0 if FLOWS[name][0] == PLAN else 1.0 for name in self.signed}
        plan = self.net + np.sum([self.signed[name] for name in self.investors], axis=0)
        factor = self.discount(self.result.axis.mid_days)
        start, _ = self.owned_usd()

        def numbers(names: tuple[str, ...]) -> list[Column]:
            return [Column(key=n, name=n, values=self.signed[n], total=sign[n] * float(totals[n])) for n in names]

        first, last = self.flows[0], self.flows[-1]
        return [
            *numbers(self.flows),
            Column(
                key="net",
                name="net cash, shareholders' money left out",
                values=self.net,
                formula=lambda row: f"SUM({t.part(row, first, last)})",
                total=float(self.net.sum()),
            ),
            *numbers(self.investors),
            Column(
                key="plan",
                name="cash of the plan",
                values=self.result.central("party_cash_usd")[self.result.index("party", PLAN)],
                formula=lambda row: f"SUM({t.part(row, 'net', self.investors[-1])})",
                total=float(plan.sum()),
            ),
            Column(
                key="running",
                name="cumulative cash, what is owned at the start bought",
                values=np.cumsum(self.net) - start,
                formula=lambda row: f"{t.cell(row - 1, 'running')}+{t.cell(row, 'net')}",
            ),
            Column(
                key="factor",
                name="discount factor",
                values=factor,
                formula=lambda row: f"(1+{rate})^(-{cell_name(row, DAYS)}/{DAYS_PER_YEAR})",
                style="factor",
            ),
            Column(
                key="present",
                name="present value",
                values=self.net * factor,
                formula=lambda row: f"{t.cell(row, 'net')}*{t.cell(row, 'factor')}",
            ),
            Column(
                key="serial",
                name="day for XIRR, which counts whole days: twice the days to the middle",
                values=2 * self.result.axis.mid_days + ORIGIN,
                formula=lambda row: f"2*{cell_name(row, DAYS)}+{ORIGIN}",
                style="number",
            ),
        ]

    def ends(self) -> None:
        """Write the rows of what is owned when the horizon begins and ends."""
        t = self.table
        start, end = self.owned_usd()
        days = self.result.axis.edge_days
        rate = cell_name(RATE_ROW, VALUE, fixed=True)
        for row, words, usd, day in (
            (START, "owned at the start, less debt", -start, float(days[0])),
            (self.end, "owned at the end, less debt", end, float(days[-1])),
        ):
            factor, sheet = float(self.discount(day)), t.sheet
            sheet.put(row, MONTH, words)
            sheet.put(row, DAYS, day, "days")
            sheet.put(row, t.column("net"), usd, "USD")
            text = f"=(1+{rate})^(-{cell_name(row, DAYS)}/{DAYS_PER_YEAR})"
            sheet.formula(row, t.column("factor"), text, factor, "factor")
            text = f"={t.cell(row, 'net')}*{t.cell(row, 'factor')}"
            sheet.formula(row, t.column("present"), text, usd * factor)
            text = f"=2*{cell_name(row, DAYS)}+{ORIGIN}"
            sheet.formula(row, t.column("serial"), text, 2 * day + ORIGIN, "number")
        t.sheet.formula(START, t.column("running"), f"={t.cell(START, 'net')}", -start)

    def internal_rate(self) -> str:
        """Return the formula of the internal rate, from the first row on that holds money."""
        t = self.table
        start, _ = self.owned_usd()
        first = START if start else t.first + int(np.argmax(self.net != 0))
        half = math.sqrt(1 + _of_plan(self.result, "party_irr")) - 1
        cash, days = (f"{t.cell(first, key)}:{t.cell(self.end, key)}" for key in ("net", "serial"))
        return f"=(1+XIRR({cash},{days},{half:.1g}))^2-1"


def _key_figures(sheet: Sheet, money: _Money, nominal: float, inflation: float) -> None:
    """Write the rates and what follows from the whole table, with the figures of all members next to them."""
    t, result = money.table, money.result
    sheet.row(NOMINAL_ROW - 1, VALUE, ("central member", "median", f"low, {RANGE}", f"high, {RANGE}"), "heads")
    words = (
        "cost of capital of the plan, nominal [1/year]",
        "inflation that the plan's prices leave out [1/year]",
        "rate at which cash is discounted [1/year]",
        "net present value [USD]",
        "internal rate of return [1/year]",
        "most funding needed [USD]",
        "cash of the plan over the horizon [USD]",
    )
    for row, text in enumerate(words, NOMINAL_ROW):
        sheet.put(row, 0, text)
    sheet.put(NOMINAL_ROW, VALUE, nominal, "share")
    sheet.put(INFLATION_ROW, VALUE, inflation, "share")
    a, b = (cell_name(row, VALUE) for row in (NOMINAL_ROW, INFLATION_ROW))
    sheet.formula(RATE_ROW, VALUE, f"=(1+{a})/(1+{b})-1", money.rate, "share")
    npv = f"=SUM({t.cell(START, 'present')}:{t.cell(money.end, 'present')})"
    sheet.formula(NPV_ROW, VALUE, npv, _of_plan(result, "party_npv_usd"), "total")
    irr = _of_plan(result, "party_irr")
    if math.isnan(irr):
        sheet.put(IRR_ROW, VALUE, NONE, "right")
    else:
        sheet.formula(IRR_ROW, VALUE, money.internal_rate(), irr, "share")
    peak = f"=MAX(0,-MIN({t.cell(START, 'running')}:{t.cell(t.last, 'running')}))"
    sheet.formula(PEAK_ROW, VALUE, peak, _of_plan(result, "party_peak_funding_usd"), "total")
    plan = result.central("party_cash_usd")[result.index("party", PLAN)]
    sheet.formula(CASH_ROW, VALUE, f"={t.cell(t.total, 'plan')}", float(plan.sum()), "total")
    places = {NPV_ROW: ("party_npv_usd", "USD"), IRR_ROW: ("party_irr", "share")}
    places[PEAK_ROW] = ("party_peak_funding_usd", "USD")
    for row, (name, style) in places.items():
        found = span(result, name, {"party": PLAN})
        if found:
            median = float(figures(result, name)[result.index("party", PLAN)])
            sheet.row(row, VALUE + 1, (median, found.low, found.high), style)


def _signed(result: Result) -> dict[str, Array]:
    """Return what the plan receives (above 0) and pays (below 0) by month, by flow [USD]."""
    paid = dict(zip(result.labels["flow"], result.central("flow_usd"), strict=True))
    return {
        name: paid[name] * (1.0 if receiver == PLAN else -1.0)
        for name, (payer, receiver) in FLOWS.items()
        if PLAN in (payer, receiver) and name in paid
    }


def _of_plan(result: Result, name: str) -> float:
    """Return a quantity of the plan's own, of the central member."""
    return float(result.central(name)[result.index("party", PLAN)])


def _rate(result: Result, name: str) -> float:
    """Return a cost of capital or inflation as the central member has it [1/year]."""
    path = f"finance.cost_of_capital.{name}"
    drawn = next((d for d in result.draws if path in d.paths), None)
    if drawn is not None:
        return float(drawn.values[0])
    return next(float(e.value.partition(" ")[0]) for e in result.ledger.under(path))


def _in_one_years_prices(result: Result) -> bool:
    """Return whether the plan is in the prices of one year, and its rates are real."""
    return any(entry.path == "price_year" for entry in result.ledger.under("price_year"))
