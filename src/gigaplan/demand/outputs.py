"""What the demand room gives."""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What users ask for. Shapes: member M, workload W, month n, day D, hour H."""

    weekly_users: Array
    """(M, n) weekly active users."""
    requests_per_day: Array
    """(M, W, n) requests asked on the month's average day."""
    requests_per_h: Array
    """(M, W, n, D, H) requests asked per hour of each representative day; deferrable work is asked evenly."""
    tokens_per_request: Array
    """(W, token) tokens of each kind in one request, in the order of ``TOKENS``."""
