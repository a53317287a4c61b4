"""Assets of an owner: what is bought when, what it loses in a month, and what is left in the books."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.capital import by_generation, capital_by_part
from gigaplan.finance.depreciation import aged, left_when_scrapped, months_of, running, straight_line
from gigaplan.finance.inputs import FinanceInputs
from gigaplan.vocabulary.members import Array, Uncertain, column

LIFE, FACILITY_LIFE = "finance.costs.it_life_years", "finance.costs.facility_life_years"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """What is bought and scrapped at all places, over the horizon's months, those before and some after it.

    Shapes: member M, generation G, place P, month N, of which n are the horizon's.
    """

    racks_delivered: Array
    """(M, G, P, N) racks delivered in the month [racks]."""
    racks_retired: Array
    """(M, G, P, N) racks retired in the month [racks]."""
    ready_mw_added: Array
    """(M, P, N) IT power made ready in the month [MW]."""
    earlier: int
    """Months before the horizon."""
    months: int
    """Months of the horizon, n."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Assets of one owner within the horizon [USD].

    Shapes: member M, generation G, component C, month n, of months before the horizon too N, edge n + 1.
    """

    capital_usd: Array
    """(M, G, C, n) paid in the month."""
    depreciation_it_usd: Array
    """(M, n) straight-line depreciation of racks and network."""
    depreciation_facility_usd: Array
    """(M, n) straight-line depreciation of facilities in service."""
    write_off_usd: Array
    """(M, n) what was left in the books of racks that were scrapped."""
    book_value_usd: Array
    """(M, edge) paid so far less depreciation and write-offs; what is under construction is in it."""
    value_in_use_usd: Array
    """(M, edge) the same, racks and network written off over their time in service, whatever their book life."""
    it_placed_usd: Array
    """(M, G, N) racks and network by month of delivery, months before the horizon included."""
    facility_placed_usd: Array
    """(M, N) facilities by the month in which they are ready."""


def assets_of(bought: Purchases, owned: Array, built: Array, inputs: FinanceInputs) -> Assets:
    """Return the assets of whoever owns a share of the systems and a share of the buildings of each place.

    Racks and network are paid on delivery and depreciate from then on, over their book life or until they are scrapped,
    when what is left is written off. A facility is paid over the months of its construction, and depreciates from the
    month after it is ready. What was bought before the horizon is in the books when it begins.

    Parameters
    ----------
    bought : Purchases
        What is bought and scrapped.
    owned : Array, shape (P,)
        Share of each place whose systems are owned [1].
    built : Array, shape (P,)
        Share of each place whose building is bought [1].
    inputs : FinanceInputs
        Prices, lives and the time of construction.

    Returns
    -------
    Assets
        The assets within the horizon [USD].
    """
    first, last = bought.earlier, bought.earlier + bought.months
    placed = capital_by_part(bought.racks_delivered, bought.ready_mw_added, owned, inputs, built)
    it, facility = placed[:, :, :2].sum(axis=2), placed[:, :, 2]
    paid = _paid_by_generation(facility, inputs.costs.construction_months)  # on edges
    book_life, service = inputs.book_life_years, inputs.service_life_years
    months_of(book_life, LIFE)  # says which life is too short, whatever is bought
    some = it.any(axis=(0, 2))
    lost_it = straight_line(it[:, some], book_life[:, some], LIFE, service[:, some]).sum(axis=1)
    lost_facility = straight_line(facility.sum(axis=1), inputs.costs.facility_life_years, FACILITY_LIFE)
    left = left_when_scrapped(book_life, service)[..., None]
    write_off = np.zeros(lost_it.shape)
    if left.any():
        write_off = (_retired_usd(bought.racks_retired, owned, inputs) * left).sum(axis=1)
    book = (running(it) + paid).sum(axis=1) - running(lost_it + lost_facility + write_off)
    in_use = book
    if not np.array_equal(book_life, service):
        over_service = straight_line(it[:, some], service[:, some], LIFE, service[:, some]).sum(axis=1)
        in_use = book + running(lost_it + write_off - over_service)
    within = slice(first, last)
    return Assets(
        capital_usd=np.stack(
            np.broadcast_arrays(*np.moveaxis(placed[:, :, :2, within], 2, 0), np.diff(paid, axis=-1)[..., within]), 2
        ),
        depreciation_it_usd=lost_it[:, within],
        depreciation_facility_usd=lost_facility[:, within],
        write_off_usd=write_off[:, within],
        book_value_usd=book[:, first : last + 1],
        value_in_use_usd=in_use[:, first : last + 1],
        it_placed_usd=it,
        facility_placed_usd=facility.sum(axis=1),
    )


def _paid_by_generation(facility: Array, construction_months: Uncertain) -> Array:
    """Return what has been paid of facilities by each edge, (M, G, edge), where a generation has any."""
    some = facility.any(axis=(0, 2))
    of_some = paid_ahead(facility[:, some], construction_months)
    paid = np.zeros((len(of_some), facility.shape[1], of_some.shape[-1]))
    paid[:, some] = of_some
    return paid


def paid_ahead(placed_usd: Array, construction_months: Uncertain) -> Array:
    """Return what has been paid of facilities by each edge, those under construction included.

    Equation: at the share x of its time of construction, 3 x^2 - 2 x^3 of a facility's cost is paid: the DHSS curve of
    construction expenditure (Hudson 1978) with C = 0 and K = 3, slow at both ends. It is all paid at the end of the
    month in which the facility is ready.

    Parameters
    ----------
    placed_usd : Array, shape (M, ..., month)
        Cost of the facilities that are ready in each month [USD].
    construction_months : Uncertain
        Time from the first payment until a facility is ready [month].

    Returns
    -------
    Array, shape (M, ..., edge)
        Running sum of payments [USD]; not 0 at the first edge where construction began before it.

    Examples
    --------
    >>> paid_ahead(np.array([[0.0, 0.0, 100.0]]), 2.0).tolist()
    [[0.0, 0.0, 50.0, 100.0]]
    """
    months = column(construction_months, placed_usd.ndim)
    paid = running(placed_usd)
    paid = np.broadcast_to(paid, (max(len(months), len(paid)), *paid.shape[1:])).copy()
    for ahead in range(1, int(np.ceil(months.max(initial=0.0)))):  # edges before the one at which it is ready
        done = np.clip(1 - ahead / np.maximum(months, 1e-9), 0.0, 1.0)
        if ahead <= placed_usd.shape[-1]:
            paid[..., : placed_usd.shape[-1] - ahead + 1] += placed_usd[..., ahead - 1 :] * done**2 * (3 - 2 * done)
    return paid


def it_lost_over(assets: Assets, life_years: Uncertain, path: str, inputs: FinanceInputs, bought: Purchases) -> Array:
    """Return depreciation and write-offs of racks and network if their book life were another.

    Parameters
    ----------
    assets : Assets
        The assets.
    life_years : Uncertain
        The other book life [year].
    path : str
        Path of that life in the plan, for the message.
    inputs : FinanceInputs
        Service lives.
    bought : Purchases
        Months before the horizon and in it.

    Returns
    -------
    Array, shape (M, n)
        What is lost in the month [USD].
    """
    service = inputs.service_life_years
    life = np.full_like(service, life_years)
    lost = straight_line(assets.it_placed_usd, life, path, service)
    scrapped = np.diff(aged(running(assets.it_placed_usd), months_of(service)), axis=-1)
    lost = lost + scrapped * left_when_scrapped(life, service)[..., None]
    return np.asarray(lost.sum(axis=1)[:, bought.earlier : bought.earlier + bought.months])


def _retired_usd(racks_retired: Array, owned: Array, inputs: FinanceInputs) -> Array:
    """Return what the racks that are retired once cost, their network included: (M, G, N)."""
    price = by_generation(inputs, "rack_price_usd")[:, :, None] * (1 + column(inputs.costs.network_share, 3))
    return np.asarray((racks_retired * owned[:, None]).sum(axis=2) * price)
