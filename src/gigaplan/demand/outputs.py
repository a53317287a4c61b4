"""Results of the demand room."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Demand for service. Shapes: member M, workload W, region R, year Y, month n, day D, hour H."""

    weekly_users: Array
    """(M, n) weekly active users."""
    requests_per_day: Array
    """(M, W, n) requests to the fleet on the month's average day."""
    requests_per_h: Array
    """(M, W, n, D, H) requests to the fleet per hour of each day; deferrable work arrives evenly."""
    on_devices_per_day: Array
    """(M, W, n) requests that devices serve themselves (edge offload) on the month's average day."""
    by_region_per_h: Array
    """(M, R, n, D, H) interactive requests to the fleet per hour, by the region of the users."""
    sessions_per_day: Array
    """(M, W, n) sessions begun on the month's average day, on the fleet or on devices."""
    tokens_per_request: Array
    """(M, W, token, Y) tokens of each kind in one request, in the order of ``TOKENS``, by calendar year."""
    tokens_per_day: Array
    """(M, W, token, n) tokens of the requests to the fleet on the month's average day, by kind."""
