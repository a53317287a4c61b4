"""Power drawn and energy used by the fleet."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerDraw:
    """Power drawn and energy used by the fleet. Shapes: member M, place P, month n, day D, hour H."""

    it_mw: Array
    """(M, P, n, D, H) IT power drawn [MW]."""
    losses_mw: Array
    """(M, P, n, D, H) electrical losses [MW]."""
    overhead_mw: Array
    """(M, P, n, D, H) cooling and other overhead [MW]."""
    facility_mw: Array
    """(M, P, n, D, H) facility power, the sum of the three, metered at the site [MW]."""
    energy_mwh: Array
    """(M, P, n) facility energy of the month [MWh]."""
    energy_cost_usd: Array
    """(M, P, n) cost of that energy [USD]."""
