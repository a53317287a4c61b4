"""Power drawn and energy used by the fleet."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerDraw:
    """Power drawn and energy used by the fleet. Shapes: member M, place P, month n, day D, hour H."""

    it_mwh: Array
    """(M, P, n) IT energy [MWh]."""
    losses_mwh: Array
    """(M, P, n) electrical losses between the meter and the IT [MWh]."""
    overhead_mwh: Array
    """(M, P, n) cooling and other overhead [MWh]."""
    energy_mwh: Array
    """(M, P, n) facility energy, the sum of the three, metered at the site [MWh]."""
    it_mw: Array
    """(M, P, n) IT power drawn, mean over the month [MW]."""
    facility_mw: Array
    """(M, n, D, H) facility power drawn over all places [MW]."""
    energy_cost_usd: Array
    """(M, P, n) cost of the facility energy [USD]."""
    water_m3: Array
    """(M, P, n) water taken at places whose weather is known, 0 at others [m3]."""
