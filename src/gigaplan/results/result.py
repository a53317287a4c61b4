"""The answer to a plan: one labelled, stamped result, shown in ten lines, sliced into tables, converted for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gigaplan.results import summary
from gigaplan.results.dataset import to_xarray
from gigaplan.results.labelled import Labelled, Stamp
from gigaplan.results.table import Table
from gigaplan.vocabulary.show import drawn
from gigaplan.vocabulary.variables import DIMS

if TYPE_CHECKING:
    import xarray

__all__ = ["Result", "Stamp"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Labelled):
    """The answer to a plan.

    ``result["gpus_available"]`` is the array (its dims are in the variable table; the member axis comes first);
    ``result.table("revenue_usd")`` gives yearly figures; ``labels`` names the entries along every dim; ``claims`` are
    the claims of the announcement with their verdicts; ``ledger`` lists what was read.
    """

    def __repr__(self) -> str:
        return summary.text(self)

    def _repr_html_(self) -> str:
        return drawn(self) or summary.html(self)

    def table(
        self,
        quantity: str,
        by: Sequence[str] = ("year",),
        at: Mapping[str, str] | None = None,
        members: str = "median",
    ) -> Table:
        """Return a quantity by some of its dims, aggregated over all others as the variable table says.

        Parameters
        ----------
        quantity : str
            Name of a result quantity.
        by : sequence of str
            Dims of the table, such as ``("workload", "year")`` or ``("month",)``.
        at : mapping of str to str, optional
            Labels to select first, such as ``{"workload": "chat"}``.
        members : str
            ``median`` for the figures that stand for all members, with their ranges where the run has ten members or
            more; ``central`` for those of central facts; ``all`` for every member's.

        Returns
        -------
        Table
            The figures with their labels, their unit and what they are (a sum, a mean, a year's end).

        Raises
        ------
        UnknownQuantityError
            If this result has no such quantity; the nearest name is given.
        """
        quantity = self.variable(quantity).name
        from gigaplan.results.aggregate import aggregate
        from gigaplan.results.coordinates import dim_of
        from gigaplan.results.quantiles import is_date
        from gigaplan.results.spread import spread

        by = tuple(dim_of(dim, DIMS) for dim in ((by,) if isinstance(by, str) else by))
        at = {dim_of(dim, DIMS): label for dim, label in (at or {}).items()}
        figures = aggregate(self, quantity, by=by, at=at, members=members)
        since = self.axis.edges[0].isoformat() if is_date(self.variable(quantity)) else ""
        return Table.of(figures, spread(self, quantity, by, at) if members == "median" else None, since)

    def to_xarray(self) -> xarray.Dataset:
        """Return this result as an xarray Dataset, labels as coordinates, units and meanings as attributes.

        Raises
        ------
        MachineError
            If xarray isn't installed; the message says how to install it.
        """
        return to_xarray(self)
