"""Customers who reserve GPUs: what they pay by the hour, what they pay at least, and what they get back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.vocabulary.members import Array, Uncertain, stack
from gigaplan.vocabulary.units import Day, Unit

ANY = "any"
"""In place of a system: the customer takes what the fleet has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A contract on reserved GPUs. They are the customer's whether it uses them or not, and are not sold twice."""

    name: str
    """Name of the customer."""
    system: str = ANY
    """System whose GPUs are reserved; 'any' takes each system's share of the fleet."""
    gpus: Annotated[Uncertain, Gt(0), Unit("1")]
    """GPUs reserved."""
    usd_per_gpu_h: Annotated[Uncertain, Gt(0), Unit("USD/h")]
    """Price of a reserved GPU-hour."""
    start: Annotated[dt.date, Day()]
    """First day of the contract, whether the GPUs are there by then or not."""
    years: Annotated[float, Gt(0), Le(40), Unit("year")]
    """Term of the contract."""
    take_or_pay_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of the reserved hours that is paid for at least, used or not."""
    used_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of the reserved hours that the customer uses."""
    service_credit_share: Annotated[Uncertain, Ge(0), Le(1), Unit("share")]
    """Share of the fee that is paid back for hours that are not delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """What customers pay. Shapes: member M, customer C, month n; all in USD per month."""

    fee_usd: Array
    """(M, C, n) charged for reserved hours: those used, and at least those that are paid for anyway."""
    credit_usd: Array
    """(M, C, n) paid back for hours not delivered."""

    @property
    def revenue_usd(self) -> Array:
        """(M, C, n) what is left."""
        return self.fee_usd - self.credit_usd


def bills(customers: Sequence[Customer], reserved_gpu_hours: Array, delivered_gpu_hours: Array) -> Bills:
    """Return what customers are charged and paid back.

    The fee is ``price x reserved hours x max(share used, share paid at least)``; of it the service credit is paid back
    in the proportion of hours that were not delivered.

    Parameters
    ----------
    customers : sequence of Customer
        The customers, C of them.
    reserved_gpu_hours : Array, shape (M, C, n)
        GPU-hours reserved [GPU-h].
    delivered_gpu_hours : Array, shape (M, C, n)
        GPU-hours delivered, up to the reserved ones [GPU-h].

    Returns
    -------
    Bills
        Fees and credits [USD].

    Examples
    --------
    100 hours at 2 USD of which 80 are delivered and 50 % used, 90 % paid at least, all of it back if not delivered:

    >>> one = Customer(
    ...     name="a",
    ...     gpus=1.0,
    ...     usd_per_gpu_h=2.0,
    ...     start=dt.date(2026, 1, 1),
    ...     years=1.0,
    ...     take_or_pay_share=0.9,
    ...     used_share=0.5,
    ...     service_credit_share=1.0,
    ... )
    >>> paid = bills([one], np.full((1, 1, 1), 100.0), np.full((1, 1, 1), 80.0))
    >>> paid.fee_usd.item(), paid.credit_usd.item(), paid.revenue_usd.item()
    (180.0, 36.0, 144.0)
    """
    price, paid_anyway, used, credit = (
        stack(getattr(c, name) for c in customers)[..., None]
        for name in ("usd_per_gpu_h", "take_or_pay_share", "used_share", "service_credit_share")
    )
    per_hour = price * np.maximum(used, paid_anyway)
    return Bills(
        fee_usd=per_hour * reserved_gpu_hours,
        credit_usd=per_hour * credit * (reserved_gpu_hours - delivered_gpu_hours),
    )
