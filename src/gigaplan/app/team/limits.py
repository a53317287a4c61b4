"""How much one user may take of a team's server."""

from __future__ import annotations

from dataclasses import dataclass, field

from gigaplan.app.verbs.limits import Limits


@dataclass(frozen=True, slots=True)
class TeamLimits:
    """Bounds of one user."""

    jobs: Limits = field(default_factory=Limits)
    requests_per_minute: float = 600.0
    """Requests of one user: a drag makes a few each second."""
    failures_per_minute: float = 20.0
    """Requests of one address with a wrong token."""
    plans: int = 500
    """Plans of one user, and versions of one plan."""
