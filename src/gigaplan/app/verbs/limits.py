"""How much one question may take of the machine that others use too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one job."""

    members: int = 1_000
    """Futures of a run."""
    study_members: int = 100_000
    """Futures of each plan of a study."""
    seconds: float = 4 * 3600.0
    """Time that a job may take; then it is stopped."""
    open_jobs: int = 20
    """Jobs of one user that wait or run at once."""
    kept_jobs: int = 200
    """Ended jobs of one user that are kept; the oldest go first."""
