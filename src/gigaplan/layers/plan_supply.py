"""The supply of every site of a plan, each alone: no budget couples them."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.layers.site_supply import SiteSupply
from gigaplan.vocabulary.show import Brief


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlanSupply(Brief):
    """The supply of the sites of a plan that draw something in a year."""

    BRIEF = ("plan", "year", "usd_per_year", "co2_t", "sites")

    plan: str
    year: int
    sites: tuple[SiteSupply, ...]

    def brief_title(self) -> str:
        """Return whose supply it is."""
        return f"PlanSupply of {self.plan}, {self.year}"

    @property
    def usd_per_year(self) -> float:
        """Cost of all sites [USD/year]."""
        return sum(one.usd_per_year for one in self.sites)

    @property
    def co2_t(self) -> float:
        """Carbon dioxide of all sites [t]."""
        return sum(one.supplied.co2_t for one in self.sites)
