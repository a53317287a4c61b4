"""Collecting what is sold, still for sale and lost, under the names of the variable table."""

from __future__ import annotations

import numpy as np

from gigaplan.fleet.outputs import BuildOut
from gigaplan.simulate.couplings.allocation import Service
from gigaplan.simulate.couplings.customers import Reserved
from gigaplan.simulate.couplings.sales import Sales
from gigaplan.vocabulary.members import Array


def sold_quantities(built: BuildOut, service: Service, reserved: Reserved, sales: Sales) -> dict[str, Array]:
    """Return the quantities of customers, of what is for sale and of milestones by their names."""
    bills, buys = reserved.bills, sales.milestones
    there = (built.gpus_available.sum(axis=1) > 0)[:, None]
    return {
        "requests_lost_per_day": np.where(there, service.refused_per_day, 0.0),
        "gpus_unreserved": built.gpus_free,
        "reserved_gpu_hours": reserved.reserved_gpu_hours,
        "customer_gpu_hours": reserved.delivered_gpu_hours,
        "customer_fee_usd": bills.fee_usd,
        "customer_credit_usd": bills.credit_usd,
        "customer_revenue_usd": bills.revenue_usd,
        "customer_cost_usd": sales.customer_cost_usd,
        "customer_margin_usd": sales.customer_margin_usd,
        "workload_margin_usd": sales.workload_margin_usd,
        "revenue_over_full_cost": sales.revenue_over_full_cost,
        "for_sale_gpu_hours": sales.for_sale_gpu_hours,
        "for_sale_tokens": sales.for_sale_tokens,
        "tranche_producing_day": buys.producing_days,
        "tranche_it_mw": buys.it_mw,
        "tranche_gpus": buys.gpus,
        "tranche_tokens_per_day": buys.tokens_per_day,
        "tranche_capital_usd": buys.capital_usd,
        "tranche_payback_day": buys.payback_days,
    }
